DELETE FROM chunks WHERE room = ?1 AND part = ?2 AND no = ?3
