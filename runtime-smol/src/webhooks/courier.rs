//! The thread that delivers webhooks. It owns what is on its way and the turns in which the store keeps what is not;
//! one attempt is `deliver`'s, the waits are `retry`'s.
//!
//! What rooms tell gathers here, and so does how attempts ended; both go to the store together, at most every
//! [`PACE`], so that webhooks cost rooms few commits however many there are.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use kanvas_core::{Span, Time};
use opentelemetry::KeyValue;
use smol::Timer;
use smol::channel::{Receiver, RecvError, Sender, unbounded};
use smol::future::{self, FutureExt as _};

use super::deliver::{AT_ONCE, Outcome, Post};
use super::retry;
use crate::clock::Clock;
use crate::meters::Meters;
use crate::store::{Again, Fresh, Store, Turn, Waiting};

/// How many may wait to be delivered.
const MOST: usize = 100_000;
/// How many of what rooms tell go to the store at once.
const BATCH: usize = 256;
/// How many that are due are taken from the store at once.
const PAGE: usize = 256;
/// Between two turns of the store.
const PACE: Span = Span::from_millis(50);
/// After a turn that failed.
const REST: Span = Span::from_secs(1);
/// Between two lines of the log about the same.
const QUIET: Span = Span::from_secs(60);

/// What the courier is started with.
pub(super) struct Courier {
    pub(super) post: Arc<Post>,
    pub(super) store: Store,
    pub(super) clock: Clock,
    pub(super) meters: Arc<Meters>,
    pub(super) told: Receiver<Fresh>,
    pub(super) stop: Receiver<Sender<()>>,
    /// How many found no place in the queue.
    pub(super) lost: Arc<AtomicUsize>,
}

enum Heard {
    Told(Fresh),
    Ended(Ended),
    Stop(Sender<()>),
    TurnIsDue,
}

/// How an attempt ended.
struct Ended {
    waiting: Waiting,
    outcome: Outcome,
}

/// A line of the log that is said once in a while, with how often it was so.
#[derive(Default)]
struct Complaint {
    count: usize,
    said: Option<Time>,
}

impl Complaint {
    /// How many there were since it was last said, if it is time to say so.
    fn due(&mut self, now: Time, more: usize) -> Option<usize> {
        self.count += more;
        let is_time = self.said.is_none_or(|said| now.since(said) >= QUIET);
        (self.count > 0 && is_time).then(|| {
            self.said = Some(now);
            std::mem::take(&mut self.count)
        })
    }
}

/// The thread's own.
struct Round {
    from: Courier,
    ended: (Sender<Ended>, Receiver<Ended>),
    /// What the store is told next.
    fresh: Vec<Fresh>,
    again: Vec<Again>,
    done: Vec<i64>,
    clear: bool,
    mended: bool,
    /// Due, the earliest first.
    ready: VecDeque<Waiting>,
    /// Their numbers and rooms.
    under_way: Vec<(i64, String)>,
    /// When there is something to ask the store for.
    next: Option<Time>,
    not_before: Time,
    /// The receiver wants no more.
    unwanted: bool,
    failing: bool,
    shed: Complaint,
    lost: Complaint,
    dropped: Complaint,
    unkept: Complaint,
}

impl Courier {
    pub(super) fn run(self) {
        let now = self.clock.now();
        let round = Round {
            from: self,
            ended: unbounded(),
            fresh: Vec::new(),
            again: Vec::new(),
            done: Vec::new(),
            clear: false,
            mended: false,
            ready: VecDeque::new(),
            under_way: Vec::new(),
            next: Some(now),
            not_before: now,
            unwanted: false,
            failing: false,
            shed: Complaint::default(),
            lost: Complaint::default(),
            dropped: Complaint::default(),
            unkept: Complaint::default(),
        };
        smol::block_on(round.go());
    }
}

impl Round {
    async fn go(mut self) {
        loop {
            match self.hear().await {
                Ok(Heard::Told(fresh)) => self.told(fresh),
                Ok(Heard::Ended(ended)) => self.ended(ended),
                Ok(Heard::TurnIsDue) => self.turn(PAGE).await,
                Ok(Heard::Stop(reply)) => {
                    self.finish().await;
                    // Whoever asked may have stopped waiting.
                    let _ = reply.try_send(());
                    return;
                }
                // The server has gone.
                Err(_) => return,
            }
            self.begin();
        }
    }

    async fn hear(&self) -> Result<Heard, RecvError> {
        let ended = async { self.ended.1.recv().await.map(Heard::Ended) };
        let stop = async { self.from.stop.recv().await.map(Heard::Stop) };
        let told = async {
            // The rest waits in its own queue, which has a bound.
            match self.fresh.len() < BATCH {
                true => self.from.told.recv().await.map(Heard::Told),
                false => future::pending().await,
            }
        };
        let turn = async {
            match self.turn_at() {
                Some(at) => drop(Timer::at(self.from.clock.instant(at)).await),
                None => future::pending().await,
            }
            Ok(Heard::TurnIsDue)
        };
        ended.or(stop).or(told).or(turn).await
    }

    fn turn_at(&self) -> Option<Time> {
        let has_news = self.clear || !(self.fresh.is_empty() && self.again.is_empty() && self.done.is_empty());
        let next = if has_news { Some(self.not_before) } else { self.next.filter(|_| self.ready.is_empty()) };
        next.map(|next| next.max(self.not_before))
    }

    fn told(&mut self, fresh: Fresh) {
        if !self.unwanted {
            self.fresh.push(fresh);
        }
    }

    /// Tells the store what there is, and takes from it what is due.
    async fn turn(&mut self, wanted: usize) {
        let now = self.from.clock.now();
        let lost = self.from.lost.swap(0, Ordering::Relaxed);
        if let Some(lost) = self.lost.due(now, lost) {
            tracing::warn!(lost, "webhooks were lost: more came at once than could be kept");
        }
        let wanted = if self.ready.is_empty() && !self.unwanted { wanted } else { 0 };
        let turn = Turn {
            now,
            longest: (!self.mended).then_some(retry::LONGEST),
            fresh: self.fresh.clone(),
            again: self.again.clone(),
            done: self.done.clone(),
            clear: self.clear,
            most: MOST,
            wanted,
            but: self.under_way.iter().map(|(no, _)| *no).collect(),
        };
        let Some(sheet) = self.from.store.notices(turn).await else {
            self.not_before = now + REST;
            if self.unkept.due(now, 1).is_some() {
                tracing::warn!("webhooks cannot be kept by the database now; it is tried again");
            }
            return;
        };
        self.fresh.clear();
        self.again.clear();
        self.done.clear();
        (self.clear, self.mended) = (false, true);
        self.not_before = now + PACE;
        if wanted > 0 {
            self.ready = sheet.due.into();
            self.next = sheet.next;
        }
        if self.unwanted {
            self.next = None;
        }
        if let Some(shed) = self.shed.due(now, sheet.shed) {
            tracing::warn!(shed, "webhooks were dropped: more than {MOST} wait to be delivered");
        }
    }

    /// Starts as many attempts as there is place for. Of one room one is under way at a time (HOOK5).
    fn begin(&mut self) {
        while self.under_way.len() < AT_ONCE {
            let is_free = |waiting: &Waiting| !self.under_way.iter().any(|(_, room)| *room == waiting.room);
            let Some(waiting) = self.ready.iter().position(is_free).and_then(|at| self.ready.remove(at)) else {
                return;
            };
            if self.ready.is_empty() {
                self.next = Some(self.from.clock.now());
            }
            self.under_way.push((waiting.no, waiting.room.clone()));
            let (post, clock, back) = (self.from.post.clone(), self.from.clock, self.ended.0.clone());
            let meters = self.from.meters.clone();
            let attempt = waiting.clone();
            let began = thread::Builder::new().name("kanvas-hook".into()).spawn(move || {
                let began = Instant::now();
                let outcome = post.send(clock.wall(), &attempt.id, &attempt.body);
                meters.traces.asked("webhook.deliver", began.elapsed(), || {
                    let delivered = matches!(outcome, Outcome::Delivered(_));
                    vec![KeyValue::new("server.address", post.receiver()), KeyValue::new("error", !delivered)]
                });
                // The server may be gone.
                drop(back.try_send(Ended { waiting: attempt, outcome }));
            });
            if let Err(error) = began {
                let outcome = Outcome::Failed { why: format!("a thread could not be started ({error})"), asked: None };
                drop(self.ended.0.try_send(Ended { waiting, outcome }));
            }
        }
    }

    fn ended(&mut self, ended: Ended) {
        let Ended { waiting, outcome } = ended;
        self.under_way.retain(|(no, _)| *no != waiting.no);
        if self.unwanted {
            return;
        }
        match outcome {
            Outcome::Delivered(_) => {
                self.done.push(waiting.no);
                if std::mem::take(&mut self.failing) {
                    tracing::info!("webhooks are delivered to {} again", self.from.post.receiver());
                }
            }
            Outcome::Unwanted => self.give_up(),
            Outcome::Failed { why, asked } => self.failed(&waiting, &why, asked),
        }
    }

    fn failed(&mut self, waiting: &Waiting, why: &str, asked: Option<Span>) {
        if !std::mem::replace(&mut self.failing, true) {
            let receiver = self.from.post.receiver();
            tracing::warn!("webhooks cannot be delivered to {receiver} ({why}); each is tried again for a day");
        }
        let (now, failures) = (self.from.clock.now(), waiting.failures.saturating_add(1));
        // Without chance they come back together, which the receiver survives.
        let chance = getrandom::u64().unwrap_or_default();
        match retry::again(now, waiting.made, failures, asked, chance) {
            Some(due) => self.again.push(Again { no: waiting.no, failures, due }),
            None => {
                self.done.push(waiting.no);
                if let Some(dropped) = self.dropped.due(now, 1) {
                    tracing::warn!(dropped, "webhooks were dropped: for a day they could not be delivered ({why})");
                }
            }
        }
    }

    /// HOOK7
    fn give_up(&mut self) {
        tracing::error!(
            "{} answered 410: it wants no more webhooks, and gets none until the server is started anew",
            self.from.post.receiver()
        );
        self.fresh.clear();
        self.again.clear();
        self.done.clear();
        self.ready.clear();
        (self.clear, self.unwanted) = (true, true);
    }

    /// Keeps what was told; what is under way stays kept, and is sent again by the next start (HOOK9).
    async fn finish(&mut self) {
        while let Ok(ended) = self.ended.1.try_recv() {
            self.ended(ended);
        }
        while let Ok(fresh) = self.from.told.try_recv() {
            self.told(fresh);
        }
        self.turn(0).await;
        if !self.fresh.is_empty() {
            tracing::warn!(lost = self.fresh.len(), "webhooks were lost: the database could not keep them");
        }
    }
}
