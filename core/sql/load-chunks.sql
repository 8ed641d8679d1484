SELECT part, no, bytes FROM chunks WHERE room = ?1 ORDER BY part, no
