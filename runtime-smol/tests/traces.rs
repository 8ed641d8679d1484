//! What the server tells a collector of what took long (TRACE), over the built server and real OTLP.

mod common;

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use common::{Server, refusal};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use prost::Message as _;

const SECRET: &str = "sixteen-bytes-ok";
const STOPS: Duration = Duration::from_secs(20);

/// One that takes traces at an address of its own, until the test ends.
struct Collector {
    port: u16,
    bodies: Receiver<Vec<u8>>,
}

impl Collector {
    fn start() -> Collector {
        Collector::at(TcpListener::bind("127.0.0.1:0").expect("a free port"))
    }

    fn at(listener: TcpListener) -> Collector {
        let port = listener.local_addr().expect("an address").port();
        let (taken, bodies) = channel();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let taken = taken.clone();
                thread::spawn(move || {
                    while let Some(body) = take(&stream) {
                        // The test may be over.
                        drop(taken.send(body));
                    }
                });
            }
        });
        Collector { port, bodies }
    }

    fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// All that has come, once the server has ended.
    fn spans(&self) -> Vec<Span> {
        let requests = self
            .bodies
            .try_iter()
            .map(|body| ExportTraceServiceRequest::decode(body.as_slice()).expect("what OTLP says"));
        requests
            .flat_map(|request| request.resource_spans)
            .flat_map(|of| {
                let about = of.resource.expect("whose they are").attributes;
                let named = about
                    .iter()
                    .any(|about| about.key == "service.name" && format!("{about:?}").contains("\"kanvas\""));
                assert!(named, "{about:?}");
                of.scope_spans
            })
            .flat_map(|of| of.spans)
            .collect()
    }
}

/// One request, answered.
fn take(mut stream: &TcpStream) -> Option<Vec<u8>> {
    let mut reader = BufReader::new(stream);
    let (mut line, mut bytes) = (String::new(), 0);
    reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
    assert_eq!(line, "POST /v1/traces HTTP/1.1\r\n");
    loop {
        line.clear();
        reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
        match line.trim_end().to_ascii_lowercase().split_once(": ") {
            Some(("content-length", length)) => bytes = length.parse().expect("a length"),
            Some(("content-type", kind)) => assert_eq!(kind, "application/x-protobuf"),
            Some(_) => {}
            None => break,
        }
    }
    let mut body = vec![0; bytes];
    reader.read_exact(&mut body).ok()?;
    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").ok()?;
    Some(body)
}

fn names(spans: &[Span]) -> BTreeSet<&str> {
    spans.iter().map(|span| span.name.as_str()).collect()
}

fn text<'a>(span: &'a Span, key: &str) -> Option<&'a str> {
    use opentelemetry_proto::tonic::common::v1::any_value::Value;
    let found = span.attributes.iter().find(|about| about.key == key)?;
    let value = found.value.as_ref()?.value.as_ref()?;
    if let Value::StringValue(text) = value { Some(text) } else { None }
}

/// Two people in a room, of whom one draws.
fn draw(server: &Server, room: &str) {
    let (mut ann, mut bob) = (server.joined(room, "ann"), server.joined(room, "bob"));
    ann.send(
        r#"{"type":"image:add","id":"k1","data":{"id":"i1","src":"https://example.com/p.png","x":1,"y":2,"width":3,"height":4}}"#,
    );
    bob.until("image:add");
}

fn stop(mut server: Server) -> String {
    server.signal("TERM");
    assert_eq!(server.wait(STOPS), Some(0));
    server.log()
}

#[test]
fn trace1_what_took_long_is_sent_to_the_collector() {
    let collector = Collector::start();
    let server = Server::start(&["--otlp-endpoint", &collector.endpoint(), "--trace-slow", "0"]);
    draw(&server, "plans");
    assert_eq!(server.get("/healthz", "").status, 200);
    stop(server);
    let spans = collector.spans();
    let expected = ["GET /healthz", "room.fan_out", "room.join", "room.load", "storage.commit"];
    assert!(expected.iter().all(|name| names(&spans).contains(name)), "{:?}", names(&spans));
    for span in &spans {
        assert!(span.start_time_unix_nano > 0 && span.start_time_unix_nano <= span.end_time_unix_nano, "{span:?}");
        if span.name.starts_with("room.") {
            assert_eq!(text(span, "kanvas.room"), Some("plans"), "{span:?}");
        }
    }
    let asked = spans.iter().find(|span| span.name == "GET /healthz").expect("it is there");
    assert_eq!((asked.kind(), text(asked, "http.route")), (SpanKind::Server, Some("/healthz")));
}

#[test]
fn trace1_what_was_quick_is_not_sent() {
    let collector = Collector::start();
    let server = Server::start(&["--otlp-endpoint", &collector.endpoint(), "--trace-slow", "60000"]);
    draw(&server, "plans");
    stop(server);
    assert_eq!(names(&collector.spans()), BTreeSet::new());
}

#[test]
fn trace1_an_endpoint_that_cannot_be_is_refused() {
    for bad in ["127.0.0.1:4318", "ftp://127.0.0.1", "http://ann:pass@127.0.0.1:4318", "http://127.0.0.1/?key=1", ""] {
        let said = refusal(&["serve", "--otlp-endpoint", bad]);
        assert!(said.contains("such as http://127.0.0.1:4318"), "{bad}: {said}");
    }
}

#[test]
fn trace2_no_person_and_no_secret_is_told() {
    let collector = Collector::start();
    let arguments = ["--otlp-endpoint", &collector.endpoint(), "--trace-slow", "0", "--admin-secret", SECRET];
    let server = Server::start(&arguments);
    draw(&server, "plans");
    for (path, headers) in [
        ("/parties/main/plans/shares/a-link-that-is-secret?token=a-token-of-hers", ""),
        ("/parties/main/plans?token=a-token-of-hers&_pk=her-own-key", ""),
        (
            "/api/rooms/plans/members/user_ann?a-question",
            "Authorization: Bearer sixteen-bytes-ok\r\nUser-Agent: her-browser\r\n",
        ),
    ] {
        let _ = server.get(path, headers);
    }
    stop(server);
    let spans = collector.spans();
    assert!(names(&spans).contains("GET /api"), "{:?}", names(&spans));
    let told = format!("{spans:?}");
    for kept in ["ann", "bob", "a-link", "token", "her-", "question", SECRET, "example.com", "127.0.0.1"] {
        assert!(!told.contains(kept), "{kept} in {told}");
    }
}

#[test]
fn trace3_only_a_back_end_says_what_its_request_is_part_of() {
    let collector = Collector::start();
    let arguments = ["--otlp-endpoint", &collector.endpoint(), "--trace-slow", "0", "--admin-secret", SECRET];
    let server = Server::start(&arguments);
    let parent = "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n";
    server.get("/api/rooms", &format!("{parent}Authorization: Bearer {SECRET}\r\n"));
    server.get("/healthz", parent);
    stop(server);
    let spans = collector.spans();
    let trace = |name: &str| {
        let span = spans.iter().find(|span| span.name == name).expect("it is there");
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        (hex(&span.trace_id), hex(&span.parent_span_id))
    };
    assert_eq!(trace("GET /api"), ("0af7651916cd43dd8448eb211c80319c".into(), "b7ad6b7169203331".into()));
    let (id, parent) = trace("GET /healthz");
    assert!(id != "0af7651916cd43dd8448eb211c80319c" && parent.is_empty(), "{id} {parent}");
}

#[test]
fn trace4_a_collector_that_does_not_answer_costs_the_rooms_nothing() {
    // A port that nobody listens on, until somebody does.
    let kept = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = kept.local_addr().expect("an address").port();
    drop(kept);
    let mut command = common::kanvas();
    command.env("OTEL_BSP_SCHEDULE_DELAY", "50");
    let directory = tempfile::tempdir().expect("a directory");
    let endpoint = format!("http://127.0.0.1:{port}");
    let arguments = ["--otlp-endpoint", &endpoint, "--trace-slow", "0"];
    let (child, served) = Server::spawn_by(command, directory.path(), &arguments);
    let server = Server { child, directory, port: served };
    let lost = "traces cannot be sent to http://127.0.0.1:";
    let mut rooms = (0..).map(|no| format!("plans-{no}"));
    let mut draw_anew = || draw(&server, &rooms.next().expect("there is always another"));
    while !server.log().contains(lost) {
        draw_anew();
    }
    draw_anew();
    let listener = TcpListener::bind(("127.0.0.1", port)).expect("the same port");
    let collector = Collector::at(listener);
    while !server.log().contains("traces are sent to http://127.0.0.1:") {
        draw_anew();
    }
    let log = stop(server);
    assert_eq!(log.matches(lost).count(), 1, "{log}");
    assert!(!log.contains("panicked"), "{log}");
    assert!(!collector.spans().is_empty());
}
