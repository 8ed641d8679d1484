//! The key of a development server: it signs the tokens that `kanvas token` prints, and the server takes those of no
//! other. Kept in the data directory, made when it is first asked for.

use std::fs;
use std::io;
use std::path::Path;

use kanvas_core::Span;
use kanvas_core::auth::{Checks, Mint, SigningKey, check};

use crate::clock::Clock;
use crate::start::{keep, make_directory, reason};

/// The `iss` of its tokens.
const DEV_ISSUER: &str = "https://kanvas.localhost";

const NAME: &str = "dev-key.pem";
const KID: &str = "kanvas-dev";

/// What its tokens must say.
pub(crate) fn checks() -> Checks {
    Checks { issuer: Some(DEV_ISSUER.into()), ..Checks::default() }
}

/// The key of this data directory, if it was ever asked for.
pub(crate) fn find(data: &Path) -> Result<Option<SigningKey>, String> {
    let path = data.join(NAME);
    match fs::read_to_string(&path) {
        Ok(pem) => SigningKey::from_pem(&pem, KID)
            .map(Some)
            .map_err(|_| format!("{} is damaged; remove it, and make new tokens", path.display())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(unusable(data, &error)),
    }
}

fn unusable(data: &Path, error: &io::Error) -> String {
    format!("{} cannot be used ({}); check its permissions", data.join(NAME).display(), reason(error))
}

fn make(data: &Path) -> Result<SigningKey, String> {
    let made = SigningKey::generate().and_then(|key| key.to_pem()).map_err(|error| error.to_string())?;
    let kept = make_directory(data).and_then(|()| keep(data, NAME, made.as_bytes()));
    kept.map_err(|error| unusable(data, &error))?;
    SigningKey::from_pem(&made, KID).map_err(|error| error.to_string())
}

/// A token for this person, good for so long from now on.
pub(crate) fn token(data: &Path, user: &str, name: Option<&str>, life: Span) -> Result<String, String> {
    let mint = Mint { issuer: DEV_ISSUER, user, name, life, ..Mint::default() };
    let key = find(data)?.map_or_else(|| make(data), Ok)?;
    let now = Clock::start().wall();
    let token = key.mint(&mint, now);
    match check(token.as_bytes(), &key.public_keys(), &Checks::default(), now) {
        Ok(_) => Ok(token),
        Err(refusal) => Err(format!("no server takes a token like this. {refusal}")),
    }
}
