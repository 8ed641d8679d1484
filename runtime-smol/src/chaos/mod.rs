//! `--chaos`: a bad day, for a team to try its own front end on. This process has the address and carries each connection's
//! bytes to the server and back, late, stalled and broken as was asked for. The server itself is a process of its own, so
//! that its crashes are real ones: it is killed, and started again on what is on the disk. Faults are thrown for with dice
//! whose seed is told; everything else is the server's.

mod dice;
mod weather;
mod wire;

use std::cell::Cell;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::process::CommandExt as _;
use std::process::{self, ExitStatus, Stdio};
use std::time::Duration;
use std::{env, io};

use async_signal::{Signal, Signals};
use rustix::process::{Pid, getppid, kill_process, set_parent_process_death_signal};
use smol::future::{self, FutureExt as _};
use smol::io::{AsyncReadExt as _, AsyncWriteExt as _};
use smol::process::Child;
use smol::stream::StreamExt as _;
use smol::{Async, LocalExecutor, Timer};
use socket2::SockRef;

use crate::door::Door;
use crate::listen::{self, Unbound};
use crate::start::reason;
use dice::Dice;
pub(crate) use weather::{Weather, parse};

/// Tells a process that it is the server of such a day: its listening socket is where others have their input.
const INSIDE: &str = "KANVAS_BEHIND_CHAOS";
/// How often the server's crashes are thrown for.
const EVERY: Duration = Duration::from_millis(100);
/// How long a server that crashed is away, in ms: from, and how much longer at most.
const DOWN: (u64, u64) = (500, 2500);

/// The listening socket of the server of a bad day; `None` in every other process.
pub(crate) fn inside() -> Result<Option<TcpListener>, String> {
    let Some(parent) = env::var_os(INSIDE) else { return Ok(None) };
    let failed = |error: io::Error| format!("{INSIDE} is for a server that another one starts ({})", reason(&error));
    // Whoever kills the other process must not leave this one behind.
    set_parent_process_death_signal(Some(rustix::process::Signal::KILL)).map_err(|error| failed(error.into()))?;
    if getppid().map(|pid| pid.to_string()) != parent.into_string().ok() {
        return Err(format!("{INSIDE} is for a server that another one starts (it has gone)"));
    }
    let input: OwnedFd = io::stdin().as_fd().try_clone_to_owned().map_err(failed)?;
    let listener = TcpListener::from(input);
    listener.local_addr().map_err(failed)?;
    Ok(Some(listener))
}

/// Whether this process is the server of such a day.
pub(crate) fn is_inside() -> bool {
    env::var_os(INSIDE).is_some()
}

/// Serves on such a day until a signal says stop; `announce` is told where and with which seed. The server's exit code.
///
/// # Errors
/// A sentence for the operator.
pub(crate) fn run(
    listen: SocketAddr,
    weather: Weather,
    announce: impl FnOnce(SocketAddr, Weather),
) -> Result<u8, String> {
    let seed = match weather.seed {
        Some(seed) => seed,
        // As far as JavaScript counts.
        None => getrandom::u64().map_err(|_| "the operating system gives no random numbers".to_owned())? >> 11,
    };
    let weather = Weather { seed: Some(seed), ..weather };
    let signals =
        Signals::new([Signal::Term, Signal::Int]).map_err(|error| format!("signals cannot be received ({error})"))?;
    let (outside, address) = listen::socket(listen, Door::Public).map_err(Unbound::sentence)?;
    let (inner, inside) = listen::socket((Ipv4Addr::LOCALHOST, 0).into(), Door::Public).map_err(Unbound::sentence)?;
    let day = Day {
        weather,
        seed,
        address,
        inner: inner.get_ref(),
        inside,
        connections: Cell::new(0),
        tasks: LocalExecutor::new(),
    };
    future::block_on(day.tasks.run(day.live(outside, signals, announce)))
}

struct Day<'a> {
    weather: Weather,
    seed: u64,
    /// Where clients come.
    address: SocketAddr,
    /// The server's listening socket, and where it is.
    inner: &'a TcpListener,
    inside: SocketAddr,
    connections: Cell<u64>,
    tasks: LocalExecutor<'a>,
}

/// What ends a life of the server, or all of it.
enum Event {
    Crash,
    Stop,
    Gone(ExitStatus),
}

impl Day<'_> {
    async fn live(
        &self,
        outside: Async<TcpListener>,
        mut signals: Signals,
        announce: impl FnOnce(SocketAddr, Weather),
    ) -> Result<u8, String> {
        let (mut outside, mut announce) = (Some(outside), Some(announce));
        let mut dice = Dice::new(self.seed, 0, 0);
        loop {
            let mut server = self.start()?;
            if let Some(status) = self.ready(&mut server).await? {
                return Ok(code(status));
            }
            let socket = match outside.take() {
                Some(socket) => socket,
                None => listen::socket(self.address, Door::Public).map_err(Unbound::sentence)?.0,
            };
            if let Some(announce) = announce.take() {
                announce(self.address, self.weather);
            }
            let crashes = async {
                while dice.below(36_000) >= self.weather.crash {
                    Timer::after(EVERY).await;
                }
                Ok(Event::Crash)
            };
            let stops = async {
                signals.next().await;
                Ok(Event::Stop)
            };
            let gone = async { server.status().await.map(Event::Gone) };
            let event = self.accept(&socket).or(crashes).or(stops).or(gone).await;
            match event.map_err(|error| unwatched(&error))? {
                Event::Crash => {
                    let ms = DOWN.0 + dice.below(DOWN.1 + 1);
                    tracing::info!(ms, "chaos: the server is killed, and comes back");
                    server.kill().map_err(|error| unwatched(&error))?;
                    server.status().await.map_err(|error| unwatched(&error))?;
                    // Nobody answers at the address of a server that has crashed.
                    drop(socket);
                    Timer::after(Duration::from_millis(ms)).await;
                }
                Event::Stop => return self.stop(server, signals).await,
                Event::Gone(status) => return Ok(code(status)),
            }
        }
    }

    fn start(&self) -> Result<Child, String> {
        let failed = |error: io::Error| format!("the server cannot be started ({})", reason(&error));
        let socket: OwnedFd = self.inner.try_clone().map_err(failed)?.into();
        let mut command = process::Command::new(env::current_exe().map_err(failed)?);
        // A key that is pressed is for this process alone.
        command.args(env::args_os().skip(1)).env(INSIDE, process::id().to_string()).process_group(0);
        let mut command = smol::process::Command::from(command);
        command.stdin(socket).stdout(Stdio::null()).kill_on_drop(true).spawn().map_err(failed)
    }

    /// Waits until the server answers; its status if it ended before.
    async fn ready(&self, server: &mut Child) -> Result<Option<ExitStatus>, String> {
        while !self.answers().await {
            if let Some(status) = server.try_status().map_err(|error| unwatched(&error))? {
                return Ok(Some(status));
            }
            Timer::after(Duration::from_millis(10)).await;
        }
        Ok(None)
    }

    async fn answers(&self) -> bool {
        let answered = async {
            let mut stream = Async::<TcpStream>::connect(self.inside).await?;
            stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await?;
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).await?;
            Ok::<_, io::Error>(!answer.is_empty())
        };
        let late = async {
            Timer::after(Duration::from_millis(500)).await;
            Ok(false)
        };
        answered.or(late).await.unwrap_or(false)
    }

    /// Takes connections, for ever.
    async fn accept(&self, socket: &Async<TcpListener>) -> io::Result<Event> {
        loop {
            let Ok((client, _)) = socket.accept().await else {
                // Mostly want of files; without a pause this would spin.
                Timer::after(Duration::from_millis(50)).await;
                continue;
            };
            let no = self.connections.get() + 1;
            self.connections.set(no);
            let (inside, weather, seed) = (self.inside, self.weather, self.seed);
            let carry = async move {
                // It may have crashed a moment ago: the client's connection breaks, too.
                let Ok(server) = Async::<TcpStream>::connect(inside).await else { return };
                for side in [&client, &server] {
                    drop(SockRef::from(side.get_ref()).set_tcp_nodelay(true));
                }
                wire::carry(client, server, weather, seed, no).await;
            };
            self.tasks.spawn(carry).detach();
        }
    }

    /// Has the server stop in good order; at a second signal at once.
    async fn stop(&self, mut server: Child, mut signals: Signals) -> Result<u8, String> {
        let pid = i32::try_from(server.id()).ok().and_then(Pid::from_raw);
        if let Some(pid) = pid {
            // It may have ended by itself.
            let _ = kill_process(pid, rustix::process::Signal::TERM);
        }
        let stopped = async { server.status().await.map(code).map_err(|error| unwatched(&error)) };
        let again = async {
            signals.next().await;
            Ok(1)
        };
        stopped.or(again).await
    }
}

fn code(status: ExitStatus) -> u8 {
    status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(70)
}

fn unwatched(error: &io::Error) -> String {
    format!("the server cannot be watched ({})", reason(error))
}
