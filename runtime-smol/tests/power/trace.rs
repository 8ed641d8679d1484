//! What a server did to its files and said on its sockets, read from the log of strace. It owns the reading of that
//! log, and knows nothing of what a power cut leaves.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// The system calls that are looked at. One that changes files and is not understood here ends the test.
pub(crate) const CALLS: &str = "trace=openat,open,creat,mkdir,mkdirat,rename,renameat,renameat2,link,linkat,unlink,\
    unlinkat,truncate,ftruncate,fallocate,write,writev,pwrite64,pwritev,pwritev2,copy_file_range,sendfile,sendto,\
    sendmsg,sendmmsg,fsync,fdatasync,sync_file_range,msync";

/// One thing that the server did. Those that take time are there twice.
pub(crate) enum Event {
    Begun { call: usize, what: What },
    Ended { call: usize, result: i64 },
}

/// What was asked of the system.
pub(crate) enum What {
    /// A file was opened, and made if it was not there; emptied, perhaps.
    Open {
        path: PathBuf,
        make: bool,
        empty: bool,
    },
    MakeDirectory(PathBuf),
    Rename {
        from: PathBuf,
        to: PathBuf,
    },
    Unlink(PathBuf),
    Length {
        path: PathBuf,
        to: usize,
    },
    /// Without a place: at the end.
    Write {
        path: PathBuf,
        at: Option<usize>,
        bytes: Vec<u8>,
    },
    Sync(PathBuf),
    /// Bytes for this socket.
    Say {
        socket: String,
        bytes: Vec<u8>,
    },
}

/// Reads a log of `strace -f -y -xx`, as far as it is about what is in `root` and about sockets.
pub(crate) fn read(log: &str, root: &Path) -> Vec<Event> {
    let mut events = Vec::new();
    let mut calls = 0;
    let mut open: HashMap<&str, usize> = HashMap::new();
    for line in log.lines() {
        let Some((thread, rest)) = line.split_once(' ') else { continue };
        let rest = rest.trim_start();
        if rest.starts_with("<... ") {
            if let Some(call) = open.remove(thread) {
                events.extend(result(rest).map(|result| Event::Ended { call, result }));
            }
            continue;
        }
        let Some((name, arguments)) = rest.split_once('(') else { continue };
        let Some(what) = understand(name, arguments, root) else { continue };
        let call = calls;
        calls += 1;
        events.push(Event::Begun { call, what });
        match result(arguments) {
            Some(result) => events.push(Event::Ended { call, result }),
            None => drop(open.insert(thread, call)),
        }
    }
    events
}

/// What comes after the last ` = `, unless the line ends before the call does.
fn result(line: &str) -> Option<i64> {
    if line.ends_with("<unfinished ...>") {
        return None;
    }
    let (_, result) = line.rsplit_once(" = ")?;
    result.split([' ', '<']).next()?.parse().ok()
}

fn understand(name: &str, arguments: &str, root: &Path) -> Option<What> {
    let quoted = || arguments.split('"').skip(1).step_by(2);
    let inside = |path: PathBuf| path.starts_with(root).then_some(path);
    let named = |no: usize| quoted().nth(no).map(path_of).and_then(inside);
    let bytes = || quoted().flat_map(bytes_of).collect::<Vec<u8>>();
    let opened = || {
        let (shown, behind) = arguments.split_once('<')?.1.split_once('>')?;
        (!behind.starts_with("(deleted)")).then(|| path_of(shown))
    };
    let last_number = || -> usize {
        let whole = arguments.split(") = ").next().and_then(|whole| whole.split(" <unfinished").next());
        let number = whole.and_then(|whole| whole.rsplit(", ").next()).and_then(|number| number.parse().ok());
        number.unwrap_or_else(|| panic!("no number at the end of {arguments}"))
    };
    let write = |at: Option<usize>| {
        let path = opened()?;
        if path.to_string_lossy().starts_with("socket:") {
            return Some(What::Say { socket: path.to_string_lossy().into_owned(), bytes: bytes() });
        }
        Some(What::Write { path: inside(path)?, at, bytes: bytes() })
    };
    match name {
        "openat" => {
            let (make, empty) = (arguments.contains("O_CREAT"), arguments.contains("O_TRUNC"));
            named(0).map(|path| What::Open { path, make, empty })
        }
        "mkdir" => named(0).map(What::MakeDirectory),
        "rename" => Some(What::Rename { from: named(0)?, to: named(1)? }),
        "unlink" => named(0).map(What::Unlink),
        "ftruncate" => Some(What::Length { path: inside(opened()?)?, to: last_number() }),
        "fsync" | "fdatasync" => Some(What::Sync(inside(opened()?)?)),
        "write" | "writev" | "sendto" | "sendmsg" => write(None),
        "pwrite64" => write(opened().and_then(inside).map(|_| last_number())),
        _ => {
            let strange = opened().and_then(inside).or(named(0));
            assert!(strange.is_none(), "the test does not know what {name} does to {strange:?}");
            None
        }
    }
}

fn bytes_of(hexadecimal: &str) -> impl Iterator<Item = u8> {
    let digits = hexadecimal.split("\\x").skip(1);
    digits.map(|digits| u8::from_str_radix(&digits[..2], 16).expect("strace -xx writes two digits"))
}

/// A path, or what strace writes in its place.
fn path_of(shown: &str) -> PathBuf {
    PathBuf::from(String::from_utf8(bytes_of(shown).collect()).expect("the tests' paths are UTF-8"))
}

/// An edit that the server acknowledged.
#[derive(Debug)]
pub(crate) struct Ack {
    /// The event with which its last byte was handed to the system.
    pub(crate) at: usize,
    pub(crate) id: String,
    pub(crate) seq: i64,
}

/// Every ack that was said whole, in the order of the events.
pub(crate) fn acks(events: &[Event]) -> Vec<Ack> {
    let mut streams: HashMap<&str, Stream> = HashMap::new();
    let mut saying: HashMap<usize, (usize, &str, &[u8])> = HashMap::new();
    let mut acks = Vec::new();
    let mut say = |begun, socket, said: &[u8]| {
        let stream: &mut Stream = streams.entry(socket).or_default();
        stream.bytes.extend(said);
        while let Some(text) = stream.next_text() {
            acks.extend(ack_in(&text).map(|(id, seq)| Ack { at: begun, id, seq }));
        }
    };
    for (at, event) in events.iter().enumerate() {
        match event {
            Event::Begun { call, what: What::Say { socket, bytes } } => drop(saying.insert(*call, (at, socket, bytes))),
            Event::Begun { .. } => {}
            Event::Ended { call, result } => {
                let Some((begun, socket, bytes)) = saying.remove(call) else { continue };
                say(begun, socket, &bytes[..usize::try_from(*result).unwrap_or(0)]);
            }
        }
    }
    // A server that was killed may have said something of which the log does not show the end.
    let mut cut_off: Vec<_> = saying.into_values().collect();
    cut_off.sort_unstable();
    cut_off.into_iter().for_each(|(begun, socket, bytes)| say(begun, socket, bytes));
    acks.sort_by_key(|ack| ack.at);
    acks
}

fn ack_in(text: &str) -> Option<(String, i64)> {
    let frame: serde_json::Value = serde_json::from_str(text).ok()?;
    let (kind, data) = (frame.get("type")?, frame.get("data")?);
    (kind == "ack").then_some((data.get("id")?.as_str()?.to_owned(), data.get("seq")?.as_i64()?))
}

/// What went out on one socket.
#[derive(Default)]
struct Stream {
    bytes: Vec<u8>,
    read: usize,
}

impl Stream {
    /// The next text message that is there in full.
    fn next_text(&mut self) -> Option<String> {
        if self.read == 0 {
            let end = self.bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
            self.bytes.starts_with(b"HTTP/1.1 101").then(|| self.read = end + 4)?;
        }
        loop {
            let frame = &self.bytes[self.read..];
            let (head, len) = match *frame.get(1)? {
                126 => (4, usize::from(u16::from_be_bytes(*frame.get(2..)?.first_chunk()?))),
                127 => (10, usize::try_from(u64::from_be_bytes(*frame.get(2..)?.first_chunk()?)).ok()?),
                len => (2, usize::from(len)),
            };
            let payload = frame.get(head..head + len)?;
            let text = (frame[0] == 0x81).then(|| String::from_utf8_lossy(payload).into_owned());
            self.read += head + len;
            if text.is_some() {
                return text;
            }
        }
    }
}
