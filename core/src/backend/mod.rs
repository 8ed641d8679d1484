//! The API for the operator's own back end, without a socket, a disk or a clock: which addresses there are, what their
//! bodies and queries may hold, what is to be done of which room, and how its answer is written. A host reads the head
//! and the body, carries out what a [`Task`] [`wants`](Task::wants), and sends its [`Answer`]. Who may ask is the
//! host's to judge; what a room makes of it is the room's.

mod answer;
mod body;
mod forms;
mod history;
mod list;
mod order;
mod routes;
mod task;
#[cfg(test)]
mod tests;

pub use answer::{AWAY, Answer, Mistake, Refused, status_of};
pub use body::{FILE, Most, SMALL, form, integer, says_json};
pub use history::Wanted;
pub use list::List;
pub use order::{Order, Put, Reply, Target, Told};
pub use routes::{Call, Found, Own, Recordings, find};
pub use task::{Next, Task};
