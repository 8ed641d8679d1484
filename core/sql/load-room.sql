SELECT owner, record FROM rooms WHERE room = ?1
