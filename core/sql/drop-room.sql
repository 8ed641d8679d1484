DELETE FROM rooms WHERE room = ?1
