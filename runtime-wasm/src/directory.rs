//! The list of public rooms for JavaScript.

use js_sys::Uint8Array;
use kanvas_core::codec::write_ops;
use kanvas_core::directory::{Input, Query};
use kanvas_core::{Close, Conn, Listing, Outbox, Pressure, RoomId, Span};
use wasm_bindgen::prelude::*;

use crate::machine::{Mail, config, millis, time};

/// The list of public rooms, and those who watch it.
///
/// Each call but `page` leaves in the outbox what is to be done: frames to send and sockets to close.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Directory {
    list: kanvas_core::Directory,
    out: Outbox,
    mail: Mail,
}

#[wasm_bindgen]
impl Directory {
    /// An empty list. `seed` is for choices that are no secrets; `changes` as for a room.
    ///
    /// Throws where `changes` is no such configuration.
    #[wasm_bindgen(constructor)]
    pub fn new(seed: u64, changes: Option<String>) -> Result<Directory, JsError> {
        let list = kanvas_core::Directory::new(&config(changes.as_deref())?, seed);
        Ok(Directory { list, out: Outbox::new(), mail: Mail::default() })
    }

    /// Goes on from what `save` gave.
    ///
    /// Throws where the bytes are no saved list of this version.
    pub fn restore(bytes: &[u8]) -> Result<Directory, JsError> {
        let list = kanvas_core::Directory::restore(bytes).map_err(|error| JsError::new(&error.to_string()))?;
        Ok(Directory { list, out: Outbox::new(), mail: Mail::default() })
    }

    /// The complete list, for `restore`.
    pub fn save(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.list.save(&mut bytes);
        bytes
    }

    /// A room as it is now: the JSON of an `Announce`.
    ///
    /// Throws where it is none.
    pub fn announced(&mut self, now: f64, listing: &str) -> Result<(), JsError> {
        let listing: Listing = serde_json::from_str(listing).map_err(|error| JsError::new(&error.to_string()))?;
        self.handle(now, Input::Announced(&listing));
        Ok(())
    }

    /// A room as it was announced last, at `heard`, to a list whose memory was lost. All of them come before the first
    /// `resume`, and a `tick` after the last.
    ///
    /// Throws where it is none.
    pub fn restored(&mut self, now: f64, listing: &str, heard: f64) -> Result<(), JsError> {
        let listing: Listing = serde_json::from_str(listing).map_err(|error| JsError::new(&error.to_string()))?;
        self.handle(now, Input::Restored { room: &listing, heard: time(heard) });
        Ok(())
    }

    /// Whether a room is on the list: what was announced of one that is not need not be kept for `restored`.
    ///
    /// Throws where `id` is no room id.
    pub fn lists(&self, id: &str) -> Result<bool, JsError> {
        let id = RoomId::new(id).ok_or_else(|| JsError::new("this is no room id"))?;
        Ok(self.list.lists(&id))
    }

    /// A room was deleted.
    ///
    /// Throws where `id` is no room id.
    pub fn forgotten(&mut self, now: f64, id: &str) -> Result<(), JsError> {
        let id = RoomId::new(id).ok_or_else(|| JsError::new("this is no room id"))?;
        self.handle(now, Input::Forgotten(&id));
        Ok(())
    }

    /// Somebody watches.
    pub fn connect(&mut self, now: f64, slot: u32, generation: u32, user: &str) {
        self.handle(now, Input::Connect { conn: Conn { slot, generation }, user });
    }

    /// A watcher whose socket outlived the list's memory, who was told of all that there is.
    pub fn resume(&mut self, now: f64, slot: u32, generation: u32, user: &str) {
        self.handle(now, Input::Resume { conn: Conn { slot, generation }, user });
    }

    /// One whole text message of a watcher.
    pub fn message(&mut self, now: f64, slot: u32, generation: u32, bytes: &[u8]) {
        self.handle(now, Input::Message { conn: Conn { slot, generation }, bytes });
    }

    /// A watcher's send queue is over its mark (`high`), or empty again.
    pub fn pressure(&mut self, now: f64, slot: u32, generation: u32, high: bool) {
        let level = if high { Pressure::High } else { Pressure::Clear };
        self.handle(now, Input::Pressure { conn: Conn { slot, generation }, level });
    }

    /// A watcher is gone.
    pub fn disconnect(&mut self, now: f64, slot: u32, generation: u32) {
        self.handle(now, Input::Disconnect { conn: Conn { slot, generation } });
    }

    /// Closes every watcher's socket because the server restarts, each with a wait of up to `spread` milliseconds.
    pub fn drain(&mut self, now: f64, spread: u32) {
        self.handle(now, Input::Drain { close: Close::Restart, spread: Span::from_millis(spread.into()) });
    }

    /// Time has passed.
    pub fn tick(&mut self, now: f64) {
        self.handle(now, Input::Tick);
    }

    /// When it wants a tick at the latest; `undefined` if it waits for nothing.
    pub fn deadline(&self) -> Option<f64> {
        self.list.deadline().map(millis)
    }

    /// What is to be done since the last call. The view is good until the next call of this module.
    pub fn outbox(&self) -> Uint8Array {
        self.mail.outbox()
    }

    /// A page of the list as JSON: `{"rooms":[…],"cursor":…,"total":…}`. All four are as in the query of an address.
    ///
    /// Throws where one of them is not as it may be: the error's `name` is that of the refusal, such as `bad_sort`.
    pub fn page(
        &self,
        q: Option<String>,
        sort: Option<String>,
        limit: Option<String>,
        cursor: Option<String>,
    ) -> Result<Vec<u8>, js_sys::Error> {
        let query = Query::read(q.as_deref(), sort.as_deref(), limit.as_deref(), cursor.as_deref());
        let query = query.map_err(|bad| {
            let error = js_sys::Error::new(bad.message());
            error.set_name(bad.code());
            error
        })?;
        Ok(self.list.page(&query).to_json())
    }

    fn handle(&mut self, now: f64, input: Input<'_>) {
        self.list.handle(time(now), input, &mut self.out);
        self.mail.said.clear();
        write_ops(&self.out, &mut self.mail.said);
        self.out.clear();
    }
}
