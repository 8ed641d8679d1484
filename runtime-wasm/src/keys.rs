//! The key ring for JavaScript: rare calls, so all of it is JSON.

use kanvas_core::auth::{Checks, FetchId, KeyInput, KeyOp, Keys, Session, Ticket};
use serde::Deserialize;
use serde_json::{Value, json};
use wasm_bindgen::prelude::*;

use crate::machine::{millis, time};

/// The keys of a Clerk instance, and the tokens that wait for them.
///
/// Each call returns what is to be done as a JSON array: `{"fetch":1}` asks for the JWKS (then call `fetched` or
/// `failed`), `{"ticket":1,"session":{…}}` and `{"ticket":1,"refused":"…"}` answer a `check`.
#[wasm_bindgen]
#[derive(Debug)]
pub struct KeyRing {
    ring: kanvas_core::auth::KeyRing,
    out: Vec<KeyOp>,
}

/// What a token must say: see `kanvas_core::auth::Checks`.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Wanted {
    issuer: Option<String>,
    parties: Vec<String>,
    audience: Vec<String>,
}

#[wasm_bindgen]
impl KeyRing {
    /// A ring whose keys come over the network. `checks` is JSON such as
    /// `{"issuer":"https://clerk.example.com","parties":[],"audience":[]}`; `take()` tells of the first fetch.
    ///
    /// Throws where `checks` is no such JSON.
    #[wasm_bindgen(constructor)]
    pub fn new(checks: &str, now: f64) -> Result<KeyRing, JsError> {
        let mut out = Vec::new();
        let ring = kanvas_core::auth::KeyRing::fetched(read(checks)?, time(now), &mut out);
        Ok(KeyRing { ring, out })
    }

    /// A ring that never fetches: the public key of a PEM text.
    ///
    /// Throws where `pem` is no such key, or `checks` as above.
    pub fn pinned(pem: &str, checks: &str) -> Result<KeyRing, JsError> {
        let keys = Keys::from_pem(pem).map_err(|error| JsError::new(&error.to_string()))?;
        Ok(KeyRing { ring: kanvas_core::auth::KeyRing::pinned(keys, read(checks)?), out: Vec::new() })
    }

    /// Whose session is this? Answered at once or within 5 s, under the same `ticket`.
    pub fn check(&mut self, now: f64, ticket: u32, token: &str) -> String {
        self.handle(now, KeyInput::Check { ticket: Ticket(ticket.into()), token: token.as_bytes() })
    }

    /// What a fetch brought: the body of a 200.
    pub fn fetched(&mut self, now: f64, fetch: u32, jwks: &[u8]) -> String {
        self.handle(now, KeyInput::Fetched { fetch: FetchId(fetch.into()), jwks })
    }

    /// A fetch brought nothing.
    pub fn failed(&mut self, now: f64, fetch: u32) -> String {
        self.handle(now, KeyInput::FetchFailed { fetch: FetchId(fetch.into()) })
    }

    /// Time has passed.
    pub fn tick(&mut self, now: f64) -> String {
        self.handle(now, KeyInput::Tick)
    }

    /// What is to be done and was not told yet.
    pub fn take(&mut self) -> String {
        let told: Vec<Value> = self.out.drain(..).map(tell).collect();
        Value::Array(told).to_string()
    }

    /// When it wants a tick at the latest; `undefined` for a ring that never fetches.
    pub fn deadline(&self) -> Option<f64> {
        self.ring.deadline().map(millis)
    }

    /// Whether tokens can be told good from bad now.
    #[wasm_bindgen(getter, js_name = isReady)]
    pub fn is_ready(&self) -> bool {
        self.ring.is_ready()
    }

    fn handle(&mut self, now: f64, input: KeyInput<'_>) -> String {
        self.ring.handle(time(now), input, &mut self.out);
        self.take()
    }
}

fn read(checks: &str) -> Result<Checks, JsError> {
    let Wanted { issuer, parties, audience } =
        serde_json::from_str(checks).map_err(|error| JsError::new(&format!("the checks: {error}")))?;
    Ok(Checks { issuer, parties, audience })
}

fn tell(op: KeyOp) -> Value {
    match op {
        KeyOp::Fetch { fetch } => json!({ "fetch": fetch.0 }),
        KeyOp::Answer { ticket, result } => match result {
            Ok(session) => json!({ "ticket": ticket.0, "session": session_json(*session) }),
            Err(refusal) => json!({ "ticket": ticket.0, "refused": refusal.as_str() }),
        },
    }
}

fn session_json(session: Session) -> Value {
    let organisation =
        session.organisation.map(|organisation| json!({ "id": organisation.id, "role": organisation.role }));
    json!({
        "user": session.user,
        "name": session.name,
        "picture": session.picture,
        "party": session.party,
        "expires": session.expires.as_millis(),
        "organisation": organisation,
    })
}
