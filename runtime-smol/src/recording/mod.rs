//! Recordings on the command line: `kanvas record` has a running server make one, `kanvas replay` plays it.

mod record;
mod replay;

pub(crate) use record::{command as record_command, run as record};
pub(crate) use replay::{command as replay_command, run as replay};
