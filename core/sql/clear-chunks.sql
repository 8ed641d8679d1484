DELETE FROM chunks WHERE room = ?1
