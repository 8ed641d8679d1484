-- The log from a place down, the newest row first.
SELECT seq, at, epoch, user, client, origin, op_id, op_hash, kind, body, was
FROM log WHERE room = ?1 AND seq <= ?2 ORDER BY seq DESC LIMIT ?3
