//! Webhooks: what happens in rooms, told to an address of the operator's. It owns the queue between rooms and the thread
//! that delivers; a room waits for nothing behind it.

mod courier;
mod deliver;
mod event;
mod retry;
mod sign;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use kanvas_core::{Notice, RoomId, Time};
use smol::channel::{Sender, bounded};
use url::Url;

pub(crate) use event::Events;
pub(crate) use sign::Secret;

use crate::clock::Clock;
use crate::meters::Meters;
use crate::origin;
use crate::store::{Fresh, Store};
use courier::Courier;
use deliver::{Outcome, Post};
use event::Details;

/// How many may be on their way from rooms to the store.
const QUEUE: usize = 8192;

/// Where webhooks go and how they are signed.
#[derive(Clone, Debug)]
pub(crate) struct Hook {
    pub(crate) url: Url,
    pub(crate) secret: Secret,
    pub(crate) events: Events,
}

/// Reads `--webhook-url`. The error says what is allowed.
pub(crate) fn address(text: &str) -> Result<Url, &'static str> {
    let here = |url: &Url| url.scheme() == "http" && url.host_str().is_some_and(origin::is_loopback_host);
    let url = Url::parse(text).ok().filter(|url| url.scheme() == "https" || here(url));
    let url = url.filter(|url| url.username().is_empty() && url.password().is_none());
    url.ok_or("an https address, or an http one of this machine, without a user's name and password")
}

/// The way to the thread.
#[derive(Debug)]
pub(crate) struct Webhooks {
    events: Events,
    clock: Clock,
    queue: Sender<Fresh>,
    stop: Sender<Sender<()>>,
    lost: Arc<AtomicUsize>,
}

impl Webhooks {
    /// Starts the thread. The error is a sentence for the operator.
    pub(crate) fn start(hook: Hook, store: Store, clock: Clock, meters: Arc<Meters>) -> Result<Webhooks, String> {
        let Hook { url, secret, events } = hook;
        let (queue, told) = bounded(QUEUE);
        let (stop, stopped) = bounded(1);
        let lost = Arc::new(AtomicUsize::new(0));
        let post = Arc::new(Post::new(url, secret));
        let courier = Courier { post, store, clock, meters, told, stop: stopped, lost: lost.clone() };
        let started = thread::Builder::new().name("kanvas-hooks".into()).spawn(move || courier.run());
        started.map_err(|error| format!("the thread that delivers webhooks cannot be started ({error})"))?;
        Ok(Webhooks { events, clock, queue, stop, lost })
    }

    /// Hands an event over, if it is wanted. It waits for nothing (HOOK4).
    pub(crate) fn tell(&self, room: &RoomId, notice: &Notice) {
        let (kind, details) = event::parts(notice);
        if !self.events.has(kind) {
            return;
        }
        let made = self.clock.now();
        let fresh = event::id().map(|id| Fresh {
            id,
            room: room.as_str().to_owned(),
            minor: kind.is_minor(),
            made,
            body: event::body(kind.name(), made, Some(room), details),
        });
        if fresh.is_none_or(|fresh| self.queue.try_send(fresh).is_err()) {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Keeps what was told before; what cannot be delivered at once is left to the next start.
    pub(crate) async fn stop(&self) {
        let (reply, done) = bounded(1);
        drop(self.stop.send(reply).await);
        // Without an answer the thread has gone.
        let _ = done.recv().await;
    }
}

/// `kanvas webhook test`: sends one event, and says what came back.
///
/// # Errors
/// A sentence that says why it was not delivered.
pub(crate) fn test(url: Url, secret: Secret) -> Result<String, String> {
    let post = Post::new(url, secret);
    let now: Time = Clock::start().wall();
    let id = event::id().ok_or("the operating system gives no random numbers")?;
    let receiver = post.receiver();
    match post.send(now, &id, &event::body("kanvas.test", now, None, Details::default())) {
        Outcome::Delivered(status) => Ok(format!("{receiver} took the event {id}: it answered {status}")),
        Outcome::Unwanted => {
            Err(format!("{receiver} answered 410: it wants no more webhooks, and a server would send it none"))
        }
        Outcome::Failed { why, asked: _ } => Err(format!("{receiver} did not take the event: {why}")),
    }
}
