-- Deletes what is both below a place and older than a time.
DELETE FROM log WHERE room = ?1 AND seq < ?2 AND at < ?3
