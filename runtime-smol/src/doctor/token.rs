//! One token, explained: whether it would be taken now, and if not why, as far as it says so itself. The token is never
//! shown.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kanvas_core::auth::{Checks, Keys, Refusal, check};
use kanvas_core::{Span, Time};
use serde_json::Value;

use super::Finding;
use super::keys::{Ring, checks};
use crate::auth::AuthMode;
use crate::clock::Clock;
use crate::config::Serve;

const ABOUT: &str = "token";

pub(super) fn look(serve: &Serve, ring: &Ring, token: &str) -> Finding {
    let token = token.trim();
    let token = token.strip_prefix("Bearer ").unwrap_or(token);
    explain(token, ring.keys(), &checks(serve), serve.mode(), Clock::start().wall())
}

fn explain(token: &str, keys: Option<&Keys>, checks: &Checks, mode: AuthMode, now: Time) -> Finding {
    let none = Keys::default();
    match check(token.as_bytes(), keys.unwrap_or(&none), checks, now) {
        Ok(session) => {
            let left = session.expires.since(now).as_millis() / 1000;
            Finding::ok(ABOUT, format!("it is taken: it is of {:?} and holds for {left} s more", session.user))
        }
        Err(Refusal::UnknownKey) if keys.is_none() && mode != AuthMode::Dev => Finding::warning(
            ABOUT,
            "all but its signature holds, and that cannot be looked at without the keys",
            "see what is said of the keys",
        ),
        Err(refusal) => refused(refusal, &Said::read(token), checks, mode, now),
    }
}

fn refused(refusal: Refusal, said: &Said, checks: &Checks, mode: AuthMode, now: Time) -> Finding {
    let message = refusal.message().trim_end_matches('.');
    let (what, usual) = message.split_once("; ").unwrap_or((message, ""));
    let detail = detail(refusal, said, checks, now).map(|detail| format!(" ({detail})")).unwrap_or_default();
    let todo = match (mode, refusal) {
        (AuthMode::Dev, Refusal::WrongIssuer | Refusal::UnknownKey | Refusal::BadSignature | Refusal::Expired) => {
            "make one for this server with `kanvas token`, on the same --data"
        }
        (_, Refusal::BadAlg | Refusal::BadType | Refusal::BadHeader | Refusal::BadSubject) => {
            "send a session token of Clerk as it is"
        }
        (_, Refusal::WrongAudience) => "make it for a name of CLERK_AUDIENCE, or leave that out",
        (_, Refusal::UnknownKey | Refusal::BadSignature) => {
            "compare the app's publishable key with that of this server, and ask for the token anew"
        }
        (
            _,
            Refusal::Missing
            | Refusal::TooLong
            | Refusal::Malformed
            | Refusal::WrongIssuer
            | Refusal::WrongParty
            | Refusal::Expired
            | Refusal::NotYetValid
            | Refusal::LifeTooLong
            | Refusal::Pending
            | Refusal::Unavailable,
        ) => usual,
    };
    Finding::problem(ABOUT, format!("it is refused: {}{detail}", lower(what)), todo)
}

/// What of the token itself shows why.
fn detail(refusal: Refusal, said: &Said, checks: &Checks, now: Time) -> Option<String> {
    let claim = |name: &str| text(&said.claims, name);
    match refusal {
        Refusal::BadAlg => Some(format!("it is signed with {}", text(&said.header, "alg"))),
        Refusal::WrongIssuer => {
            let wanted = checks.issuer.as_deref().unwrap_or("an https address");
            Some(format!("it is of {}, and must be of {wanted}", claim("iss")))
        }
        Refusal::WrongParty => {
            Some(format!("it is for {}, and must be for {}", claim("azp"), checks.parties.join(" or ")))
        }
        Refusal::WrongAudience => {
            Some(format!("it is for {}, and must be for {}", claim("aud"), checks.audience.join(" or ")))
        }
        Refusal::UnknownKey => Some(format!("the key's name is {}", text(&said.header, "kid"))),
        Refusal::Expired => {
            let since = now.since(said.time("exp")?);
            Some(format!("its time was over {} ago", span(since)))
        }
        Refusal::NotYetValid => {
            let from = said.time("nbf").max(said.time("iat"))?;
            Some(format!("it begins in {}", span(from.since(now))))
        }
        Refusal::LifeTooLong => Some(format!("it holds for {}", span(said.time("exp")?.since(said.time("iat")?)))),
        Refusal::Missing
        | Refusal::TooLong
        | Refusal::Malformed
        | Refusal::BadType
        | Refusal::BadHeader
        | Refusal::BadSubject
        | Refusal::Pending
        | Refusal::Unavailable
        | Refusal::BadSignature => None,
    }
}

/// What a token says of itself, believed by nobody.
#[derive(Default)]
struct Said {
    header: Value,
    claims: Value,
}

impl Said {
    fn read(token: &str) -> Said {
        let mut parts = token.split('.').map(|part| {
            let bytes = URL_SAFE_NO_PAD.decode(part).unwrap_or_default();
            serde_json::from_slice(&bytes).unwrap_or_default()
        });
        Said { header: parts.next().unwrap_or_default(), claims: parts.next().unwrap_or_default() }
    }

    fn time(&self, name: &str) -> Option<Time> {
        Some(Time::from_millis(self.claims.get(name)?.as_u64()?.saturating_mul(1000)))
    }
}

/// A member as a person may read it: quoted, so that nothing in it can do anything to a terminal.
fn text(object: &Value, name: &str) -> String {
    match object.get(name) {
        Some(Value::String(text)) => format!("{:?}", text.chars().take(200).collect::<String>()),
        Some(Value::Array(list)) => {
            let names: Vec<_> = list.iter().filter_map(Value::as_str).map(|name| format!("{name:?}")).collect();
            names.join(", ")
        }
        Some(_) | None => "nothing".to_owned(),
    }
}

fn span(span: Span) -> String {
    let seconds = span.as_millis() / 1000;
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        7200..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}

fn lower(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_lowercase().chain(letters).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use kanvas_core::auth::{Mint, SigningKey};

    use super::*;

    const NOW: Time = Time::from_millis(1_800_000_000_000);

    fn key() -> SigningKey {
        SigningKey::from_pem(include_str!("../../../core/tests/keys/test-only-a.pem"), "key-a").unwrap()
    }

    fn wanted() -> Checks {
        let parties = vec!["https://app.example.com".to_owned()];
        Checks { issuer: Some("https://clerk.example.com".into()), parties, audience: vec!["kanvas".into()] }
    }

    fn said(mint: &Mint<'_>, checks: &Checks, at: Time) -> (String, String) {
        let token = key().mint(mint, at);
        let finding = explain(&token, Some(&key().public_keys()), checks, AuthMode::Required, NOW);
        assert!(!finding.says.contains(&token));
        (finding.says, finding.todo.unwrap_or_default())
    }

    #[test]
    fn doctor6_a_refused_token_is_told_by_what_is_in_it() {
        let mint = Mint {
            issuer: "https://clerk.example.com",
            user: "user_ann",
            party: Some("https://app.example.com"),
            ..Mint::default()
        };
        let parties = Checks { audience: Vec::new(), ..wanted() };
        assert!(said(&mint, &parties, NOW).0.contains("taken: it is of \"user_ann\" and holds for 60 s more"));
        let late = Time::from_millis(NOW.as_millis() - 600_000);
        assert!(said(&mint, &parties, late).0.contains("its time was over 9 min ago"));
        let early = Time::from_millis(NOW.as_millis() + 42_000);
        let (says, todo) = said(&mint, &parties, early);
        assert!(says.contains("it begins in") && todo.contains("clocks"), "{says} {todo}");
        let other = Mint { issuer: "https://other.example", ..mint };
        let (says, todo) = said(&other, &parties, NOW);
        assert!(says.contains("\"https://other.example\", and must be of https://clerk.example.com"), "{says}");
        assert!(todo.contains("publishable keys"), "{todo}");
        let party = Mint { party: Some("https://evil.example\u{1b}[2J"), ..mint };
        let (says, _) = said(&party, &parties, NOW);
        assert!(says.contains("evil.example") && !says.contains('\u{1b}'), "{says}");
        let (says, todo) = said(&mint, &wanted(), NOW);
        assert!(
            says.contains("it is for nothing, and must be for kanvas") && todo.contains("CLERK_AUDIENCE"),
            "{says}"
        );
    }

    #[test]
    fn doctor6_without_keys_all_but_the_signature_is_looked_at() {
        let mint = Mint { issuer: "https://clerk.example.com", user: "user_ann", ..Mint::default() };
        let checks = Checks { issuer: Some("https://clerk.example.com".into()), ..Checks::default() };
        let finding = explain(&key().mint(&mint, NOW), None, &checks, AuthMode::Required, NOW);
        assert_eq!(finding.verdict, super::super::Verdict::Warning);
        assert!(finding.says.contains("all but its signature"), "{finding:?}");
        let nobodys = explain("a.b.c", None, &checks, AuthMode::Required, NOW);
        assert_eq!(nobodys.verdict, super::super::Verdict::Problem);
        let unnamed = explain(&key().mint(&mint, NOW), Some(&Keys::default()), &checks, AuthMode::Required, NOW);
        assert!(unnamed.says.contains("the key's name is \"key-a\""), "{unnamed:?}");
    }

    #[test]
    fn doctor6_every_refusal_says_what_to_do() {
        for refusal in Refusal::ALL {
            for mode in [AuthMode::Dev, AuthMode::Required] {
                let finding = refused(*refusal, &Said::default(), &wanted(), mode, NOW);
                assert!(finding.todo.is_some_and(|todo| !todo.is_empty()), "{refusal:?}");
            }
        }
    }
}
