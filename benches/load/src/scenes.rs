//! The scenes in which people come, stay or go, rather than speak: what a connection costs that does nothing, what it
//! takes to join a full room, and what remains of those who have gone.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::fleet::{Fleet, Plan, shake_hands};
use crate::frames::{Frames, Heard, put_text};
use crate::process::usage;
use crate::words::{Kind, add_image};

/// How long memory may take to settle after many came or went.
const SETTLE: Duration = Duration::from_secs(3);
/// How long somebody waits for the room's state.
const PATIENCE: Duration = Duration::from_secs(30);

/// What connections cost that do nothing.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Idle {
    pub(crate) connections: u32,
    /// Resident memory of the server for each, in bytes.
    pub(crate) bytes_per_connection: f64,
    /// How long it took until all had joined.
    pub(crate) connected_in_seconds: f64,
    /// Cores that the server was busy on while nobody did anything.
    pub(crate) cores: f64,
}

/// People join and say nothing.
#[expect(clippy::cast_precision_loss, reason = "bytes of memory are far below 2^52")]
pub(crate) fn idle(plan: &Plan, pid: u32) -> io::Result<Idle> {
    let before = usage(pid)?;
    let began = Instant::now();
    let mut fleet = Fleet::connect(plan, 0, began)?;
    let connected_in_seconds = began.elapsed().as_secs_f64();
    fleet.listen_for(SETTLE)?;
    let settled = usage(pid)?;
    let quiet = Instant::now();
    fleet.listen_for(plan.measured)?;
    let after = usage(pid)?;
    Ok(Idle {
        connections: plan.connections(),
        bytes_per_connection: after.memory.saturating_sub(before.memory) as f64 / f64::from(plan.connections()),
        connected_in_seconds,
        cores: (after.cpu - settled.cpu).as_secs_f64() / quiet.elapsed().as_secs_f64(),
    })
}

/// What remains of those who have gone.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Churned {
    pub(crate) joins: u32,
    /// Resident memory of the server after the first minute, or the first tenth if that is less, in bytes.
    pub(crate) memory_at_first: u64,
    pub(crate) memory_at_last: u64,
}

/// People come, move, go for good, and others come; `told` hears of the server's memory every 30 s.
pub(crate) fn churn(
    plan: &Plan,
    pid: u32,
    joins_per_second: f64,
    mut told: impl FnMut(Duration, u64),
) -> io::Result<Churned> {
    let began = Instant::now();
    let mut fleet = Fleet::connect(plan, 0, began)?;
    let (start, first) = (Instant::now(), plan.measured.div_f64(10.0).min(Duration::from_secs(60)));
    let (mut joins, mut moves, mut tellings) = (0_u32, 0_u32, 1);
    let mut memory_at_first = None;
    while start.elapsed() < plan.measured {
        let passed = start.elapsed();
        while f64::from(joins) < passed.as_secs_f64() * joins_per_second {
            fleet.replace(joins as usize % fleet.len(), plan.connections() + joins)?;
            joins += 1;
        }
        while f64::from(moves) < passed.as_secs_f64() * plan.rate * f64::from(plan.connections()) {
            let now = fleet.now();
            fleet.speak(moves as usize % fleet.len(), now);
            moves += 1;
        }
        fleet.listen_for(Duration::from_millis(2))?;
        if memory_at_first.is_none() && passed >= first {
            memory_at_first = Some(usage(pid)?.memory);
        }
        if passed >= Duration::from_secs(30) * tellings {
            tellings += 1;
            told(passed, usage(pid)?.memory);
        }
    }
    let memory_at_last = usage(pid)?.memory;
    Ok(Churned { joins, memory_at_first: memory_at_first.unwrap_or(memory_at_last), memory_at_last })
}

/// What it takes to join.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Joins {
    pub(crate) images: u32,
    /// The processor's time of the server for a join right after an edit, in ms.
    pub(crate) cpu_after_an_edit: f64,
    /// And for one with nothing new.
    pub(crate) cpu: f64,
    /// Until somebody had the whole state, in ms: the median, and the longest.
    pub(crate) wait: f64,
    pub(crate) longest_wait: f64,
    /// People who came at once, and how long it took until each had the whole state, in ms.
    pub(crate) people: u32,
    pub(crate) all_in_sync: f64,
}

/// Joins are repeated so often, for the processor's time is counted in hundredths of a second.
const REPEATED: u32 = 40;
/// What one person may add at once.
const BURST: u32 = 100;

/// Puts images into a room.
pub(crate) fn fill(address: SocketAddr, room: &str, images: u32) -> io::Result<()> {
    for no in 0..images.div_ceil(BURST) {
        let mut person = Person::join(address, room, &format!("fill{no}"))?;
        let theirs = (no * BURST)..images.min((no + 1) * BURST);
        for image in theirs.clone() {
            person.say(&add_image(image))?;
        }
        person.wait_for(br#"{"type":"ack""#, theirs.len())?;
    }
    Ok(())
}

/// Fills a room, then has people join it: one by one, and all at once.
pub(crate) fn join(address: SocketAddr, pid: u32, room: &str, images: u32, people: u32) -> io::Result<Joins> {
    fill(address, room, images)?;
    let mut editor = Person::join(address, room, "editor")?;
    let (mut cpu_after_an_edit, mut cpu) = (Duration::ZERO, Duration::ZERO);
    let mut waits = Vec::new();
    for round in 0..REPEATED {
        editor.say(&format!(r#"{{"type":"image:transform","id":"e{round}","data":{{"id":"i0","x":{round}.5}}}}"#))?;
        editor.wait_for(br#"{"type":"ack""#, 1)?;
        // Enough time for the edit's own work to be over, within what a person may edit.
        thread::sleep(Duration::from_millis(50));
        let before = usage(pid)?.cpu;
        drop(Person::join(address, room, &format!("first{round}"))?);
        thread::sleep(Duration::from_millis(50));
        cpu_after_an_edit += usage(pid)?.cpu - before;
    }
    let before = usage(pid)?.cpu;
    for round in 0..REPEATED {
        let began = Instant::now();
        drop(Person::join(address, room, &format!("next{round}"))?);
        waits.push(began.elapsed());
    }
    thread::sleep(Duration::from_millis(50));
    cpu += usage(pid)?.cpu - before;
    drop(editor);
    let together = all_at_once(address, room, people)?;
    waits.sort_unstable();
    let millis = |span: Duration| span.as_secs_f64() * 1000.0;
    Ok(Joins {
        images,
        cpu_after_an_edit: millis(cpu_after_an_edit) / f64::from(REPEATED),
        cpu: millis(cpu) / f64::from(REPEATED),
        wait: waits.get(waits.len() / 2).copied().map_or(0.0, millis),
        longest_wait: waits.last().copied().map_or(0.0, millis),
        people,
        all_in_sync: millis(together),
    })
}

/// From the first handshake until everybody has the whole state.
pub(crate) fn all_at_once(address: SocketAddr, room: &str, people: u32) -> io::Result<Duration> {
    let barrier = Barrier::new(people as usize + 1);
    thread::scope(|scope| {
        let threads: Vec<_> = (0..people)
            .map(|no| {
                let barrier = &barrier;
                let small = thread::Builder::new().stack_size(256 * 1024);
                small.spawn_scoped(scope, move || {
                    barrier.wait();
                    Person::join(address, room, &format!("back{no}"))
                })
            })
            .collect::<io::Result<_>>()?;
        barrier.wait();
        let began = Instant::now();
        let mut here = Vec::new();
        for thread in threads {
            // Whoever has come stays until all are there.
            here.push(thread.join().map_err(|_| io::Error::other("a thread of the generator panicked"))??);
        }
        Ok(began.elapsed())
    })
}

/// One person, who waits for each thing.
struct Person {
    socket: TcpStream,
    frames: Frames,
    scratch: Vec<u8>,
    /// What was heard and not waited for.
    heard: Vec<Vec<u8>>,
}

impl Person {
    /// Connects, joins, and has the whole state.
    fn join(address: SocketAddr, room: &str, pk: &str) -> io::Result<Person> {
        let (socket, behind) = shake_hands(address, room, pk)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        let mut person = Person { socket, frames: Frames::default(), scratch: vec![0; 64 * 1024], heard: Vec::new() };
        person.say(&format!(r#"{{"type":"user:join","data":{{"name":"{pk}"}}}}"#))?;
        let mut in_sync = person.hear(&behind);
        while !in_sync {
            let mut scratch = std::mem::take(&mut person.scratch);
            let count = person.socket.read(&mut scratch)?;
            if count == 0 {
                return Err(io::Error::other("the server closed a socket before it had told the room's state"));
            }
            in_sync = person.hear(scratch.get(..count).unwrap_or_default());
            person.scratch = scratch;
        }
        Ok(person)
    }

    fn say(&mut self, text: &str) -> io::Result<()> {
        let mut masked = Vec::new();
        put_text(text.as_bytes(), &mut masked);
        self.socket.write_all(&masked)
    }

    /// Waits until so many messages that begin so have come.
    fn wait_for(&mut self, start: &[u8], mut count: usize) -> io::Result<()> {
        loop {
            for text in self.heard.drain(..) {
                count = count.saturating_sub(usize::from(text.starts_with(start)));
            }
            if count == 0 {
                return Ok(());
            }
            let mut scratch = std::mem::take(&mut self.scratch);
            match self.socket.read(&mut scratch)? {
                0 => return Err(io::Error::other("the server closed a socket that waited for its edits")),
                read => drop(self.hear(scratch.get(..read).unwrap_or_default())),
            }
            self.scratch = scratch;
        }
    }

    /// Whether the last part of the state was among it.
    fn hear(&mut self, bytes: &[u8]) -> bool {
        let (heard, mut in_sync) = (&mut self.heard, false);
        self.frames.feed(bytes, |what| {
            if let Heard::Text(text) = what {
                in_sync |= is_last_part(text);
                heard.push(text.get(..64.min(text.len())).unwrap_or_default().to_vec());
            }
        });
        in_sync
    }
}

/// Whether this is the last part of a room's state.
fn is_last_part(text: &[u8]) -> bool {
    let Some(head) = text.strip_prefix(br#"{"type":"state:sync","data":{"#) else { return false };
    let head = head.get(..200.min(head.len())).unwrap_or_default();
    let number = |key: &[u8]| -> Option<u32> {
        let rest = head.get(memchr::memmem::find(head, key)? + key.len()..)?;
        let digits = rest.split(|byte| !byte.is_ascii_digit()).next()?;
        std::str::from_utf8(digits).ok()?.parse().ok()
    };
    number(br#""part":"#).is_some_and(|part| number(br#""parts":"#) == Some(part))
}

/// The plan of people who come and do nothing, or little.
pub(crate) fn quiet_plan(address: SocketAddr, room: &str, rooms: u32, people: u32, measured: Duration) -> Plan {
    Plan {
        address,
        room: room.to_owned(),
        rooms,
        people,
        speakers: people,
        rate: 1.0,
        kind: Kind::Silence,
        batch: false,
        spread: 0,
        warm_up: Duration::ZERO,
        measured,
        threads: 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_part_is_known() {
        let part = |part: u32, parts: u32| {
            let text = format!(
                r#"{{"type":"state:sync","data":{{"mode":"full","epoch":7,"seq":12,"part":{part},"parts":{parts},"images":[]}},"clientId":"c1"}}"#
            );
            is_last_part(text.as_bytes())
        };
        assert!(part(1, 1) && part(12, 12));
        assert!(!part(1, 2) && !part(1, 12));
        assert!(!is_last_part(br#"{"type":"user:list","data":{"users":[]},"clientId":"c1"}"#));
    }
}
