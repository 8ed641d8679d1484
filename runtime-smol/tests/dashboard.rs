//! What people see who look at the server (DASH), in raw bytes over the built server.

mod common;

use std::thread;
use std::time::Duration;

use common::{Answer, Server, Socket};
use serde_json::Value;

const SECRET: &str = "sixteen-bytes-ok";
const HTML: &str = "Accept: text/html\r\n";

fn bearer() -> String {
    format!("Authorization: Bearer {SECRET}\r\n")
}

/// A request with these header lines beside `Host`.
fn ask(server: &Server, method: &str, path: &str, headers: &str, body: &str) -> Answer {
    let kind = if body.is_empty() { "" } else { "Content-Type: application/json\r\n" };
    let length = if method == "GET" { String::new() } else { format!("{kind}Content-Length: {}\r\n", body.len()) };
    server.raw(format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost:{}\r\n{headers}{length}Connection: close\r\n\r\n{body}",
        server.port
    ))
}

/// The header of the server's own page.
fn own(server: &Server) -> String {
    format!("Origin: http://localhost:{}\r\nSec-Fetch-Site: same-origin\r\n", server.port)
}

fn json(answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "{answer:?}");
    serde_json::from_str(&answer.body).expect("JSON")
}

fn refused(answer: &Answer, status: u16, error: &str) {
    let told: Value = serde_json::from_str(&answer.body).unwrap_or_default();
    assert_eq!((answer.status, told["error"].as_str()), (status, Some(error)), "{answer:?}");
    assert!(told["message"].as_str().is_some_and(|message| message.ends_with('.')), "{told}");
    assert_eq!(answer.header("access-control-allow-origin"), None);
}

/// Signs a browser in; the line of its cookie.
fn sign_in(server: &Server) -> String {
    let answer = ask(server, "POST", "/dashboard/session", &own(server), &format!(r#"{{"secret":"{SECRET}"}}"#));
    assert_eq!(answer.status, 204, "{answer:?}");
    let cookie = answer.header("set-cookie").expect("a cookie").split(';').next().expect("a pair").to_owned();
    format!("Cookie: a=b; {cookie}\r\n")
}

/// The numbers, once they say so.
fn until(server: &Server, query: &str, what: &str, mut holds: impl FnMut(&Value) -> bool) -> Value {
    for _ in 0..500 {
        let told = json(&ask(server, "GET", &format!("/dashboard/data{query}"), &bearer(), ""));
        if holds(&told) {
            return told;
        }
        thread::sleep(Duration::from_millis(20));
    }
    panic!("it never came: {what}");
}

fn with_secret() -> Server {
    Server::start(&["--admin-secret", SECRET])
}

const SIGNED: &[&str] = &[
    "--auth",
    "required",
    "--clerk-publishable-key",
    "pk_test_Y2xlcmsuZXhhbXBsZS5jb20k",
    "--allowed-origins",
    "https://app.example.com",
];

fn names(told: &Value) -> Vec<&str> {
    told["top"].as_array().expect("rooms").iter().filter_map(|load| load["room"].as_str()).collect()
}

fn add(id: &str) -> String {
    format!(
        r#"{{"type":"image:add","id":"k{id}","data":{{"id":"{id}","src":"https://example.com/p.png","x":1,"y":2,"width":3,"height":4}}}}"#
    )
}

#[test]
fn dash1_it_is_for_the_secret_and_a_development_server_shows_all_to_its_machine() {
    let dev = Server::start(&[]);
    assert_eq!(ask(&dev, "GET", "/dashboard", HTML, "").status, 200);
    assert_eq!(json(&ask(&dev, "GET", "/dashboard/data", "", ""))["canSignOut"], false);
    let server = with_secret();
    let wrong = "Authorization: Bearer wrong-wrong-wrong\r\n";
    for path in ["/dashboard", "/dashboard/", "/dashboard/data", "/dashboard/api/rooms/plan/members"] {
        for headers in ["", wrong, "Cookie: kanvas-admin=sixteen-bytes-ok\r\n"] {
            let answer = ask(&server, "GET", path, headers, "");
            refused(&answer, 401, "unauthorized");
            assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
        }
    }
    json(&ask(&server, "GET", "/dashboard/data", &bearer(), ""));
    let form = ask(&server, "GET", "/dashboard", HTML, "");
    assert_eq!((form.status, form.header("content-type")), (401, Some("text/html; charset=utf-8")));
    assert_eq!(form.body, ask(&server, "GET", "/dashboard", &format!("{HTML}{}", bearer()), "").body);
    let closed = Server::start(SIGNED);
    for path in ["/dashboard/data", "/dashboard", "/dashboard/api/rooms/plan/members"] {
        refused(&ask(&closed, "GET", path, &bearer(), ""), 403, "off");
    }
    let page = ask(&closed, "GET", "/dashboard", HTML, "");
    assert_eq!((page.status, page.header("cache-control")), (403, Some("no-store")));
    refused(&ask(&closed, "POST", "/dashboard/session", &own(&closed), r#"{"secret":""}"#), 403, "off");
}

#[test]
fn dash2_a_browser_signs_in_and_out() {
    let server = with_secret();
    let answer = ask(&server, "POST", "/dashboard/session", &own(&server), r#"{"secret":"not-the-secret-"}"#);
    refused(&answer, 401, "unauthorized");
    assert_eq!(answer.header("set-cookie"), None);
    for body in ["{", "[]", r#"{"secret":7}"#, r#"{"secret":"a","more":1}"#] {
        refused(&ask(&server, "POST", "/dashboard/session", &own(&server), body), 400, "bad_body");
    }
    refused(&ask(&server, "POST", "/dashboard/session", &own(&server), &" ".repeat(20_000)), 413, "too_large");
    let secret = format!(r#"{{"secret":" {SECRET} "}}"#);
    let answer = ask(&server, "POST", "/dashboard/session", &own(&server), &secret);
    let cookie = answer.header("set-cookie").expect("a cookie");
    assert!(cookie.starts_with("kanvas-admin=") && !cookie.contains(SECRET), "{cookie}");
    assert!(cookie.ends_with("; Path=/; Max-Age=43200; HttpOnly; SameSite=Strict"), "{cookie}");
    let cookie = sign_in(&server);
    assert_eq!(json(&ask(&server, "GET", "/dashboard/data", &cookie, ""))["canSignOut"], true);
    // Another secret, of another server, signs nobody in here.
    let other = Server::start(&["--admin-secret", "sixteen-bytes-oK"]);
    refused(&ask(&other, "GET", "/dashboard/data", &cookie, ""), 401, "unauthorized");
    let out = ask(&server, "DELETE", "/dashboard/session", &format!("{}{cookie}", own(&server)), "");
    assert_eq!((out.status, out.header("set-cookie").is_some_and(|set| set.contains("Max-Age=0"))), (204, true));
    let strict: Vec<&str> = SIGNED.iter().copied().chain(["--admin-secret", SECRET]).collect();
    let strict = Server::start(&strict);
    // Its own page need not be listed as one that may use the rooms.
    let answer = ask(&strict, "POST", "/dashboard/session", &own(&strict), &format!(r#"{{"secret":"{SECRET}"}}"#));
    let cookie = answer.header("set-cookie").expect("a cookie");
    assert!(cookie.starts_with("__Host-kanvas-admin=") && cookie.ends_with("; Secure"), "{cookie}");
}

#[test]
fn dash3_no_other_page_asks_and_no_other_page_acts() {
    let listed: Vec<&str> = SIGNED.iter().copied().chain(["--admin-secret", SECRET]).collect();
    let (dev, server) = (Server::start(&[]), Server::start(&listed));
    for (server, foreign) in [(&dev, "http://localhost:3000"), (&server, "https://app.example.com"), (&server, "null")]
    {
        let origin = format!("Origin: {foreign}\r\n");
        for (method, path) in [
            ("GET", "/dashboard/data"),
            ("POST", "/dashboard/session"),
            ("DELETE", "/dashboard/session"),
            ("POST", "/dashboard/api/rooms/plan/close"),
        ] {
            refused(&ask(server, method, path, &format!("{origin}{}", bearer()), ""), 403, "forbidden");
        }
        refused(&ask(server, "GET", "/dashboard/data", "Sec-Fetch-Site: cross-site\r\n", ""), 403, "forbidden");
        let both = format!("{}{origin}", own(server));
        refused(&ask(server, "GET", "/dashboard/data", &both, ""), 403, "forbidden");
    }
    let server = with_secret();
    let cookie = sign_in(&server);
    server.joined("plan", "ann");
    // A form elsewhere could make a browser send the cookie, not the origin.
    refused(&ask(&server, "POST", "/dashboard/api/rooms/plan/close", &cookie, ""), 403, "forbidden");
    refused(&ask(&dev, "POST", "/dashboard/api/rooms/plan/close", "", ""), 403, "forbidden");
    let own = own(&server);
    assert_eq!(ask(&server, "POST", "/dashboard/api/rooms/plan/close", &format!("{cookie}{own}"), "").status, 204);
    // What the page is made of.
    let policy = Some(
        "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; img-src 'self' data:; \
         connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    );
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("web/dashboard");
    let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
    for path in files.map(|name| format!("/dashboard/{name}")).chain(["/dashboard".into(), "/dashboard/".into()]) {
        let answer = ask(&server, "GET", &path, &format!("{HTML}{}", bearer()), "");
        assert_eq!((answer.status, answer.header("content-security-policy")), (200, policy), "{path}");
        for word in ["<style", "style=\"", "javascript:", "innerHTML", "onclick="] {
            assert!(!answer.body.contains(word), "{path}: {word}");
        }
        let scripts = answer.body.matches("<script").count();
        assert_eq!(scripts, answer.body.matches(r#"<script type="module" src="/dashboard/app.js"></script>"#).count());
    }
}

#[test]
fn dash4_rooms_are_told_in_any_order_and_found_by_a_part_of_their_name() {
    let server = with_secret();
    let _one: Vec<Socket> = (0..60).map(|no| server.joined(&format!("crowd-{no:02}"), "ann")).collect();
    let mut ann = server.joined("harbor", "ann");
    let _bob = server.joined("harbor", "bob");
    let named = ask(&server, "PATCH", "/api/rooms/harbor", &bearer(), r#"{"name":"Winter Plans"}"#);
    assert_eq!(named.status, 200, "{named:?}");
    ann.send(&add("i1"));
    ann.until(r#""seq":2"#);
    let told = until(&server, "", "62 sockets", |told| told["sockets"] == 62);
    assert_eq!((&told["rooms"], &told["people"], &told["found"]), (&61.into(), &62.into(), &61.into()));
    assert_eq!(
        (told["top"].as_array().map(Vec::len), names(&told)[0], names(&told)[49]),
        (Some(50), "harbor", "crowd-48")
    );
    let first = &told["top"][0];
    assert_eq!(
        (&first["sockets"], &first["people"], &first["images"], &first["slow"]),
        (&2.into(), &2.into(), &1.into(), &0.into())
    );
    assert_eq!(first["name"], "Winter Plans");
    let by = |query: &str| until(&server, query, query, |_| true);
    assert_eq!(names(&by("?sort=room&order=descending"))[..2], ["harbor", "crowd-59"]);
    assert_eq!(names(&by("?sort=sockets&order=ascending"))[49], "crowd-49");
    // One that is not among the first is found all the same.
    assert_eq!(names(&by("?find=OWD-59")), ["crowd-59"]);
    assert_eq!((names(&by("?find=winter")), by("?find=winter")["found"].as_u64()), (vec!["harbor"], Some(1)));
    assert_eq!(names(&by("?find=Harb")), ["harbor"], "by its id, though it is called otherwise");
    assert_eq!(names(&by("?find=nowhere")).len(), 0);
    // What goes through a room shows, and rates are of the latest seconds.
    let busy = until(&server, "?sort=perSecond&order=descending", "a rate", |told| {
        ann.send(r#"{"type":"cursor:move","data":{"x":1,"y":2}}"#);
        told["top"][0]["perSecond"].as_f64() > Some(1.0) && told["perSecond"]["heard"].as_f64() > Some(1.0)
    });
    assert_eq!(names(&busy)[0], "harbor");
    let long = format!("?find={}", "x".repeat(65));
    for query in ["?sort=size", "?order=up", "?q=a", long.as_str()] {
        refused(&ask(&server, "GET", &format!("/dashboard/data{query}"), &bearer(), ""), 400, "bad_query");
    }
}

#[test]
fn dash5_the_last_hour_is_there_from_the_start() {
    let server = with_secret();
    let _ann = server.joined("plan", "ann");
    let told = until(&server, "", "ann", |told| told["sockets"] == 1);
    let minutes = told["minutes"].as_array().expect("minutes");
    assert_eq!((minutes.len(), &minutes[0]["sockets"], &minutes[59]["sockets"]), (60, &0.into(), &1.into()));
    assert!(minutes.iter().map(|minute| minute["heard"].as_u64().unwrap()).sum::<u64>() >= 1);
    let step = |pair: &[Value]| pair[1]["at"].as_u64().unwrap() - pair[0]["at"].as_u64().unwrap();
    assert!(minutes.windows(2).all(|pair| step(pair) == 60_000));
}

#[test]
fn dash6_closes_and_refusals_are_told_with_their_words() {
    let server = with_secret();
    let (mut ann, mut bob) = (server.joined("plan", "ann"), server.joined("plan", "bob"));
    ann.send("{");
    ann.until("bad_message");
    bob.raw(&Socket::frame(common::CLOSE, &1000_u16.to_be_bytes()));
    assert_eq!(ask(&server, "POST", "/api/rooms/plan/close", &bearer(), "").status, 204);
    let (_, mut stranger) = server.try_socket("/parties/main/plan?token=nonsense", "");
    let (code, ..) = stranger.closed();
    let told = until(&server, "", "three closes", |told| told["closes"].as_array().map(Vec::len) == Some(3));
    let closes = told["closes"].as_array().unwrap();
    let of = |code: u16| closes.iter().find(|close| close["code"] == code).unwrap_or_else(|| panic!("{code}: {told}"));
    assert_eq!((&of(4503)["reason"], &of(4503)["room"]), (&"kicked".into(), &"plan".into()));
    assert_eq!(of(4503)["words"], "4503. You were removed from this room.");
    assert!(of(4503)["user"].as_str().is_some_and(|user| user.starts_with("guest:")), "{told}");
    assert_eq!((&of(1000)["reason"], &of(code)["user"]), (&"client".into(), &"".into()));
    let named = |list: &str, name: &str| {
        let each = told[list].as_array().unwrap();
        each.iter().find(|one| one["name"] == name).unwrap_or_else(|| panic!("{name}: {told}")).clone()
    };
    let kicked = named("closed", "kicked");
    assert_eq!((&kicked["lastHour"], &kicked["total"]), (&1.into(), &1.into()));
    assert_eq!(named("refused", "bad_message")["total"], 1);
    // Rooms and people are for the operator's eyes, and no label of a metric.
    assert!(!server.get("/metrics", &bearer()).body.contains("plan"));
}

#[test]
fn dash7_commits_are_timed_and_the_process_is_weighed() {
    let server = with_secret();
    let mut ann = server.joined("plan", "ann");
    ann.send(&add("i1"));
    ann.until(r#""type":"ack""#);
    let told = until(&server, "", "commits", |told| told["storage"]["commits"].as_u64() > Some(0));
    let of = |name: &str| told["storage"][name].as_f64().unwrap();
    assert!(of("p50") > 0.0 && of("p50") <= of("p99") && of("p99") <= of("longest"), "{told}");
    assert_eq!((of("failed"), told["minutes"][59]["storedMs"].as_f64() > Some(0.0)), (0.0, true));
}

#[test]
fn dash8_who_does_not_read_is_told_with_what_waits() {
    let server = with_secret();
    let _bob = server.joined("plan", "bob");
    let event = format!(r#"{{"type":"server:event","data":{{"text":"{}"}}}}"#, "x".repeat(15_000));
    // His socket takes what the system's buffers take, and then no more.
    let told = until(&server, "?sort=slow&order=descending", "a slow client", |told| {
        let is_slow = told["slow"]["sockets"] == 1;
        for _ in 0..if is_slow { 0 } else { 20 } {
            assert_eq!(ask(&server, "POST", "/api/rooms/plan/events", &bearer(), &event).status, 202);
        }
        is_slow
    });
    let one = &told["slow"]["each"][0];
    assert!(
        one["bytes"].as_u64() > Some(100_000) && one["user"].as_str().is_some_and(|user| user.starts_with("guest:")),
        "{told}"
    );
    assert_eq!((&one["room"], &told["top"][0]["slow"]), (&"plan".into(), &1.into()));
}

#[test]
fn dash9_memory_is_told_of_rooms_and_of_the_process() {
    let server = with_secret();
    let mut ann = server.joined("plan", "ann");
    let bytes = |told: &Value| told["top"][0]["bytes"].as_u64().unwrap();
    let before = bytes(&until(&server, "", "the room", |told| told["rooms"] == 1));
    for no in 0..50 {
        ann.send(&add(&format!("i{no}")));
        ann.until(&format!(r#""ki{no}""#));
    }
    let after = until(&server, "", "its images", |told| told["top"][0]["images"] == 50);
    assert!(bytes(&after) > before + 50 * 400, "{before}, then {}", bytes(&after));
    let memory = &after["memory"];
    let process = memory["each"][0]["bytes"].as_u64().unwrap();
    assert!(process > 1 << 20 && process < memory["limit"].as_u64().unwrap(), "{memory}");
}

#[test]
fn dash10_what_the_page_does_goes_the_way_of_the_api_and_no_further() {
    let server = with_secret();
    let headers = format!("{}{}", sign_in(&server), own(&server));
    let act =
        |method: &str, what: &str| ask(&server, method, &format!("/dashboard/api/rooms/plan{what}"), &headers, "");
    refused(&act("GET", "/members"), 404, "not_found");
    let (mut ann, mut bob) = (server.joined("plan", "ann"), server.joined("plan", "bob"));
    let roster = json(&act("GET", "/members"));
    let clients = roster["clients"].as_array().unwrap();
    let id = clients.iter().find(|client| client["name"] == "bob").unwrap()["userId"].as_str().unwrap();
    assert_eq!(act("POST", &format!("/members/{}/kick", id.replace(':', "%3A"))).status, 200);
    assert_eq!(bob.closed().0, 4503);
    assert_eq!(act("PUT", "/recording").status, 201);
    refused(&act("PUT", "/recording"), 409, "conflict");
    assert_eq!(json(&act("GET", "/recording"))["room"], "plan");
    let file = format!(
        "GET /dashboard/api/rooms/plan/recording/file HTTP/1.1\r\nHost: localhost:{}\r\n{headers}\r\n",
        server.port
    );
    let mut stream = server.connect();
    std::io::Write::write_all(&mut stream, file.as_bytes()).unwrap();
    let mut head = [0; 12];
    std::io::Read::read_exact(&mut stream, &mut head).unwrap();
    assert_eq!(&head, b"HTTP/1.1 200");
    assert_eq!(act("DELETE", "/recording").status, 204);
    assert_eq!(act("POST", "/close").status, 204);
    assert_eq!(ann.closed().0, 4503);
    for (method, what) in [
        ("DELETE", ""),
        ("PATCH", ""),
        ("GET", "/canvas"),
        ("GET", "/export"),
        ("POST", "/handover"),
        ("POST", "/members/ann/ban"),
        ("POST", "/close/"),
        ("GET", "/../plan/export"),
    ] {
        refused(&act(method, what), 404, "not_found");
    }
    refused(&ask(&server, "GET", "/dashboard/api/rooms", &headers, ""), 404, "not_found");
    let answer = ask(&server, "PUT", "/dashboard/data", &headers, "");
    refused(&answer, 405, "bad_method");
    assert_eq!(answer.header("allow"), Some("GET, HEAD, OPTIONS"));
    for path in ["/dashboard/nothing", "/dashboard/data/", "/dashboards"] {
        refused(&ask(&server, "GET", path, &bearer(), ""), 404, "not_found");
    }
}
