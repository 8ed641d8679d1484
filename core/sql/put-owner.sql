-- Takes the room over, or confirms it. The caller has compared the numbers in the same transaction.
INSERT INTO rooms (room, owner) VALUES (?1, ?2) ON CONFLICT (room) DO UPDATE SET owner = excluded.owner
