//! From the options to a running server and back to a clean end. It owns the data directory, the log, the threads and
//! the order in which things stop.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::hash::RandomState;
use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::{Duration, Instant};

use async_signal::{Signal, Signals};
use kanvas_core::{Close, Listing, RoomId, Span};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use smol::Timer;
use smol::channel::{bounded, unbounded};
use smol::future::{self, FutureExt as _};
use smol::stream::StreamExt as _;

use crate::assets::{Assets, READS, UPLOADS, sweep};
use crate::auth::AuthMode;
use crate::backup;
use crate::chaos::{self, Weather};
use crate::clock::Clock;
use crate::config::Serve;
use crate::dashboard::{self, Watch};
use crate::devkey;
use crate::door::Door;
use crate::ears::Ears;
use crate::edge::Edge;
use crate::gate::Gate;
use crate::host::{self, Keeps, Slot, Visitor, Word};
use crate::listen::{Keeper, Listener, Unbound};
use crate::logging::{self, LogFormat};
use crate::meters::Meters;
use crate::quota::Births;
use crate::server::Server;
use crate::signin::{SignIn, Source};
use crate::store::Store;
use crate::systemd;
use crate::webhooks::Webhooks;

/// Connections in all, unless the limit on open files is lower.
pub(crate) const CONNECTIONS: u32 = 10_000;
/// Connections of operators.
const OPERATORS: u32 = 64;
/// Files that are not connections of people.
pub(crate) const OTHER_FILES: u64 = 64 + OPERATORS as u64 + (UPLOADS + READS) as u64;
/// Visitors that wait at a host's door before those who bring them wait.
const DOOR: usize = 1024;
/// Held as long as a server uses the directory.
pub(crate) const LOCK: &str = "kanvas.lock";
/// A command that only asks whether a server runs has the lock for an instant.
const GLANCES: Duration = Duration::from_millis(100);
/// How long hosts and store have to stop.
const HOSTS_STOP: Duration = Duration::from_millis(8000);
const STORE_STOP: Duration = Duration::from_millis(1500);

/// How a server that had started came to its end.
pub(crate) enum End {
    /// A signal said stop.
    Stopped,
    /// The disk failed (DISK11).
    StoreFailed,
}

/// Serves until a signal says stop. The error is a sentence for the operator, without its full stop.
pub(crate) fn run(serve: &Serve, file: Option<&Path>) -> Result<End, String> {
    logging::start(logging::filter(&serve.log)?, serve.log_format)?;
    // Before anything is opened that could stand in its place.
    let passed = systemd::socket()?;
    let signals =
        Signals::new([Signal::Term, Signal::Int]).map_err(|error| format!("signals cannot be received ({error})"))?;
    let most = connections(serve.max_connections)?;
    let edge = serve.edge()?;
    let lock = take_directory(&serve.data)?;
    let secret = guest_secret(&serve.data)?;
    // The port comes before the database: the commonest mistake is told first, and costs nothing.
    let gate = Gate::new(most, serve.max_waiting());
    let listener = listener(serve, passed, &gate)?;
    let operators = serve.admin_listen.map(|address| {
        let gate = Gate::new(OPERATORS, OPERATORS);
        Listener::bind(address, Door::Operators, gate).map_err(Unbound::sentence)
    });
    let operators = operators.transpose()?;
    let meters = Arc::new(Meters::new(serve.traces()?));
    let store = Store::open(&serve.data.join("kanvas.db"), meters.clone())?;
    let assets = Assets::open(&serve.data, serve.asset_limits())?;
    let server = start_hosts(serve, edge, store, assets, secret, gate, meters)?;
    sweep::start(server.clone())?;
    if !chaos::is_inside() {
        announce(listener.address(), operators.as_ref().map(Listener::address), serve, file);
    }
    let end = future::block_on(serve_until_end(&server, &listener, operators.as_ref(), signals));
    drop(lock);
    Ok(end)
}

/// The same with faults: the server's exit code.
pub(crate) fn run_on_a_bad_day(serve: &Serve, weather: Weather, file: Option<&Path>) -> Result<u8, String> {
    logging::start(logging::filter(&serve.log)?, serve.log_format)?;
    if systemd::socket()?.is_some() {
        return Err("a socket is passed to listen on (LISTEN_FDS), and --chaos must be able to close its own; \
                    leave one of them out"
            .into());
    }
    chaos::run(serve.listen, weather, |address, weather| {
        announce(address, serve.admin_listen, serve, file);
        match serve.log_format {
            LogFormat::Json => tracing::info!(%weather, "chaos"),
            LogFormat::Text => {
                // Nothing is left to do if nobody reads it.
                drop(writeln!(io::stdout(), "A bad day: {weather}"));
                drop(io::stdout().flush());
            }
        }
    })
}

/// The socket that was passed, or else one at the address of the settings.
fn listener(serve: &Serve, passed: Option<TcpListener>, gate: &Arc<Gate>) -> Result<Listener, String> {
    let (socket, keeper) = match (passed, chaos::inside()?) {
        (Some(socket), _) => (socket, Keeper::Outside),
        (None, Some(socket)) => (socket, Keeper::Server),
        (None, None) => return Listener::bind(serve.listen, Door::Public, gate.clone()).map_err(Unbound::sentence),
    };
    let listener = Listener::of(socket, keeper, gate.clone());
    let listener = listener.map_err(|error| format!("what was passed cannot be listened on ({})", reason(&error)))?;
    match serve.exposed(listener.address()) {
        Some(problem) => Err(problem),
        None => Ok(listener),
    }
}

async fn serve_until_end(
    server: &Server,
    listener: &Listener,
    operators: Option<&Listener>,
    mut signals: Signals,
) -> End {
    // They are served until all is over.
    let operating = async {
        match operators {
            Some(listener) => listener.accept(server).await,
            None => future::pending().await,
        }
        End::Stopped
    };
    serve_people_until_end(server, listener, &mut signals).or(operating).await
}

async fn serve_people_until_end(server: &Server, listener: &Listener, signals: &mut Signals) -> End {
    let accepting = async {
        listener.accept(server).await;
        End::Stopped
    };
    let signalled = async {
        signals.next().await;
        tracing::info!("stopping: rooms are closed, clients are told to come back");
        End::Stopped
    };
    let failed = async {
        server.store.failed().await;
        End::StoreFailed
    };
    let renewing = async {
        match &server.edge.tls {
            Some(tls) => tls.watch().await,
            None => future::pending().await,
        }
        End::Stopped
    };
    let watching = async {
        dashboard::keep(server).await;
        End::Stopped
    };
    let telling = async {
        systemd::tell(server).await;
        End::Stopped
    };
    let end = accepting.or(signalled).or(failed).or(renewing).or(watching).or(telling).await;
    server.start_draining();
    systemd::stops();
    let close = match end {
        End::Stopped => Close::Restart,
        End::StoreFailed => Close::Unavailable,
    };
    let stopping = async {
        stop(server, close).await;
    };
    let again = async {
        signals.next().await;
        tracing::warn!("stopped at once");
        std::process::exit(1);
    };
    listener.turn_away(server).or(stopping).or(again).await;
    if server.store.has_failed() { End::StoreFailed } else { end }
}

async fn stop(server: &Server, close: Close) {
    let (reply, done) = bounded(server.hosts.len() + 1);
    let asking = async {
        for host in server.hosts.iter().chain([&server.lister]) {
            drop(host.send(Visitor::Drain(close, reply.clone())).await);
        }
        for _ in 0..=server.hosts.len() {
            let _ = done.recv().await;
        }
        true
    };
    let late = async {
        Timer::after(HOSTS_STOP).await;
        false
    };
    if !asking.or(late).await {
        tracing::warn!("some connections did not end in time and are cut");
    }
    let late = async {
        Timer::after(STORE_STOP).await;
        tracing::warn!("the database did not close in time; the next start recovers it");
    };
    let closing = async {
        if let Some(webhooks) = &server.webhooks {
            webhooks.stop().await;
        }
        server.store.stop().await;
    };
    closing.or(late).await;
    server.meters.traces.stop();
    tracing::info!("stopped");
}

fn start_hosts(
    serve: &Serve,
    edge: Edge,
    store: Store,
    assets: Assets,
    secret: [u8; 32],
    gate: Arc<Gate>,
    meters: Arc<Meters>,
) -> Result<Arc<Server>, String> {
    let cores = || thread::available_parallelism().map_or(1, |cores| u16::try_from(cores.get()).unwrap_or(256));
    let threads = serve.threads.unwrap_or_else(cores);
    let (hosts, doors): (Vec<_>, Vec<_>) = (0..threads).map(|_| bounded(DOOR)).unzip();
    let (lister, list_door) = unbounded();
    let clock = Clock::start();
    let hook = serve.hook();
    let webhooks = hook.map(|hook| Webhooks::start(hook, store.clone(), clock, meters.clone())).transpose()?;
    let server = Arc::new(Server {
        store,
        webhooks,
        assets,
        clock,
        sign_in: sign_in(serve, clock, meters.clone())?,
        admin: serve.admin_secret.clone(),
        meters,
        watch: Watch::default(),
        gate,
        births: Arc::new(Births::new(serve.new_rooms())),
        lease_grace: Span::from_secs(serve.lease_grace),
        edge,
        rooms: serve.room_config(),
        rooms_a_host: serve.max_rooms.div_ceil(u32::from(threads)) as usize,
        secret,
        ping_every: serve.ping_every(),
        dead_after: serve.dead_after(),
        recordings: Slot::default(),
        hosts,
        lister,
        hasher: RandomState::new(),
        draining: AtomicBool::new(false),
    });
    let run = |name: String, keeps, door| {
        let (thread, server) = (thread::Builder::new().name(name), server.clone());
        let ears =
            Ears::new().map_err(|error| format!("a thread cannot wait for its sockets ({error}); lower --threads"))?;
        let started = thread.spawn(move || host::run(server, keeps, ears, &door));
        started.map_err(|error| format!("a thread could not be started ({error}); lower --threads"))
    };
    for (no, door) in doors.into_iter().enumerate() {
        run(format!("kanvas-host-{no}"), Keeps::Rooms, door)?;
    }
    run("kanvas-list".into(), Keeps::List, list_door)?;
    list_stored(&server)?;
    Ok(server)
}

/// Puts every stored room on the list, before anybody asks for it.
fn list_stored(server: &Server) -> Result<(), String> {
    let mut after = String::new();
    loop {
        let records =
            server.store.records(after.clone()).map_err(|_| "the rooms cannot be read from the database".to_owned())?;
        let Some((last, ..)) = records.last() else { return Ok(()) };
        after.clone_from(last);
        let listings = records.iter().filter_map(|(room, record, newest)| {
            RoomId::new(room).and_then(|room| Listing::of_record(&room, record, *newest))
        });
        let known = listings.collect();
        drop(server.lister.send_blocking(Visitor::List(Word::Stored(known))));
    }
}

/// Says where it serves: a plain notice, the address in it for people and for programs; or an event of a log that is to
/// be JSON and nothing else (CONF10).
fn announce(address: SocketAddr, operators: Option<SocketAddr>, serve: &Serve, file: Option<&Path>) {
    let (version, data) = (env!("CARGO_PKG_VERSION"), serve.data.display());
    let file = file.map(|file| file.display().to_string());
    let scheme = if serve.tls_cert.is_some() { "https" } else { "http" };
    match serve.log_format {
        LogFormat::Json => {
            let operators = operators.map(|address| address.to_string());
            tracing::info!(version, scheme, %address, operators, %data, file, "serving");
        }
        LogFormat::Text => {
            let settings = file.map(|file| format!("Settings are read from {file}\n")).unwrap_or_default();
            let mode = match serve.mode() {
                AuthMode::Dev => {
                    "Development mode: for this machine only, without sign-in; everybody on it may edit.\n"
                }
                AuthMode::Optional | AuthMode::Required => "",
            };
            let operators =
                operators.map(|address| format!("Operators are served at http://{address}, without a secret\n"));
            let operators = operators.unwrap_or_default();
            let notice = format!(
                "Kanvas {version} serves {scheme}://{address}\nData is kept in {data}\n{settings}{operators}{mode}"
            );
            drop(io::stdout().write_all(notice.as_bytes()));
            drop(io::stdout().flush());
        }
    }
}

/// How many connections there may be, after raising the limit on open files as far as is allowed.
pub(crate) fn connections(wanted: Option<u32>) -> Result<u32, String> {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    let files = if setrlimit(Resource::Nofile, raised).is_ok() { limit.maximum } else { limit.current };
    let room = files.map_or(u32::MAX, |files| u32::try_from(files.saturating_sub(OTHER_FILES)).unwrap_or(u32::MAX));
    match wanted {
        Some(wanted) if wanted > room => Err(format!(
            "--max-connections {wanted} is more than the limit on open files allows ({room}); raise it with `ulimit -n`"
        )),
        Some(wanted) => Ok(wanted),
        None if room == 0 => Err("the limit on open files leaves no connections; raise it with `ulimit -n`".into()),
        None => Ok(CONNECTIONS.min(room)),
    }
}

/// That nothing can be kept here.
pub(crate) fn unusable(data: &Path, how: &str, error: &io::Error) -> String {
    let (data, why) = (data.display(), reason(error));
    format!("the data directory {data} cannot be {how} ({why}); choose another one with --data")
}

/// Makes the data directory and takes its lock, which lasts as long as the file is open.
fn take_directory(data: &Path) -> Result<File, String> {
    let shown = data.display();
    let Some(lock) = lock_directory(data)? else {
        return Err(format!(
            "the data directory {shown} is used by another Kanvas server that is running; stop it or choose another one with --data"
        ));
    };
    backup::judge_directory(data)?;
    Ok(lock)
}

/// Makes the data directory and takes its lock; `None` if somebody else has it.
pub(crate) fn lock_directory(data: &Path) -> Result<Option<File>, String> {
    make_directory(data).map_err(|error| unusable(data, "made", &error))?;
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(data.join(LOCK));
    let file = file.map_err(|error| unusable(data, "written", &error))?;
    let end = Instant::now() + GLANCES;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(Some(file)),
            Err(TryLockError::WouldBlock) if Instant::now() < end => thread::sleep(GLANCES / 10),
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => {
                let (shown, why) = (data.display(), reason(&error));
                return Err(format!("the data directory {shown} cannot be locked ({why}); keep it on a local disk"));
            }
        }
    }
}

/// What people drew and said is the business of the account that serves it (RUN23), and a power cut must not take the
/// directory away: each name that is made is synced with the directory that it stands in (DISK12).
pub(crate) fn make_directory(data: &Path) -> io::Result<()> {
    let data = std::path::absolute(data)?;
    let missing = data.ancestors().take_while(|place| !place.exists());
    let parents: Vec<_> = missing.filter_map(Path::parent).collect();
    let mut directory = fs::DirBuilder::new();
    std::os::unix::fs::DirBuilderExt::mode(&mut directory, 0o700);
    directory.recursive(true).create(&data)?;
    parents.into_iter().try_for_each(|parent| File::open(parent)?.sync_all())
}

/// The way to whoever checks tokens. A development server takes those of its own key.
fn sign_in(serve: &Serve, clock: Clock, meters: Arc<Meters>) -> Result<SignIn, String> {
    let (source, checks) = match serve.token_checks() {
        Some(configured) => configured,
        None => (Source::Dev(serve.data.clone()), devkey::checks()),
    };
    SignIn::start(source, checks, clock, meters)
}

/// The key that guests' user ids are made with: kept, so that a guest stays the same person over a restart.
fn guest_secret(data: &Path) -> Result<[u8; 32], String> {
    let path = data.join("guest.key");
    let failed =
        |error: io::Error| format!("{} cannot be used ({}); check its permissions", path.display(), reason(&error));
    let mut secret = [0; 32];
    match File::open(&path) {
        Ok(mut file) => {
            file.read_exact(&mut secret)
                .map_err(|_| format!("{} is damaged; remove it and guests become new people", path.display()))?;
            return Ok(secret);
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(failed(error)),
    }
    getrandom::fill(&mut secret).map_err(|_| "the operating system gives no random numbers".to_owned())?;
    keep(data, "guest.key", &secret).map_err(failed)?;
    Ok(secret)
}

/// Keeps a secret in the data directory, for this account alone. Written aside and renamed: a crash leaves no half of
/// it.
pub(crate) fn keep(data: &Path, name: &str, secret: &[u8]) -> io::Result<()> {
    let aside = data.join(format!("{name}.new"));
    let mut options = OpenOptions::new();
    options.create(true).truncate(true).write(true);
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(&aside).and_then(|mut file| {
        file.write_all(secret)?;
        file.sync_all()
    })?;
    fs::rename(&aside, data.join(name))
}

/// A file of this account alone, and never in another's place.
pub(crate) fn write_new(file: &Path, bytes: &[u8]) -> Result<(), String> {
    let mut options = OpenOptions::new();
    options.create_new(true).write(true);
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options.open(file).and_then(|mut out| out.write_all(bytes));
    written.map_err(|error| format!("{} cannot be written ({})", file.display(), reason(&error)))
}

/// Why, in words: the system's number means nothing to most.
pub(crate) fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    let words = text.split(" (os error").next().unwrap_or_default();
    words.to_lowercase()
}
