//! What a service manager passes and hears, as systemd does it: the socket to listen on (`LISTEN_FDS`), and when the
//! server is ready, lives and stops (`NOTIFY_SOCKET`, `WATCHDOG_USEC`). Where these variables are not set nothing here
//! does anything.

use std::env;
use std::net::TcpListener;
use std::time::Duration;

use listenfd::ListenFd;
use rustix::net::sockopt::socket_acceptconn;
use sd_notify::NotifyState;
use smol::{Timer, future};

use crate::http;
use crate::metrics;
use crate::server::Server;
use crate::start::reason;

/// How often a server that is not ready yet looks whether it is.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// The socket that was passed to listen on, if any was.
///
/// # Errors
/// A sentence for the operator.
pub(crate) fn socket() -> Result<Option<TcpListener>, String> {
    if let Some(count) = env::var_os("LISTEN_FDS")
        && count.to_str().and_then(|count| count.parse::<u16>().ok()).is_none()
    {
        return Err(format!("LISTEN_FDS is {count:?}; it must be the number of sockets that are passed, which is 1"));
    }
    let mut passed = ListenFd::from_env();
    match passed.len() {
        0 => return Ok(None),
        1 => {}
        more => {
            return Err(format!(
                "{more} sockets are passed to listen on (LISTEN_FDS), and the server has one address; keep one \
                 ListenStream= in its .socket unit"
            ));
        }
    }
    let socket = passed.take_tcp_listener(0).map_err(|_| {
        "what is passed to listen on (LISTEN_FDS) is no TCP socket; give its .socket unit a ListenStream= with an \
         address and a port"
            .to_owned()
    })?;
    match socket.as_ref().map(socket_acceptconn) {
        None | Some(Ok(true)) => Ok(socket),
        Some(Ok(false) | Err(_)) => {
            Err("the socket that is passed to listen on (LISTEN_FDS) is one connection; leave \
                                         Accept= out of its .socket unit"
                .into())
        }
    }
}

/// Tells the service manager once that the server is ready, and from then on, if it wants to know, that it lives.
pub(crate) async fn tell(server: &Server) {
    if env::var_os("NOTIFY_SOCKET").is_none() {
        return future::pending().await;
    }
    let mut told = None;
    while let Some(why) = http::unready(server).await {
        if told.replace(why) != Some(why) {
            notify(&[NotifyState::Status(why)]);
        }
        Timer::after(LOOK_EVERY).await;
    }
    notify(&[NotifyState::Ready, NotifyState::Status("It serves.")]);
    let Some(limit) = sd_notify::watchdog_enabled() else { return future::pending().await };
    loop {
        // A thread that hangs has rooms that nobody can enter: then the manager may start it anew.
        if metrics::measure(server).await.is_some() {
            notify(&[NotifyState::Watchdog]);
        }
        Timer::after(limit / 3).await;
    }
}

/// Tells the service manager that the server takes nobody any more.
pub(crate) fn stops() {
    notify(&[NotifyState::Stopping, NotifyState::Status("It stops.")]);
}

fn notify(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::warn!("the service manager cannot be told anything at NOTIFY_SOCKET: {}", reason(&error));
    }
}
