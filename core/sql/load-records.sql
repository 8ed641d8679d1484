-- The next thousand rooms by name.
SELECT room, record FROM rooms WHERE room > ?1 AND record IS NOT NULL ORDER BY room LIMIT 1000
