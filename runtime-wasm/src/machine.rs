//! What all machines have: an inbox and an outbox in linear memory, times and texts as JavaScript has them, and a
//! configuration of which a host tells only what differs.

use js_sys::Uint8Array;
use kanvas_core::{Config, Time};
use serde::Serialize;
use serde_json::{Value, json};
use wasm_bindgen::JsError;

/// The bytes of inputs that a host writes, and those of what the machine said.
#[derive(Debug, Default)]
pub(crate) struct Mail {
    inbox: Vec<u8>,
    pub(crate) said: Vec<u8>,
}

impl Mail {
    /// A view to write `length` bytes of inputs into.
    #[expect(unsafe_code, reason = "a view of linear memory is only as good as its user: see SAFETY")]
    pub(crate) fn inbox(&mut self, length: usize) -> Uint8Array {
        if self.inbox.len() < length {
            self.inbox.resize(length, 0);
        }
        // SAFETY: the view is of this machine's own memory, and `inbox.length` bytes of it. JavaScript drops it before
        // it calls anything else of this module, as the documentation of each `inbox` asks; a view that is kept
        // beyond a growth of the memory has no bytes any more, and never another's.
        unsafe { Uint8Array::view(self.inbox.get(..length).unwrap_or_default()) }
    }

    /// What was written into the inbox.
    pub(crate) fn read(&self, length: usize) -> Result<&[u8], JsError> {
        self.inbox.get(..length).ok_or_else(|| JsError::new("more bytes are to be handled than the inbox was made for"))
    }

    /// A view of what was said last.
    #[expect(unsafe_code, reason = "as above")]
    pub(crate) fn outbox(&self) -> Uint8Array {
        // SAFETY: as above; nothing writes there until the machine is called again.
        unsafe { Uint8Array::view(&self.said) }
    }
}

/// Milliseconds since the Unix epoch, as `Date.now()` gives them. What is no such number is 0, which moves no clock.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "as saturates, and NaN becomes 0")]
pub(crate) fn time(millis: f64) -> Time {
    Time::from_millis(millis as u64)
}

/// A time as JavaScript has it.
pub(crate) fn millis(time: Time) -> f64 {
    time.as_millis() as f64
}

/// This as JSON.
pub(crate) fn text(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_else(|error| json!({ "error": error.to_string() }).to_string())
}

/// The default configuration with what `changes`, a JSON object such as `{"limits":{"images":100}}`, says instead.
pub(crate) fn config(changes: Option<&str>) -> Result<Config, JsError> {
    let Some(changes) = changes else { return Ok(Config::default()) };
    let changes =
        serde_json::from_str(changes).map_err(|error| JsError::new(&format!("the configuration: {error}")))?;
    let mut whole = serde_json::to_value(Config::default()).map_err(|error| JsError::new(&error.to_string()))?;
    change(&mut whole, changes, "").map_err(|why| JsError::new(&why))?;
    serde_json::from_value(whole).map_err(|error| JsError::new(&format!("the configuration: {error}")))
}

fn change(whole: &mut Value, changes: Value, path: &str) -> Result<(), String> {
    match (whole, changes) {
        (Value::Object(whole), Value::Object(changes)) => changes.into_iter().try_for_each(|(name, value)| {
            let path = format!("{path}{name}");
            match whole.get_mut(&name) {
                Some(place) => change(place, value, &format!("{path}.")),
                None => Err(format!("the configuration has no {path}")),
            }
        }),
        (place, value) => {
            *place = value;
            Ok(())
        }
    }
}
