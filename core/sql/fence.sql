-- The highest owner number that has written this room; no row if nobody has.
SELECT owner FROM rooms WHERE room = ?1
