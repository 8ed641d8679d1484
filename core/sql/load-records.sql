-- The next thousand rooms by name, and when the newest event of each was.
SELECT room, record, (SELECT at FROM log WHERE log.room = rooms.room ORDER BY seq DESC LIMIT 1)
FROM rooms WHERE room > ?1 AND record IS NOT NULL ORDER BY room LIMIT 1000
