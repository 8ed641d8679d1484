//! The floor: one thread, one epoll, one write a socket each 16 ms. Frames are passed on as they come, unread: no JSON,
//! no limits, no presence, no state, no answer to a ping. What a server takes beyond this is what it does.
//!
//! `kanvas-bare PORT` listens on loopback and ends when it is killed.

use std::collections::HashMap;
use std::io::{self, IoSlice, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use rustix::event::{Timespec, epoll};
use sha1::{Digest as _, Sha1};
use slab::Slab;

const FLUSH: Duration = Duration::from_millis(16);
const LISTENER: u64 = u64::MAX;

struct Client {
    socket: TcpStream,
    /// `None` until the handshake is done.
    room: Option<usize>,
    /// What has begun: a head, or a frame.
    rest: Vec<u8>,
    /// Which parts of its room's buffer are its own.
    own: Vec<(usize, usize)>,
    /// What the socket did not take.
    waiting: Vec<u8>,
}

#[derive(Default)]
struct Room {
    members: Vec<usize>,
    buffer: Vec<u8>,
}

struct Relay {
    epoll: rustix::fd::OwnedFd,
    listener: TcpListener,
    clients: Slab<Client>,
    rooms: Vec<Room>,
    names: HashMap<Vec<u8>, usize>,
    scratch: Vec<u8>,
}

fn main() -> io::Result<()> {
    let port = std::env::args().nth(1).and_then(|port| port.parse().ok());
    let port = port.ok_or_else(|| io::Error::other("usage: kanvas-bare PORT"))?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
    listener.set_nonblocking(true)?;
    let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    epoll::add(&epoll, &listener, epoll::EventData::new_u64(LISTENER), epoll::EventFlags::IN)?;
    let mut relay = Relay {
        epoll,
        listener,
        clients: Slab::new(),
        rooms: Vec::new(),
        names: HashMap::new(),
        scratch: vec![0; 64 * 1024],
    };
    relay.serve()
}

impl Relay {
    fn serve(&mut self) -> io::Result<()> {
        let mut flush_at = Instant::now() + FLUSH;
        loop {
            let wait = flush_at.saturating_duration_since(Instant::now());
            let wait = Timespec::try_from(wait).map_err(io::Error::other)?;
            let mut events =
                [epoll::Event { flags: epoll::EventFlags::empty(), data: epoll::EventData::new_u64(0) }; 256];
            let count = epoll::wait(&self.epoll, &mut events, Some(&wait))?;
            for event in events.iter().take(count) {
                match event.data.u64() {
                    LISTENER => self.accept()?,
                    no => self.read(usize::try_from(no).unwrap_or(usize::MAX)),
                }
            }
            if Instant::now() >= flush_at {
                self.flush();
                flush_at = Instant::now() + FLUSH;
            }
        }
    }

    fn accept(&mut self) -> io::Result<()> {
        while let Ok((socket, _)) = self.listener.accept() {
            socket.set_nonblocking(true)?;
            socket.set_nodelay(true)?;
            let entry = self.clients.vacant_entry();
            let data = epoll::EventData::new_u64(entry.key() as u64);
            epoll::add(&self.epoll, &socket, data, epoll::EventFlags::IN)?;
            entry.insert(Client { socket, room: None, rest: Vec::new(), own: Vec::new(), waiting: Vec::new() });
        }
        Ok(())
    }

    fn read(&mut self, no: usize) {
        let Some(client) = self.clients.get_mut(no) else { return };
        let bytes = match client.socket.read(&mut self.scratch) {
            Ok(count @ 1..) => self.scratch.get(..count).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
            Ok(0) | Err(_) => return self.drop_client(no),
        };
        let Some(room) = client.room else {
            client.rest.extend_from_slice(bytes);
            return self.greet(no);
        };
        let Some(room) = self.rooms.get_mut(room) else { return };
        if client.rest.is_empty() {
            let used = relay(bytes, &mut room.buffer, &mut client.own);
            client.rest.extend_from_slice(bytes.get(used..).unwrap_or_default());
        } else {
            client.rest.extend_from_slice(bytes);
            let used = relay(&client.rest, &mut room.buffer, &mut client.own);
            client.rest.drain(..used);
        }
    }

    /// Answers a handshake whose head is whole.
    fn greet(&mut self, no: usize) {
        let Some(client) = self.clients.get_mut(no) else { return };
        let Some(end) = memchr::memmem::find(&client.rest, b"\r\n\r\n") else { return };
        let head: Vec<u8> = client.rest.drain(..end + 4).collect();
        let text = String::from_utf8_lossy(&head);
        let path = text.split(' ').nth(1).unwrap_or_default().split('?').next().unwrap_or_default();
        let name = path.rsplit('/').next().unwrap_or_default().as_bytes().to_vec();
        let key = text
            .lines()
            .find_map(|line| line.split_once(": ").filter(|(name, _)| name.eq_ignore_ascii_case("sec-websocket-key")));
        let answer = match key {
            Some((_, key)) => {
                let hash =
                    Sha1::new().chain_update(key).chain_update("258EAFA5-E914-47DA-95CA-C5AB0DC85B11").finalize();
                let accept = BASE64_STANDARD.encode(hash);
                format!(
                    "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                     Sec-WebSocket-Accept: {accept}\r\n\r\n"
                )
            }
            None => "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok".to_owned(),
        };
        if client.socket.write_all(answer.as_bytes()).is_err() || key.is_none() {
            return self.drop_client(no);
        }
        let next = self.rooms.len();
        let room = *self.names.entry(name).or_insert(next);
        if room == next {
            self.rooms.push(Room::default());
        }
        client.room = Some(room);
        if let Some(room) = self.rooms.get_mut(room) {
            room.members.push(no);
        }
    }

    fn flush(&mut self) {
        for room in &mut self.rooms {
            if room.buffer.is_empty() {
                continue;
            }
            for no in &room.members {
                let Some(client) = self.clients.get_mut(*no) else { continue };
                let mut slices = Vec::with_capacity(client.own.len() + 1);
                let mut at = 0;
                for (from, to) in client.own.drain(..) {
                    slices.push(IoSlice::new(room.buffer.get(at..from).unwrap_or_default()));
                    at = to;
                }
                slices.push(IoSlice::new(room.buffer.get(at..).unwrap_or_default()));
                if !client.waiting.is_empty() {
                    let took = client.socket.write(&client.waiting).unwrap_or(0);
                    client.waiting.drain(..took);
                }
                let mut took = 0;
                if client.waiting.is_empty() {
                    took = client.socket.write_vectored(&slices).unwrap_or(0);
                }
                for slice in slices {
                    let skip = took.min(slice.len());
                    client.waiting.extend_from_slice(slice.get(skip..).unwrap_or_default());
                    took -= skip;
                }
            }
            room.buffer.clear();
        }
    }

    fn drop_client(&mut self, no: usize) {
        let client = self.clients.remove(no);
        if let Some(room) = client.room.and_then(|room| self.rooms.get_mut(room)) {
            room.members.retain(|member| *member != no);
        }
    }
}

/// Appends every whole masked frame as an unmasked one; says how many bytes that used up.
fn relay(bytes: &[u8], out: &mut Vec<u8>, own: &mut Vec<(usize, usize)>) -> usize {
    let mut used = 0;
    while let Some((header, len)) = head(bytes.get(used..).unwrap_or_default())
        && let Some(frame) = bytes.get(used..used + header + len)
    {
        let begin = out.len();
        out.extend_from_slice(frame.get(..header - 4).unwrap_or_default());
        if let Some(second) = out.get_mut(begin + 1) {
            *second &= 0x7f;
        }
        let (mask, payload) = frame.get(header - 4..).and_then(|rest| rest.split_at_checked(4)).unwrap_or_default();
        out.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
        own.push((begin, out.len()));
        used += header + len;
    }
    used
}

/// The lengths of a masked frame's header and of its payload.
fn head(bytes: &[u8]) -> Option<(usize, usize)> {
    Some(match *bytes.get(1)? & 0x7f {
        126 => (8, usize::from(u16::from_be_bytes(*bytes.get(2..)?.first_chunk()?))),
        127 => (14, usize::try_from(u64::from_be_bytes(*bytes.get(2..)?.first_chunk()?)).ok()?),
        len => (6, usize::from(len)),
    })
}
