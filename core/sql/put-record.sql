UPDATE rooms SET record = ?2 WHERE room = ?1
