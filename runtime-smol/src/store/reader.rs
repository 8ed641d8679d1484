//! The thread that reads: rooms for their hosts, lists and histories.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use rusqlite::Connection;
use smol::channel::Receiver;

use super::sql::{self, Fault};
use super::{LoadRequest, Outcome, Reading, failure, uploads};
use crate::meters::Meters;

pub(super) struct Reader {
    pub(super) path: PathBuf,
    pub(super) connection: Option<Connection>,
    pub(super) inbox: Receiver<Reading>,
    pub(super) meters: Arc<Meters>,
}

impl Reader {
    pub(super) fn run(mut self) {
        while let Ok(reading) = self.inbox.recv_blocking() {
            match reading {
                Reading::Load(LoadRequest { asker, log_ops }) => {
                    let began = Instant::now();
                    let loaded = self.read(|connection| sql::load(connection, asker.room.as_str(), log_ops));
                    self.meters.loaded(&asker.room, began.elapsed());
                    let outcome = match loaded {
                        Ok(room) => Outcome::Loaded(Box::new(room)),
                        Err(fault) => {
                            tracing::error!(room = %asker.room, "a room could not be read from the database: {fault}");
                            Outcome::Failed(failure(fault))
                        }
                    };
                    asker.answer(outcome);
                }
                Reading::Records { after, reply } => match self.read(|connection| sql::records(connection, &after)) {
                    Ok(records) => drop(reply.try_send(records)),
                    Err(fault) => tracing::error!("the rooms could not be read from the database: {fault}"),
                },
                Reading::Work(work) => {
                    if let Err(fault) = self.read(work) {
                        tracing::error!("a question of the API could not be answered from the database: {fault}");
                    }
                }
                Reading::References { after, reply } => {
                    match self.read(|connection| uploads::references(connection, &after)) {
                        Ok(references) => drop(reply.try_send(references)),
                        Err(fault) => tracing::error!("the rooms' assets could not be read from the database: {fault}"),
                    }
                }
            }
        }
    }

    fn read<T>(&mut self, work: impl FnOnce(&Connection) -> Result<T, Fault>) -> Result<T, Fault> {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => sql::open_reader(&self.path)?,
        };
        let outcome = work(&connection);
        if !matches!(outcome, Err(Fault::Disk(_))) {
            self.connection = Some(connection);
        }
        outcome
    }
}
