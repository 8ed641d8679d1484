//! People in another room cannot tell that a room is under attack.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::common::{Server, Socket, TEXT};
use crate::scene::answers;

/// What two people in a room hear while they work, in their order, each step after the last.
fn session(server: &Server) -> Vec<String> {
    let mut told = Vec::new();
    let mut people: Vec<_> = ["ann", "bob"].map(|name| server.socket(&format!("/party/b?_pk={name}"))).into();
    let steps = [
        (0, r##"{"type":"user:join","data":{"name":"Ann","color":"#aa0000"}}"##.to_owned()),
        (1, r##"{"type":"user:join","data":{"name":"Bob","color":"#00bb00"}}"##.to_owned()),
    ];
    let edits = (0..20).flat_map(|no| {
        [
            (no % 2, format!(r#"{{"type":"image:add","data":{{"id":"i{no}","src":"https://e.com/a","x":{no},"y":0,"width":1,"height":1}},"id":"a{no}"}}"#)),
            (1 - no % 2, format!(r#"{{"type":"image:transform","data":{{"id":"i{no}","x":7}},"id":"t{no}"}}"#)),
            (no % 2, format!(r#"{{"type":"cursor:move","data":{{"x":{no},"y":1}}}}"#)),
            (0, r#"{"type":"image:remove","data":{"id":"none"}}"#.to_owned()),
        ]
    });
    for (who, step) in steps.into_iter().chain(edits) {
        people[who].send(&step);
        // Each hears all of a step before the next: the answer of storage has come, and so has what follows it.
        thread::sleep(std::time::Duration::from_millis(60));
        for (who, person) in people.iter_mut().enumerate() {
            person.send("ping");
            told.extend(answers(person).into_iter().map(|text| format!("{who} {}", settled(&text))));
        }
    }
    told
}

/// Without what differs from run to run: the clock, the secret of a session, the epoch, the keyed hash of a guest.
fn settled(text: &str) -> String {
    let mut text = text.to_owned();
    for key in [r#""timestamp":"#, r#""resume":""#, r#""epoch":"#, r#""userId":"guest:"#, r#""createdAt":"#] {
        let mut from = 0;
        while let Some(at) = text[from..].find(key).map(|at| from + at + key.len()) {
            let end = at + text[at..].find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(0);
            text.replace_range(at..end, "");
            from = at;
        }
    }
    text
}

fn attack(server: &Server, no: u32, over: &AtomicBool) {
    let deep = "[".repeat(30_000);
    let mut round = 0;
    while !over.load(Ordering::Relaxed) {
        round += 1;
        let mut socket = server.joined("a", &format!("m{no}-{round}"));
        for _ in 0..5 {
            socket.send(&deep);
            socket.send(
                r#"{"type":"image:add","data":{"id":"i0","src":"javascript:x","x":0,"y":0,"width":1,"height":1}}"#,
            );
            socket.send(r#"{"type":"chat:message","data":{"text":"flood"}}"#);
        }
        socket.raw(&Socket::frame(0x89, b"beat").repeat(500));
        drop(socket);
        let mut socket = server.socket("/party/a");
        socket.raw(&Socket::frame(TEXT, &[0xff; 1000]));
    }
}

#[test]
fn ws23_another_room_hears_the_same_bytes_while_one_is_attacked() {
    let calm = session(&Server::start(&["--grace", "0"]));
    assert!(calm.len() > 100, "{calm:?}");
    let server = Server::start(&["--grace", "0", "--threads", "1"]);
    let over = AtomicBool::new(false);
    let attacked = thread::scope(|scope| {
        let attackers: Vec<_> = (0..2)
            .map(|no| {
                let (server, over) = (&server, &over);
                scope.spawn(move || attack(server, no, over))
            })
            .collect();
        let told = session(&server);
        over.store(true, Ordering::Relaxed);
        attackers.into_iter().for_each(|attacker| attacker.join().unwrap());
        told
    });
    assert_eq!(attacked, calm);
}
