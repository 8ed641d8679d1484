//! Who comes in by the mode of the server, and how many rooms they may make.

use serde_json::{Value, json};

use crate::common::{Socket, run};
use crate::door::{Door, INSTANCE, ISSUER, KEY_A, Log, PAGE, claims, good, header, read, signed, with};

fn upload(lines: &str) -> String {
    format!("PUT /assets?room=a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n{lines}\r\n")
}

#[test]
fn edge4_required_means_a_token_or_no_entry() {
    let door = Door::pinned(Log::Text, &[]);
    drop(door.enter("a", &good("user_ann")));
    let refused = (401, "token_required".to_owned());
    for lines in ["", PAGE] {
        for room in ["a", "none"] {
            assert_eq!(door.closed(&format!("/party/{room}"), lines), (4102, "token_required".into()));
            assert_eq!(door.asked(&format!("/party/{room}"), lines), refused);
        }
        assert_eq!(read(&door.server.raw(upload(lines))), refused);
        for open in ["/", "/healthz", "/readyz"] {
            assert_eq!(door.server.get(open, lines).status, 200, "{open}");
        }
    }
    assert_eq!(door.asked("/party/a", &door.bearer(&good("user_bob"))).0, 200);
    assert_eq!(read(&door.server.raw(upload(&door.bearer(&good("user_ann"))))), (400, "empty".into()));
}

#[test]
fn sign6_optional_lets_guests_look_on_in_rooms_that_are_there() {
    let door = Door::pinned(Log::Json, &["--auth", "optional"]);
    let (_, told) = door.enter("a", &good("user_ann"));
    assert_eq!((&told["userId"], &told["role"]), (&json!("user_ann"), &json!("owner")));
    for lines in ["", PAGE] {
        let (mut guest, told) = door.join("/party/a?_pk=g", lines);
        assert!(told["userId"].as_str().unwrap().starts_with("guest:"), "{told}");
        assert_eq!(told["role"], "viewer");
        guest
            .send(r#"{"type":"image:add","data":{"id":"g","src":"https://e.com/a","x":0,"y":0,"width":1,"height":1}}"#);
        assert!(guest.until(r#""type":"error""#).contains(r#""code":"forbidden""#));
        guest.send(r#"{"type":"chat:message","data":{"text":"hello"}}"#);
        guest.until(r#""type":"chat:message""#);
        // No guest makes a room.
        let (_, mut founder) = door.server.try_socket("/party/none", lines);
        founder.send(r#"{"type":"user:join","data":{}}"#);
        assert_eq!(founder.closed().0, 4502);
    }
    assert_eq!(door.asked("/party/none", "").0, 404);
    assert_eq!(
        door.closed(&door.address("a", "x.y.z"), ""),
        (4510, "token_invalid".into()),
        "a bad token is no guest's"
    );
    assert_eq!(door.asked("/party/a", &door.bearer("x.y.z")), (401, "token_invalid".into()));
}

#[test]
fn asset1_asset7_an_upload_is_that_of_the_person_whom_its_token_names() {
    let picture = b"\x89PNG\r\n\x1a\n a picture";
    let send = |door: &Door, query: &str, lines: &str| {
        let length = picture.len();
        let head =
            format!("PUT /assets?room=a{query} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n{lines}\r\n");
        read(&door.server.raw([head.as_bytes(), picture].concat()))
    };
    // Two blocks a day.
    let little = ["--auth", "optional", "--asset-bytes", "4096", "--asset-day-bytes", "8192"];
    let door = Door::pinned(Log::Text, &little);
    assert_eq!(send(&door, "&_pk=g", ""), (404, "not_found".into()), "a guest makes no room");
    let ann = door.bearer(&good("user_ann"));
    for no in 0..2 {
        assert_eq!(send(&door, &format!("&_pk={no}"), &ann).0, 201);
    }
    assert_eq!(send(&door, "&_pk=other", &ann), (429, "rate_limited".into()), "a `_pk` makes nobody another person");
    assert_eq!(send(&door, "&_pk=other", &door.bearer(&good("user_bob"))).0, 201);
    // Guests look on, unless the room says otherwise, and count by where they connect from.
    let (mut owner, _) = door.enter("a", &good("user_ann"));
    assert_eq!(send(&door, "&_pk=g", ""), (403, "forbidden".into()));
    owner.send(r#"{"type":"room:update","data":{"guestRole":"editor"},"id":"g"}"#);
    owner.until(r#""type":"ack""#);
    let of_guests = ["1", "2", "3"].map(|no| send(&door, &format!("&_pk={no}"), "").0);
    assert_eq!(of_guests, [201, 201, 429]);
}

#[test]
fn auth9_where_a_key_alone_is_given_it_says_whose_tokens_are_good() {
    let pem = KEY_A.to_public_pem().unwrap();
    let from = |iss: &str| signed(&KEY_A, &header(), &with(claims("user_ann"), &json!({"iss": iss})));
    let alone = Door::start(Log::Text, &[("CLERK_JWT_KEY", &pem)], &[]);
    assert_eq!(alone.closed("/party/a", ""), (4102, "token_required".into()), "a key means that people sign in");
    for iss in [ISSUER, "https://other.example.org"] {
        assert_eq!(alone.enter("a", &from(iss)).1["userId"], "user_ann", "{iss}");
    }
    assert_eq!(alone.closed(&alone.address("a", &from("http://clerk.example.com")), "").0, 4510);
    // Under its other name too the publishable key says whose.
    let named =
        Door::start(Log::Json, &[("NEXT_PUBLIC_CLERK_PUBLISHABLE_KEY", INSTANCE.1)], &["--clerk-jwt-key", &pem]);
    assert_eq!(named.enter("a", &from(ISSUER)).1["userId"], "user_ann");
    assert_eq!(named.closed(&named.address("a", &from("https://other.example.org")), "").0, 4510);
}

/// What `kanvas token` prints for this person.
fn minted(data: &str, user: &str, more: &[&str]) -> String {
    let output = run(&[["token", "--data", data, "--sub", user].as_slice(), more].concat());
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[test]
fn sign5_a_development_server_takes_the_tokens_of_its_own_key_and_of_no_other() {
    let elsewhere = tempfile::tempdir().unwrap();
    let door = Door::start(Log::Text, &[], &["--auth", "dev"]);
    let stranger = minted(elsewhere.path().to_str().unwrap(), "user_ann", &[]);
    let refused = (4510, "token_invalid".to_owned());
    for token in [&stranger, &good("user_ann")] {
        assert_eq!(door.closed(&door.address("a", token), ""), refused, "before there is a key");
    }
    let data = door.server.directory.path().join("data");
    let data = data.to_str().unwrap();
    let ann = minted(data, "user_ann", &["--name", "Ann Bee"]);
    let (mut owner, told) = door.enter("a", &ann);
    assert_eq!((&told["userId"], &told["role"]), (&json!("user_ann"), &json!("owner")), "{told}");
    for token in [&stranger, &good("user_ann")] {
        assert_eq!(door.closed(&door.address("a", token), ""), refused, "by another key");
    }
    let bob = minted(data, "user_bob", &[]);
    let (mut other, told) = door.join("/party/a", &door.bearer(&bob));
    assert_eq!((&told["userId"], &told["role"]), (&json!("user_bob"), &json!("editor")));
    let came: Value = serde_json::from_str(&owner.until(r#""type":"user:joined""#)).unwrap();
    assert_eq!(came["data"]["userId"], "user_bob");
    other.send(r#"{"type":"member:kick","data":{"userId":"user_ann"}}"#);
    assert!(other.until(r#""type":"error""#).contains("forbidden"));
    owner.send(r#"{"type":"member:kick","data":{"userId":"user_bob"}}"#);
    assert_eq!(other.closed().0, 4503);
    // Who brings no token is a guest, and edits what nobody owns.
    let (_, told) = door.join("/party/free", "");
    assert_eq!(told["role"], "editor");
    // A cookie of another server of this machine says nothing here.
    let (_, told) = door.join("/party/free", &format!("Origin: http://localhost:3000\r\n{}", door.cookie("x.y.z")));
    assert!(told["userId"].as_str().unwrap().starts_with("guest:"));
    // A token ends here too, and the key is the same after a restart.
    let brief = minted(data, "user_bob", &["--ttl", "1"]);
    std::thread::sleep(std::time::Duration::from_millis(6100));
    assert_eq!(door.closed(&door.address("a", &brief), "").0, 4101);
    assert_eq!(door.enter("a", &minted(data, "user_bob", &[])).1["userId"], "user_bob");
}

/// Asks to join and says how that was answered: the role, or the code of the error.
fn joins(socket: &mut Socket) -> String {
    socket.send(r#"{"type":"user:join","data":{}}"#);
    loop {
        let (_, payload) = socket.receive().unwrap();
        let event: Value = serde_json::from_slice(&payload).unwrap();
        match (event["type"].as_str(), event["data"]["role"].as_str(), event["data"]["code"].as_str()) {
            (Some("room:joined"), Some(word), _) | (Some("error"), _, Some(word)) => return word.into(),
            _ => {}
        }
    }
}

#[test]
fn edge12_a_person_makes_only_so_many_rooms_and_enters_those_that_are_there() {
    let door = Door::pinned(Log::Text, &["--new-rooms", "2"]);
    let socket = |room: &str, user: &str| {
        let (answer, socket) = door.server.try_socket(&door.address(room, &good(user)), "");
        assert_eq!(answer.status, 101);
        socket
    };
    assert_eq!(joins(&mut socket("a1", "user_ann")), "owner");
    assert_eq!(joins(&mut socket("a2", "user_ann")), "owner");
    let mut third = socket("a3", "user_ann");
    assert_eq!(joins(&mut third), "limit_rooms");
    assert_eq!(door.asked("/party/a3", &door.bearer(&good("user_ann"))).0, 404);
    // Others may, and to that room the socket that was refused is let in.
    assert_eq!(joins(&mut socket("a3", "user_bob")), "owner");
    assert_eq!(joins(&mut third), "editor");
    assert_eq!(joins(&mut socket("a1", "user_ann")), "owner");
    // All at once is no way around it.
    let mut many: Vec<_> = (0..8).map(|no| socket(&format!("c{no}"), "user_cid")).collect();
    let made = many.iter_mut().map(joins).filter(|word| word == "owner").count();
    assert_eq!(made, 2);
    // Sockets that came to nothing take nobody's place.
    drop((0..8).map(|no| socket(&format!("d{no}"), "user_dan")).collect::<Vec<_>>());
    std::thread::sleep(std::time::Duration::from_millis(300));
    // Nor do those that are in rooms of others.
    let mut visits = ["a1", "a2"].map(|room| socket(room, "user_dan"));
    assert_eq!(visits.each_mut().map(joins), ["editor", "editor"]);
    assert_eq!(joins(&mut socket("d1", "user_dan")), "owner");
    assert_eq!(joins(&mut socket("d2", "user_dan")), "owner");
    assert_eq!(joins(&mut socket("d3", "user_dan")), "limit_rooms");
}
