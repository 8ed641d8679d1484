INSERT INTO chunks (room, part, no, bytes) VALUES (?1, ?2, ?3, ?4)
ON CONFLICT (room, part, no) DO UPDATE SET bytes = excluded.bytes
