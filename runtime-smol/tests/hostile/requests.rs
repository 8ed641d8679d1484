//! Handshakes and addresses that are wrong, beside a room that is in use: the answer of each, and that nobody there
//! notices.

use std::time::Duration;

use crate::common::{KEY, Socket, TEXT};
use crate::scene::{Scene, answers};

const UP: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\n";
const V13: &str = "Sec-WebSocket-Version: 13\r\n";

#[test]
fn http11_wrong_handshakes_get_their_answer_and_nobody_notices() {
    let mut scene = Scene::new("a", &[]);
    let key = |key: &str| format!("{UP}{V13}Sec-WebSocket-Key: {key}\r\n");
    let cases = [
        ("no upgrade", format!("{V13}{KEY}"), 426, Some(("upgrade", "websocket"))),
        ("version 8", format!("{UP}Sec-WebSocket-Version: 8\r\n{KEY}"), 426, Some(("sec-websocket-version", "13"))),
        ("version 13, 8", format!("{UP}Sec-WebSocket-Version: 13, 8\r\n{KEY}"), 426, None),
        ("version 013", format!("{UP}Sec-WebSocket-Version: 013\r\n{KEY}"), 426, None),
        ("no key", format!("{UP}{V13}"), 400, None),
        ("an empty key", key(""), 400, None),
        ("a key of 15 bytes", key("AAAAAAAAAAAAAAAAAAAA"), 400, None),
        ("a key of 17 bytes", key("AAAAAAAAAAAAAAAAAAAAAAA="), 400, None),
        ("a key that is not base64", key("!!!!!!!!!!!!!!!!!!!!!!=="), 400, None),
        ("a key with bits behind its end", key("AAAAAAAAAAAAAAAAAAAAAB=="), 400, None),
        ("a key of 4 KiB", key(&"A".repeat(4096)), 400, None),
        ("two keys", format!("{UP}{V13}{KEY}{KEY}"), 400, None),
        ("a body", format!("{UP}{V13}{KEY}Content-Length: 5\r\n\r\nhello"), 400, None),
        ("another page", format!("{UP}{V13}{KEY}Origin: https://evil.example\r\n"), 403, None),
        ("no page", format!("{UP}{V13}{KEY}Origin: null\r\n"), 403, None),
    ];
    for (what, lines, status, hint) in cases {
        scene.unmoved(what, |scene| {
            let answer = scene.server.upgrade("/party/a", &lines);
            assert_eq!(answer.status, status, "{what}: {answer:?}");
            if let Some((name, value)) = hint {
                assert_eq!(answer.header(name), Some(value), "{what}");
            }
            for name in ["sec-websocket-accept", "access-control-allow-origin", "sec-websocket-extensions"] {
                assert_eq!(answer.header(name), None, "{what}");
            }
        });
    }
}

#[test]
fn http14_offers_of_languages_and_extensions_are_read_once_and_not_echoed() {
    let mut scene = Scene::new("a", &[]);
    let commas = ", ".repeat(2048);
    let offers = [
        ("commas and spaces", commas.as_str(), None),
        ("spaces", &" ".repeat(4096), None),
        ("tabs and commas", &"\t,".repeat(2048), None),
        ("unknown", "chat, superchat", None),
        ("almost", "kanvas.v1x, xkanvas.v1", None),
        ("the last of many", &format!("{}kanvas.v1", "x,".repeat(2000)), Some("kanvas.v1")),
    ];
    for (what, offer, echoed) in offers {
        scene.unmoved(what, |scene| {
            let lines =
                format!("Sec-WebSocket-Protocol: {offer}\r\nSec-WebSocket-Extensions: permessage-deflate; x=\"\r\n");
            let (answer, mut socket) = scene.server.try_socket("/party/b", &lines);
            assert_eq!((answer.status, answer.header("sec-websocket-protocol")), (101, echoed), "{what}");
            assert_eq!(answer.header("sec-websocket-extensions"), None, "{what}");
            socket.send("ping");
            assert_eq!(answers(&mut socket), [] as [&str; 0]);
        });
    }
}

#[test]
fn http7_names_of_rooms_that_are_special_elsewhere_are_rooms_of_their_own() {
    let mut scene = Scene::new("a", &[]);
    let names = ["__proto__", "constructor", "prototype", "toString", "A", "hasOwnProperty", "-", "_", "0"];
    for name in names {
        scene.unmoved(name, |scene| {
            let mut socket = scene.server.joined(name, "me");
            let add =
                r#"{"type":"image:add","data":{"id":"only","src":"https://e.com/a","x":0,"y":0,"width":1,"height":1}}"#;
            socket.send(add);
            let ack = socket.until(r#""type":"ack""#);
            assert!(ack.contains(r#""seq":1,"#), "{name} is a new room: {ack}");
            assert!(scene.server.get(&format!("/party/{name}"), "").body.contains(&format!(r#""id":"{name}""#)));
        });
    }
}

#[test]
fn wire21_no_token_name_or_address_is_logged() {
    let mut scene = Scene::new("a", &["--log", "trace"]);
    scene.unmoved("secrets in every place", |scene| {
        let place = "/party/b?_pk=sesame1&token=sesame2&name=sesame3&share=sesame4&image=https://sesame5.example&x=sesame6";
        let lines = "Authorization: Bearer sesame7\r\nCookie: __session=sesame8; a=sesame9\r\nReferer: http://localhost/sesame\r\n";
        for path in [place, &place.replace("token=sesame2&", "")] {
            scene.server.get(path, lines);
            scene.server.get(path, &lines.replace("Authorization: Bearer sesame7\r\n", ""));
            for lines in ["", lines] {
                let (_, mut socket) = scene.server.try_socket(path, lines);
                socket.send(r#"{"type":"user:join","data":{"name":"sesame","resume":"sesame"}}"#);
                socket.raw(&Socket::frame(TEXT, b"{\"sesame"));
                socket.raw(&Socket::frame(0x88, b"\x03\xe8sesame"));
                while socket.receive().is_some() {}
            }
        }
        scene.server.raw("GET /sesame HTTP/1.1\r\nHost: sesame.example\r\n\r\n");
        scene.server.raw("SESAME\0sesame\r\n\r\n");
    });
    scene.server.signal("TERM");
    scene.server.wait(Duration::from_secs(20));
    let log = scene.server.log();
    let told: Vec<_> = log.lines().filter(|line| line.to_lowercase().contains("sesame")).collect();
    assert!(told.is_empty(), "{told:#?}");
    assert!(log.contains("stopped"), "there is a log: {log}");
}
