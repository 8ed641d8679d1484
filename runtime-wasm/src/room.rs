//! A room for JavaScript, as the machine that it is. `reading` has what a host reads of it, `asking` what somebody who
//! need not be in it may know and do.

use js_sys::Uint8Array;
use kanvas_core::codec::{read_inputs, write_ops};
use kanvas_core::{Outbox, RoomId};
use wasm_bindgen::prelude::*;

use crate::machine::{Mail, config, millis, time};

/// One canvas and everyone on it.
///
/// Write inputs into `inbox(length)`, call `handle(length)`, carry out what `outbox()` says, and call `handle` again
/// with a tick when `deadline()` has come.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Room {
    pub(crate) room: kanvas_core::Room,
    pub(crate) out: Outbox,
    pub(crate) mail: Mail,
}

#[wasm_bindgen]
impl Room {
    /// A room that waits for what storage has of it: its first op is a `Load`, in the outbox already.
    ///
    /// `seed` is for choices that are no secrets; `now` is `Date.now()`; `changes` is JSON of what differs from the
    /// default configuration, such as `{"limits":{"images":100}}`.
    ///
    /// Throws where `id` is no room id, or `changes` is no such configuration.
    #[wasm_bindgen(constructor)]
    pub fn new(id: &str, seed: u64, now: f64, changes: Option<String>) -> Result<Room, JsError> {
        let id = RoomId::new(id).ok_or_else(|| JsError::new("this is no room id"))?;
        let config = config(changes.as_deref())?;
        let mut out = Outbox::new();
        let room = kanvas_core::Room::new(id, &config, seed, time(now), &mut out);
        let mut room = Room { room, out, mail: Mail::default() };
        room.say();
        Ok(room)
    }

    /// Goes on from what `save` gave, here or on any other machine.
    ///
    /// Throws where the bytes are no saved room of this version.
    pub fn restore(bytes: &[u8], now: f64) -> Result<Room, JsError> {
        let room = kanvas_core::Room::restore(bytes, time(now)).map_err(|error| JsError::new(&error.to_string()))?;
        Ok(Room { room, out: Outbox::new(), mail: Mail::default() })
    }

    /// The complete room, for `restore`.
    pub fn save(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.room.save(&mut bytes);
        bytes
    }

    /// Where to write the next `length` bytes of inputs. The view is good until the next call of this module.
    pub fn inbox(&mut self, length: usize) -> Uint8Array {
        self.mail.inbox(length)
    }

    /// Takes the inputs in the first `length` bytes of the inbox, in order; then the outbox holds what all of them led
    /// to.
    ///
    /// Throws where the bytes are no inputs; those before the one that cannot be read have been taken.
    pub fn handle(&mut self, length: usize) -> Result<(), JsError> {
        let Room { room, out, mail } = self;
        let read = read_inputs(mail.read(length)?, |now, input| room.handle(now, input, out));
        self.say();
        read.map_err(|error| JsError::new(&error.to_string()))
    }

    /// What the room said last. The view is good until the next call of this module.
    pub fn outbox(&self) -> Uint8Array {
        self.mail.outbox()
    }

    /// When it wants a tick at the latest, in milliseconds as `Date.now()` has them; `undefined` if it waits for
    /// nothing.
    pub fn deadline(&self) -> Option<f64> {
        self.room.deadline().map(millis)
    }

    pub(crate) fn say(&mut self) {
        self.mail.said.clear();
        write_ops(&self.out, &mut self.mail.said);
        self.out.clear();
    }
}
