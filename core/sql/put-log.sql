-- A place in the log is written once: a second row for it is an error, never a replacement.
INSERT INTO log (room, seq, at, epoch, user, client, origin, op_id, op_hash, kind, body, was)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)
