//! The thread that writes: as many stores as wait in one transaction, and whatever must come in their order.

use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Instant;

use kanvas_core::{Failure, RoomId};
use rusqlite::Connection;
use smol::channel::{Receiver, Sender};

use super::moving::{self, Move, Moved};
use super::notices::{self, Sheet, Turn};
use super::sql::{self, Fault};
use super::uploads::{self, Upload};
use super::{Charged, GIVEN_UP, Outcome, Reading, Request, StoreRequest, failure, refuse};
use crate::meters::Meters;

/// The most stores in one transaction.
const BATCH: usize = 256;

pub(super) struct Writer {
    pub(super) path: PathBuf,
    /// `None` after a fault of the disk: nothing more is acknowledged or read by this process.
    pub(super) connection: Option<Connection>,
    pub(super) fail: Sender<()>,
    pub(super) inbox: Receiver<Request>,
    pub(super) loads: Option<Sender<Reading>>,
    pub(super) reader: Option<JoinHandle<()>>,
    pub(super) meters: Arc<Meters>,
}

impl Writer {
    pub(super) fn run(mut self) {
        let mut batch = Vec::new();
        while let Ok(first) = self.inbox.recv_blocking() {
            let mut next = Some(first);
            while let Some(request) = next.take() {
                match request {
                    Request::Store(request) => {
                        batch.push(request);
                        if batch.len() >= BATCH {
                            self.commit(&mut batch);
                        }
                    }
                    Request::Load(request) => {
                        self.commit(&mut batch);
                        self.forward(Reading::Load(request));
                    }
                    Request::Charge { upload, most, reply } => drop(reply.try_send(self.charge(&upload, most))),
                    Request::Refund(upload) => self.refund(&upload),
                    Request::Notices { turn, reply } => self.notices(&turn, &reply),
                    Request::Move { room, what, reply } => {
                        self.commit(&mut batch);
                        // One who no longer waits needs no answer.
                        let _ = reply.try_send(self.move_room(&room, &what));
                    }
                    Request::Records { after, reply } => self.forward(Reading::Records { after, reply }),
                    Request::References { after, reply } => self.forward(Reading::References { after, reply }),
                    Request::Work(work) => self.forward(Reading::Work(work)),
                    Request::Probe(reply) => drop(reply.try_send(self.probe())),
                    Request::Stop(reply) => {
                        self.commit(&mut batch);
                        self.close();
                        let _ = reply.try_send(());
                        return;
                    }
                }
                next = self.inbox.try_recv().ok();
            }
            self.commit(&mut batch);
        }
    }

    /// Hands a question to the reader, unless the disk has failed: nobody may see what may not be durable.
    fn forward(&mut self, request: Reading) {
        let refused = match (&self.connection, &self.loads) {
            (None, _) => Some(request),
            (Some(_), Some(loads)) => loads.try_send(request).err().map(|error| error.into_inner()),
            (Some(_), None) => None,
        };
        match refused {
            Some(Reading::Load(request)) => request.asker.answer(Outcome::Failed(Failure::Broken)),
            // Who asks for anything else hears that the channel has gone.
            Some(Reading::Records { .. } | Reading::References { .. } | Reading::Work(_)) | None => {}
        }
    }

    fn charge(&mut self, upload: &Upload, most: i64) -> Charged {
        match self.attempt(|connection| uploads::charge(connection, upload, most)) {
            Ok(true) => Charged::Yes,
            Ok(false) => Charged::OverLimit,
            Err(Fault::Full) => Charged::Full,
            Err(Fault::Busy | Fault::Fenced | Fault::Rows | Fault::Disk(_)) => Charged::Unavailable,
        }
    }

    fn refund(&mut self, upload: &Upload) {
        if let Err(fault) = self.attempt(|connection| uploads::refund(connection, upload)) {
            tracing::warn!("an upload that failed stays charged: {fault}");
        }
    }

    /// Who asked hears that the channel has gone, if it cannot be done.
    fn notices(&mut self, turn: &Turn, reply: &Sender<Sheet>) {
        match self.attempt(|connection| notices::take(connection, turn)) {
            Ok(sheet) => drop(reply.try_send(sheet)),
            Err(fault) => tracing::warn!("webhooks could not be kept: {fault}"),
        }
    }

    fn move_room(&mut self, room: &RoomId, what: &Move) -> Moved {
        match self.attempt(|connection| moving::take(connection, room, what)) {
            Ok(true) => Moved::Yes,
            Ok(false) => Moved::Taken,
            Err(Fault::Full) => Moved::Full,
            Err(fault @ (Fault::Busy | Fault::Fenced | Fault::Rows | Fault::Disk(_))) => {
                tracing::warn!(%room, "a room could not be moved in the database: {fault}");
                Moved::Unavailable
            }
        }
    }

    /// One statement, or a few that may fall apart, or one transaction.
    fn attempt<T>(&mut self, work: impl FnOnce(&Connection) -> Result<T, Fault>) -> Result<T, Fault> {
        let outcome = self.connection.as_ref().ok_or(GIVEN_UP).and_then(work);
        if let Err(Fault::Disk(why)) = outcome {
            self.give_up(why);
        }
        outcome
    }

    pub(super) fn commit(&mut self, batch: &mut Vec<StoreRequest>) {
        if batch.is_empty() {
            return;
        }
        let results = self.write_all(batch);
        for (request, result) in batch.drain(..).zip(results) {
            let outcome = match result {
                Ok(()) => Outcome::Stored(request.upto),
                // Told once for all rooms.
                Err(fault @ Fault::Disk(_)) => self.failed(fault),
                Err(fault) => {
                    tracing::warn!(room = %request.asker.room, "a write was refused by the store: {fault}");
                    self.failed(fault)
                }
            };
            request.asker.answer(outcome);
        }
    }

    fn failed(&self, fault: Fault) -> Outcome {
        let failure = failure(fault);
        self.meters.failed(failure);
        Outcome::Failed(failure)
    }

    /// One transaction for all; if that fails for one room's reason, one transaction each.
    fn write_all(&mut self, batch: &[StoreRequest]) -> Vec<Result<(), Fault>> {
        match self.transaction(batch) {
            Ok(results) => results,
            Err(fault @ Fault::Disk(_)) => batch.iter().map(|_| Err(fault)).collect(),
            Err(fault) if batch.len() == 1 => vec![Err(fault)],
            Err(_) => batch
                .chunks(1)
                .map(|one| match self.transaction(one) {
                    Ok(results) => results.into_iter().next().unwrap_or(Ok(())),
                    Err(fault) => Err(fault),
                })
                .collect(),
        }
    }

    /// The inner results are of rooms that are fenced off and wrote nothing; an error is the whole transaction's.
    fn transaction(&mut self, batch: &[StoreRequest]) -> Result<Vec<Result<(), Fault>>, Fault> {
        let connection = self.connection.as_ref().ok_or(GIVEN_UP)?;
        let attempt = || -> Result<Vec<Result<(), Fault>>, Fault> {
            connection.execute_batch("BEGIN IMMEDIATE")?;
            let mut results = Vec::with_capacity(batch.len());
            for request in batch {
                match sql::store(connection, request.asker.room.as_str(), request.owner, &request.writes) {
                    Err(Fault::Fenced) => results.push(Err(Fault::Fenced)),
                    Err(fault) => return Err(fault),
                    Ok(()) => results.push(Ok(())),
                }
            }
            connection.execute_batch("COMMIT")?;
            Ok(results)
        };
        let began = Instant::now();
        let mut outcome = attempt();
        if outcome.is_ok() {
            self.meters.committed(batch.len(), began.elapsed());
        }
        if outcome.is_err()
            && !connection.is_autocommit()
            && let Err(error) = connection.execute_batch("ROLLBACK")
        {
            outcome = Err(Fault::Disk(sql::words(&error)));
        }
        if let Err(Fault::Disk(why)) = outcome {
            self.give_up(why);
        }
        outcome
    }

    /// Lets the connection go after a fault of the disk; said once, for nothing is tried on none.
    fn give_up(&mut self, why: &str) {
        if self.connection.take().is_none() {
            return;
        }
        tracing::error!(
            "the database {} cannot be trusted after an error of the disk ({why}): the server ends without \
             acknowledging anything more; check the disk and start it again, nothing acknowledged is lost",
            self.path.display()
        );
        // There is place for the one message.
        let _ = self.fail.try_send(());
    }

    fn probe(&mut self) -> bool {
        let Some(connection) = &self.connection else { return false };
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get::<_, i64>(0)).is_ok()
    }

    /// The reader goes first, so that the last connection to close is the one that may fold the log into the file.
    fn close(&mut self) {
        // Whoever asks from now on is told at once; whoever asked too late is told here.
        self.inbox.close();
        while let Ok(request) = self.inbox.try_recv() {
            refuse(request);
        }
        self.loads = None;
        if let Some(reader) = self.reader.take() {
            drop(reader.join());
        }
        if let Some(connection) = self.connection.take()
            && !sql::close(connection)
        {
            tracing::warn!("the database was not closed cleanly; the next start recovers it");
        }
    }
}
