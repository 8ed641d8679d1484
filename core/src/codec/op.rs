//! Ops as bytes.

use alloc::vec::Vec;

use super::NONE;
use super::words::{blob, conn, length, record, text, u32, u64};
use crate::input::{ChunkRow, LogRow};
use crate::outbox::{Frame, Lane, Op, Outbox, To, Write};

/// Appends all that a room said, in order.
pub fn write_ops(out: &Outbox, bytes: &mut Vec<u8>) {
    for op in out.ops() {
        write_op(&op, bytes);
    }
}

/// Appends one op.
pub fn write_op(op: &Op<'_>, bytes: &mut Vec<u8>) {
    record(bytes, |bytes| match op {
        Op::Group { conn: of, group } => {
            bytes.push(1);
            conn(bytes, *of);
            u32(bytes, group.map_or(NONE, |group| group.0));
        }
        Op::Send { to, kind, frame } => {
            bytes.push(2);
            write_send(*to, kind.lane(), frame, bytes);
        }
        Op::Close { conn: of, close } => {
            bytes.push(3);
            conn(bytes, *of);
            u32(bytes, u32::from(close.code()));
            text(bytes, close.reason());
        }
        Op::Attach { conn: of, bytes: attachment } => {
            bytes.push(4);
            conn(bytes, *of);
            blob(bytes, attachment);
        }
        Op::Load { effect } => {
            bytes.push(5);
            u64(bytes, effect.0);
        }
        Op::Store { effect, upto, owner, writes } => {
            bytes.push(6);
            [effect.0, upto.0, *owner].into_iter().for_each(|number| u64(bytes, number));
            u32(bytes, length(writes.len()));
            writes.iter().for_each(|write| write_write(&write, bytes));
        }
        Op::Verify { effect, conn: of, token } => {
            bytes.push(7);
            u64(bytes, effect.0);
            conn(bytes, *of);
            blob(bytes, token);
        }
        Op::Founded { conn: of } => {
            bytes.push(8);
            conn(bytes, *of);
        }
        Op::Reply { ticket, result } => {
            bytes.push(9);
            u64(bytes, *ticket);
            u64(bytes, result.map_or(0, |seq| seq.0));
            text(bytes, result.err().map_or("", |code| code.as_str()));
        }
        Op::Announce { listing } => {
            bytes.push(10);
            json(bytes, listing);
        }
        Op::Forget => bytes.push(11),
        Op::Notice { notice } => {
            bytes.push(12);
            json(bytes, notice);
        }
        Op::Sleep => bytes.push(13),
    });
}

/// To whom: 0 and a socket, or 1, a group and a socket that is left out (slot [`NONE`] if none is). Then the lane (0
/// `Ordered`, 1 `Latest`), then the payload in one piece.
fn write_send(to: To, lane: Lane, frame: &Frame<'_>, bytes: &mut Vec<u8>) {
    match to {
        To::One(of) => {
            bytes.push(0);
            conn(bytes, of);
        }
        To::Group { group, except } => {
            bytes.push(1);
            u32(bytes, group.0);
            match except {
                Some(except) => conn(bytes, except),
                None => [NONE, 0].into_iter().for_each(|number| u32(bytes, number)),
            }
        }
    }
    bytes.push(match lane {
        Lane::Ordered => 0,
        Lane::Latest => 1,
    });
    u32(bytes, length(frame.len()));
    match frame {
        Frame::Inline(payload) => bytes.extend_from_slice(payload),
        Frame::Part(shared, own) => [shared, *own].into_iter().for_each(|part| bytes.extend_from_slice(part)),
    }
}

fn write_write(write: &Write<'_>, bytes: &mut Vec<u8>) {
    match write {
        Write::Record(json) => {
            bytes.push(0);
            blob(bytes, json);
        }
        Write::Log(row) => {
            bytes.push(1);
            write_row(row, bytes);
        }
        Write::Chunk(chunk) => {
            bytes.push(2);
            write_chunk(chunk, bytes);
        }
        Write::DropChunk { part, no } => {
            bytes.push(3);
            text(bytes, part.as_str());
            u32(bytes, *no);
        }
        Write::Clear => bytes.push(4),
        Write::Trim { below, before } => {
            bytes.push(5);
            u64(bytes, below.0);
            u64(bytes, before.as_millis());
        }
    }
}

pub(super) fn write_row(row: &LogRow<'_>, bytes: &mut Vec<u8>) {
    [row.seq.0, row.at.as_millis(), row.epoch].into_iter().for_each(|number| u64(bytes, number));
    text(bytes, row.user);
    u64(bytes, row.client);
    [row.origin, row.op_id].into_iter().for_each(|part| text(bytes, part));
    u64(bytes, row.op_hash);
    [row.kind, row.body, row.was].into_iter().for_each(|part| text(bytes, part));
}

pub(super) fn write_chunk(chunk: &ChunkRow<'_>, bytes: &mut Vec<u8>) {
    text(bytes, chunk.part.as_str());
    u32(bytes, chunk.no);
    blob(bytes, chunk.bytes);
}

fn json(bytes: &mut Vec<u8>, value: &impl serde::Serialize) {
    blob(bytes, &serde_json::to_vec(value).unwrap_or_default());
}

/// FNV-1a of some bytes, going on from `hash`: what two rooms said is compared by it.
pub fn fingerprint(hash: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(hash, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}
