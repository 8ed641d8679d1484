//! The key ring: a machine that owns the keys of a Clerk instance, the tokens that wait for them, and when they are
//! fetched. Its host carries out the fetch.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::claims::Session;
use super::keys::{BadKeys, Keys, Skipped};
use super::token::{Checks, Unproven};
use super::{FETCH_EVERY, JWKS_KEYS, KEYS_LAST, PATIENCE, REFRESH, RETRY_AT_MOST, Refusal, WAITING};
use crate::time::{Span, Time};

/// Names a token that was asked about, so that the answer finds its question. The host's own number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub u64);

/// Names a fetch, so that its outcome finds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FetchId(pub u64);

/// One thing that happened, given to [`KeyRing::handle`] with the time.
#[derive(Clone, Copy, Debug)]
pub enum KeyInput<'a> {
    /// Whose session is this? Answered at once or within [`PATIENCE`], exactly once.
    Check {
        /// Comes back with the answer.
        ticket: Ticket,
        /// The token as it was sent.
        token: &'a [u8],
    },
    /// What a fetch brought: the body of a 200.
    Fetched {
        /// Which fetch.
        fetch: FetchId,
        /// The JWKS.
        jwks: &'a [u8],
    },
    /// A fetch brought nothing: no connection, another status, a redirect to another host, too long, too slow.
    FetchFailed {
        /// Which fetch.
        fetch: FetchId,
    },
    /// Time has passed. Early is harmless, late is merely late.
    Tick,
}

/// What the host is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyOp {
    /// Get the JWKS, in 3 s or not at all.
    Fetch {
        /// Comes back with the outcome.
        fetch: FetchId,
    },
    /// The answer to a [`KeyInput::Check`].
    Answer {
        /// Whose.
        ticket: Ticket,
        /// The session, or why there is none.
        result: Result<Box<Session>, Refusal>,
    },
}

/// Why the last fetch brought no keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RingFault {
    /// The host said so, or said nothing in time.
    Failed,
    /// What it brought is no JWKS.
    Bad(BadKeys),
}

/// The keys of one instance.
///
/// ```
/// use kanvas_core::Time;
/// use kanvas_core::auth::{Checks, KeyInput, KeyOp, KeyRing, Mint, SigningKey, Ticket};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let key = SigningKey::from_pem(include_str!("../../tests/keys/test-only-a.pem"), "key-a")?;
/// let checks = Checks { issuer: Some("https://clerk.example.com".into()), ..Checks::default() };
/// let now = Time::from_millis(1_800_000_000_000);
/// let mut out = Vec::new();
///
/// let mut ring = KeyRing::fetched(checks, now, &mut out);
/// let Some(KeyOp::Fetch { fetch }) = out.pop() else { panic!("the keys are wanted first") };
///
/// let token = key.mint(&Mint { issuer: "https://clerk.example.com", ..Mint::default() }, now);
/// ring.handle(now, KeyInput::Check { ticket: Ticket(1), token: token.as_bytes() }, &mut out);
/// assert!(out.is_empty() && !ring.is_ready(), "it waits");
///
/// let jwks = format!(r#"{{"keys": [{}]}}"#, key.to_jwk());
/// ring.handle(now, KeyInput::Fetched { fetch, jwks: jwks.as_bytes() }, &mut out);
/// assert!(matches!(&out[..], [KeyOp::Answer { ticket: Ticket(1), result: Ok(_) }]) && ring.is_ready());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct KeyRing {
    now: Time,
    checks: Checks,
    keys: Keys,
    source: Source,
}

#[derive(Clone, Debug)]
enum Source {
    /// The key was given and stays.
    Pinned,
    Fetched(Box<Fetched>),
}

#[derive(Clone, Debug)]
struct Fetched {
    /// When the keys were last asked for with success.
    good: Option<Time>,
    /// When they were last asked for.
    asked: Time,
    fetch: Fetch,
    next_id: u64,
    /// Fetches that failed since one did not.
    failures: u32,
    fault: Option<RingFault>,
    skipped: Vec<Skipped>,
    waiting: Vec<(Ticket, Box<[u8]>)>,
    misuse: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fetch {
    UnderWay(FetchId),
    /// None before this, unless a token has an unknown key and [`FETCH_EVERY`] allows one.
    Next(Time),
}

impl KeyRing {
    /// A ring that never fetches: the key of a PEM text.
    pub fn pinned(keys: Keys, checks: Checks) -> KeyRing {
        KeyRing { now: Time::default(), checks, keys, source: Source::Pinned }
    }

    /// A ring whose keys come over the network; its first op is a `Fetch`.
    pub fn fetched(checks: Checks, now: Time, out: &mut Vec<KeyOp>) -> KeyRing {
        let mut fetched = Fetched {
            good: None,
            asked: now,
            fetch: Fetch::Next(now),
            next_id: 1,
            failures: 0,
            fault: None,
            skipped: Vec::new(),
            waiting: Vec::new(),
            misuse: 0,
        };
        fetched.ask(now, out);
        KeyRing { now, checks, keys: Keys::default(), source: Source::Fetched(Box::new(fetched)) }
    }

    /// Takes one input. Total: every input has an answer, and none is an error.
    pub fn handle(&mut self, now: Time, input: KeyInput<'_>, out: &mut Vec<KeyOp>) {
        self.now = self.now.max(now);
        let now = self.now;
        let tick = matches!(input, KeyInput::Tick);
        // Whoever ticks late still gets no answer from keys that are too old.
        self.grow_old(now);
        match input {
            KeyInput::Check { ticket, token } => self.on_check(now, ticket, token, out),
            KeyInput::Fetched { fetch, jwks } => match Keys::from_jwks(jwks) {
                Ok(jwks) => self.on_fetched(now, fetch, jwks.keys, jwks.skipped, out),
                Err(why) => self.on_failed(now, fetch, RingFault::Bad(why), out),
            },
            KeyInput::FetchFailed { fetch } => self.on_failed(now, fetch, RingFault::Failed, out),
            KeyInput::Tick => self.on_tick(now, out),
        }
        debug_assert_eq!(self.check(), Ok(()));
        debug_assert!(!tick || self.deadline().is_none_or(|at| at > now), "a deadline that is due stays due");
    }

    /// When to send [`KeyInput::Tick`] at the latest; `None` for a ring that never fetches.
    pub fn deadline(&self) -> Option<Time> {
        let Source::Fetched(fetched) = &self.source else { return None };
        let at = match fetched.fetch {
            Fetch::UnderWay(_) => fetched.asked + PATIENCE,
            Fetch::Next(at) => at,
        };
        Some(fetched.good.map_or(at, |good| at.min(good + KEYS_LAST)))
    }

    /// Whether tokens can be told good from bad now.
    pub fn is_ready(&self) -> bool {
        self.keys.count() > 0
    }

    /// The keys that count now.
    pub fn keys(&self) -> &Keys {
        &self.keys
    }

    /// Why the last fetch brought no keys, if it did not.
    pub fn fault(&self) -> Option<RingFault> {
        if let Source::Fetched(fetched) = &self.source { fetched.fault } else { None }
    }

    /// The keys of the last good fetch that cannot be used.
    pub fn skipped(&self) -> &[Skipped] {
        if let Source::Fetched(fetched) = &self.source { &fetched.skipped } else { &[] }
    }

    /// Outcomes of fetches that nobody waits for any more.
    pub fn misuse(&self) -> u64 {
        if let Source::Fetched(fetched) = &self.source { fetched.misuse } else { 0 }
    }

    fn on_check(&mut self, now: Time, ticket: Ticket, token: &[u8], out: &mut Vec<KeyOp>) {
        let answer = match Unproven::read(token, &self.checks, now) {
            Err(refusal) => Err(refusal),
            Ok(unproven) => match (self.keys.find(unproven.kid()), &mut self.source) {
                (Some(key), _) => unproven.prove(key),
                (None, Source::Pinned) if self.keys.count() == 0 => Err(Refusal::Unavailable),
                (None, Source::Pinned) => Err(Refusal::UnknownKey),
                (None, Source::Fetched(_)) if unproven.kid().is_none() => Err(Refusal::UnknownKey),
                (None, Source::Fetched(fetched)) => match fetched.wait(now, ticket, token, out) {
                    Ok(()) => return,
                    Err(refusal) => Err(refusal),
                },
            },
        };
        out.push(KeyOp::Answer { ticket, result: answer.map(Box::new) });
    }

    fn on_fetched(&mut self, now: Time, fetch: FetchId, keys: Keys, skipped: Vec<Skipped>, out: &mut Vec<KeyOp>) {
        let Some(fetched) = self.outcome(fetch) else { return };
        fetched.good = Some(fetched.asked);
        fetched.fetch = Fetch::Next(fetched.asked + REFRESH);
        fetched.failures = 0;
        fetched.fault = None;
        fetched.skipped = skipped;
        self.keys = keys;
        self.answer_all(now, Refusal::UnknownKey, out);
    }

    fn on_failed(&mut self, now: Time, fetch: FetchId, fault: RingFault, out: &mut Vec<KeyOp>) {
        let Some(fetched) = self.outcome(fetch) else { return };
        let pause = FETCH_EVERY.as_millis() << fetched.failures.min(8);
        let pause = Span::from_millis(pause.min(RETRY_AT_MOST.as_millis()));
        fetched.fetch = Fetch::Next(fetched.asked + pause);
        fetched.failures = fetched.failures.saturating_add(1);
        fetched.fault = Some(fault);
        self.answer_all(now, Refusal::Unavailable, out);
    }

    fn on_tick(&mut self, now: Time, out: &mut Vec<KeyOp>) {
        if let Source::Fetched(fetched) = &self.source
            && let Fetch::UnderWay(fetch) = fetched.fetch
            && fetched.asked + PATIENCE <= now
        {
            self.on_failed(now, fetch, RingFault::Failed, out);
        }
        if let Source::Fetched(fetched) = &mut self.source
            && matches!(fetched.fetch, Fetch::Next(at) if at <= now)
        {
            fetched.ask(now, out);
        }
    }

    /// AUTH23: keys that nobody has confirmed for a day count no more.
    fn grow_old(&mut self, now: Time) {
        if let Source::Fetched(fetched) = &mut self.source
            && fetched.good.is_some_and(|good| good + KEYS_LAST <= now)
        {
            fetched.good = None;
            self.keys = Keys::default();
        }
    }

    /// The ring's fetch, if this is the one that is under way.
    fn outcome(&mut self, fetch: FetchId) -> Option<&mut Fetched> {
        let Source::Fetched(fetched) = &mut self.source else { return None };
        if fetched.fetch != Fetch::UnderWay(fetch) {
            fetched.misuse += 1;
            return None;
        }
        Some(fetched)
    }

    /// Answers those who waited, by the clock as it is now: a token may have ended meanwhile.
    fn answer_all(&mut self, now: Time, unknown: Refusal, out: &mut Vec<KeyOp>) {
        let Source::Fetched(fetched) = &mut self.source else { return };
        for (ticket, token) in core::mem::take(&mut fetched.waiting) {
            let answer = Unproven::read(&token, &self.checks, now).and_then(|unproven| {
                let key = self.keys.find(unproven.kid()).ok_or(unknown)?;
                unproven.prove(key)
            });
            out.push(KeyOp::Answer { ticket, result: answer.map(Box::new) });
        }
    }

    /// States the invariants.
    ///
    /// # Errors
    /// The one that does not hold.
    pub fn check(&self) -> Result<(), &'static str> {
        let Source::Fetched(fetched) = &self.source else { return Ok(()) };
        let under_way = matches!(fetched.fetch, Fetch::UnderWay(_));
        let held: [(bool, &str); 6] = [
            (fetched.waiting.len() <= WAITING, "too many wait"),
            (under_way || fetched.waiting.is_empty(), "a token waits for no fetch"),
            (fetched.good.is_some() == (self.keys.count() > 0), "keys without a day on which they were good"),
            (self.keys.count() <= JWKS_KEYS, "too many keys"),
            (fetched.asked <= self.now, "a fetch from the future"),
            (
                match fetched.fetch {
                    Fetch::UnderWay(_) => true,
                    Fetch::Next(at) => at >= fetched.asked + FETCH_EVERY,
                },
                "fetches too close together",
            ),
        ];
        held.iter().find(|(holds, _)| !holds).map_or(Ok(()), |(_, what)| Err(*what))
    }
}

impl Fetched {
    fn ask(&mut self, now: Time, out: &mut Vec<KeyOp>) {
        let fetch = FetchId(self.next_id);
        self.next_id += 1;
        self.asked = now;
        self.fetch = Fetch::UnderWay(fetch);
        out.push(KeyOp::Fetch { fetch });
    }

    /// Lets a token wait whose key is not here, or says why it may not.
    fn wait(&mut self, now: Time, ticket: Ticket, token: &[u8], out: &mut Vec<KeyOp>) -> Result<(), Refusal> {
        if matches!(self.fetch, Fetch::Next(_)) {
            if now.since(self.asked) < FETCH_EVERY {
                // AUTH22: if the last fetch failed, it is not known to be the token's fault.
                return Err(if self.fault.is_some() { Refusal::Unavailable } else { Refusal::UnknownKey });
            }
            self.ask(now, out);
        }
        if self.waiting.len() >= WAITING {
            return Err(Refusal::Unavailable);
        }
        self.waiting.push((ticket, token.into()));
        Ok(())
    }
}
