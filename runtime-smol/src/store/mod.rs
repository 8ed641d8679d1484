//! The store: one thread writes, one reads, and both answer the hosts. It owns the database file and the order of
//! requests; what is written, and when, is the room's decision.
//!
//! As many stores as wait go into one transaction, with no timer: while a commit runs, the next ones gather. A load is
//! handed to the reader only after everything that was asked before it is committed, so a room that comes back always
//! finds what it left.

pub(crate) mod beside;
pub(crate) mod copy;
pub(crate) mod look;
mod moving;
mod notices;
mod reader;
mod reads;
mod rows;
pub(crate) mod sql;
#[cfg(test)]
mod tests;
mod uploads;
mod wal;
mod writer;

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use kanvas_core::auth::Session;
use kanvas_core::backend::Wanted;
use kanvas_core::{Close, EffectId, Failure, RoomId, Seq, Time};
use rusqlite::Connection;
use smol::channel::{Receiver, Sender, unbounded};

pub(crate) use moving::{Move, Moved, Whole};
pub(crate) use notices::{Again, Fresh, Sheet, Turn, Waiting};
use reader::Reader;
pub(crate) use reads::{History, MOST, Most};
pub(crate) use rows::{OwnedChunk, OwnedLog, OwnedWrite, StoredRoom};
use sql::Fault;
use uploads::Upload;
use writer::Writer;

use crate::assets::Hash;
use crate::meters::Meters;

/// What those hear who ask after a fault of the disk.
const GIVEN_UP: Fault = Fault::Disk("it was given up after an error of the disk");

/// Which room asked, and where its host hears the answer.
#[derive(Clone, Debug)]
pub(crate) struct Asker {
    pub(crate) room: RoomId,
    /// Which life of the room: a room that was dropped and made again hears nothing meant for the earlier one.
    pub(crate) life: u64,
    pub(crate) effect: EffectId,
    pub(crate) answers: Sender<Answer>,
}

/// How a request went.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) room: RoomId,
    pub(crate) life: u64,
    pub(crate) effect: EffectId,
    pub(crate) outcome: Outcome,
}

/// See [`Answer`].
#[derive(Debug)]
pub(crate) enum Outcome {
    Loaded(Box<StoredRoom>),
    Stored(Seq),
    /// What a token proves and the end of its lease, or why it is refused.
    Verified(Result<(Box<Session>, Time), Close>),
    Failed(Failure),
}

impl Asker {
    pub(crate) fn answer(self, outcome: Outcome) {
        let Asker { room, life, effect, answers } = self;
        // A host that has gone needs no answer.
        drop(answers.try_send(Answer { room, life, effect, outcome }));
    }
}

#[derive(Debug)]
struct StoreRequest {
    asker: Asker,
    upto: Seq,
    owner: u64,
    writes: Vec<OwnedWrite>,
}

#[derive(Debug)]
struct LoadRequest {
    asker: Asker,
    log_ops: u32,
}

/// Whether an upload was charged to its person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Charged {
    Yes,
    /// It would be more than is allowed in a day.
    OverLimit,
    /// No space to note it.
    Full,
    Unavailable,
}

/// The next room by name and what it refers to; `None` after the last.
type References = Option<(String, HashSet<Hash>)>;

/// Stored rooms by name: their records, and when their newest event was.
pub(crate) type Records = Vec<(String, Vec<u8>, Option<Time>)>;
/// What a question makes of the database. Whoever asked hears by their own way.
type Work = Box<dyn FnOnce(&Connection) -> Result<(), Fault> + Send>;

/// What the reader is asked.
enum Reading {
    Load(LoadRequest),
    Records { after: String, reply: Sender<Records> },
    Work(Work),
    References { after: String, reply: Sender<References> },
}

enum Request {
    Store(StoreRequest),
    Load(LoadRequest),
    Charge { upload: Upload, most: i64, reply: Sender<Charged> },
    Refund(Upload),
    Notices { turn: Box<Turn>, reply: Sender<Sheet> },
    Move { room: RoomId, what: Move, reply: Sender<Moved> },
    Records { after: String, reply: Sender<Records> },
    References { after: String, reply: Sender<References> },
    Work(Work),
    Probe(Sender<bool>),
    Stop(Sender<()>),
}

/// The way to the store's threads. Its queue has no bound of its own because a room never has more than one request
/// out, and rooms are bounded.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    requests: Sender<Request>,
    failed: Receiver<()>,
}

impl Store {
    /// Opens the database and starts its threads. The error is a sentence for the operator.
    pub(crate) fn open(path: &Path, meters: Arc<Meters>) -> Result<Store, String> {
        let connection = sql::open(path)?;
        let (requests, inbox) = unbounded();
        let (loads, load_inbox) = unbounded();
        let reader = Reader { path: path.into(), connection: None, inbox: load_inbox, meters: meters.clone() };
        let reader = spawn("kanvas-read", reader, Reader::run)?;
        let (fail, failed) = smol::channel::bounded(1);
        let writer = Writer {
            path: path.into(),
            connection: Some(connection),
            fail,
            inbox,
            loads: Some(loads),
            reader: Some(reader),
            meters,
        };
        spawn("kanvas-write", writer, Writer::run)?;
        Ok(Store { requests, failed })
    }

    /// How many requests wait for the thread that writes.
    pub(crate) fn waiting(&self) -> usize {
        self.requests.len()
    }

    /// Writes in one transaction; the answer comes once it is durable.
    pub(crate) fn store(&self, asker: Asker, upto: Seq, owner: u64, writes: Vec<OwnedWrite>) {
        self.ask(Request::Store(StoreRequest { asker, upto, owner, writes }));
    }

    /// Reads all of a room, with at most the newest `log_ops` rows of its log.
    pub(crate) fn load(&self, asker: Asker, log_ops: u32) {
        self.ask(Request::Load(LoadRequest { asker, log_ops }));
    }

    /// Charges an upload to its person, if the day's bytes then are at most so many. It is durable.
    pub(crate) async fn charge(&self, user: &str, day: u64, bytes: u64, most: u64) -> Charged {
        let (reply, answer) = smol::channel::bounded(1);
        self.ask(Request::Charge { upload: upload(user, day, bytes), most: number(most), reply });
        answer.recv().await.unwrap_or(Charged::Unavailable)
    }

    /// Takes a charge back. If that cannot be written it stands until the day ends.
    pub(crate) fn refund(&self, user: &str, day: u64, bytes: u64) {
        self.ask(Request::Refund(upload(user, day, bytes)));
    }

    /// Keeps, forgets and gives out webhooks, all in one transaction. `None` if that could not be done; nothing has
    /// changed then.
    pub(crate) async fn notices(&self, turn: Turn) -> Option<Sheet> {
        let (reply, answer) = smol::channel::bounded(1);
        self.ask(Request::Notices { turn: Box::new(turn), reply });
        answer.recv().await.ok()
    }

    /// Writes or deletes the rows of a room in one transaction, after everything that was asked before. It is durable.
    pub(crate) async fn move_room(&self, room: RoomId, what: Move) -> Moved {
        let (reply, answer) = smol::channel::bounded(1);
        self.ask(Request::Move { room, what, reply });
        answer.recv().await.unwrap_or(Moved::Unavailable)
    }

    /// All that there is of a room that nobody writes, with the newest of its log in so many bytes. `None` if that
    /// cannot be read.
    pub(crate) async fn whole(&self, room: RoomId, most: usize) -> Option<Whole> {
        self.read(move |connection| moving::whole(connection, &room, most)).await
    }

    /// The next stored rooms by name, and their records; none after the last. It waits for the answer.
    ///
    /// # Errors
    /// If they cannot be read.
    pub(crate) fn records(&self, after: String) -> Result<Records, smol::channel::RecvError> {
        let (reply, answer) = smol::channel::bounded(1);
        self.ask(Request::Records { after, reply });
        answer.recv_blocking()
    }

    /// The next stored room by name, and the assets it refers to; `None` if there is none. It waits for the answer.
    ///
    /// # Errors
    /// If that cannot be read.
    pub(crate) fn references(&self, after: String) -> Result<References, smol::channel::RecvError> {
        let (reply, answer) = smol::channel::bounded(1);
        self.ask(Request::References { after, reply });
        answer.recv_blocking()
    }

    /// The next thousand stored rooms by name. `None` if they cannot be read.
    pub(crate) async fn rooms(&self, after: String) -> Option<Records> {
        self.read(move |connection| sql::records(connection, &after)).await
    }

    /// Some of a room's history. `None` if that cannot be read.
    pub(crate) async fn history(&self, room: RoomId, wanted: Wanted) -> Option<History> {
        self.read(move |connection| reads::history(connection, &room, &wanted)).await
    }

    /// A room's log from the last row at or before a moment on; the inner `None` says that it is more than is read at
    /// once. The outer one, that it cannot be read.
    pub(crate) async fn since(&self, room: RoomId, moment: Time, most: Most) -> Option<Option<Vec<OwnedLog>>> {
        self.read(move |connection| reads::since(connection, &room, moment, most)).await
    }

    async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, Fault> + Send + 'static,
    ) -> Option<T> {
        let (reply, answer) = smol::channel::bounded(1);
        self.ask(Request::Work(Box::new(move |connection| {
            // One who no longer waits needs no answer.
            drop(reply.try_send(work(connection)?));
            Ok(())
        })));
        answer.recv().await.ok()
    }

    /// Whether the store can read and write now.
    pub(crate) async fn ready(&self) -> bool {
        let (reply, answer) = smol::channel::bounded(1);
        self.ask(Request::Probe(reply));
        answer.recv().await.unwrap_or(false)
    }

    /// Waits until a fault of the disk has ended the writing for good (DISK11). Told once.
    pub(crate) async fn failed(&self) {
        if self.failed.recv().await.is_err() {
            // The writer was stopped, in good order.
            std::future::pending::<()>().await;
        }
    }

    /// Whether such a fault came that nobody was told of yet.
    pub(crate) fn has_failed(&self) -> bool {
        self.failed.try_recv().is_ok()
    }

    /// Finishes what was asked before and closes the file.
    pub(crate) async fn stop(&self) {
        let (reply, done) = smol::channel::bounded(1);
        self.ask(Request::Stop(reply));
        let _ = done.recv().await;
    }

    fn ask(&self, request: Request) {
        match self.requests.try_send(request).map_err(smol::channel::TrySendError::into_inner) {
            Ok(()) => {}
            Err(request) => refuse(request),
        }
    }
}

/// The writer has stopped: nothing can be promised any more.
fn refuse(request: Request) {
    match request {
        Request::Store(StoreRequest { asker, .. }) | Request::Load(LoadRequest { asker, .. }) => {
            asker.answer(Outcome::Failed(Failure::Broken));
        }
        // Their askers hear that the channel has gone.
        Request::Charge { .. }
        | Request::Notices { .. }
        | Request::Move { .. }
        | Request::Records { .. }
        | Request::References { .. }
        | Request::Work(_)
        | Request::Probe(_)
        | Request::Stop(_) => {}
        Request::Refund(_) => tracing::warn!("an upload that failed stays charged: the database is closed"),
    }
}

fn upload(user: &str, day: u64, bytes: u64) -> Upload {
    Upload { user: user.to_owned(), day: number(day), bytes: number(bytes) }
}

/// As large as the database's numbers go.
fn number(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn spawn<T: Send + 'static>(name: &str, state: T, run: fn(T)) -> Result<JoinHandle<()>, String> {
    let thread = thread::Builder::new().name(name.into());
    thread.spawn(move || run(state)).map_err(|error| format!("a thread could not be started ({error})"))
}

/// What the room is told of a fault.
fn failure(fault: Fault) -> Failure {
    match fault {
        Fault::Full => Failure::Full,
        Fault::Busy => Failure::Busy,
        Fault::Fenced => Failure::Fenced,
        // Rows that do not fit mean that the room and its storage disagree: it must be loaded again.
        Fault::Rows | Fault::Disk(_) => Failure::Broken,
    }
}
