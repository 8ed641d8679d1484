//! Inputs as bytes, both ways.
#![allow(missing_docs, reason = "tests")]

use kanvas_core::access::Role;
use kanvas_core::codec::{NONE, read_inputs, write_input, write_ops};
use kanvas_core::wire::Dialect;
use kanvas_core::*;

const CONN: Conn = Conn { slot: 7, generation: 3 };

fn row(seq: u64) -> LogRow<'static> {
    LogRow {
        seq: Seq(seq),
        at: Time::from_millis(5),
        epoch: 9,
        user: "u",
        client: 4,
        origin: "pk",
        op_id: "op",
        op_hash: u64::MAX,
        kind: "image:add",
        body: "{}",
        was: "",
    }
}

/// One input of each sort, with every option there and missing.
fn each(mut hear: impl FnMut(Input<'_>)) {
    let share = Share { role: Role::Editor, until: Some(Time::from_millis(77)) };
    let org = Some(Org { id: "org_1", role: Some("admin") });
    let whole = Identity {
        name: Some("Ä"),
        avatar: Some("https://a.example/b"),
        org,
        address: Some(u64::MAX),
        lease: Some(Time::from_millis(9)),
        founds: Founds::Spent,
        ..Identity::verified("user_1")
    };
    let hello =
        Hello { pk: "", dialect: Dialect::KanvasV1, name: None, view: View::Full, share: None, resume: [9; 16] };
    for founds in [Founds::Yes, Founds::No] {
        hear(Input::Connect {
            conn: CONN,
            identity: Identity { founds, ..Identity::guest("guest:1") },
            hello: hello.clone(),
        });
    }
    let hello = Hello { pk: "p", name: Some(""), view: View::Readonly, share: Some(ShareId([3; 16])), ..hello };
    hear(Input::Connect { conn: CONN, identity: whole, hello });
    hear(Input::Resume { conn: CONN, attachment: &[0, 255] });
    hear(Input::Message { conn: CONN, bytes: b"\xff not even text" });
    for level in [Pressure::High, Pressure::Clear] {
        hear(Input::Pressure { conn: CONN, level });
    }
    for end in [End::Closed, End::Lost] {
        hear(Input::Disconnect { conn: CONN, end });
    }
    let chunks =
        [ChunkRow { part: Part::Images, no: 1, bytes: b"x" }, ChunkRow { part: Part::Members, no: 0, bytes: b"" }];
    let log = [row(1), row(2)];
    let verified = Verified { user: "u", org, lease: Time::from_millis(1) };
    let results = [
        Done::Loaded(Loaded::default()),
        Done::Loaded(Loaded { owner: 3, record: Some(b"{}"), chunks: &chunks, log: &log }),
        Done::Stored { upto: Seq(MAX_INTEGER) },
        Done::Verified(Ok(verified)),
    ];
    let refused = Close::ALL.iter().map(|close| Done::Verified(Err(*close)));
    let failed = [Failure::Full, Failure::Busy, Failure::Broken, Failure::Fenced].map(Done::Failed);
    for result in results.into_iter().chain(refused).chain(failed) {
        hear(Input::Done { effect: EffectId(8), result });
    }
    let by = Creator { user: "u", standing: Standing::Guest, name: None };
    let id = ShareId([1; 16]);
    let to = [Restore::AsOf(Time::from_millis(4)), Restore::Without { user: "u", since: Time::from_millis(2) }];
    let commands = [
        Command::Drain { close: Close::Restart, spread: Span::from_millis(3) },
        Command::Create { ticket: 1, by, name: None, is_public: false, share: None },
        Command::Create {
            ticket: 2,
            by: Creator { name: Some("A"), ..by },
            name: Some("N"),
            is_public: true,
            share: Some((id, share)),
        },
        Command::Delete { ticket: 3, by: Actor::Server },
        Command::Act { ticket: 4, by: Actor::Person("u"), message: b"{}" },
        Command::Publish { ticket: 5, message: b"{}" },
        Command::Replace { ticket: 6, images: b"[]", at: None },
        Command::Restore { ticket: 7, rows: &log, to: to[0], at: Some(Seq(1)) },
        Command::Restore { ticket: 8, rows: &[], to: to[1], at: None },
        Command::Import { ticket: 9, document: b"{}" },
        Command::Share { ticket: 10, by: "u", id, share: Share { until: None, ..share } },
        Command::Unshare { ticket: 11, by: "u", id },
    ];
    commands.into_iter().for_each(|command| hear(Input::Command(command)));
    hear(Input::Tick);
}

#[test]
fn bytes1_every_input_is_read_as_it_was_written() {
    let (mut written, mut bytes) = (Vec::new(), Vec::new());
    each(|input| {
        let now = Time::from_millis(1_790_000_000_000 + written.len() as u64);
        written.push(format!("{now:?} {input:?}"));
        write_input(now, &input, &mut bytes);
    });
    let (mut read, mut again) = (Vec::new(), Vec::new());
    read_inputs(&bytes, |now, input| {
        read.push(format!("{now:?} {input:?}"));
        write_input(now, &input, &mut again);
    })
    .expect("inputs");
    assert_eq!(read, written);
    assert!(bytes == again);
}

#[test]
fn bytes2_what_is_no_input_is_refused_with_its_place() {
    let mut bytes = Vec::new();
    let mut ends = vec![0];
    each(|input| {
        write_input(Time::from_millis(1), &input, &mut bytes);
        ends.push(bytes.len());
    });
    // Cut anywhere: all that is whole is handed out, and the place of the rest is told.
    for length in 0..bytes.len() {
        let mut heard = 0;
        let read = read_inputs(&bytes[..length], |_, _| heard += 1);
        let whole = ends.iter().rposition(|end| *end <= length).expect("a place");
        assert_eq!(heard, whole);
        assert_eq!(read.err().map(|unreadable| unreadable.at), (ends[whole] < length).then_some(ends[whole]));
    }
    // Any byte changed: it is read as another input or refused, at that record or not at all.
    for at in 0..bytes.len() {
        for bit in [1, 0x80] {
            let mut other = bytes.clone();
            other[at] ^= bit;
            let record = ends[ends.iter().rposition(|end| *end <= at).expect("a place")];
            assert!(read_inputs(&other, |_, _| {}).map_or_else(|unreadable| unreadable.at >= record, |()| true));
        }
    }
    let why = read_inputs(&[1, 0, 0, 0], |_, _| {}).expect_err("too short").to_string();
    assert_eq!(why, "what begins at byte 0 is no input, or only a part of one");
}

#[test]
fn bytes2_a_count_that_is_too_large_takes_no_memory() {
    let mut bytes = Vec::new();
    write_input(
        Time::default(),
        &Input::Done { effect: EffectId(1), result: Done::Loaded(Loaded::default()) },
        &mut bytes,
    );
    let count = bytes.len() - 8;
    bytes[count..count + 4].copy_from_slice(&(NONE - 1).to_le_bytes());
    assert!(read_inputs(&bytes, |_, _| {}).is_err());
}

#[test]
fn bytes3_all_that_a_room_says_is_in_its_bytes() {
    let said = |name: &str| {
        let id = RoomId::new("board").expect("an id");
        let mut out = Outbox::new();
        let mut room = Room::new(id, &Config::default(), 1, Time::default(), &mut out);
        let load = out.ops().find_map(|op| if let Op::Load { effect } = op { Some(effect) } else { None });
        let done = Input::Done { effect: load.expect("a load"), result: Done::Loaded(Loaded::default()) };
        room.handle(Time::default(), done, &mut out);
        let hello =
            Hello { pk: "a", dialect: Dialect::KanvasV1, name: None, view: View::Full, share: None, resume: [0; 16] };
        room.handle(Time::default(), Input::Connect { conn: CONN, identity: Identity::guest("g"), hello }, &mut out);
        let join = format!(r#"{{"type":"user:join","data":{{"name":"{name}"}}}}"#);
        room.handle(Time::default(), Input::Message { conn: CONN, bytes: join.as_bytes() }, &mut out);
        let mut bytes = Vec::new();
        write_ops(&out, &mut bytes);
        (bytes, out.ops().count())
    };
    let ((one, count), (other, _)) = (said("Ann"), said("Bob"));
    assert_eq!(one, said("Ann").0);
    assert_ne!(one, other);
    // One record for each op, one behind the other.
    let (mut at, mut records) = (0, 0);
    while at < one.len() {
        at += 4 + u32::from_le_bytes(one[at..at + 4].try_into().expect("four")) as usize;
        records += 1;
    }
    assert_eq!((at, records), (one.len(), count));
}
