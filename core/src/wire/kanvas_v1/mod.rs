//! Dialect `kanvas.v1`: JSON envelopes `{type, data, id?, timestamp?}` in, `{type, data, clientId, seq?, timestamp?}`
//! out.

mod quick;
mod read;
mod sync;
mod write;

pub(super) use read::decode;
pub(super) use sync::{delta_sync, full_sync, sync_tail};
pub(super) use write::{encode, encode_batch, encode_entry};
