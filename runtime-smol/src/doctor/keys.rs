//! What tokens are checked with: whether keys can be had, how many and which, and what else a token must say; and the key
//! that makes guests who they are.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::SystemTime;

use kanvas_core::auth::{BadKeys, Checks, Jwks, Keys, Skipped};

use super::clock::Apart;
use super::{Finding, Verdict, is_absent};
use crate::auth::AuthMode;
use crate::config::Serve;
use crate::devkey;
use crate::signin::{Brought, Source, fetch_keys};
use crate::start::reason;

/// The keys as the server would have them.
pub(super) enum Ring {
    /// Those of a development server, once there are any.
    Own(Result<Option<Keys>, String>),
    Given(Keys),
    Fetched {
        url: String,
        answer: Result<Answer, String>,
    },
    /// The settings name none, which is told with them.
    Missing,
}

/// What the keys' address answered.
pub(super) struct Answer {
    keys: Result<Jwks, BadKeys>,
    /// How far the clocks are apart, if it said what time it is.
    pub(super) apart: Option<Apart>,
}

impl Ring {
    pub(super) fn keys(&self) -> Option<&Keys> {
        match self {
            Ring::Own(Ok(Some(keys))) | Ring::Given(keys) => Some(keys),
            Ring::Fetched { answer: Ok(Answer { keys: Ok(jwks), .. }), .. } => Some(&jwks.keys),
            Ring::Own(_) | Ring::Fetched { .. } | Ring::Missing => None,
        }
    }
}

/// What a token must say.
pub(super) fn checks(serve: &Serve) -> Checks {
    serve.token_checks().map_or_else(devkey::checks, |(_, checks)| checks)
}

/// Gets the keys, over the network if they come from there.
pub(super) fn fetch(serve: &Serve) -> Ring {
    match serve.token_checks() {
        Some((Source::Pinned(keys), _)) => Ring::Given(keys),
        Some((Source::Fetched(url), _)) => {
            let before = SystemTime::now();
            let answer = fetch_keys(&url).map(|Brought { jwks, headers }| Answer {
                keys: Keys::from_jwks(&jwks),
                apart: Apart::read(&headers, before, SystemTime::now()),
            });
            Ring::Fetched { url, answer }
        }
        // A source of this kind is the server's own, in development mode alone.
        Some((Source::Dev(_), _)) | None => match serve.mode() {
            AuthMode::Dev => Ring::Own(devkey::find(&serve.data).map(|key| key.map(|key| key.public_keys()))),
            AuthMode::Optional | AuthMode::Required => Ring::Missing,
        },
    }
}

pub(super) fn look(serve: &Serve, ring: &Ring) -> Vec<Finding> {
    let about = "keys";
    let mut findings = match ring {
        Ring::Own(Ok(Some(_))) => {
            vec![Finding::ok(about, "tokens are those that `kanvas token` makes, by a key of this server")]
        }
        Ring::Own(Ok(None)) => vec![Finding::ok(about, "there is no key for tokens yet; `kanvas token` makes it")],
        Ring::Own(Err(problem)) => vec![Finding::told(Verdict::Problem, about, problem)],
        Ring::Given(_) => {
            vec![Finding::ok(about, "the public key of CLERK_JWT_KEY can be used (RS256); no network is needed")]
        }
        Ring::Fetched { url, answer } => fetched(url, answer),
        Ring::Missing => Vec::new(),
    };
    if let Some((_, checks)) = serve.token_checks() {
        findings.extend(demands(&checks));
    }
    findings.push(guest_key(serve));
    findings
}

fn fetched(url: &str, answer: &Result<Answer, String>) -> Vec<Finding> {
    let about = "keys";
    let check = "compare CLERK_PUBLISHABLE_KEY and CLERK_JWKS_URL with Clerk's page on API keys";
    match answer {
        Err(why) => {
            let says = format!("the keys that tokens are checked with cannot be fetched from {url}: {why}");
            let todo = "let this machine reach that address, or give CLERK_JWT_KEY, which needs no network";
            vec![Finding::problem(about, says, todo)]
        }
        Ok(Answer { keys: Err(why), .. }) => {
            let why = why.message().trim_end_matches('.');
            vec![Finding::problem(about, format!("what {url} answers are no keys ({why})"), check)]
        }
        Ok(Answer { keys: Ok(jwks), .. }) => {
            let count = jwks.keys.count();
            let keys = if count == 1 { "1 key".to_owned() } else { format!("{count} keys") };
            let mut findings = vec![Finding::ok(about, format!("{url} has {keys} that can be used (RS256)"))];
            findings.extend(jwks.skipped.iter().map(|Skipped { kid, why }| {
                let name = kid.as_ref().map_or("without a name".to_owned(), |kid| format!("{kid:?}"));
                let why = why.message().trim_end_matches('.');
                let todo = "look whether tokens are signed with it: they would be refused";
                Finding::warning(about, format!("the key {name} of {url} is passed over ({why})"), todo)
            }));
            findings
        }
    }
}

/// What a token must say beside its signature.
fn demands(checks: &Checks) -> Vec<Finding> {
    let about = "tokens";
    let Checks { issuer, parties, audience } = checks;
    let mut findings = vec![match issuer {
        Some(issuer) => Finding::ok(about, format!("they must be of {issuer}")),
        None => Finding::ok(about, "whoever has the private key of CLERK_JWT_KEY may make them"),
    }];
    if parties.is_empty() {
        let says = "they may have been made for any application of your Clerk instance";
        let todo = "name the origins of your own in CLERK_AUTHORIZED_PARTIES";
        findings.push(Finding::warning(about, says, todo));
    } else {
        findings.push(Finding::ok(about, format!("they must be made for {}", parties.join(" or "))));
    }
    if !audience.is_empty() {
        findings.push(Finding::ok(about, format!("their audience must be {}", audience.join(" or "))));
    }
    findings
}

/// The file is 32 bytes of chance, made at the first start.
fn guest_key(serve: &Serve) -> Finding {
    let about = "guests";
    let path = serve.data.join("guest.key");
    let shown = path.display();
    match fs::metadata(&path).and_then(|found| Ok((found, fs::read(&path)?))) {
        Err(error) if is_absent(&error) => Finding::ok(about, "their key is made at the first start"),
        Err(error) => {
            let says = format!("{shown} cannot be read ({})", reason(&error));
            Finding::problem(about, says, "check its owner and permissions, and run this as the account of the server")
        }
        Ok((_, bytes)) if bytes.len() < 32 => {
            Finding::problem(about, format!("{shown} is damaged"), "remove it, and guests become new people")
        }
        Ok((found, _)) if found.permissions().mode() & 0o077 != 0 => {
            let says = format!("others on this machine may read {shown}, and with it be any guest");
            Finding::warning(about, says, format!("keep it to its owner: `chmod 600 {shown}`"))
        }
        Ok(_) => Finding::ok(about, "their key is there"),
    }
}
