//! People in another room cannot tell that a room is under attack.
