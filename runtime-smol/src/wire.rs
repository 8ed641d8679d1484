//! The bytes of one connection, plain or through TLS. It owns the socket and the TLS session; what the bytes mean is
//! for others. Nothing here waits by itself: `try_` says `WouldBlock`, `poll_` and `async` wait.

use std::future::poll_fn;
use std::io::{self, IoSlice, Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use rustls::server::ServerConnection;
use smol::future::FutureExt as _;
use smol::io::{AsyncRead, AsyncWrite};
use smol::{Async, Timer};

use crate::unread::FirstHead;

/// How long, and how much, is still read of a client after the last bytes to it, so that they arrive: closing with
/// unread bytes would take them back.
const DRAIN_TIME: Duration = Duration::from_millis(500);
const DRAIN_BYTES: usize = 256 * 1024;

/// See the module.
pub(crate) struct Wire {
    socket: Async<TcpStream>,
    tls: Option<Box<Mutex<ServerConnection>>>,
}

impl AsFd for Wire {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// What a write came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wrote {
    /// Bytes that need not be written again.
    pub(crate) taken: usize,
    /// The socket took something.
    pub(crate) moved: bool,
    /// It is full: asking again before it can be written to would only cost a call.
    pub(crate) blocked: bool,
}

impl Wire {
    pub(crate) fn plain(socket: Async<TcpStream>) -> Wire {
        Wire { socket, tls: None }
    }

    pub(crate) fn secure(socket: Async<TcpStream>, session: ServerConnection) -> Wire {
        Wire { socket, tls: Some(Box::new(Mutex::new(session))) }
    }

    fn session(&self) -> Option<MutexGuard<'_, ServerConnection>> {
        self.tls.as_ref().map(|session| session.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether bytes that were taken have not left yet. A plain socket keeps none.
    pub(crate) fn holds(&self) -> bool {
        self.session().is_some_and(|session| session.wants_write())
    }

    /// Writes what the socket takes of `len` bytes.
    pub(crate) fn try_write(&self, slices: &[IoSlice<'_>], len: usize) -> io::Result<Wrote> {
        if let Some(mut session) = self.session() {
            return self.seal(&mut session, slices);
        }
        loop {
            match self.socket.get_ref().write_vectored(slices) {
                Ok(0) if len > 0 => return Err(io::ErrorKind::WriteZero.into()),
                Ok(taken) => return Ok(Wrote { taken, moved: true, blocked: taken < len }),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return Ok(Wrote { blocked: true, ..Wrote::default() });
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// The session takes a bounded piece at a time, and no more before that has left.
    fn seal(&self, session: &mut ServerConnection, slices: &[IoSlice<'_>]) -> io::Result<Wrote> {
        let mut wrote = self.send_sealed(session)?;
        if !wrote.blocked && !slices.is_empty() {
            wrote.taken = session.writer().write_vectored(slices)?;
            let sent = self.send_sealed(session)?;
            wrote.moved |= sent.moved;
            wrote.blocked = sent.blocked;
        }
        Ok(wrote)
    }

    fn send_sealed(&self, session: &mut ServerConnection) -> io::Result<Wrote> {
        let mut wrote = Wrote::default();
        while session.wants_write() {
            match session.write_tls(&mut self.socket.get_ref()) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(_) => wrote.moved = true,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    wrote.blocked = true;
                    break;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(wrote)
    }

    /// Reads what is there. Less than the buffer holds means that there was no more.
    pub(crate) fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        if let Some(mut session) = self.session() {
            return self.open(&mut session, buffer);
        }
        loop {
            match self.socket.get_ref().read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => return other,
            }
        }
    }

    fn open(&self, session: &mut ServerConnection, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match session.reader().read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.receive_sealed(session)?,
                other => return other,
            };
        }
    }

    /// Takes in what the socket has, and sends what the session wants to say to it.
    fn receive_sealed(&self, session: &mut ServerConnection) -> io::Result<usize> {
        let count = loop {
            match session.read_tls(&mut self.socket.get_ref()) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other?,
            }
        };
        let understood = session.process_new_packets();
        // An alert says why; if it finds no space the end of the connection says enough.
        let sent = self.send_sealed(session);
        understood.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        sent.map(|_| count)
    }

    /// Greets a client of TLS. At once done on a plain connection.
    pub(crate) async fn greet(&self) -> io::Result<()> {
        loop {
            let wants = self.session().map(|session| (session.is_handshaking(), session.wants_write()));
            let Some((greeting, writes)) = wants else { return Ok(()) };
            if writes && self.try_write(&[], 0)?.blocked {
                poll_fn(|cx| self.poll_writable(cx)).await?;
            } else if !writes && !greeting {
                return Ok(());
            } else if !writes {
                let received = self.session().map(|mut session| self.receive_sealed(&mut session));
                match received {
                    Some(Ok(0)) => return Err(io::ErrorKind::UnexpectedEof.into()),
                    Some(Err(error)) if error.kind() == io::ErrorKind::WouldBlock => {
                        poll_fn(|cx| self.poll_readable(cx)).await?;
                    }
                    Some(Err(error)) => return Err(error),
                    Some(Ok(_)) | None => {}
                }
            }
        }
    }

    pub(crate) fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.socket.poll_readable(cx)
    }

    pub(crate) fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.socket.poll_writable(cx)
    }

    fn poll_read(&self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        loop {
            match self.try_read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => ready!(self.poll_readable(cx))?,
                other => return Poll::Ready(other),
            }
        }
    }

    fn poll_write(&self, cx: &mut Context<'_>, slices: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let len = slices.iter().map(|slice| slice.len()).sum();
        loop {
            let wrote = self.try_write(slices, len)?;
            if wrote.taken > 0 || len == 0 {
                return Poll::Ready(Ok(wrote.taken));
            }
            ready!(self.poll_writable(cx))?;
        }
    }

    fn poll_flush(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.holds() && self.try_write(&[], 0)?.blocked {
            ready!(self.poll_writable(cx))?;
        }
        Poll::Ready(Ok(()))
    }

    /// Writes all of it.
    pub(crate) async fn write_all(&self, bytes: &[u8]) -> io::Result<()> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let count = poll_fn(|cx| self.poll_write(cx, &[IoSlice::new(rest)])).await?;
            rest = rest.get(count..).unwrap_or_default();
        }
        poll_fn(|cx| self.poll_flush(cx)).await
    }

    /// Says that nothing more will be written.
    fn end_writing(&self) -> io::Result<()> {
        if let Some(mut session) = self.session() {
            session.send_close_notify();
            self.send_sealed(&mut session)?;
        }
        self.socket.get_ref().shutdown(Shutdown::Write)
    }

    /// Ends the connection so that what was written arrives.
    pub(crate) async fn part(&self) {
        if self.end_writing().is_err() {
            return;
        }
        let reading = async {
            let mut scratch = vec![0; 4096];
            let mut seen = 0;
            while seen < DRAIN_BYTES {
                // What it says no longer matters: it is not opened.
                match poll_fn(|cx| self.poll_drain(cx, &mut scratch)).await {
                    Ok(0) | Err(_) => return,
                    Ok(more) => seen += more,
                }
            }
        };
        let late = async {
            Timer::after(DRAIN_TIME).await;
        };
        reading.or(late).await;
    }

    fn poll_drain(&self, cx: &mut Context<'_>, scratch: &mut [u8]) -> Poll<io::Result<usize>> {
        loop {
            match self.socket.get_ref().read(scratch) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => ready!(self.poll_readable(cx))?,
                other => return Poll::Ready(other),
            }
        }
    }

    /// A reset: what still waits in the kernel for a peer that does not read is thrown away with the socket. Whoever
    /// waits for the socket is woken: else they would wait for space for ever.
    pub(crate) fn reset(&self) {
        drop(socket2::SockRef::from(self.socket.get_ref()).set_linger(Some(Duration::ZERO)));
        drop(self.socket.get_ref().shutdown(Shutdown::Both));
    }
}

/// A connection as hyper wants to hold it: it can be had back whatever hyper made of it.
pub(crate) struct Lent {
    pub(crate) wire: Arc<Wire>,
    pub(crate) first: Arc<FirstHead>,
}

impl AsyncRead for Lent {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        let read = ready!(self.wire.poll_read(cx, buffer));
        self.first.begin();
        Poll::Ready(read)
    }
}

impl AsyncWrite for Lent {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.first.take_back(slices) {
            Some(count) => Poll::Ready(Ok(count)),
            None => self.wire.poll_write(cx, slices),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.wire.poll_flush(cx)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.wire.poll_flush(cx))?;
        // Else there is something to say yet.
        let ended = if self.first.is_heard() { self.wire.end_writing() } else { Ok(()) };
        Poll::Ready(ended)
    }
}
