//! The bodies of plain requests, read as the native server reads them: a key that stands twice, a value of another kind
//! and whatever follows are refused.

use kanvas_core::access::Role;
use serde::{Deserialize, Serialize};
use wasm_bindgen::prelude::*;

use crate::machine::text;

/// What a room is to be.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Room {
    id: Option<String>,
    name: Option<String>,
    is_public: Option<bool>,
}

/// What a link is to be.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Link {
    role: Role,
    expires_at: Option<u64>,
}

/// A wish for a room as JSON with `id`, `name` and `isPublic`, each perhaps `null`; `undefined` if the body is none.
#[wasm_bindgen(js_name = readRoom)]
pub fn read_room(body: &[u8]) -> Option<String> {
    serde_json::from_slice::<Room>(body).ok().as_ref().map(text)
}

/// A wish for a link as JSON with `role` and `expiresAt`; `undefined` if the body is none.
#[wasm_bindgen(js_name = readLink)]
pub fn read_link(body: &[u8]) -> Option<String> {
    serde_json::from_slice::<Link>(body).ok().as_ref().map(text)
}
