//! The listening socket: it takes connections as long as there are places, and gives each to a host thread.

use std::cell::Cell;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use smol::{Async, Timer, future};
use socket2::{Domain, Protocol, SockRef, Socket, Type};

use crate::door::Door;
use crate::gate::Gate;
use crate::host::Visitor;
use crate::server::Server;
use crate::start::reason;

/// Connections that the system keeps until they are accepted.
pub(crate) const BACKLOG: i32 = 1024;
/// What the kernel may keep for one socket that does not read. Left to itself it takes megabytes, and a slow reader
/// shows only behind them.
const SEND_BUFFER: usize = 256 * 1024;

/// See the module.
pub(crate) struct Listener {
    socket: Async<TcpListener>,
    address: SocketAddr,
    keeper: Keeper,
    door: Door,
    gate: Arc<Gate>,
    next: Cell<usize>,
}

/// Who keeps a listening socket open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keeper {
    /// This server, until it ends.
    Server,
    /// Another program, which has it after this server, too.
    Outside,
}

/// Why an address cannot be listened on, in a sentence for the operator.
pub(crate) enum Unbound {
    /// Another program has it.
    Taken(String),
    /// It is none of this machine's, or not for this account.
    Unusable(String),
}

impl Unbound {
    pub(crate) fn sentence(self) -> String {
        match self {
            Unbound::Taken(why) | Unbound::Unusable(why) => why,
        }
    }
}

impl Listener {
    /// Takes the address for a door.
    pub(crate) fn bind(address: SocketAddr, door: Door, gate: Arc<Gate>) -> Result<Listener, Unbound> {
        let (socket, address) = socket(address, door)?;
        Ok(Listener { socket, address, keeper: Keeper::Server, door, gate, next: Cell::new(0) })
    }

    /// Has this socket, which listens already.
    pub(crate) fn of(socket: TcpListener, keeper: Keeper, gate: Arc<Gate>) -> io::Result<Listener> {
        let socket = Async::new(socket)?;
        SockRef::from(socket.get_ref()).set_send_buffer_size(SEND_BUFFER)?;
        let address = socket.get_ref().local_addr()?;
        Ok(Listener { socket, address, keeper, door: Door::Public, gate, next: Cell::new(0) })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes connections, for ever.
    pub(crate) async fn accept(&self, server: &Server) {
        loop {
            let (stream, peer) = match self.socket.accept().await {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Mostly want of files; without a pause this would spin.
                    tracing::warn!("a connection could not be taken: {}", reason(&error));
                    Timer::after(Duration::from_millis(50)).await;
                    continue;
                }
            };
            let peer = peer.ip().to_canonical();
            // Behind a proxy of ours are many people: whose place it is shows in the head.
            let waits = (!server.edge.proxies.trusts(peer)).then_some(peer);
            let Some(pass) = self.gate.admit(waits) else {
                server.meters.refused("no_place");
                tracing::debug!("a connection was refused: no place is free");
                continue;
            };
            // Without it a small frame would wait for the acknowledgement of the one before.
            drop(SockRef::from(stream.get_ref()).set_tcp_nodelay(true));
            let no = self.next.get();
            self.next.set(no.wrapping_add(1));
            if let Some(host) = server.hosts.get(no % server.hosts.len().max(1)) {
                // A host that has gone takes nobody: the connection is dropped with the message.
                drop(host.send(Visitor::Http(stream, peer, pass, self.door)).await);
            }
        }
    }

    /// What becomes of those who come while the server stops, for ever: they are told to come back, or, where the socket
    /// outlives this server, wait there for the next one (ACT3).
    pub(crate) async fn turn_away(&self, server: &Server) {
        match self.keeper {
            Keeper::Server => self.accept(server).await,
            Keeper::Outside => future::pending().await,
        }
    }
}

/// A socket that listens at the address of a door, and the address with its port.
pub(crate) fn socket(address: SocketAddr, door: Door) -> Result<(Async<TcpListener>, SocketAddr), Unbound> {
    let bound = || -> io::Result<(Async<TcpListener>, SocketAddr)> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        // A restart must not wait for the old connections' last minutes.
        socket.set_reuse_address(true)?;
        socket.set_send_buffer_size(SEND_BUFFER)?;
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        let socket = Async::new(TcpListener::from(socket))?;
        let address = socket.get_ref().local_addr()?;
        Ok((socket, address))
    };
    let flag = door.flag();
    bound().map_err(|error| match error.kind() == io::ErrorKind::AddrInUse {
        true => Unbound::Taken(format!(
            "{address} is taken by another program (perhaps another Kanvas); stop it or choose another port with {flag}"
        )),
        false => Unbound::Unusable(format!(
            "{address} cannot be listened on ({}); choose another address with {flag}",
            reason(&error)
        )),
    })
}
