//! What somebody who need not be in a room may know and do. The room says it; here are only the words for it.

use kanvas_core::access::Action;
use kanvas_core::{Founds, Identity, Org, Share, ShareId, Standing};
use serde::Deserialize;
use serde_json::json;
use wasm_bindgen::prelude::*;

use crate::machine::time;
use crate::room::Room;

/// Somebody, as the host verified them.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asker {
    user: String,
    verified: bool,
    org: Option<Organisation>,
    address: Option<String>,
    lease: Option<f64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Organisation {
    id: String,
    role: Option<String>,
}

#[wasm_bindgen]
impl Room {
    /// The links that let people in, for an owner, as JSON: `{"shares":[{"id","role","expiresAt"}]}`, where `expiresAt`
    /// is `null` for one that does not end; or `{"refused":"forbidden"}`.
    pub fn shares(&self, user: &str) -> String {
        let link =
            |(id, Share { role, until }): (ShareId, Share)| json!({ "id": id, "role": role, "expiresAt": until });
        match self.room.shares(user) {
            Ok(shares) => json!({ "shares": shares.into_iter().map(link).collect::<Vec<_>>() }).to_string(),
            Err(code) => json!({ "refused": code.as_str() }).to_string(),
        }
    }

    /// Whether somebody may do that here: the code of the refusal, or `undefined` if they may.
    ///
    /// `by` is who, as the host verified them, as JSON: `{"user":"ada","verified":true,"org":{"id":"org_1",
    /// "role":"admin"},"address":"0123456789abcdef","lease":1790000000000}`. All but the first two may be left out or
    /// `null`, and the role too: `address` is 16 hexadecimal digits, a keyed hash of where a guest connects from;
    /// `lease` is when what the host vouches for ends. `share` is the link that they hold, as 32 hexadecimal digits.
    /// `action` is `attend`, `chat`, `edit`, `configure`, `delete`, `share`, `setRole`, `kick` or `ban`.
    ///
    /// Throws where one of them is not as it may be, and says which.
    pub fn allows(&self, now: f64, by: &str, share: Option<String>, action: &str) -> Result<Option<String>, JsError> {
        let asker: Asker = serde_json::from_str(by).map_err(|error| JsError::new(&format!("who asks: {error}")))?;
        let address = asker.address.as_deref().map(read_address).transpose()?;
        let share = share.as_deref().map(read_share).transpose()?;
        let action = Action::ALL.iter().copied().find(|known| name_of(*known) == action);
        let action = action.ok_or_else(|| JsError::new("there is no such action"))?;
        let org = asker.org.as_ref().map(|org| Org { id: &org.id, role: org.role.as_deref() });
        let standing = if asker.verified { Standing::Verified } else { Standing::Guest };
        let who = Identity {
            standing,
            org,
            address,
            lease: asker.lease.map(time),
            founds: Founds::No,
            ..Identity::guest(&asker.user)
        };
        Ok(self.room.allows(time(now), &who, share, action).err().map(|code| code.as_str().to_owned()))
    }
}

fn read_address(digits: &str) -> Result<u64, JsError> {
    let whole = digits.len() == 16 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    let address = u64::from_str_radix(digits, 16).ok().filter(|_| whole);
    address.ok_or_else(|| JsError::new("an address is 16 hexadecimal digits"))
}

fn read_share(digits: &str) -> Result<ShareId, JsError> {
    ShareId::from_hex(digits).ok_or_else(|| JsError::new("a share is 32 hexadecimal digits"))
}

fn name_of(action: Action) -> &'static str {
    match action {
        Action::Attend => "attend",
        Action::Chat => "chat",
        Action::Edit => "edit",
        Action::Configure => "configure",
        Action::Delete => "delete",
        Action::Share => "share",
        Action::SetRole => "setRole",
        Action::Kick => "kick",
        Action::Ban => "ban",
    }
}
