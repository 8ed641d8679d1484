DELETE FROM log WHERE room = ?1
