//! Who someone is: Clerk's session tokens, checked without a clock, a network or a file.
//!
//! [`check`] says whether a token holds, as a function of its bytes, the [`Keys`], the [`Checks`] and the time. Where
//! keys come over the network, a [`KeyRing`] owns them: a machine of the same shape as [`Room`](crate::Room), which
//! says when its host is to fetch. [`Instance`] tells from a publishable key where that is, and a [`SigningKey`] makes
//! tokens for development and tests.
//!
//! It does not own where a token is carried, who may enter a room, or how long a connection outlives its token.
//!
//! ```
//! use kanvas_core::Time;
//! use kanvas_core::auth::{Checks, Keys, Refusal, check};
//!
//! let pem = "-----BEGIN PUBLIC KEY-----\\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A\\n-----END PUBLIC KEY-----";
//! assert!(Keys::from_pem(pem).is_err(), "a key that was cut short");
//!
//! let checks = Checks { issuer: Some("https://clerk.example.com".into()), ..Checks::default() };
//! let refused = check(b"not.a.token", &Keys::default(), &checks, Time::from_millis(1_800_000_000_000));
//! assert_eq!(refused, Err(Refusal::Malformed));
//! assert_eq!(Refusal::Malformed.close().code(), 4510);
//! ```

use crate::errors::Close;
use crate::time::Span;

mod claims;
mod instance;
mod keys;
mod mint;
mod ring;
mod token;

pub use claims::{Organisation, Session};
pub use instance::{BadInstance, Instance};
pub use keys::{BadKeys, BadPem, Jwks, Keys, Skipped, Unusable};
pub use mint::{BadSigningKey, Mint, SigningKey};
pub use ring::{FetchId, KeyInput, KeyOp, KeyRing, RingFault, Ticket};
pub use token::{Checks, check};

/// The longest token, in bytes.
pub const TOKEN_BYTES: usize = 8 * 1024;
/// The longest `kid`, in bytes.
pub const KID_BYTES: usize = 128;
/// The longest id of a person or an organisation, in bytes.
pub const SUBJECT_BYTES: usize = crate::limits::USER_ID_BYTES;
/// The most permissions that an organisation gives.
pub const PERMISSIONS: usize = 256;
/// How far the clocks of Clerk and of this server may be apart.
pub const SKEW: Span = Span::from_secs(5);
/// The longest life of a token.
pub const LIFE: Span = Span::from_secs(24 * 3600);
/// The most keys of one JWKS.
pub const JWKS_KEYS: usize = 16;
/// The longest JWKS, in bytes.
pub const JWKS_BYTES: usize = 256 * 1024;
/// The shortest time between the starts of two fetches, whatever clients send.
pub const FETCH_EVERY: Span = Span::from_secs(30);
/// How old keys become before they are fetched again; so long is a removed key still taken.
pub const REFRESH: Span = Span::from_secs(3600);
/// The longest pause between two fetches that fail.
pub const RETRY_AT_MOST: Span = Span::from_secs(600);
/// How long the last good keys count while fetches fail.
pub const KEYS_LAST: Span = Span::from_secs(24 * 3600);
/// How long a fetch may be under way, and so how long a token waits. Hosts give up after 3 s.
pub const PATIENCE: Span = Span::from_secs(5);
/// The most tokens that wait for a fetch.
pub const WAITING: usize = 256;

/// A closed list of reasons: each has a name that stays and a sentence for a person, which echoes no input.
macro_rules! reasons {
    ($(#[$about:meta])* $name:ident; $($(#[$doc:meta])* $reason:ident = $text:literal, $message:literal;)*) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$doc])* $reason,)* }

        impl $name {
            /// Every reason.
            pub const ALL: &'static [$name] = &[$($name::$reason,)*];

            /// Its name in logs and metrics.
            pub const fn as_str(self) -> &'static str {
                match self { $($name::$reason => $text,)* }
            }

            /// What was wrong and what to do.
            pub const fn message(self) -> &'static str {
                match self { $($name::$reason => $message,)* }
            }
        }

        impl core::fmt::Display for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.write_str(self.message())
            }
        }

        impl core::error::Error for $name {}
    };
}
use reasons;

reasons! {
    /// Why a token was not accepted.
    Refusal;
    /// Nothing was sent.
    Missing = "missing", "There is no token; sign in.";
    /// Over [`TOKEN_BYTES`].
    TooLong = "too_long", "The token is longer than 8 KiB; put fewer custom claims into it.";
    /// Not three parts of strict base64url, or not the JSON that a session token is.
    Malformed = "malformed", "The token cannot be read; send a session token of Clerk as it is.";
    /// Any algorithm but RS256.
    BadAlg = "bad_alg", "The token is not signed with RS256.";
    /// A `typ` that is not `JWT`.
    BadType = "bad_type", "The token is of another type than JWT.";
    /// A header that asks for something, or brings its own key.
    BadHeader = "bad_header", "The token's header asks for what this server does not do.";
    /// No `sub` that a person can have.
    BadSubject = "bad_subject", "The token names nobody that this server can know.";
    /// Another `iss`.
    WrongIssuer = "wrong_issuer", "The token is from another Clerk instance; compare the publishable keys.";
    /// An `azp` that is not in the list.
    WrongParty = "wrong_party", "The token was made for another application; add its origin to the authorized parties.";
    /// No `aud` of the list.
    WrongAudience = "wrong_audience", "The token was made for another audience.";
    /// Past `exp`.
    Expired = "expired", "The token has expired; get a fresh one.";
    /// Before `nbf` or `iat`.
    NotYetValid = "not_yet_valid", "The token is not valid yet; compare the clocks.";
    /// Longer than [`LIFE`].
    LifeTooLong = "life_too_long", "The token lives for more than 24 hours; make it shorter.";
    /// A session with a task still to do, which Clerk counts as signed out.
    Pending = "pending", "The session is not complete; finish signing in.";
    /// The keys cannot be had; never the token's fault.
    Unavailable = "unavailable", "The keys that tokens are checked with cannot be had at the moment; try again later.";
    /// No key of this name.
    UnknownKey = "unknown_key", "The token is signed with a key that its issuer does not have.";
    /// Not signed with that key.
    BadSignature = "bad_signature", "The token's signature is wrong.";
}

impl Refusal {
    /// What a socket is closed with (AUTH2): its number tells the client what to do.
    pub const fn close(self) -> Close {
        match self {
            Refusal::Expired => Close::TokenExpired,
            Refusal::Missing | Refusal::Pending => Close::TokenRequired,
            Refusal::Unavailable => Close::Unavailable,
            Refusal::TooLong
            | Refusal::Malformed
            | Refusal::BadAlg
            | Refusal::BadType
            | Refusal::BadHeader
            | Refusal::BadSubject
            | Refusal::WrongIssuer
            | Refusal::WrongParty
            | Refusal::WrongAudience
            | Refusal::NotYetValid
            | Refusal::LifeTooLong
            | Refusal::UnknownKey
            | Refusal::BadSignature => Close::TokenInvalid,
        }
    }
}
