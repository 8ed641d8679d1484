//! What a session token says: its claims, and what of them a server goes on with.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::token::Checks;
use super::{LIFE, PERMISSIONS, Refusal, SKEW, SUBJECT_BYTES};
use crate::address;
use crate::members::is_person;
use crate::text::fit_name;
use crate::time::{Span, Time};
use crate::wire::json::{self, Object, Value, integer};

/// What a good token proves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// `sub`: the person, 1 to 128 bytes.
    pub user: String,
    /// `sid`: the session.
    pub session: Option<String>,
    /// `azp`: the origin that the token was made for.
    pub party: Option<String>,
    /// `iat`: when it was made.
    pub issued: Option<Time>,
    /// `exp`: when it ends. It is taken for [`SKEW`] longer.
    pub expires: Time,
    /// The organisation that the person acts for.
    pub organisation: Option<Organisation>,
    /// The person's name, cleaned and cut to its bounds: the first of the custom claims `name`, `full_name` and
    /// `username` in which something shows.
    pub name: Option<String>,
    /// The person's picture: the first of the custom claims `picture` and `image_url` that is an address that an
    /// avatar may have.
    pub picture: Option<String>,
}

/// The active organisation, the same from both versions of Clerk's claims.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Organisation {
    /// `org_…`, 1 to 128 bytes.
    pub id: String,
    /// The person's role there, with its prefix: `org:admin`.
    pub role: Option<String>,
    /// The name of the organisation in addresses.
    pub slug: Option<String>,
    /// What the role permits, each with its prefix: `org:board:manage`. At most [`PERMISSIONS`].
    pub permissions: Vec<String>,
}

/// Claims that were read and not yet held against anything.
pub(super) struct Claims {
    issuer: Option<String>,
    audience: Vec<String>,
    not_before: Option<Time>,
    pending: bool,
    session: Session,
}

impl Claims {
    pub(super) fn read(payload: &[u8]) -> Result<Claims, Refusal> {
        let mut claims = json::read(payload).and_then(Value::into_object).ok_or(Refusal::Malformed)?;
        let claims = &mut claims;
        // Nothing is done with these, but they must be what RFC 7519 says.
        text(claims, "jti")?;
        text(claims, "nonce")?;
        let user = match member(claims, "sub") {
            Some(Value::Text(user)) if may_be_an_id(&user) && is_person(&user) => user.into_owned(),
            _ => return Err(Refusal::BadSubject),
        };
        Ok(Claims {
            issuer: text(claims, "iss")?,
            audience: audience(claims)?,
            not_before: time(claims, "nbf")?,
            pending: text(claims, "sts")?.is_some_and(|status| status == "pending"),
            session: Session {
                user,
                session: text(claims, "sid")?,
                party: text(claims, "azp")?,
                issued: time(claims, "iat")?,
                expires: time(claims, "exp")?.ok_or(Refusal::Malformed)?,
                organisation: organisation(claims)?,
                name: first(claims, &["name", "full_name", "username"], fit_name),
                picture: first(claims, &["picture", "image_url"], |raw| address::avatar(raw, false).ok()),
            },
        })
    }

    /// Holds the claims against what they must be (AUTH9 to AUTH14).
    pub(super) fn hold(self, checks: &Checks, now: Time) -> Result<Session, Refusal> {
        let Claims { issuer, audience, not_before, pending, session } = self;
        let right = match &checks.issuer {
            Some(_) => issuer == checks.issuer,
            None => issuer.is_some_and(|issuer| issuer.strip_prefix("https://").is_some_and(|host| !host.is_empty())),
        };
        if !right {
            return Err(Refusal::WrongIssuer);
        }
        if !checks.parties.is_empty() && !session.party.as_ref().is_some_and(|party| checks.parties.contains(party)) {
            return Err(Refusal::WrongParty);
        }
        if !checks.audience.is_empty() && !audience.iter().any(|one| checks.audience.contains(one)) {
            return Err(Refusal::WrongAudience);
        }
        if session.expires + SKEW <= now {
            return Err(Refusal::Expired);
        }
        let earliest = not_before.max(session.issued);
        if earliest.is_some_and(|at| at > now + SKEW) {
            return Err(Refusal::NotYetValid);
        }
        let from = session.issued.unwrap_or(now);
        if session.expires.since(from) > LIFE || session.expires > now + SKEW + LIFE {
            return Err(Refusal::LifeTooLong);
        }
        if pending {
            return Err(Refusal::Pending);
        }
        Ok(session)
    }
}

/// Takes a member out, `null` and all.
pub(super) fn member<'a>(object: &mut Object<'a>, name: &str) -> Option<Value<'a>> {
    let at = object.0.iter().position(|(key, _)| key == name)?;
    Some(object.0.remove(at).1)
}

/// A member that is a text if it is there at all.
pub(super) fn text(object: &mut Object<'_>, name: &str) -> Result<Option<String>, Refusal> {
    let Some(value) = member(object, name) else { return Ok(None) };
    value.into_text().map(|text| Some(text.into_owned())).ok_or(Refusal::Malformed)
}

/// Whole seconds since the Unix epoch.
fn time(object: &mut Object<'_>, name: &str) -> Result<Option<Time>, Refusal> {
    let Some(value) = member(object, name) else { return Ok(None) };
    let seconds = integer(&value).ok_or(Refusal::Malformed)?;
    Ok(Some(Time::default() + Span::from_secs(seconds)))
}

/// A text or a list of texts.
fn audience(claims: &mut Object<'_>) -> Result<Vec<String>, Refusal> {
    match member(claims, "aud") {
        None => Ok(Vec::new()),
        Some(Value::List(list)) => texts(list),
        Some(one) => texts(Vec::from([one])),
    }
}

fn texts(list: Vec<Value<'_>>) -> Result<Vec<String>, Refusal> {
    let texts = list.into_iter().map(|value| value.into_text().map(|text| text.into_owned()));
    texts.collect::<Option<_>>().ok_or(Refusal::Malformed)
}

/// The first of these claims of which something can be made. A name is no proof: others are passed over.
fn first(claims: &mut Object<'_>, names: &[&str], made: impl Fn(&str) -> Option<String>) -> Option<String> {
    names.iter().find_map(|name| made(&claims.take(name)?.into_text()?))
}

/// 1 to 128 bytes, nothing in it that hides or turns other text around.
fn may_be_an_id(id: &str) -> bool {
    let turns =
        |c| matches!(c, '\u{61C}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}');
    (1..=SUBJECT_BYTES).contains(&id.len()) && !id.chars().any(|c| c.is_control() || turns(c))
}

/// AUTH16: version 2 has it in `o`, the one before it in `org_id` and its kin.
fn organisation(claims: &mut Object<'_>) -> Result<Option<Organisation>, Refusal> {
    let version = member(claims, "v").as_ref().and_then(integer);
    let found = if version == Some(2) { compact(claims)? } else { spelt_out(claims)? };
    match found {
        Some(found) if !may_be_an_id(&found.id) || found.permissions.len() > PERMISSIONS => Err(Refusal::Malformed),
        found => Ok(found),
    }
}

fn spelt_out(claims: &mut Object<'_>) -> Result<Option<Organisation>, Refusal> {
    let Some(id) = optional(claims, "org_id")? else { return Ok(None) };
    let permissions = match claims.take("org_permissions") {
        None => Vec::new(),
        Some(value) => texts(value.into_list().ok_or(Refusal::Malformed)?)?,
    };
    let (role, slug) = (optional(claims, "org_role")?, optional(claims, "org_slug")?);
    Ok(Some(Organisation { id, role, slug, permissions }))
}

fn compact(claims: &mut Object<'_>) -> Result<Option<Organisation>, Refusal> {
    let Some(value) = claims.take("o") else { return Ok(None) };
    let o = &mut value.into_object().ok_or(Refusal::Malformed)?;
    let id = optional(o, "id")?.ok_or(Refusal::Malformed)?;
    let role = optional(o, "rol")?.filter(|role| !role.is_empty()).map(|role| format!("org:{role}"));
    let slug = optional(o, "slg")?;
    let features = optional(claims, "fea")?.unwrap_or_default();
    let (names, map) = (optional(o, "per")?.unwrap_or_default(), optional(o, "fpm")?.unwrap_or_default());
    Ok(Some(Organisation { id, role, slug, permissions: permissions(&features, &names, &map) }))
}

/// `o:board,u:mail` × `manage,read` × `3`: for each feature of the organisation a number, whose lowest bit is the first
/// permission's. One too many is enough to know that there are too many.
fn permissions(features: &str, names: &str, map: &str) -> Vec<String> {
    let scoped = features.split(',').filter_map(|feature| feature.trim().split_once(':'));
    let ours = scoped.filter(|(scope, _)| matches!(*scope, "o" | "ou" | "uo")).map(|(_, feature)| feature);
    let granted = ours.zip(map.split(',')).flat_map(|(feature, bits)| {
        let bits: u64 = bits.trim().parse().unwrap_or(0);
        let named = names.split(',').take(64).enumerate().filter(move |(at, _)| bits >> at & 1 == 1);
        named.map(move |(_, name)| format!("org:{feature}:{}", name.trim()))
    });
    granted.take(PERMISSIONS + 1).collect()
}

/// A text; `null` counts as absent.
fn optional(object: &mut Object<'_>, name: &str) -> Result<Option<String>, Refusal> {
    let Some(value) = object.take(name) else { return Ok(None) };
    value.into_text().map(|text| Some(text.as_ref().to_owned())).ok_or(Refusal::Malformed)
}
