//! One connection on a bad day: bytes go from a client to the server and back late, in order, and in pieces; now and then
//! the client stops reading, or the connection breaks. Nothing is held without bound: what is on its way is bounded, and
//! who has sent that much waits.

use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use smol::channel::{Receiver, Sender, bounded};
use smol::future::FutureExt as _;
use smol::io::{AsyncReadExt as _, AsyncWriteExt as _};
use smol::{Async, Timer};

use super::dice::Dice;
use super::weather::Weather;

/// How often a connection's faults are thrown for.
const EVERY: Duration = Duration::from_millis(100);
/// The most that is read at once, and how many of these are on their way at once in each direction.
const PIECE: usize = 16 * 1024;
const PIECES: usize = 64;
/// How long a client does not read, in ms: from, and how much longer at most.
const STALL: (u64, u64) = (500, 3000);

/// Some bytes, and when they arrive.
type Piece = (Instant, Vec<u8>);

/// Carries bytes until one side ends the connection, or it breaks. `no` tells it from others, for its dice and in the log.
pub(super) async fn carry(client: Async<TcpStream>, server: Async<TcpStream>, weather: Weather, seed: u64, no: u64) {
    let (stall, stalls) = bounded(1);
    let up = {
        let (put, take) = bounded(PIECES);
        let late = Late::new(weather, Dice::new(seed, no, 1));
        let never = stalls_never();
        both(read(&client, put, late), write(&server, take, never))
    };
    let down = {
        let (put, take) = bounded(PIECES);
        let late = Late::new(weather, Dice::new(seed, no, 2));
        both(read(&server, put, late), write(&client, take, stalls))
    };
    let faults = strike(weather, Dice::new(seed, no, 3), no, stall);
    // A WebSocket is over when either side has ended it and the rest has arrived.
    both(up, down).or(faults).await;
    for side in [&client, &server] {
        // It may be gone.
        drop(side.get_ref().shutdown(Shutdown::Both));
    }
}

async fn both(one: impl Future<Output = ()>, other: impl Future<Output = ()>) {
    smol::future::zip(one, other).await;
}

fn stalls_never() -> Receiver<Duration> {
    bounded(1).1
}

/// When what is read now arrives: never before what was read before it.
struct Late {
    weather: Weather,
    dice: Dice,
    last: Instant,
}

impl Late {
    fn new(weather: Weather, dice: Dice) -> Late {
        Late { weather, dice, last: Instant::now() }
    }

    fn due(&mut self, now: Instant) -> Instant {
        let jitter = u64::try_from(self.weather.jitter.as_millis()).unwrap_or(u64::MAX);
        let jitter = Duration::from_millis(self.dice.below(jitter.saturating_add(1)));
        self.last = self.last.max(now + self.weather.latency + jitter);
        self.last
    }
}

async fn read(from: &Async<TcpStream>, put: Sender<Piece>, mut late: Late) {
    let mut from = from;
    let mut piece = vec![0; PIECE];
    // An end and a failure are the same to the other side: nothing comes any more.
    while let Ok(count @ 1..) = from.read(&mut piece).await {
        let bytes = piece.get(..count).unwrap_or_default().to_vec();
        if put.send((late.due(Instant::now()), bytes)).await.is_err() {
            return;
        }
    }
}

async fn write(to: &Async<TcpStream>, take: Receiver<Piece>, stalls: Receiver<Duration>) {
    let mut side = to;
    while let Ok((due, bytes)) = take.recv().await {
        if let Ok(stall) = stalls.try_recv() {
            Timer::after(stall).await;
        }
        Timer::at(due).await;
        if side.write_all(&bytes).await.is_err() {
            return;
        }
    }
    // The other side said its last word.
    drop(to.get_ref().shutdown(Shutdown::Write));
}

/// Stalls the client as often as it was told, and returns when the connection is to break.
async fn strike(weather: Weather, mut dice: Dice, no: u64, stall: Sender<Duration>) {
    loop {
        Timer::after(EVERY).await;
        if dice.below(10_000) < weather.cut {
            tracing::info!(connection = no, "chaos: the connection breaks");
            return;
        }
        if dice.below(10_000) < weather.stall {
            let ms = STALL.0 + dice.below(STALL.1 + 1);
            // One that has not begun yet counts for both.
            if stall.try_send(Duration::from_millis(ms)).is_ok() {
                tracing::info!(connection = no, ms, "chaos: the client stops reading");
            }
        }
    }
}
