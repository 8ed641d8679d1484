//! A thread's share of the people: it connects them, has each speak when due, and hears everything.
//!
//! The loop is open: a message is due at a moment that was fixed beforehand, whatever the server does, and its time runs
//! from then. So a server that stalls cannot hide it by making its clients late.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use rustix::event::{Timespec, epoll};

use crate::frames::{Frames, Heard, put_pong, put_text};
use crate::words::{AGAIN, Kind, Listener, Speaker, Spot, Word, add_image};

/// The longest time that is told apart, in µs.
const LONGEST: u64 = 120_000_000;
/// How long a handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How long everything that was sent may take to arrive after the last was due.
const TAIL: Duration = Duration::from_secs(2);
/// How long the news of who has come may go on before anybody speaks.
const SETTLE: Duration = Duration::from_secs(1);

/// Who does what.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) address: SocketAddr,
    /// What the rooms' names begin with.
    pub(crate) room: String,
    pub(crate) rooms: u32,
    /// In each room.
    pub(crate) people: u32,
    /// How many of them speak, in each room.
    pub(crate) speakers: u32,
    /// How often each who speaks does, a second.
    pub(crate) rate: f64,
    pub(crate) kind: Kind,
    pub(crate) batch: bool,
    /// How far apart people stand, each looking at their own place; 0: all in one.
    pub(crate) spread: u32,
    pub(crate) warm_up: Duration,
    pub(crate) measured: Duration,
    pub(crate) threads: u32,
}

impl Plan {
    pub(crate) fn connections(&self) -> u32 {
        self.rooms * self.people
    }

    fn spot(&self, who: u32) -> Spot {
        let of_room = who / self.rooms;
        let side = self.people.isqrt() + 1;
        Spot { x: 1000 + of_room % side * self.spread, y: 1000 + of_room / side * self.spread }
    }
}

/// What a fleet saw.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    /// Messages that were due in the measured time.
    pub(crate) sent: u64,
    /// How many times one of them was heard.
    pub(crate) delivered: u64,
    pub(crate) acknowledged: u64,
    /// Bytes of everything that was heard, in the measured time.
    pub(crate) bytes: u64,
    /// Sockets that the server closed.
    pub(crate) closed: u32,
    /// From when a move was due until somebody heard it, µs.
    pub(crate) moves: Histogram<u64>,
    /// From when an edit was due until its ack, µs.
    pub(crate) acks: Histogram<u64>,
    /// By how much messages left later than they were due, µs.
    pub(crate) lag: Histogram<u64>,
}

impl Seen {
    fn new() -> Seen {
        let histogram = || Histogram::new_with_bounds(1, LONGEST, 3).expect("these bounds are legal");
        Seen {
            sent: 0,
            delivered: 0,
            acknowledged: 0,
            bytes: 0,
            closed: 0,
            moves: histogram(),
            acks: histogram(),
            lag: histogram(),
        }
    }

    /// All fleets' together.
    pub(crate) fn all(seen: impl Iterator<Item = Seen>) -> Seen {
        seen.fold(Seen::new(), |mut sum, one| {
            sum.sent += one.sent;
            sum.delivered += one.delivered;
            sum.acknowledged += one.acknowledged;
            sum.bytes += one.bytes;
            sum.closed += one.closed;
            for (sum, one) in [(&mut sum.moves, &one.moves), (&mut sum.acks, &one.acks), (&mut sum.lag, &one.lag)] {
                sum.add(one).expect("all have the same bounds");
            }
            sum
        })
    }
}

/// One person.
struct Client {
    /// `None` once it is closed.
    socket: Option<TcpStream>,
    who: u32,
    spot: Spot,
    frames: Frames,
    listener: Listener,
    /// What the socket did not take yet.
    waiting: Vec<u8>,
}

/// See the module.
pub(crate) struct Fleet {
    plan: Plan,
    /// Which of the threads this is.
    no: u32,
    epoll: rustix::fd::OwnedFd,
    clients: Vec<Client>,
    /// Those of them who speak.
    speakers: Vec<usize>,
    began: Instant,
    seen: Seen,
    /// The measured part, in µs since the start.
    window: std::ops::Range<u64>,
    speaker: Speaker,
    scratch: Vec<u8>,
    masked: Vec<u8>,
}

impl Fleet {
    /// Connects this thread's people, and has them join.
    pub(crate) fn connect(plan: &Plan, no: u32, began: Instant) -> io::Result<Fleet> {
        let mut fleet = Fleet {
            plan: plan.clone(),
            no,
            epoll: epoll::create(epoll::CreateFlags::CLOEXEC)?,
            clients: Vec::new(),
            speakers: Vec::new(),
            began,
            seen: Seen::new(),
            window: 0..0,
            speaker: Speaker::default(),
            scratch: vec![0; 256 * 1024],
            masked: Vec::new(),
        };
        for who in (no..plan.connections()).step_by(plan.threads as usize) {
            fleet.add(who)?;
            if fleet.clients.len().is_multiple_of(16) {
                fleet.listen(Duration::ZERO)?;
            }
        }
        fleet.listen_for(SETTLE)?;
        Ok(fleet)
    }

    fn add(&mut self, who: u32) -> io::Result<()> {
        let no = self.clients.len();
        if who / self.plan.rooms < self.plan.speakers && self.plan.kind != Kind::Silence {
            self.speakers.push(no);
        }
        let client = self.bring(who, who, no)?;
        self.clients.push(client);
        Ok(())
    }

    /// One goes for good, and somebody else comes in their place.
    pub(crate) fn replace(&mut self, no: usize, name: u32) -> io::Result<()> {
        let Some(who) = self.clients.get_mut(no).map(|client| {
            client.socket = None;
            client.who
        }) else {
            return Ok(());
        };
        let client = self.bring(who, name, no)?;
        if let Some(place) = self.clients.get_mut(no) {
            *place = client;
        }
        Ok(())
    }

    pub(crate) fn len(&self) -> usize {
        self.clients.len()
    }

    /// Connects somebody of that name, who joins.
    fn bring(&mut self, who: u32, name: u32, no: usize) -> io::Result<Client> {
        let room = format!("{}-{}", self.plan.room, who % self.plan.rooms);
        let (socket, behind) = shake_hands(self.plan.address, &room, &format!("load{name}"))?;
        socket.set_nonblocking(true)?;
        epoll::add(&self.epoll, &socket, epoll::EventData::new_u64(no as u64), epoll::EventFlags::IN)?;
        let spot = self.plan.spot(who);
        let mut client = Client {
            socket: Some(socket),
            who,
            spot,
            frames: Frames::default(),
            listener: Listener::default(),
            waiting: Vec::new(),
        };
        let batch = if self.plan.batch { r#","batch":true"# } else { "" };
        client.say(format!(r#"{{"type":"user:join","data":{{"name":"p{who}"{batch}}}}}"#).as_bytes(), &mut self.masked);
        if self.plan.spread > 0 {
            let (x, y) = (spot.x.saturating_sub(800), spot.y.saturating_sub(500));
            let view = format!(r#"{{"type":"canvas:transform","data":{{"x":-{x},"y":-{y},"scale":1}}}}"#);
            client.say(view.as_bytes(), &mut self.masked);
        }
        if matches!(self.plan.kind, Kind::Drag | Kind::Edit) {
            client.say(add_image(who).as_bytes(), &mut self.masked);
        }
        client.frames.feed(&behind, |_| {});
        Ok(client)
    }

    /// Microseconds since the start.
    pub(crate) fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    /// Speaks and listens from `start` (µs) until the plan is carried out.
    pub(crate) fn run(mut self, start: u64) -> io::Result<Seen> {
        let micros = |span: Duration| u64::try_from(span.as_micros()).unwrap_or(u64::MAX);
        let from = start + micros(self.plan.warm_up);
        self.window = from..from + micros(self.plan.measured);
        let speakers = self.speakers.len();
        let every = 1e6 / (self.plan.rate * speakers.max(1) as f64);
        // The threads take turns.
        let offset = every * f64::from(self.no) / f64::from(self.plan.threads);
        let mut turn = 0_usize;
        let last = self.window.end + micros(TAIL);
        loop {
            let now = self.now();
            let mut wait = last.saturating_sub(now);
            if speakers > 0 {
                let mut due = start + micros_of(turn as f64 * every + offset);
                while due <= now && due < self.window.end {
                    self.speak(turn % speakers, due);
                    turn += 1;
                    due = start + micros_of(turn as f64 * every + offset);
                }
                if due < self.window.end {
                    wait = due.saturating_sub(self.now());
                }
            }
            if now >= last {
                return Ok(self.seen);
            }
            self.listen(Duration::from_micros(wait))?;
        }
    }

    /// Has the next of those who speak do so.
    pub(crate) fn speak(&mut self, speaker: usize, due: u64) {
        if let Some(no) = self.speakers.get(speaker).copied() {
            self.say(no, self.plan.kind, due);
        }
    }

    /// Has somebody say something.
    pub(crate) fn say(&mut self, no: usize, kind: Kind, due: u64) {
        let Some(client) = self.clients.get_mut(no) else { return };
        let text = self.speaker.say(kind, client.who, client.spot, due);
        client.say(text, &mut self.masked);
        if self.window.contains(&due) {
            self.seen.sent += 1;
            let late = self.now().saturating_sub(due);
            self.seen.lag.saturating_record(late);
        }
    }

    /// Notes from now on what is heard, and gives what was noted so far.
    pub(crate) fn turn_page(&mut self) -> Seen {
        self.window = self.now()..u64::MAX;
        std::mem::replace(&mut self.seen, Seen::new())
    }

    /// Listens for so long.
    pub(crate) fn listen_for(&mut self, span: Duration) -> io::Result<()> {
        let end = Instant::now() + span;
        while let Some(left) = end.checked_duration_since(Instant::now()) {
            self.listen(left)?;
        }
        Ok(())
    }

    /// Waits at most so long for anything to hear, and hears it.
    fn listen(&mut self, wait: Duration) -> io::Result<()> {
        let wait = Timespec::try_from(wait).map_err(io::Error::other)?;
        let mut events = [epoll::Event { flags: epoll::EventFlags::empty(), data: epoll::EventData::new_u64(0) }; 256];
        let count = match epoll::wait(&self.epoll, &mut events, Some(&wait)) {
            Ok(count) => count,
            Err(rustix::io::Errno::INTR) => 0,
            Err(error) => return Err(error.into()),
        };
        for event in events.iter().take(count) {
            let no = usize::try_from(event.data.u64()).unwrap_or(usize::MAX);
            self.receive(no);
        }
        Ok(())
    }

    fn receive(&mut self, no: usize) {
        let Some(client) = self.clients.get_mut(no) else { return };
        client.write_on();
        let Some(socket) = &mut client.socket else { return };
        let mut scratch = std::mem::take(&mut self.scratch);
        match socket.read(&mut scratch) {
            Ok(count @ 1..) => self.hear(no, scratch.get(..count).unwrap_or_default()),
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
            Ok(0) | Err(_) => {
                client.socket = None;
                self.seen.closed += 1;
            }
        }
        self.scratch = scratch;
    }

    fn hear(&mut self, no: usize, bytes: &[u8]) {
        let now = self.now();
        let Some(client) = self.clients.get_mut(no) else { return };
        let (seen, window) = (&mut self.seen, &self.window);
        if window.contains(&now) {
            seen.bytes += bytes.len() as u64;
        }
        let mut pings = 0;
        client.frames.feed(bytes, |heard| match heard {
            Heard::Text(text) => client.listener.hear(text, |word| {
                let (due, count, times) = match word {
                    Word::Moved(due) => (due, &mut seen.delivered, &mut seen.moves),
                    Word::Acknowledged(due) => (due, &mut seen.acknowledged, &mut seen.acks),
                };
                let took = (now + AGAIN - due % AGAIN) % AGAIN;
                if window.contains(&now.saturating_sub(took)) {
                    *count += 1;
                    times.saturating_record(took);
                }
            }),
            Heard::Ping => pings += 1,
            Heard::Close => {}
        });
        for _ in 0..pings {
            self.masked.clear();
            put_pong(&mut self.masked);
            client.send(&self.masked);
        }
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a run lasts minutes")]
fn micros_of(span: f64) -> u64 {
    span as u64
}

impl Client {
    fn say(&mut self, text: &[u8], masked: &mut Vec<u8>) {
        masked.clear();
        put_text(text, masked);
        self.send(masked);
    }

    fn send(&mut self, bytes: &[u8]) {
        if self.waiting.is_empty()
            && let Some(socket) = &mut self.socket
        {
            let took = socket.write(bytes).unwrap_or(0);
            self.waiting.extend_from_slice(bytes.get(took..).unwrap_or_default());
        } else if self.socket.is_some() {
            self.waiting.extend_from_slice(bytes);
            self.write_on();
        }
    }

    fn write_on(&mut self) {
        if let Some(socket) = &mut self.socket
            && !self.waiting.is_empty()
        {
            let took = socket.write(&self.waiting).unwrap_or(0);
            self.waiting.drain(..took);
        }
    }
}

/// A socket in that room, and what the server said right behind its head.
pub(crate) fn shake_hands(address: SocketAddr, room: &str, pk: &str) -> io::Result<(TcpStream, Vec<u8>)> {
    let mut socket = TcpStream::connect(address)?;
    socket.set_nodelay(true)?;
    socket.set_read_timeout(Some(HANDSHAKE))?;
    let head = format!(
        "GET /parties/main/{room}?_pk={pk} HTTP/1.1\r\nHost: localhost:{}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        address.port()
    );
    socket.write_all(head.as_bytes())?;
    let mut answer = Vec::new();
    let mut piece = [0; 1024];
    let end = loop {
        match socket.read(&mut piece)? {
            0 => return Err(refused(&answer)),
            count => answer.extend_from_slice(piece.get(..count).unwrap_or_default()),
        }
        if let Some(end) = memchr::memmem::find(&answer, b"\r\n\r\n") {
            break end + 4;
        }
    };
    if !answer.starts_with(b"HTTP/1.1 101 ") {
        return Err(refused(&answer));
    }
    Ok((socket, answer.split_off(end)))
}

fn refused(answer: &[u8]) -> io::Error {
    let line = answer.split(|byte| *byte == b'\r').next().unwrap_or_default();
    io::Error::other(format!("the server refused a WebSocket: {}", String::from_utf8_lossy(line)))
}
