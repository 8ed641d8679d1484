//! Inputs and ops in words, for those who read what happened.

use alloc::format;
use alloc::string::{String, ToString};

use crate::errors::Code;
use crate::input::{Command, Done, End, Failure, Input, Pressure};
use crate::outbox::{Lane, Op, To};

/// An input as one reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// What sort of input it is, in lower case.
    pub kind: &'static str,
    /// Whose it is: the slot of their socket.
    pub slot: Option<u32>,
    /// What else it says, in one line.
    pub text: String,
}

impl Told {
    /// What there is to read of an input.
    pub fn of(input: &Input<'_>) -> Told {
        let (kind, text) = match input {
            Input::Connect { identity, .. } => ("connect", identity.user.to_string()),
            Input::Resume { .. } => ("resume", String::new()),
            Input::Message { bytes, .. } => ("message", String::from_utf8_lossy(bytes).into_owned()),
            Input::Pressure { level: Pressure::High, .. } => ("pressure", "high".to_string()),
            Input::Pressure { level: Pressure::Clear, .. } => ("pressure", "clear".to_string()),
            Input::Disconnect { end: End::Closed, .. } => ("disconnect", "closed".to_string()),
            Input::Disconnect { end: End::Lost, .. } => ("disconnect", "lost".to_string()),
            Input::Done { result, .. } => ("done", told_of(result)),
            Input::Command(command) => ("command", name_of(command).to_string()),
            Input::Tick => ("tick", String::new()),
        };
        Told { kind, slot: slot_of(input), text }
    }
}

/// Whose socket an input is of.
pub(super) fn slot_of(input: &Input<'_>) -> Option<u32> {
    match input {
        Input::Connect { conn, .. }
        | Input::Resume { conn, .. }
        | Input::Message { conn, .. }
        | Input::Pressure { conn, .. }
        | Input::Disconnect { conn, .. } => Some(conn.slot),
        Input::Done { .. } | Input::Command(_) | Input::Tick => None,
    }
}

fn told_of(result: &Done<'_>) -> String {
    match result {
        Done::Loaded(loaded) => format!("loaded {} chunks and {} events", loaded.chunks.len(), loaded.log.len()),
        Done::Stored { upto } => format!("stored up to {}", upto.0),
        Done::Verified(Ok(verified)) => format!("verified {}", verified.user),
        Done::Verified(Err(close)) => format!("refused: {}", close.reason()),
        Done::Failed(Failure::Full) => "failed: no space".to_string(),
        Done::Failed(Failure::Busy) => "failed: busy".to_string(),
        Done::Failed(Failure::Broken) => "failed: broken".to_string(),
        Done::Failed(Failure::Fenced) => "failed: another owner".to_string(),
    }
}

fn name_of(command: &Command<'_>) -> &'static str {
    match command {
        Command::Drain { .. } => "drain",
        Command::Create { .. } => "create",
        Command::Delete { .. } => "delete",
        Command::Act { .. } => "act",
        Command::Publish { .. } => "publish",
        Command::Replace { .. } => "replace",
        Command::Restore { .. } => "restore",
        Command::Import { .. } => "import",
        Command::Share { .. } => "share",
        Command::Unshare { .. } => "unshare",
    }
}

/// An op as one reads it, in one line.
pub fn op_in_words(op: &Op<'_>) -> String {
    match op {
        Op::Send { to, kind, frame } => {
            let frame = frame.to_vec();
            let frame = String::from_utf8_lossy(&frame);
            let whom = match to {
                To::One(conn) => format!("{}", conn.slot),
                To::Group { group, except: Some(except) } => format!("group {} but {}", group.0, except.slot),
                To::Group { group, except: None } => format!("group {}", group.0),
            };
            match kind.lane() {
                Lane::Ordered => format!("send {whom}: {frame}"),
                Lane::Latest => format!("send {whom}, latest: {frame}"),
            }
        }
        Op::Group { conn, group: Some(group) } => format!("{} hears group {}", conn.slot, group.0),
        Op::Group { conn, group: None } => format!("{} hears no group", conn.slot),
        Op::Close { conn, close } => format!("close {}: {} {}", conn.slot, close.code(), close.reason()),
        Op::Attach { conn, bytes } => format!("attach {} bytes to {}", bytes.len(), conn.slot),
        Op::Load { .. } => "load".into(),
        Op::Store { upto, writes, .. } => format!("store up to {}: {} writes", upto.0, writes.len()),
        Op::Verify { conn, .. } => format!("verify the token of {}", conn.slot),
        Op::Founded { conn } => format!("{} made the room", conn.slot),
        Op::Reply { ticket, result } => format!("reply to {ticket}: {}", result.map_or_else(Code::as_str, |_| "done")),
        Op::Announce { listing } => format!("announce {}: {} people", listing.name, listing.user_count),
        Op::Forget => "forget".into(),
        Op::Notice { notice } => format!("notice: {notice:?}"),
        Op::Sleep => "sleep".into(),
    }
}
