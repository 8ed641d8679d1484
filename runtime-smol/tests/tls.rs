//! TLS: a whole session through it, the files that it is made of, and what is no TLS.

mod common;

use std::fs;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use common::{KEY, Server, Socket, TEXT, refusal};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::crypto::ring;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned, version};
use tempfile::TempDir;

type Stream = StreamOwned<ClientConnection, TcpStream>;

/// An authority, and a place for the files that it signs.
struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    directory: TempDir,
}

impl Authority {
    fn new() -> Authority {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        Authority { issuer, directory: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Writes a chain and its key as `<name>.crt` and `<name>.key`, as one who renews them does: aside, then renamed.
    fn sign(&self, name: &str) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["localhost".into()]).unwrap();
        let chain = params.signed_by(&key, &self.issuer).unwrap().pem() + &self.issuer.pem();
        self.put(&format!("{name}.crt"), &chain);
        self.put(&format!("{name}.key"), &key.serialize_pem());
    }

    fn put(&self, name: &str, text: &str) {
        fs::write(self.path("aside"), text).unwrap();
        fs::rename(self.path("aside"), self.path(name)).unwrap();
    }

    fn flags(&self, name: &str) -> [String; 4] {
        let file = |end: &str| self.path(&format!("{name}.{end}")).display().to_string();
        ["--tls-cert".into(), file("crt"), "--tls-key".into(), file("key")]
    }

    fn start(&self, name: &str, args: &[&str]) -> Server {
        let flags = self.flags(name);
        let flags: Vec<_> = flags.iter().map(String::as_str).collect();
        Server::start(&[flags.as_slice(), args].concat())
    }

    /// A client that trusts this authority and no other.
    fn connect(&self, server: &Server, versions: &[&'static rustls::SupportedProtocolVersion]) -> Stream {
        let mut roots = RootCertStore::empty();
        roots.add(self.issuer.der().clone()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let config = config.with_protocol_versions(versions).unwrap().with_root_certificates(roots);
        let name = ServerName::try_from("localhost").unwrap();
        let session = ClientConnection::new(Arc::new(config.with_no_client_auth()), name).unwrap();
        StreamOwned::new(session, server.connect())
    }

    fn get(&self, server: &Server, path: &str) -> String {
        let mut stream = self.connect(server, rustls::ALL_VERSIONS);
        write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
        let mut all = String::new();
        stream.read_to_string(&mut all).expect("the end is said, not cut");
        all
    }

    fn socket(&self, server: &Server, room: &str, version: &'static rustls::SupportedProtocolVersion) -> Secure {
        let mut stream = self.connect(server, &[version]);
        let lines = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n";
        write!(stream, "GET /party/{room} HTTP/1.1\r\nHost: localhost\r\n{lines}{KEY}\r\n").unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            head.extend(byte);
        }
        assert!(head.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&head));
        Secure { stream }
    }

    fn serial(&self, server: &Server) -> Vec<u8> {
        let mut stream = self.connect(server, rustls::ALL_VERSIONS);
        stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
        stream.read_exact(&mut [0; 12]).unwrap();
        stream.conn.peer_certificates().unwrap()[0].to_vec()
    }
}

/// A socket through TLS.
struct Secure {
    stream: Stream,
}

impl Secure {
    fn send(&mut self, text: &str) {
        self.stream.write_all(&Socket::frame(TEXT, text.as_bytes())).unwrap();
        self.stream.flush().unwrap();
    }

    fn receive(&mut self) -> (u8, Vec<u8>) {
        let mut exactly = |count: usize| {
            let mut bytes = vec![0; count];
            self.stream.read_exact(&mut bytes).unwrap();
            bytes
        };
        let head = exactly(2);
        let len = match head[1] {
            126 => usize::from(u16::from_be_bytes(exactly(2).try_into().unwrap())),
            127 => usize::try_from(u64::from_be_bytes(exactly(8).try_into().unwrap())).unwrap(),
            len => usize::from(len),
        };
        (head[0], exactly(len))
    }

    fn until(&mut self, words: &str) -> String {
        loop {
            let (first, payload) = self.receive();
            let text = String::from_utf8_lossy(&payload).into_owned();
            assert_eq!(first, TEXT, "before {words}: {text}");
            if text.contains(words) {
                return text;
            }
        }
    }
}

#[test]
fn tls1_a_room_is_the_same_through_tls() {
    let authority = Authority::new();
    authority.sign("a");
    let server = authority.start("a", &[]);
    assert!(authority.get(&server, "/healthz").ends_with("\r\n\r\nok"));
    let page = authority.get(&server, "/");
    assert!(page.contains("<!doctype html>") || page.contains("<!DOCTYPE html>"), "{page}");
    let mut ann = authority.socket(&server, "a", &version::TLS13);
    ann.send(r#"{"type":"user:join","data":{"name":"Ann"}}"#);
    ann.until("user:list");
    let mut bob = authority.socket(&server, "a", &version::TLS12);
    bob.send(r#"{"type":"user:join","data":{"name":"Bob"}}"#);
    bob.until("user:list");
    assert!(ann.until("user:joined").contains("Bob"));
    // More than one record holds, each way.
    let text = "x".repeat(1900);
    for no in 0..20 {
        let note = format!("{no} {text}");
        let image = r#""src":"https://example.com/a.png","x":1,"y":2,"width":3,"height":4"#;
        let (a, b) = (&note[..1000], &note[1000..]);
        ann.send(&format!(
            r#"{{"type":"image:add","data":{{"id":"i{no}",{image},"a":"{a}","b":"{b}"}},"id":"k{no}"}}"#
        ));
    }
    for no in 0..20 {
        assert!(bob.until("image:add").contains(&format!(r#""id":"i{no}""#)), "whole and in order");
        ann.until(&format!(r#""id":"k{no}""#));
    }
    let mut late = authority.socket(&server, "a", &version::TLS13);
    late.send(r#"{"type":"user:join","data":{}}"#);
    assert!(late.until("state:sync").contains(r#""id":"i19""#));
    late.stream.write_all(&Socket::frame(0x88, &[0x03, 0xe8])).unwrap();
    while late.receive().0 != 0x88 {}
    assert_eq!(late.stream.read(&mut [0]).expect("the end is said, not cut"), 0);
}

#[test]
fn tls1_keys_of_every_usual_form_are_read() {
    let authority = Authority::new();
    let made = |args: &[&str]| {
        let output = std::process::Command::new("openssl").args(args).current_dir(authority.directory.path()).output();
        assert!(output.as_ref().is_ok_and(|output| output.status.success()), "{args:?}: {output:?}");
    };
    made(&["genrsa", "-traditional", "-out", "pkcs1.key", "2048"]);
    made(&["ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", "sec1.key"]);
    made(&["pkcs8", "-topk8", "-nocrypt", "-in", "sec1.key", "-out", "pkcs8.key"]);
    for (name, first) in [("pkcs1", "BEGIN RSA"), ("sec1", "BEGIN EC"), ("pkcs8", "BEGIN PRIVATE")] {
        assert!(fs::read_to_string(authority.path(&format!("{name}.key"))).unwrap().contains(first));
        let (key, certificate) = (format!("{name}.key"), format!("{name}.crt"));
        made(&["req", "-x509", "-key", &key, "-out", &certificate, "-subj", "/CN=localhost", "-days", "2"]);
        let mut args = vec!["check-config", "--listen", "127.0.0.1:0"];
        let flags = authority.flags(name);
        args.extend(flags.iter().map(String::as_str));
        let output = common::run(&args);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn tls2_a_pair_that_cannot_be_used_is_told_in_one_sentence() {
    let authority = Authority::new();
    authority.sign("a");
    authority.sign("b");
    authority.put("empty", "");
    authority.put("broken", "-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n");
    authority.put("locked", "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n");
    let at = |name: &str| authority.path(name).display().to_string();
    for (certificate, key, words) in [
        ("a.crt", "b.key", "does not belong to the certificate"),
        ("none", "a.key", "none cannot be read (no such file or directory); check --tls-cert"),
        ("a.crt", "none", "none cannot be read (no such file or directory); check --tls-key"),
        ("empty", "a.key", "holds no certificate"),
        ("a.key", "a.key", "holds no certificate"),
        ("broken", "a.key", "is no PEM file"),
        ("a.crt", "empty", "holds no private key"),
        ("a.crt", "a.crt", "holds no private key"),
        ("a.crt", "locked", "one with a password cannot"),
    ] {
        for command in ["serve", "check-config"] {
            let data = at("data");
            let args =
                ["--listen", "127.0.0.1:0", "--data", &data, "--tls-cert", &at(certificate), "--tls-key", &at(key)];
            let said = refusal(&[[command].as_slice(), &args].concat());
            assert!(said.contains(words) && said.lines().count() == 1, "{certificate}, {key}: {said}");
        }
    }
    assert!(!Path::new(&at("data")).exists(), "a refused start writes nothing");
}

#[test]
fn tls3_new_files_are_taken_up_and_broken_ones_are_not() {
    let authority = Authority::new();
    authority.sign("a");
    let server = authority.start("a", &[]);
    let mut open = authority.socket(&server, "a", &version::TLS13);
    open.send(r#"{"type":"user:join","data":{}}"#);
    open.until("user:list");
    let first = authority.serial(&server);
    let logged = |words: &str| {
        let end = Instant::now() + Duration::from_secs(20);
        while !server.log().contains(words) {
            assert!(Instant::now() < end, "{words} in {}", server.log());
            std::thread::sleep(Duration::from_millis(50));
        }
    };
    authority.put("a.key", "nonsense");
    logged("the old certificate stays in use");
    assert_eq!(authority.serial(&server), first);
    authority.sign("a");
    logged("the new certificate is used");
    assert_ne!(authority.serial(&server), first);
    open.send("ping");
    open.until("pong");
}

#[test]
fn tls4_what_is_no_tls_is_closed() {
    let authority = Authority::new();
    authority.sign("a");
    let server = authority.start("a", &[]);
    let mut observer = authority.socket(&server, "a", &version::TLS13);
    observer.send(r#"{"type":"user:join","data":{}}"#);
    observer.until("user:list");
    let hello = [b"\x16\x03\x01\x40\x00\x01".as_slice(), &[0; 100]].concat();
    for bytes in [b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".as_slice(), &[0xff; 5000], b"\0", &hello] {
        let mut stream = server.connect();
        stream.write_all(bytes).unwrap();
        let mut all = Vec::new();
        let cut = |error: std::io::Error| error.kind() == ErrorKind::ConnectionReset;
        let ended = stream.read_to_end(&mut all).map_or_else(cut, |_| true);
        assert!(ended, "the connection stays open");
        assert!(!String::from_utf8_lossy(&all).contains("HTTP/"), "{all:?}");
    }
    observer.send("ping");
    observer.until("pong");
    assert!(authority.get(&server, "/healthz").ends_with("ok"));
    assert!(!server.log().contains("panicked"), "{}", server.log());
}

#[test]
fn tls5_who_does_not_read_is_cut_and_the_others_hear_everything() {
    let authority = Authority::new();
    authority.sign("a");
    let server = authority.start("a", &["--grace", "0"]);
    let mut stuck = authority.socket(&server, "a", &version::TLS13);
    socket2::SockRef::from(&stuck.stream.sock).set_recv_buffer_size(4096).unwrap();
    stuck.send(r#"{"type":"user:join","data":{"name":"Stuck"}}"#);
    let mut reader = authority.socket(&server, "a", &version::TLS13);
    reader.send(r#"{"type":"user:join","data":{"name":"Reader"}}"#);
    reader.until("user:list");
    let mut writers: Vec<_> = (0..10).map(|_| authority.socket(&server, "a", &version::TLS13)).collect();
    for writer in &mut writers {
        writer.send(r#"{"type":"user:join","data":{}}"#);
        writer.until("user:list");
    }
    let text = "x".repeat(1900);
    let mut sent = 0;
    let end = Instant::now() + Duration::from_secs(60);
    let left = 'out: loop {
        for (no, writer) in writers.iter_mut().enumerate() {
            assert!(Instant::now() < end, "the one that does not read is never cut; {sent} were sent");
            let image = r#""src":"https://example.com/a.png","x":1,"y":2,"width":3,"height":4"#;
            let (a, b) = text.split_at(950);
            let id = format!("i{no}-{sent}");
            writer.send(&format!(
                r#"{{"type":"image:add","data":{{"id":"{id}",{image},"a":"{a}","b":"{b}"}},"id":"{id}"}}"#
            ));
            sent += 1;
            loop {
                let (_, payload) = reader.receive();
                let heard = String::from_utf8(payload).unwrap();
                if heard.contains("user:left") {
                    break 'out heard;
                }
                if heard.contains(&id) {
                    break;
                }
            }
            writer.until(&format!(r#""data":{{"id":"{id}""#));
        }
    };
    assert!(left.contains(r#""reason":"lost""#), "{left}");
    writers[0].send("ping");
    writers[0].until("pong");
}
