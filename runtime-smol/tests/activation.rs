//! What a service manager passes to the server and hears from it (ACT). The tests are the manager: they have the socket, the
//! server gets it as file 3, and what it tells them comes by a datagram.

mod common;

use std::ffi::OsString;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use common::{Answer, Server};
use kanvas_core::auth::SigningKey;

const MOST: Duration = Duration::from_secs(10);
const GET_READY: &[u8] = b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

/// Starts the program with this as file 3, and as file 4.
fn begin(passed: impl AsFd, environment: &[(&str, OsString)], data: &Path, args: &[&str]) -> Child {
    // A process learns its own number only once it runs.
    let script = r#"LISTEN_PID=$$ exec "$0" "$@" 3<&0 4<&0 </dev/null"#;
    let passed: OwnedFd = passed.as_fd().try_clone_to_owned().unwrap();
    Command::new("/bin/sh")
        .args(["-c", script, env!("CARGO_BIN_EXE_kanvas"), "--data"])
        .arg(data)
        .args(args)
        .env_clear()
        .envs([("LISTEN_FDS", "1")])
        .envs(environment.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::from(passed))
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// The manager of one service.
struct Manager {
    socket: TcpListener,
    notices: UnixDatagram,
    directory: tempfile::TempDir,
}

impl Manager {
    fn new() -> Manager {
        let directory = tempfile::tempdir().unwrap();
        let notices = UnixDatagram::bind(directory.path().join("notify")).unwrap();
        notices.set_read_timeout(Some(MOST)).unwrap();
        Manager { socket: TcpListener::bind("127.0.0.1:0").unwrap(), notices, directory }
    }

    fn start(&self, environment: &[(&str, &str)], args: &[&str]) -> Service {
        let path = self.directory.path();
        let mut all = vec![("NOTIFY_SOCKET", path.join("notify").into_os_string())];
        all.extend(environment.iter().map(|(name, value)| (*name, OsString::from(value))));
        Service(begin(&self.socket, &all, &path.join("data"), args))
    }

    /// The next that is told.
    fn hears(&self) -> String {
        let mut notice = [0; 1024];
        let count = self.notices.recv(&mut notice).expect("something is told");
        String::from_utf8(notice[..count].to_vec()).unwrap()
    }

    fn hears_until(&self, words: &str) -> String {
        loop {
            let notice = self.hears();
            if notice.contains(words) {
                return notice;
            }
        }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.socket.local_addr().unwrap()).expect("it is not refused");
        stream.set_read_timeout(Some(MOST)).unwrap();
        stream
    }

    fn ready(&self) -> u16 {
        let mut stream = self.connect();
        stream.write_all(GET_READY).unwrap();
        Answer::read(&mut stream).status
    }
}

struct Service(Child);

impl Service {
    fn stops(&self) {
        assert!(Command::new("kill").args(["-TERM", &self.0.id().to_string()]).status().unwrap().success());
    }

    fn ended(mut self) -> Option<i32> {
        self.0.wait().unwrap().code()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// The sentence with which a server refuses to start that is passed this.
fn refused(passed: impl AsFd, environment: &[(&str, &str)], args: &[&str]) -> String {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let environment: Vec<_> = environment.iter().map(|(name, value)| (*name, OsString::from(value))).collect();
    let mut service = Service(begin(passed, &environment, &data, args));
    let end = Instant::now() + MOST;
    while service.0.try_wait().unwrap().is_none() {
        assert!(Instant::now() < end, "it does not refuse");
        thread::sleep(Duration::from_millis(10));
    }
    let mut said = String::new();
    service.0.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!((service.ended(), said.lines().count()), (Some(2), 1), "{said}");
    assert!(!data.join("kanvas.db").exists(), "nothing was begun");
    said
}

#[test]
fn act1_the_server_listens_on_the_socket_that_it_is_passed() {
    let manager = Manager::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let service = manager.start(&[], &["--listen", &taken.local_addr().unwrap().to_string()]);
    manager.hears_until("READY=1\n");
    assert_eq!(manager.ready(), 200);
    service.stops();
    assert_eq!(service.ended(), Some(0));
    // Those of another process are none of its business.
    let environment = [("LISTEN_FDS", "1"), ("LISTEN_PID", "1")];
    let mut command = common::kanvas();
    command.envs(environment);
    let directory = tempfile::tempdir().unwrap();
    let (child, port) = Server::spawn_by(command, directory.path(), &[]);
    let server = Server { child, directory, port };
    assert_eq!(server.get("/readyz", "").status, 200);
}

#[test]
fn act2_what_cannot_be_listened_on_is_told_in_a_sentence() {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let directory = tempfile::tempdir().unwrap();
    let file = fs::File::create(directory.path().join("file")).unwrap();
    let datagrams = UdpSocket::bind("127.0.0.1:0").unwrap();
    let local = std::os::unix::net::UnixListener::bind(directory.path().join("socket")).unwrap();
    for passed in [file.as_fd(), datagrams.as_fd(), local.as_fd()] {
        let said = refused(passed, &[], &[]);
        assert!(said.contains("no TCP socket") && said.contains("ListenStream="), "{said}");
    }
    let connection = TcpStream::connect(socket.local_addr().unwrap()).unwrap();
    let said = refused(&connection, &[], &[]);
    assert!(said.contains("Accept="), "{said}");
    let said = refused(&socket, &[("LISTEN_FDS", "2")], &[]);
    assert!(said.contains("2 sockets are passed"), "{said}");
    let said = refused(&socket, &[("LISTEN_FDS", "some")], &[]);
    assert!(said.contains("LISTEN_FDS is \"some\""), "{said}");
    let said = refused(&socket, &[], &["--chaos", "cut=1%"]);
    assert!(said.contains("--chaos"), "{said}");
    let everywhere = TcpListener::bind("0.0.0.0:0").unwrap();
    let said = refused(&everywhere, &[], &[]);
    assert!(said.contains("0.0.0.0") && said.contains("can be reached from other machines"), "{said}");
}

#[test]
fn act3_nobody_is_refused_while_one_server_follows_another() {
    let manager = Manager::new();
    let first = manager.start(&[], &[]);
    manager.hears_until("READY=1\n");
    let address = manager.socket.local_addr().unwrap();
    let server = Server {
        child: Command::new("true").spawn().unwrap(),
        directory: tempfile::tempdir().unwrap(),
        port: address.port(),
    };
    let mut ann = server.joined("board", "ann");
    first.stops();
    manager.hears_until("STOPPING=1\n");
    // They come while the first stops, after it, and while the second starts.
    let clients: Vec<_> = (0..20)
        .map(|_| {
            let mut stream = manager.connect();
            stream.write_all(GET_READY).unwrap();
            stream
        })
        .collect();
    assert_eq!(ann.closed().0, 1012);
    drop(ann);
    assert_eq!(first.ended(), Some(0));
    let late = thread::spawn(move || {
        let mut stream = TcpStream::connect(address).expect("it is not refused");
        stream.set_read_timeout(Some(MOST)).unwrap();
        stream.write_all(GET_READY).unwrap();
        Answer::read(&mut stream).status
    });
    for client in &clients {
        client.set_nonblocking(true).unwrap();
        let said = (&*client).read(&mut [0]).map_err(|error| error.kind());
        assert!(said.is_err_and(|kind| kind == std::io::ErrorKind::WouldBlock), "nobody answers, and it is not cut");
        client.set_nonblocking(false).unwrap();
    }
    let second = manager.start(&[], &[]);
    for mut client in clients {
        assert_eq!(Answer::read(&mut client).status, 200);
    }
    assert_eq!(late.join().unwrap(), 200);
    manager.hears_until("READY=1\n");
    drop(server.joined("board", "ann"));
    drop(second);
}

#[test]
fn act4_it_is_told_when_the_server_is_ready_and_when_it_stops() {
    let manager = Manager::new();
    let keys = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/keys", keys.local_addr().unwrap());
    let sign_in =
        ["--clerk-publishable-key", "pk_test_Y2xlcmsuZXhhbXBsZS5jb20k", "--public-url", "https://kanvas.example"];
    let service = manager.start(&[], &[&sign_in[..], &["--clerk-jwks-url", &url]].concat());
    let (mut asks, _) = keys.accept().unwrap();
    assert_eq!(manager.hears(), "STATUS=The keys that tokens are checked with cannot be had.\n");
    assert_eq!(manager.ready(), 503);
    let key = SigningKey::from_pem(include_str!("../../core/tests/keys/test-only-a.pem"), "key-a").unwrap();
    let body = format!(r#"{{"keys":[{}]}}"#, key.to_jwk());
    let length = body.len();
    write!(asks, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}").unwrap();
    assert_eq!(manager.hears(), "READY=1\nSTATUS=It serves.\n");
    assert_eq!(manager.ready(), 200);
    service.stops();
    assert_eq!(manager.hears(), "STOPPING=1\nSTATUS=It stops.\n");
    assert_eq!(service.ended(), Some(0));
}

#[test]
fn act5_a_server_that_is_watched_says_again_and_again_that_it_lives() {
    let manager = Manager::new();
    let service = manager.start(&[("WATCHDOG_USEC", "300000")], &[]);
    manager.hears_until("READY=1\n");
    for _ in 0..3 {
        assert_eq!(manager.hears(), "WATCHDOG=1\n");
    }
    drop(service);
    let service = manager.start(&[("WATCHDOG_USEC", "300000"), ("WATCHDOG_PID", "1")], &[]);
    manager.hears_until("READY=1\n");
    service.stops();
    assert!(manager.hears().starts_with("STOPPING=1\n"), "another is watched");
}
