//! Rooms that go to another host, and rooms that come from one, for JavaScript: what travels is
//! `kanvas_core::handover`'s, and so is what of it can be trusted.

use kanvas_core::codec::{read_inputs, write_input};
use kanvas_core::handover::{self, Unfit};
use kanvas_core::{Done, EffectId, Input, Outbox, Time};
use wasm_bindgen::prelude::*;

use crate::machine::{Mail, config, time};
use crate::room::Room;

#[wasm_bindgen]
impl Room {
    /// Whether the room rests: storage has everything that it knows, and nothing that it has to say waits.
    #[wasm_bindgen(getter, js_name = isQuiet)]
    pub fn is_quiet(&self) -> bool {
        self.room.is_quiet()
    }

    /// The room as a file for another host. `rows` is one input `Done` with `Loaded` of all that storage has of it.
    ///
    /// Throws where the room is not at rest or has sockets, and where `rows` is no such input.
    #[wasm_bindgen(js_name = handOver)]
    pub fn hand_over(&self, rows: &[u8]) -> Result<Vec<u8>, JsError> {
        if !self.room.may_move() {
            return Err(JsError::new("the room is not at rest, or has sockets"));
        }
        let mut file = Vec::new();
        let read = read_inputs(rows, |_, input| {
            if let Input::Done { result: Done::Loaded(loaded), .. } = input {
                handover::write(&self.room, &loaded, &mut file);
            }
        });
        match read {
            Ok(()) if !file.is_empty() => Ok(file),
            Ok(()) => Err(JsError::new("these are no rows of a room")),
            Err(error) => Err(JsError::new(&error.to_string())),
        }
    }
}

/// A room that came as a file.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Arrival {
    room: kanvas_core::Room,
    rows: Vec<u8>,
}

#[wasm_bindgen]
impl Arrival {
    /// Reads the file of this room, which goes on at `now` under a host whose configuration differs by `changes`.
    ///
    /// Throws a sentence where it is none, or another room's.
    #[wasm_bindgen(constructor)]
    pub fn new(file: &[u8], id: &str, now: f64, changes: Option<String>) -> Result<Arrival, JsError> {
        let sentence = |why: Unfit| JsError::new(&why.to_string());
        let config = config(changes.as_deref())?;
        let read = handover::read(file).map_err(sentence)?;
        if read.room().as_str() != id {
            return Err(JsError::new("this is another room than the address names"));
        }
        let room = read.restore(&config, time(now)).map_err(sentence)?;
        let mut rows = Vec::new();
        let loaded = Input::Done { effect: EffectId(1), result: Done::Loaded(read.loaded()) };
        write_input(Time::default(), &loaded, &mut rows);
        Ok(Arrival { room, rows })
    }

    /// What storage is to have of it before it goes on: one input `Done` with `Loaded`.
    pub fn rows(&self) -> Vec<u8> {
        self.rows.clone()
    }

    /// The room. The file is used up.
    pub fn room(self) -> Room {
        Room { room: self.room, out: Outbox::new(), mail: Mail::default() }
    }
}
