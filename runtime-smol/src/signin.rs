//! Sign-in: a thread that owns the key ring. Tokens come to it as questions; it fetches keys when the ring says so,
//! each fetch on a thread of its own, so that a stalled one delays nobody whose key is known.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use kanvas_core::Time;
use kanvas_core::auth::{
    Checks, FetchId, JWKS_BYTES, KeyInput, KeyOp, KeyRing, Keys, Refusal, RingFault, Session, Skipped, Ticket,
};
use opentelemetry::KeyValue;
use smol::Timer;
use smol::channel::{Receiver, Sender, bounded};
use smol::future::FutureExt as _;
use ureq::http::HeaderMap;

use crate::clock::Clock;
use crate::devkey;
use crate::meters::Meters;
use crate::words::unanswered;

/// Questions that wait for the thread; beyond them askers wait too.
const DOOR: usize = 1024;
/// How long a fetch may take.
const FETCH_TIME: Duration = Duration::from_secs(3);

type Answer = Result<Box<Session>, Refusal>;

/// Where the keys come from.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    /// They are given, and stay.
    Pinned(Keys),
    /// They are fetched from this address.
    Fetched(String),
    /// The key of a development server in this data directory, once there is one.
    Dev(PathBuf),
}

/// The way to the thread.
#[derive(Clone, Debug)]
pub(crate) struct SignIn {
    door: Sender<Input>,
    ready: Arc<AtomicBool>,
    meters: Arc<Meters>,
}

#[derive(Debug)]
enum Input {
    Check { token: String, reply: Sender<Answer> },
    Fetched(FetchId, Vec<u8>),
    Failed(FetchId),
}

impl SignIn {
    /// Starts the thread.
    ///
    /// # Errors
    /// A sentence for the operator.
    pub(crate) fn start(source: Source, checks: Checks, clock: Clock, meters: Arc<Meters>) -> Result<SignIn, String> {
        let (door, inputs) = bounded(DOOR);
        let ready = Arc::new(AtomicBool::new(false));
        let mut ops = Vec::new();
        let (ring, url, dev) = match source {
            Source::Pinned(keys) => (KeyRing::pinned(keys, checks), None, None),
            Source::Fetched(url) => (KeyRing::fetched(checks, clock.wall(), &mut ops), Some(Arc::from(url)), None),
            Source::Dev(data) => (KeyRing::pinned(Keys::default(), checks.clone()), None, Some((data, checks))),
        };
        let told = ready.clone();
        let back = door.clone();
        let (asked, meters_too) = (Vec::new(), meters.clone());
        let keeper = Keeper { ring, url, dev, clock, ready: told, back, meters: meters_too, asked, next: 0 };
        thread::Builder::new()
            .name("kanvas-keys".into())
            .spawn(move || keeper.run(&inputs, ops))
            .map_err(|error| format!("the thread that checks tokens cannot be started ({error})"))?;
        Ok(SignIn { door, ready, meters })
    }

    /// Whose session this is.
    pub(crate) async fn check(&self, token: &str) -> Answer {
        let checked = self.put(token).await;
        self.meters.checked(checked.as_ref().err().copied());
        checked
    }

    async fn put(&self, token: &str) -> Answer {
        let (reply, answer) = bounded(1);
        let question = Input::Check { token: token.to_owned(), reply };
        if self.door.send(question).await.is_err() {
            return Err(Refusal::Unavailable);
        }
        answer.recv().await.unwrap_or(Err(Refusal::Unavailable))
    }

    /// Whether tokens can be told good from bad now.
    pub(crate) fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Relaxed)
    }
}

/// The thread's own.
struct Keeper {
    ring: KeyRing,
    url: Option<Arc<str>>,
    /// Where the key of a development server will be.
    dev: Option<(PathBuf, Checks)>,
    clock: Clock,
    ready: Arc<AtomicBool>,
    back: Sender<Input>,
    meters: Arc<Meters>,
    /// Who waits for an answer.
    asked: Vec<(Ticket, Sender<Answer>)>,
    next: u64,
}

impl Keeper {
    fn run(mut self, inputs: &Receiver<Input>, first: Vec<KeyOp>) {
        smol::block_on(async {
            let mut ops = first;
            loop {
                self.carry_out(&mut ops);
                let due = self.ring.deadline().map(|at| at.since(self.clock.wall()));
                let timer = async {
                    match due {
                        Some(wait) => drop(Timer::after(Duration::from_millis(wait.as_millis())).await),
                        None => smol::future::pending().await,
                    }
                    Ok(None)
                };
                let input = async { inputs.recv().await.map(Some) };
                match input.or(timer).await {
                    Ok(input) => self.take(self.clock.wall(), input, &mut ops),
                    Err(_) => return,
                }
            }
        });
    }

    fn take(&mut self, now: Time, input: Option<Input>, ops: &mut Vec<KeyOp>) {
        match input {
            Some(Input::Check { token, reply }) => {
                if !self.has_dev_key() {
                    // No key has signed it. Whoever asked may have gone.
                    return drop(reply.try_send(Err(Refusal::UnknownKey)));
                }
                let ticket = Ticket(self.next);
                self.next += 1;
                self.asked.push((ticket, reply));
                self.ring.handle(now, KeyInput::Check { ticket, token: token.as_bytes() }, ops);
            }
            Some(Input::Fetched(fetch, jwks)) => {
                self.ring.handle(now, KeyInput::Fetched { fetch, jwks: &jwks }, ops);
                self.report();
            }
            Some(Input::Failed(fetch)) => self.ring.handle(now, KeyInput::FetchFailed { fetch }, ops),
            None => self.ring.handle(now, KeyInput::Tick, ops),
        }
    }

    /// Tells the operator what was wrong with what a fetch brought.
    fn report(&self) {
        let url = self.url.as_deref().unwrap_or_default();
        if let Some(RingFault::Bad(why)) = self.ring.fault() {
            tracing::warn!("the keys that tokens are checked with could not be taken from {url}: {why}");
        }
        for Skipped { kid, why } in self.ring.skipped() {
            tracing::warn!(kid, "a key from {url} is passed over: {why}");
        }
    }

    /// Looks for the key of a development server: `kanvas token` makes it, perhaps while the server runs.
    fn has_dev_key(&mut self) -> bool {
        let Some((data, checks)) = &self.dev else { return true };
        match devkey::find(data) {
            Ok(Some(key)) => {
                self.ring = KeyRing::pinned(key.public_keys(), checks.clone());
                self.dev = None;
                true
            }
            Ok(None) => false,
            Err(problem) => {
                tracing::warn!("{problem}");
                false
            }
        }
    }

    fn carry_out(&mut self, ops: &mut Vec<KeyOp>) {
        for op in ops.drain(..) {
            match op {
                KeyOp::Fetch { fetch } => self.fetch(fetch),
                KeyOp::Answer { ticket, result } => {
                    if let Some(at) = self.asked.iter().position(|(asked, _)| *asked == ticket) {
                        // Whoever asked may have gone.
                        drop(self.asked.swap_remove(at).1.try_send(result));
                    }
                }
            }
        }
        self.ready.store(self.ring.is_ready() || self.dev.is_some(), Ordering::Relaxed);
    }

    /// Off this thread: whoever's key is known waits for no network.
    fn fetch(&mut self, fetch: FetchId) {
        let (Some(url), back, meters) = (self.url.clone(), self.back.clone(), self.meters.clone()) else { return };
        let began = thread::Builder::new().name("kanvas-fetch".into()).spawn(move || {
            let asked = Instant::now();
            let fetched = fetch_keys(&url);
            meters.traces.asked("keys.fetch", asked.elapsed(), || {
                vec![KeyValue::new("url.full", url.to_string()), KeyValue::new("error", fetched.is_err())]
            });
            let outcome = match fetched {
                Ok(Brought { jwks, headers: _ }) => Input::Fetched(fetch, jwks),
                Err(why) => {
                    tracing::warn!("the keys that tokens are checked with could not be fetched from {url}: {why}");
                    Input::Failed(fetch)
                }
            };
            // The server may be gone.
            drop(back.send_blocking(outcome));
        });
        if let Err(error) = began {
            tracing::warn!("a thread to fetch keys could not be started: {error}");
            drop(self.back.try_send(Input::Failed(fetch)));
        }
    }
}

/// What a fetch brought.
pub(crate) struct Brought {
    pub(crate) jwks: Vec<u8>,
    /// They say what time it is there.
    pub(crate) headers: HeaderMap,
}

/// One answer of at most [`JWKS_BYTES`], from that address and no other.
pub(crate) fn fetch_keys(url: &str) -> Result<Brought, String> {
    let config = ureq::Agent::config_builder()
        .timeout_global(Some(FETCH_TIME))
        .max_redirects(0)
        .max_redirects_will_error(false)
        .http_status_as_error(false)
        .user_agent(concat!("kanvas/", env!("CARGO_PKG_VERSION")))
        .build();
    let answer = ureq::Agent::new_with_config(config).get(url).call();
    let mut answer = answer.map_err(|error| unanswered(&error, FETCH_TIME))?;
    if answer.status() != 200 {
        return Err(format!("the answer was {}", answer.status().as_u16()));
    }
    let headers = answer.headers().clone();
    let body = answer.body_mut().with_config().limit(JWKS_BYTES as u64).read_to_vec();
    let jwks = body.map_err(|error| match matches!(error, ureq::Error::BodyExceedsLimit(_)) {
        true => "it is longer than 256 KiB".into(),
        false => unanswered(&error, FETCH_TIME),
    })?;
    Ok(Brought { jwks, headers })
}
