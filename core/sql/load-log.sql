-- The newest rows, in rising order.
SELECT seq, at, epoch, user, client, origin, op_id, op_hash, kind, body, was
FROM (SELECT * FROM log WHERE room = ?1 ORDER BY seq DESC LIMIT ?2) ORDER BY seq
