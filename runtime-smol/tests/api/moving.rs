//! `kanvas move`, between two servers and a third party that spoils it.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::{Command, Output, Stdio};
use std::sync::mpsc;
use std::thread;

use kanvas_core::handover;
use serde_json::Value;
use tempfile::TempDir;

use crate::back_end::{BackEnd, SECRET, code};
use crate::common::kanvas;
use crate::travel::{Person, beside};

fn url(port: u16) -> String {
    format!("http://127.0.0.1:{port}")
}

/// The command, in a directory of its own.
fn move_plan(directory: &TempDir, from: u16, to: u16, args: &[&str]) -> Command {
    let mut command = kanvas();
    command.env("KANVAS_ADMIN_SECRET", SECRET).current_dir(directory.path());
    command.args(["move", "plan", "--from", &url(from), "--to", &url(to)]).args(args);
    command
}

fn said(output: &Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

/// What a command that must fail says of it, in one line.
fn why(mut command: Command) -> String {
    let (code, out, why) = said(&command.output().unwrap());
    assert_eq!((code, &*out, why.lines().count()), (Some(1), "", 1), "{why}");
    why.trim().to_owned()
}

/// A room with somebody in it.
fn with_ann(back_end: &BackEnd) -> Person {
    let mut ann = Person::join(&back_end.server, "plan", "Ann");
    ann.added("a");
    ann
}

/// A server of the test's own, which answers each request with what `answer` makes of it: `None` is a connection that
/// ends. It listens for as long as the test runs.
fn third_party(mut answer: impl FnMut(&[u8]) -> Option<Vec<u8>> + Send + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let request = read_request(&mut stream);
            if let Some(answer) = answer(&request) {
                stream.write_all(&answer).unwrap();
            }
            drop(stream.shutdown(Shutdown::Both));
        }
    });
    port
}

fn read_request(stream: &mut TcpStream) -> Vec<u8> {
    let mut request = Vec::new();
    let mut part = [0; 4096];
    loop {
        let head = request.windows(4).position(|place| place == b"\r\n\r\n").map(|at| at + 4);
        let wanted = head.map(|head| {
            let text = String::from_utf8_lossy(&request[..head]).to_lowercase();
            let length = text.lines().find_map(|line| line.strip_prefix("content-length: "));
            head + length.map_or(0, |length| length.parse::<usize>().unwrap())
        });
        if wanted.is_some_and(|wanted| request.len() >= wanted) {
            return request;
        }
        match stream.read(&mut part).unwrap() {
            0 => return request,
            count => request.extend_from_slice(&part[..count]),
        }
    }
}

/// Passes a request on, on a connection of its own.
fn passed_on(port: u16, request: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let text = String::from_utf8_lossy(request);
    let (line, _) = text.split_once("\r\n").unwrap();
    let rest = &request[line.len() + 2..];
    stream.write_all(&[line.as_bytes(), b"\r\nConnection: close\r\n", rest].concat()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    answer
}

fn is_put(request: &[u8]) -> bool {
    request.starts_with(b"PUT ")
}

fn refusal(status: &str, code: &str, message: &str) -> Vec<u8> {
    let body = format!(r#"{{"error":"{code}","message":"{message}"}}"#);
    format!("HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}", body.len())
        .into()
}

fn kill(process: u32, signal: &str) {
    assert!(Command::new("kill").args([signal, &process.to_string()]).status().unwrap().success());
}

#[test]
fn move12_a_room_is_moved_with_secrets_from_files_or_the_environment() {
    let (from, directory) = (BackEnd::start(), tempfile::tempdir().unwrap());
    let to = beside(&from, &[]);
    let mut ann = with_ann(&from);
    fs::write(directory.path().join("secret"), format!("{SECRET}\n")).unwrap();
    let mut command = move_plan(&directory, from.server.port, to.server.port, &["--from-secret-file", "secret"]);
    let (code_of, report, why) = said(&command.output().unwrap());
    assert_eq!((code_of, &*why), (Some(0), ""), "{report}");
    let words = format!("plan is at {} now, with ", url(to.server.port));
    assert!(report.starts_with(&words) && report.ends_with(" KiB.\n"), "{report}");
    ann.put_out();
    ann.come_back(&to.server);
    assert_eq!(ann.added("b"), 2);
    assert_eq!(from.refused(404, "GET", "/api/rooms/plan", &Value::Null), "not_found");
    // And back, with both from files.
    let files = ["--from-secret-file", "secret", "--to-secret-file", "secret"];
    let mut command = move_plan(&directory, to.server.port, from.server.port, &files);
    let (code_of, report, _) = said(&command.env_remove("KANVAS_ADMIN_SECRET").output().unwrap());
    assert_eq!(code_of, Some(0), "{report}");
    ann.put_out();
    ann.come_back(&from.server);
    assert_eq!(ann.added("c"), 3);
    assert_eq!(fs::read_dir(&directory).unwrap().count(), 1, "it leaves nothing behind");
}

#[test]
fn move12_what_cannot_be_understood_is_no_move() {
    let (from, directory) = (BackEnd::start(), tempfile::tempdir().unwrap());
    from.make("plan");
    let port = from.server.port;
    fs::write(directory.path().join("empty"), "\n").unwrap();
    let refused = |command: &mut Command| {
        let (code, _, why) = said(&command.output().unwrap());
        assert_eq!(code, Some(2), "{why}");
        why
    };
    let why = refused(move_plan(&directory, port, port, &[]).env_remove("KANVAS_ADMIN_SECRET"));
    let needed = "kanvas: the server's admin secret is needed; give it as --from-secret-file or KANVAS_ADMIN_SECRET.\n";
    assert_eq!(why, needed);
    let why = refused(&mut move_plan(&directory, port, port, &["--to-secret-file", "none"]));
    assert_eq!(why, "kanvas: none cannot be read (no such file or directory).\n");
    let why = refused(&mut move_plan(&directory, port, port, &["--to-secret-file", "empty"]));
    assert_eq!(why, "kanvas: the file of --to-secret-file is empty; write the secret into it.\n");
    for args in [&["move"][..], &["move", "a b", "--from", "http://a", "--to", "http://b"], &["move", "a", "--to", "x"]]
    {
        refused(kanvas().current_dir(directory.path()).env("KANVAS_ADMIN_SECRET", SECRET).args(args));
    }
    assert_eq!(from.get("/api/rooms/plan")["id"], "plan", "it is where it was");
}

#[test]
fn move12_what_the_servers_refuse_is_said_and_the_room_is_back() {
    let (from, directory) = (BackEnd::start(), tempfile::tempdir().unwrap());
    let to = beside(&from, &[]);
    let (from_port, to_port) = (from.server.port, to.server.port);
    let nothing = why(move_plan(&directory, from_port, to_port, &[]));
    assert_eq!(nothing, format!("kanvas: {} says: There is no such room.", url(from_port)));
    let mut ann = with_ann(&from);
    to.make("plan");
    let taken = why(move_plan(&directory, from_port, to_port, &[]));
    let words = "There is a room of that id already, or there was one that was deleted; plan is back at";
    assert_eq!(taken, format!("kanvas: {} says: {words} {}.", url(to_port), url(from_port)));
    ann.put_out();
    ann.come_back(&from.server);
    assert_eq!(ann.added("b"), 2);
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let nowhere = why(move_plan(&directory, from_port, free, &[]));
    let words = format!("cannot be reached (connection refused); check --to; plan is back at {}", url(from_port));
    assert_eq!(nowhere, format!("kanvas: {0} {words}; if it is at {0} too, DELETE it there.", url(free)));
    ann.put_out();
    ann.come_back(&from.server);
    assert_eq!(ann.added("c"), 3);
    let other = third_party(|_| Some(b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno".to_vec()));
    let no_kanvas = why(move_plan(&directory, from_port, other, &[]));
    assert!(
        no_kanvas.contains("answers 404 and is no Kanvas server, it seems; check --to; plan is back at"),
        "{no_kanvas}"
    );
}

#[test]
fn move12_a_room_that_is_taken_back_by_nobody_is_kept() {
    let (from, directory) = (BackEnd::start(), tempfile::tempdir().unwrap());
    let to = beside(&from, &[]);
    with_ann(&from);
    fs::write(directory.path().join("plan.move"), "something else").unwrap();
    let (source, port) = (from.server.child.id(), from.server.port);
    let target = third_party(move |_| {
        kill(source, "-KILL");
        // Its door is open until it is quite dead.
        while TcpStream::connect(("127.0.0.1", port)).is_ok() {}
        Some(refusal("507 Insufficient Storage", "storage_full", "The server's storage is full; nothing was changed."))
    });
    let kept = why(move_plan(&directory, from.server.port, target, &[]));
    assert_eq!(
        kept,
        format!(
            "kanvas: {} says: The server's storage is full; nothing was changed, and {} cannot be reached (connection \
             refused); check --from; plan is kept in plan-2.move: PUT that to /api/rooms/plan/handover of either server.",
            url(target),
            url(from.server.port)
        )
    );
    assert_eq!(fs::read(directory.path().join("plan.move")).unwrap(), b"something else");
    let file = directory.path().join("plan-2.move");
    let mode = std::os::unix::fs::PermissionsExt::mode(&file.metadata().unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
    let file = fs::read(file).unwrap();
    assert!(handover::read(&file).is_ok());
    to.take("plan", &file);
    assert_eq!(to.images("plan"), ["a"]);
}

#[test]
fn move12_an_answer_that_is_lost_and_a_signal_stop_nothing() {
    let (from, directory) = (BackEnd::start(), tempfile::tempdir().unwrap());
    let to = beside(&from, &[]);
    let mut ann = with_ann(&from);
    let (tell, told) = mpsc::channel::<u32>();
    let target = to.server.port;
    let between = third_party(move |request| {
        let answer = passed_on(target, request);
        if is_put(request) {
            let command = told.recv().unwrap();
            kill(command, "-INT");
            kill(command, "-TERM");
            return None;
        }
        Some(answer)
    });
    let mut command = move_plan(&directory, from.server.port, between, &[]);
    let moving = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    tell.send(moving.id()).unwrap();
    let (code_of, report, why) = said(&moving.wait_with_output().unwrap());
    assert_eq!((code_of, &*why), (Some(0), ""), "{report}");
    ann.put_out();
    ann.come_back(&to.server);
    assert_eq!(ann.added("b"), 2);
    assert_eq!(code(&from.ask("GET", "/api/rooms/plan", &Value::Null)).0, 404);
}

#[test]
fn move12_another_room_of_that_name_is_not_taken_for_the_one_that_was_sent() {
    let (from, directory) = (BackEnd::start(), tempfile::tempdir().unwrap());
    let to = beside(&from, &[]);
    let mut ann = with_ann(&from);
    to.make("plan");
    let target = to.server.port;
    // Nobody hears what the server says to it.
    let between = third_party(move |request| Some(passed_on(target, request)).filter(|_| !is_put(request)));
    let back = why(move_plan(&directory, from.server.port, between, &[]));
    assert!(
        back.contains("cannot be reached") && back.ends_with(&format!("plan is back at {}.", url(from.server.port))),
        "{back}"
    );
    ann.put_out();
    ann.come_back(&from.server);
    assert_eq!(ann.added("b"), 2);
}

#[test]
fn move12_a_source_that_has_gone_is_told_of() {
    let (mut from, directory) = (BackEnd::start_shipped(), tempfile::tempdir().unwrap());
    let to = beside(&from, &[]);
    with_ann(&from);
    let (source, target) = (from.server.child.id(), to.server.port);
    let between = third_party(move |request| {
        let answer = passed_on(target, request);
        kill(source, "-KILL");
        Some(answer)
    });
    let half = why(move_plan(&directory, from.server.port, between, &[]));
    let (at, was) = (url(between), url(from.server.port));
    assert!(half.starts_with(&format!("kanvas: plan is at {at} now, but {was} cannot be reached (")), "{half}");
    let rest = format!(
        "until DELETE {was}/api/rooms/plan/handover is answered with 204, {was} holds it, or has it as it was if it was started again."
    );
    assert!(half.ends_with(&rest), "{half}");
    assert_eq!(to.images("plan"), ["a"]);
    from.kill_and_start();
    assert_eq!(from.images("plan"), ["a"], "two of them, as was said");
}

#[test]
fn move12_the_secrets_are_told_nowhere() {
    let help = said(&kanvas().env("KANVAS_ADMIN_SECRET", SECRET).args(["move", "--help"]).output().unwrap());
    assert!(help.0 == Some(0) && help.1.contains("--from-secret-file <FILE>") && !help.1.contains(SECRET), "{help:?}");
}
