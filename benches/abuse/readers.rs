//! Two hundred in a room who read, then stop reading: what the ten who talk there, and one who edits, notice of it.
//!
//! A round is three phases in a fresh room: the eleven alone, with two hundred who read, and after these have stopped.
//! What is stored is padded, so that the sockets of those who stopped are soon full; the phase is so long that the
//! server cuts all of them in it, which the others notice too.

use std::io::Read as _;
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use super::common::{Server, Socket, TEXT};
use super::{Times, memory};

const ROUNDS: usize = 3;
const PHASE: Duration = Duration::from_secs(7);
/// To full sockets, to the cut after 5 s of standing still, and its news.
const STOPPED: Duration = Duration::from_secs(15);
/// What is not measured of a phase: joins and their news are still on the way.
const SETTLE: Duration = Duration::from_millis(500);
const TALKERS: u32 = 10;
const READERS: u32 = 200;
/// Each talker moves once in this time.
const MOVE_EVERY: Duration = Duration::from_millis(40);
/// After so many moves of anybody there is an edit: about 50 a second.
const MOVES_AN_EDIT: u32 = 5;
const PADDING: usize = 2000;
/// What a connection that does not read may make wait before it is cut (WS10).
const CAP: f64 = 2.0;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Alone,
    Reading,
    Stopped,
}

const PHASES: [(Phase, &str); 3] =
    [(Phase::Alone, "alone"), (Phase::Reading, "with 200 who read"), (Phase::Stopped, "after the 200 stopped")];

/// Where the times of the present phase go; `SETTLING` is nowhere.
const SETTLING: u8 = u8::MAX;

struct Stage {
    began: Instant,
    phase: AtomicU8,
    moves: Mutex<[Times; 3]>,
    edits: Mutex<[Times; 3]>,
    /// Each who is gone while it is measured, once for everyone who hears of it.
    gone: AtomicU32,
}

impl Stage {
    /// The time of day on this stage, in µs: small enough for a coordinate.
    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    /// Notes that what was sent then is heard now.
    fn heard(&self, times: &Mutex<[Times; 3]>, sent: u64) {
        let phase = usize::from(self.phase.load(Ordering::Relaxed));
        if let Some(times) = times.lock().expect("nobody panicked").get_mut(phase) {
            times.0.push(Duration::from_micros(self.now().saturating_sub(sent)));
        }
    }
}

pub(super) fn measure() {
    let server = Server::start_shipped(&["--grace", "0"]);
    let stage = Arc::new(Stage {
        began: Instant::now(),
        phase: AtomicU8::new(SETTLING),
        moves: Mutex::default(),
        edits: Mutex::default(),
        gone: AtomicU32::new(0),
    });
    let (mut before, mut most) = (0.0_f64, 0.0_f64);
    for round in 0..ROUNDS {
        let room = format!("r{round}");
        let talk = Talk::start(&server, &stage, &room);
        let mut readers = Vec::new();
        for (no, (phase, _)) in (0..).zip(PHASES) {
            match phase {
                Phase::Alone => {}
                Phase::Reading => readers = (0..READERS).map(|no| Reader::start(&server, &room, no)).collect(),
                Phase::Stopped => {
                    before = before.max(memory(&server));
                    readers.iter().for_each(Reader::stop);
                }
            }
            thread::sleep(SETTLE);
            stage.phase.store(no, Ordering::Relaxed);
            match phase {
                Phase::Alone | Phase::Reading => thread::sleep(PHASE - SETTLE),
                Phase::Stopped => most = most.max(watch(&server, STOPPED - SETTLE)),
            }
            stage.phase.store(SETTLING, Ordering::Relaxed);
        }
        drop(readers);
        talk.end();
    }
    thread::sleep(Duration::from_secs(2));
    let after = memory(&server);
    report("a move, until another hears it", &stage.moves);
    report("an edit, until it is acknowledged", &stage.edits);
    let cut = stage.gone.load(Ordering::Relaxed) / (TALKERS + 1);
    println!("  cut before their phase was over: {cut} of {}", ROUNDS * READERS as usize);
    println!(
        "  the server's memory: {before:.1} MiB while they read, {most:.1} with {READERS} who stopped, {after:.1} after \
         they went; {READERS} queues may hold \
         {:.0} MiB",
        f64::from(READERS) * CAP
    );
}

/// The most memory that the server has in this time, in MiB.
fn watch(server: &Server, time: Duration) -> f64 {
    let (end, mut most) = (Instant::now() + time, 0.0_f64);
    while Instant::now() < end {
        most = most.max(memory(server));
        thread::sleep(Duration::from_millis(100));
    }
    most
}

fn report(what: &str, times: &Mutex<[Times; 3]>) {
    println!("  {what}:");
    let mut times = times.lock().expect("nobody panicked").clone();
    let [alone, reading, stopped] = &mut times;
    println!("{}", alone.line(PHASES[0].1, None));
    println!("{} of alone", reading.line(PHASES[1].1, Some(alone)));
    println!("{} of alone", stopped.line(PHASES[2].1, Some(alone)));
    println!("{} of before", stopped.line(PHASES[2].1, Some(reading)));
}

/// Those who talk, and the threads that hear and speak for them.
struct Talk {
    goes_on: Arc<AtomicBool>,
    sockets: Vec<TcpStream>,
    threads: Vec<thread::JoinHandle<()>>,
}

impl Talk {
    fn start(server: &Server, stage: &Arc<Stage>, room: &str) -> Talk {
        let mut talkers: Vec<Socket> = (0..TALKERS).map(|no| server.joined(room, &format!("talker{no}"))).collect();
        let mut editor = server.joined(room, "editor");
        editor.send(r#"{"type":"image:add","data":{"id":"i","src":"https://e.com/a","x":0,"y":0,"width":1,"height":1},"id":"k"}"#);
        editor.until(r#""type":"ack""#);
        let sockets: Vec<TcpStream> =
            talkers.iter().chain([&editor]).map(|socket| socket.stream.try_clone().expect("a socket")).collect();
        let mut threads = Vec::new();
        for socket in &sockets {
            let (stage, socket) = (stage.clone(), Socket { stream: socket.try_clone().expect("a socket") });
            threads.push(thread::spawn(move || listen(&stage, socket)));
        }
        let goes_on = Arc::new(AtomicBool::new(true));
        let (stage, more) = (stage.clone(), goes_on.clone());
        let speak = move || {
            let padding = "x".repeat(PADDING);
            let pause = MOVE_EVERY / TALKERS;
            while more.load(Ordering::Relaxed) {
                for (no, talker) in (1..).zip(&mut talkers) {
                    let now = stage.now();
                    talker.send(&format!(r#"{{"type":"cursor:move","data":{{"x":{now},"y":0}}}}"#));
                    if no % MOVES_AN_EDIT == 0 {
                        editor.send(&format!(
                            r#"{{"type":"image:transform","data":{{"id":"i","x":{now},"note":"{padding}"}},"id":"{now}"}}"#
                        ));
                    }
                    thread::sleep(pause);
                }
            }
        };
        threads.push(thread::spawn(speak));
        Talk { goes_on, sockets, threads }
    }

    fn end(self) {
        self.goes_on.store(false, Ordering::Relaxed);
        for socket in self.sockets {
            Socket { stream: socket }.hang_up();
        }
        for thread in self.threads {
            thread.join().expect("nobody who talks panics");
        }
    }
}

/// Hears moves of the others, which bear the time in `x`, and acknowledgements of one's own edits, which do in `id`.
fn listen(stage: &Stage, mut socket: Socket) {
    while let Some((first, payload)) = socket.receive() {
        if first != TEXT {
            continue;
        }
        let text = String::from_utf8_lossy(&payload);
        let number = |key: &str| -> Option<u64> {
            let digits = text.split_once(key)?.1;
            digits.split(|other: char| !other.is_ascii_digit()).next()?.parse().ok()
        };
        if text.contains(r#""type":"cursor:move""#)
            && let Some(sent) = number(r#""x":"#)
        {
            stage.heard(&stage.moves, sent);
        } else if text.contains(r#""type":"ack""#)
            && let Some(sent) = number(r#""id":""#)
        {
            stage.heard(&stage.edits, sent);
        } else if text.contains(r#""type":"user:left""#) && stage.phase.load(Ordering::Relaxed) != SETTLING {
            stage.gone.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// One who reads whatever comes, until told to stop.
struct Reader {
    stream: TcpStream,
    stops: Arc<AtomicBool>,
}

impl Reader {
    fn start(server: &Server, room: &str, no: u32) -> Reader {
        let mut socket = server.socket(&format!("/parties/main/{room}?_pk=reader{no}"));
        socket.send(r#"{"type":"user:join","data":{"name":"reader"}}"#);
        let stops = Arc::new(AtomicBool::new(false));
        let told = stops.clone();
        let mut stream = socket.stream.try_clone().expect("a socket");
        let read = move || {
            let mut scratch = [0; 16 * 1024];
            while !told.load(Ordering::Relaxed) && matches!(stream.read(&mut scratch), Ok(1..)) {}
        };
        let small = thread::Builder::new().stack_size(64 * 1024);
        small.spawn(read).expect("a thread for each reader");
        Reader { stream: socket.stream, stops }
    }

    /// From now on nothing is read, and the kernel takes in next to nothing.
    fn stop(&self) {
        self.stops.store(true, Ordering::Relaxed);
        socket2::SockRef::from(&self.stream).set_recv_buffer_size(4096).expect("a buffer can be small");
    }
}
