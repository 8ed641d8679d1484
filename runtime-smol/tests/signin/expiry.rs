//! How long a token holds on a live socket, and how a fresh one renews it.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::common::Socket;
use crate::door::{Door, KEY_A, KEY_B, Log, claims, ending, good, header, now, signed, with};

/// Nothing but what is tested ends a socket here.
const PATIENT: [&str; 6] = ["--lease-grace", "25", "--ping-every", "3600", "--dead-after", "7200"];

fn patient(door: &Door, token: &str) -> (Socket, Value) {
    let (socket, told) = door.enter("a", token);
    socket.stream.set_read_timeout(Some(Duration::from_secs(40))).unwrap();
    (socket, told)
}

fn refresh(door: &Door, socket: &mut Socket, token: &str) {
    door.show(token);
    socket.send(&json!({"type": "auth:refresh", "data": {"token": token}}).to_string());
}

/// How an edit of the picture is answered: `ack`, or the code of the error. One that was made before would be
/// acknowledged again, so each has a name of its own.
fn edit(socket: &mut Socket, id: &str) -> String {
    let edit = json!({"type": "image:transform", "data": {"id": "i", "x": 7}, "id": id});
    socket.send(&edit.to_string());
    loop {
        let (_, payload) = socket.receive().unwrap();
        let event: Value = serde_json::from_slice(&payload).unwrap();
        match (event["type"].as_str(), event["data"]["code"].as_str()) {
            (Some("ack"), _) => return "ack".into(),
            (Some("error"), Some(code)) => return code.into(),
            _ => {}
        }
    }
}

fn told(socket: &mut Socket, words: &str) -> Value {
    serde_json::from_str(&socket.until(words)).unwrap()
}

/// When a lease ends, by the word that comes before it.
fn expiring(socket: &mut Socket) -> u64 {
    told(socket, r#""type":"auth:expiring""#)["data"]["expiresAt"].as_u64().unwrap()
}

#[test]
fn sign4_a_token_ends_on_a_live_socket_by_steps_and_a_fresh_one_renews_it() {
    let door = Door::pinned(Log::Text, &PATIENT);
    let begin = Instant::now();
    let (mut owner, _) = patient(&door, &ending("user_owner", 3600));
    owner.send(r#"{"type":"image:add","data":{"id":"i","src":"https://e.com/a","x":0,"y":0,"width":1,"height":1}}"#);
    owner.until(r#""type":"ack""#);

    // Less than the usual notice is left: the word comes with the greeting.
    let (brief, late) = (ending("user_brief", 1), ending("user_late", 1));
    let (mut brief, _) = patient(&door, &brief);
    let end = expiring(&mut brief);
    assert!(end.abs_diff((now() + 26) * 1000) <= 2500, "{end}");
    let (mut late, _) = patient(&door, &late);
    expiring(&mut late);
    // One with a little more hears it in time.
    let soon_ends = now() + 8;
    let (mut soon, greeted) = patient(&door, &ending("user_soon", 8));
    assert_eq!(greeted["role"], "editor");
    soon.send("ping");
    assert_eq!(soon.receive().unwrap().1, b"pong", "it is not yet time for the word");
    refresh(&door, &mut brief, &ending("user_brief", 3600));
    assert!(expiring(&mut soon).abs_diff((soon_ends + 25) * 1000) <= 1500);
    assert_eq!(edit(&mut soon, "live"), "ack");

    let mut lapses = |socket: &mut Socket, user: &str| {
        let updated = told(socket, &format!(r#""userId":"{user}""#));
        assert_eq!((&updated["type"], &updated["data"]["role"]), (&json!("user:updated"), &json!("viewer")));
        assert_eq!(edit(socket, "lapsed"), "forbidden", "{user}");
        assert_eq!(told(&mut owner, r#""type":"user:updated""#)["data"]["userId"], user);
    };
    lapses(&mut late, "user_late");
    assert!(begin.elapsed() >= Duration::from_secs(25));
    lapses(&mut soon, "user_soon");
    refresh(&door, &mut late, &ending("user_late", 3600));
    assert_eq!(told(&mut late, r#""userId":"user_late""#)["data"]["role"], "editor");

    let (code, reason, _) = soon.closed();
    assert_eq!((code, reason.as_str()), (4101, "token_expired"));
    assert!(begin.elapsed() >= Duration::from_secs(60), "{:?}", begin.elapsed());
    let left = told(&mut owner, r#""type":"user:left""#);
    assert_eq!((&left["data"]["userId"], &left["data"]["reason"]), (&json!("user_soon"), &json!("expired")));
    for socket in [&mut brief, &mut late, &mut owner] {
        assert_eq!(edit(socket, "last"), "ack");
    }
}

#[test]
fn lease3_a_token_of_somebody_else_and_a_bad_one_end_the_socket() {
    let door = Door::pinned(Log::Json, &[]);
    let (mut owner, _) = door.enter("a", &good("user_owner"));
    let saying = |members: Value| signed(&KEY_A, &header(), &with(claims("user_bob"), &members));
    for (what, token, code, reason) in [
        ("another person's", good("user_eve"), 4501, "forbidden"),
        ("the owner's", good("user_owner"), 4501, "forbidden"),
        ("one that has expired", saying(json!({"exp": now() - 10})), 4101, "token_expired"),
        ("one of a session with a task to do", saying(json!({"sts": "pending"})), 4102, "token_required"),
        ("one of another key", signed(&KEY_B, &header(), &claims("user_bob")), 4510, "token_invalid"),
        ("one that cannot be read", "nonsense-nonsense".into(), 4510, "token_invalid"),
        ("one of 60 KiB", "x".repeat(60 * 1024), 4510, "token_invalid"),
    ] {
        let (mut socket, _) = door.enter("a", &good("user_bob"));
        refresh(&door, &mut socket, &token);
        let (closed, why, _) = socket.closed();
        assert_eq!((closed, why.as_str()), (code, reason), "{what}");
    }
    owner.send("ping");
    owner.until("pong");
}

#[test]
fn lease2_a_guest_has_nothing_to_renew() {
    let door = Door::pinned(Log::Text, &["--auth", "optional"]);
    let (_owner, _) = door.enter("a", &good("user_owner"));
    let (mut guest, _) = door.join("/party/a", "");
    refresh(&door, &mut guest, &good("user_ann"));
    assert!(guest.until(r#""type":"error""#).contains(r#""code":"forbidden""#));
    guest.send("ping");
    guest.until("pong");
}
