//! What a host would else have to say and know a second time: the words of refusals and closes, which ids and images
//! there are, and what a publishable key names.

use kanvas_core::{Close, Code, RoomId, sniff as kinds};
use serde_json::{Map, Value, json};
use wasm_bindgen::prelude::*;

#[cfg(feature = "clerk")]
use kanvas_core::auth::{Instance, Refusal};

/// All refusals and closes, as JSON: `{"codes":{code:message},"closes":{reason:{"code","message"}}}`. With the key ring
/// also `"tokens":{refusal:{"close","message"}}`, where `close` is the reason of the close that it leads to.
#[wasm_bindgen]
pub fn errors() -> String {
    let codes: Map<String, Value> =
        Code::ALL.iter().map(|code| (code.as_str().to_owned(), json!(code.message()))).collect();
    let close = |close: &Close| {
        let words = json!({ "code": close.code(), "message": close.message() });
        (close.reason().to_owned(), words)
    };
    let closes: Map<String, Value> = Close::ALL.iter().map(close).collect();
    let words = json!({ "codes": codes, "closes": closes });
    #[cfg(feature = "clerk")]
    let words = with_tokens(words);
    words.to_string()
}

/// Whether a text is a room id.
#[wasm_bindgen(js_name = roomId)]
pub fn room_id(text: &str) -> bool {
    RoomId::new(text).is_some()
}

/// The `Content-Type` of a file that begins so, if it is an image of a kind that is taken. 512 bytes are enough to tell.
#[wasm_bindgen]
pub fn sniff(head: &[u8]) -> Option<String> {
    kinds::sniff(head).map(|kind| kind.content_type().to_owned())
}

/// The Clerk instance that a publishable key names, as JSON: `{"issuer","jwks"}`, the `iss` of its tokens and the
/// address of its keys.
///
/// Throws where it is no publishable key, and says what is wrong with it.
#[cfg(feature = "clerk")]
#[wasm_bindgen]
pub fn issuer(publishable_key: &str) -> Result<String, JsError> {
    let instance = Instance::from_publishable_key(publishable_key).map_err(|bad| JsError::new(bad.message()))?;
    Ok(json!({ "issuer": instance.issuer, "jwks": instance.jwks_url }).to_string())
}

#[cfg(feature = "clerk")]
fn with_tokens(mut words: Value) -> Value {
    let token = |refusal: &Refusal| {
        let words = json!({ "close": refusal.close().reason(), "message": refusal.message() });
        (refusal.as_str().to_owned(), words)
    };
    words["tokens"] = Value::Object(Refusal::ALL.iter().map(token).collect());
    words
}
