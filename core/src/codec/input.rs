//! Inputs as bytes, each with its time before it.

use alloc::vec::Vec;
use core::fmt;

use super::op::{write_chunk, write_row};
use super::words::{Reader, blob, conn, length, maybe_blob, maybe_text, maybe_u64, record, text, u32, u64};
use crate::access::Role;
use crate::errors::Close;
use crate::id::{EffectId, Seq, ShareId};
use crate::input::{
    Actor, ChunkRow, Command, Creator, Done, End, Failure, Founds, Hello, Identity, Input, Loaded, LogRow, Org, Part,
    Pressure, Restore, Standing, Verified, View,
};
use crate::members::Share;
use crate::time::{Span, Time};
use crate::wire::Dialect;

/// The number of [`Input::Done`], and of [`Done::Loaded`] within it.
const DONE: u8 = 6;
const LOADED: u8 = 0;

/// Bytes that are no inputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// Where the record begins that cannot be read, in bytes from the start.
    pub at: usize,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "what begins at byte {} is no input, or only a part of one", self.at)
    }
}

impl core::error::Error for Unreadable {}

/// Hands out each input of `bytes` with its time, in order. Those before one that cannot be read are handed out.
///
/// # Errors
/// [`Unreadable`] if the bytes are not what [`write_input`] wrote.
///
/// ```
/// use kanvas_core::codec::{read_inputs, write_input};
/// use kanvas_core::{Conn, Input, Time};
/// let (mut bytes, conn) = (Vec::new(), Conn { slot: 1, generation: 0 });
/// write_input(Time::from_millis(5), &Input::Message { conn, bytes: b"ping" }, &mut bytes);
/// read_inputs(&bytes, |now, input| {
///     assert!(now.as_millis() == 5 && matches!(input, Input::Message { bytes: b"ping", .. }));
/// }).unwrap();
/// ```
pub fn read_inputs(bytes: &[u8], mut hear: impl FnMut(Time, Input<'_>)) -> Result<(), Unreadable> {
    let mut rest = Reader(bytes);
    while !rest.0.is_empty() {
        let at = bytes.len() - rest.0.len();
        read_next(&mut rest, &mut hear).ok_or(Unreadable { at })?;
    }
    Ok(())
}

/// Hands out the next input; `None` if there is none that can be read.
pub(crate) fn read_next(from: &mut Reader<'_>, hear: &mut impl FnMut(Time, Input<'_>)) -> Option<()> {
    let mut one = Reader(from.blob()?);
    read_input(&mut one, hear).filter(|()| one.0.is_empty())
}

/// Appends one input and its time.
pub fn write_input(now: Time, input: &Input<'_>, bytes: &mut Vec<u8>) {
    record(bytes, |bytes| {
        u64(bytes, now.as_millis());
        match input {
            Input::Connect { conn: of, identity, hello } => {
                bytes.push(1);
                conn(bytes, *of);
                write_identity(identity, bytes);
                write_hello(hello, bytes);
            }
            Input::Resume { conn: of, attachment } => {
                bytes.push(2);
                conn(bytes, *of);
                blob(bytes, attachment);
            }
            Input::Message { conn: of, bytes: message } => {
                bytes.push(3);
                conn(bytes, *of);
                blob(bytes, message);
            }
            Input::Pressure { conn: of, level } => {
                bytes.push(4);
                conn(bytes, *of);
                bytes.push(u8::from(*level == Pressure::High));
            }
            Input::Disconnect { conn: of, end } => {
                bytes.push(5);
                conn(bytes, *of);
                bytes.push(u8::from(*end == End::Lost));
            }
            Input::Done { effect, result } => {
                bytes.push(DONE);
                u64(bytes, effect.0);
                write_done(result, bytes);
            }
            Input::Command(command) => {
                bytes.push(7);
                write_command(command, bytes);
            }
            Input::Tick => bytes.push(8),
        }
    });
}

fn read_input(from: &mut Reader<'_>, hear: &mut impl FnMut(Time, Input<'_>)) -> Option<()> {
    let now = Time::from_millis(from.u64()?);
    match from.u8()? {
        1 => {
            let (conn, identity, hello) = (from.conn()?, read_identity(from)?, read_hello(from)?);
            hear(now, Input::Connect { conn, identity, hello });
        }
        2 => hear(now, Input::Resume { conn: from.conn()?, attachment: from.blob()? }),
        3 => hear(now, Input::Message { conn: from.conn()?, bytes: from.blob()? }),
        4 => {
            let (conn, high) = (from.conn()?, from.bool()?);
            hear(now, Input::Pressure { conn, level: if high { Pressure::High } else { Pressure::Clear } });
        }
        5 => {
            let (conn, lost) = (from.conn()?, from.bool()?);
            hear(now, Input::Disconnect { conn, end: if lost { End::Lost } else { End::Closed } });
        }
        DONE => {
            let effect = EffectId(from.u64()?);
            read_done(from, |result| hear(now, Input::Done { effect, result }))?;
        }
        7 => read_command(from, |command| hear(now, Input::Command(command)))?,
        8 => hear(now, Input::Tick),
        _ => return None,
    }
    Some(())
}

// ---- Connect ------------------------------------------------------------------------------------------------------

fn write_identity(identity: &Identity<'_>, bytes: &mut Vec<u8>) {
    let Identity { user, standing, name, avatar, org, address, lease, founds } = identity;
    text(bytes, user);
    bytes.push(u8::from(*standing == Standing::Verified));
    maybe_text(bytes, *name);
    maybe_text(bytes, *avatar);
    write_org(*org, bytes);
    maybe_u64(bytes, *address);
    maybe_u64(bytes, lease.map(Time::as_millis));
    bytes.push(match founds {
        Founds::Yes => 0,
        Founds::Spent => 1,
        Founds::No => 2,
    });
}

fn read_identity<'a>(from: &mut Reader<'a>) -> Option<Identity<'a>> {
    Some(Identity {
        user: from.text()?,
        standing: read_standing(from)?,
        name: from.maybe_text()?,
        avatar: from.maybe_text()?,
        org: read_org(from)?,
        address: from.maybe_u64()?,
        lease: from.maybe_u64()?.map(Time::from_millis),
        founds: match from.u8()? {
            0 => Founds::Yes,
            1 => Founds::Spent,
            2 => Founds::No,
            _ => return None,
        },
    })
}

fn read_standing(from: &mut Reader<'_>) -> Option<Standing> {
    Some(if from.bool()? { Standing::Verified } else { Standing::Guest })
}

fn write_org(org: Option<Org<'_>>, bytes: &mut Vec<u8>) {
    maybe_text(bytes, org.map(|org| org.id));
    maybe_text(bytes, org.and_then(|org| org.role));
}

fn read_org<'a>(from: &mut Reader<'a>) -> Option<Option<Org<'a>>> {
    let (id, role) = (from.maybe_text()?, from.maybe_text()?);
    Some(id.map(|id| Org { id, role }))
}

fn write_hello(hello: &Hello<'_>, bytes: &mut Vec<u8>) {
    let Hello { pk, dialect, name, view, share, resume } = hello;
    text(bytes, pk);
    text(bytes, dialect.as_str());
    maybe_text(bytes, *name);
    bytes.push(u8::from(*view == View::Readonly));
    maybe_blob(bytes, share.as_ref().map(|share| &share.0[..]));
    bytes.extend_from_slice(resume);
}

fn read_hello<'a>(from: &mut Reader<'a>) -> Option<Hello<'a>> {
    Some(Hello {
        pk: from.text()?,
        dialect: Dialect::from_name(from.text()?)?,
        name: from.maybe_text()?,
        view: if from.bool()? { View::Readonly } else { View::Full },
        share: match from.maybe_blob()? {
            Some(id) => Some(ShareId(id.try_into().ok()?)),
            None => None,
        },
        resume: from.sixteen()?,
    })
}

// ---- Done ---------------------------------------------------------------------------------------------------------

fn write_done(done: &Done<'_>, bytes: &mut Vec<u8>) {
    match done {
        Done::Loaded(Loaded { owner, record, chunks, log }) => {
            bytes.push(LOADED);
            u64(bytes, *owner);
            maybe_blob(bytes, *record);
            u32(bytes, length(chunks.len()));
            chunks.iter().for_each(|chunk| write_chunk(chunk, bytes));
            u32(bytes, length(log.len()));
            log.iter().for_each(|row| write_row(row, bytes));
        }
        Done::Stored { upto } => {
            bytes.push(1);
            u64(bytes, upto.0);
        }
        Done::Verified(Ok(Verified { user, org, lease })) => {
            bytes.push(2);
            text(bytes, user);
            write_org(*org, bytes);
            u64(bytes, lease.as_millis());
        }
        Done::Verified(Err(close)) => {
            bytes.push(3);
            text(bytes, close.reason());
        }
        Done::Failed(failure) => {
            bytes.push(4);
            bytes.push(match failure {
                Failure::Full => 0,
                Failure::Busy => 1,
                Failure::Broken => 2,
                Failure::Fenced => 3,
            });
        }
    }
}

/// A [`Loaded`] with lists of its own.
#[derive(Clone, Debug)]
pub(crate) struct Rows<'a> {
    pub(crate) owner: u64,
    pub(crate) record: Option<&'a [u8]>,
    pub(crate) chunks: Vec<ChunkRow<'a>>,
    pub(crate) log: Vec<LogRow<'a>>,
}

impl Rows<'_> {
    pub(crate) fn loaded(&self) -> Loaded<'_> {
        Loaded { owner: self.owner, record: self.record, chunks: &self.chunks, log: &self.log }
    }
}

/// What the next input brings, if that is what storage has of a room.
pub(crate) fn read_next_rows<'a>(from: &mut Reader<'a>) -> Option<Rows<'a>> {
    let mut one = Reader(from.blob()?);
    let (_now, input, _effect, done) = (one.u64()?, one.u8()?, one.u64()?, one.u8()?);
    let rows = read_rows(&mut one)?;
    (input == DONE && done == LOADED && one.0.is_empty()).then_some(rows)
}

fn read_rows<'a>(from: &mut Reader<'a>) -> Option<Rows<'a>> {
    let (owner, record) = (from.u64()?, from.maybe_blob()?);
    let (chunks, log) = (from.list(12, read_chunk)?, from.list(60, read_row)?);
    Some(Rows { owner, record, chunks, log })
}

fn read_done(from: &mut Reader<'_>, hear: impl FnOnce(Done<'_>)) -> Option<()> {
    match from.u8()? {
        LOADED => hear(Done::Loaded(read_rows(from)?.loaded())),
        1 => hear(Done::Stored { upto: Seq(from.u64()?) }),
        2 => {
            let (user, org, lease) = (from.text()?, read_org(from)?, Time::from_millis(from.u64()?));
            hear(Done::Verified(Ok(Verified { user, org, lease })));
        }
        3 => hear(Done::Verified(Err(read_close(from)?))),
        4 => hear(Done::Failed(match from.u8()? {
            0 => Failure::Full,
            1 => Failure::Busy,
            2 => Failure::Broken,
            3 => Failure::Fenced,
            _ => return None,
        })),
        _ => return None,
    }
    Some(())
}

fn read_close(from: &mut Reader<'_>) -> Option<Close> {
    let reason = from.text()?;
    Close::ALL.iter().copied().find(|close| close.reason() == reason)
}

fn read_chunk<'a>(from: &mut Reader<'a>) -> Option<ChunkRow<'a>> {
    Some(ChunkRow { part: Part::from_name(from.text()?)?, no: from.u32()?, bytes: from.blob()? })
}

fn read_row<'a>(from: &mut Reader<'a>) -> Option<LogRow<'a>> {
    Some(LogRow {
        seq: Seq(from.u64()?),
        at: Time::from_millis(from.u64()?),
        epoch: from.u64()?,
        user: from.text()?,
        client: from.u64()?,
        origin: from.text()?,
        op_id: from.text()?,
        op_hash: from.u64()?,
        kind: from.text()?,
        body: from.text()?,
        was: from.text()?,
    })
}

// ---- Command ------------------------------------------------------------------------------------------------------

fn write_command(command: &Command<'_>, bytes: &mut Vec<u8>) {
    let head = |bytes: &mut Vec<u8>, kind: u8, ticket: u64| {
        bytes.push(kind);
        u64(bytes, ticket);
    };
    match command {
        Command::Drain { close, spread } => {
            head(bytes, 0, spread.as_millis());
            text(bytes, close.reason());
        }
        Command::Create { ticket, by, name, is_public, share } => {
            head(bytes, 1, *ticket);
            text(bytes, by.user);
            bytes.push(u8::from(by.standing == Standing::Verified));
            maybe_text(bytes, by.name);
            maybe_text(bytes, *name);
            bytes.push(u8::from(*is_public));
            bytes.push(u8::from(share.is_some()));
            if let Some((id, share)) = share {
                write_share(*id, *share, bytes);
            }
        }
        Command::Delete { ticket, by } => {
            head(bytes, 2, *ticket);
            write_actor(*by, bytes);
        }
        Command::Act { ticket, by, message } => {
            head(bytes, 3, *ticket);
            write_actor(*by, bytes);
            blob(bytes, message);
        }
        Command::Publish { ticket, message } => {
            head(bytes, 4, *ticket);
            blob(bytes, message);
        }
        Command::Replace { ticket, images, at } => {
            head(bytes, 5, *ticket);
            blob(bytes, images);
            maybe_u64(bytes, at.map(|seq| seq.0));
        }
        Command::Restore { ticket, rows, to, at } => {
            head(bytes, 6, *ticket);
            u32(bytes, length(rows.len()));
            rows.iter().for_each(|row| write_row(row, bytes));
            let (without, time) = match to {
                Restore::AsOf(time) => (None, *time),
                Restore::Without { user, since } => (Some(*user), *since),
            };
            maybe_text(bytes, without);
            u64(bytes, time.as_millis());
            maybe_u64(bytes, at.map(|seq| seq.0));
        }
        Command::Import { ticket, document } => {
            head(bytes, 7, *ticket);
            blob(bytes, document);
        }
        Command::Share { ticket, by, id, share } => {
            head(bytes, 8, *ticket);
            text(bytes, by);
            write_share(*id, *share, bytes);
        }
        Command::Unshare { ticket, by, id } => {
            head(bytes, 9, *ticket);
            text(bytes, by);
            bytes.extend_from_slice(&id.0);
        }
    }
}

fn read_command(from: &mut Reader<'_>, hear: impl FnOnce(Command<'_>)) -> Option<()> {
    let (kind, ticket) = (from.u8()?, from.u64()?);
    match kind {
        0 => hear(Command::Drain { close: read_close(from)?, spread: Span::from_millis(ticket) }),
        1 => {
            let by = Creator { user: from.text()?, standing: read_standing(from)?, name: from.maybe_text()? };
            let (name, is_public) = (from.maybe_text()?, from.bool()?);
            let share = if from.bool()? { Some(read_share(from)?) } else { None };
            hear(Command::Create { ticket, by, name, is_public, share });
        }
        2 => hear(Command::Delete { ticket, by: read_actor(from)? }),
        3 => hear(Command::Act { ticket, by: read_actor(from)?, message: from.blob()? }),
        4 => hear(Command::Publish { ticket, message: from.blob()? }),
        5 => hear(Command::Replace { ticket, images: from.blob()?, at: from.maybe_u64()?.map(Seq) }),
        6 => {
            let rows = from.list(60, read_row)?;
            let (without, time) = (from.maybe_text()?, Time::from_millis(from.u64()?));
            let to = without.map_or(Restore::AsOf(time), |user| Restore::Without { user, since: time });
            hear(Command::Restore { ticket, rows: &rows, to, at: from.maybe_u64()?.map(Seq) });
        }
        7 => hear(Command::Import { ticket, document: from.blob()? }),
        8 => {
            let (by, (id, share)) = (from.text()?, read_share(from)?);
            hear(Command::Share { ticket, by, id, share });
        }
        9 => hear(Command::Unshare { ticket, by: from.text()?, id: ShareId(from.sixteen()?) }),
        _ => return None,
    }
    Some(())
}

fn write_actor(actor: Actor<'_>, bytes: &mut Vec<u8>) {
    maybe_text(
        bytes,
        match actor {
            Actor::Server => None,
            Actor::Person(user) => Some(user),
        },
    );
}

fn read_actor<'a>(from: &mut Reader<'a>) -> Option<Actor<'a>> {
    Some(from.maybe_text()?.map_or(Actor::Server, Actor::Person))
}

fn write_share(id: ShareId, share: Share, bytes: &mut Vec<u8>) {
    bytes.extend_from_slice(&id.0);
    text(bytes, share.role.as_str());
    maybe_u64(bytes, share.until.map(Time::as_millis));
}

fn read_share(from: &mut Reader<'_>) -> Option<(ShareId, Share)> {
    let id = ShareId(from.sixteen()?);
    let role = Role::from_name(from.text()?)?;
    Some((id, Share { role, until: from.maybe_u64()?.map(Time::from_millis) }))
}
