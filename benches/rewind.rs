//! Taking a canvas back: what a preview costs the thread that runs the room, by how many events are taken back. A
//! replacement and a restore cost that, and what they store.
#![allow(missing_docs, reason = "criterion's macros make functions without documentation")]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use kanvas_core::{
    Actor, Command, Config, Creator, Done, EffectId, Input, Loaded, LogRow, Op, Outbox, Restore, Room, RoomId, Seq,
    Span, Standing, Time, Write,
};

const START: Time = Time::from_millis(1_790_000_000_000);
const IMAGES: u32 = if cfg!(debug_assertions) { 20 } else { 1000 };
/// Where it only shows that it still measures what it says, the room checks itself after each word.
const EVENTS: &[u64] = if cfg!(debug_assertions) { &[100] } else { &[1000, 10_000, 100_000] };

/// A row of the log that owns its texts.
struct Row {
    seq: Seq,
    at: Time,
    epoch: u64,
    kind: String,
    body: String,
    was: String,
}

impl Row {
    fn row(&self) -> LogRow<'_> {
        let Row { seq, at, epoch, ref kind, ref body, ref was } = *self;
        LogRow { seq, at, epoch, user: "server:api", client: 0, origin: "", op_id: "", op_hash: 0, kind, body, was }
    }
}

/// A room, and its log as storage has it.
struct Kept {
    room: Room,
    out: Outbox,
    now: Time,
    log: Vec<Row>,
}

impl Kept {
    fn new() -> Kept {
        let mut out = Outbox::new();
        let config = Config::default();
        let mut room = Room::new(RoomId::new("board").expect("an id"), &config, 7, START, &mut out);
        out.clear();
        let loaded = Loaded { owner: 0, record: None, chunks: &[], log: &[] };
        room.handle(START, Input::Done { effect: EffectId(1), result: Done::Loaded(loaded) }, &mut out);
        let mut kept = Kept { room, out, now: START, log: Vec::new() };
        let by = Creator { user: "user_ann", standing: Standing::Verified, name: None };
        kept.tell(Command::Create { ticket: 1, by, name: None, is_public: true, share: None });
        for image in 0..IMAGES {
            kept.act(&format!(
                r#"{{"type":"image:add","data":{{"id":"i{image}","src":"https://a.example/{image}.png","x":1,"y":2,"width":3,"height":4}}}}"#
            ));
        }
        kept
    }

    fn act(&mut self, message: &str) {
        self.now = self.now + Span::from_millis(1);
        self.tell(Command::Act { ticket: 1, by: Actor::Server, message: message.as_bytes() });
    }

    fn tell(&mut self, command: Command<'_>) {
        self.room.handle(self.now, Input::Command(command), &mut self.out);
        while let Some((effect, upto)) = self.store() {
            let result = Done::Stored { upto };
            self.room.handle(self.now, Input::Done { effect, result }, &mut self.out);
        }
    }

    /// Keeps what is to be stored.
    fn store(&mut self) -> Option<(EffectId, Seq)> {
        let mut asked = None;
        for op in self.out.ops() {
            let Op::Store { effect, upto, writes, .. } = op else { continue };
            asked = Some((effect, upto));
            for write in writes.iter() {
                if let Write::Log(row) = write {
                    let LogRow { seq, at, epoch, kind, body, was, .. } = row;
                    let (kind, body, was) = (kind.to_owned(), body.to_owned(), was.to_owned());
                    self.log.push(Row { seq, at, epoch, kind, body, was });
                }
            }
        }
        self.out.clear();
        asked
    }
}

fn previews(c: &mut Criterion) {
    let mut group = c.benchmark_group("rewind: a preview, of a room with 1,000 images");
    group.sample_size(10);
    let mut kept = Kept::new();
    let moment = kept.now;
    let mut made = 0;
    for events in EVENTS {
        for no in made..*events {
            let image = no % u64::from(IMAGES);
            kept.act(&format!(r#"{{"type":"image:transform","data":{{"id":"i{image}","x":{no},"y":7}}}}"#));
        }
        made = *events;
        let rows: Vec<LogRow<'_>> = kept.log.iter().skip(IMAGES as usize - 1).map(Row::row).collect();
        for (name, to) in [
            ("as of a time", Restore::AsOf(moment)),
            ("without somebody", Restore::Without { user: "user_bob", since: moment }),
        ] {
            let compare = || kept.room.compare(black_box(&rows), to).expect("it reaches back");
            assert_eq!(compare().changed.len(), if name == "as of a time" { IMAGES as usize } else { 0 });
            group.bench_function(format!("{name}, {events} events behind it"), |b| b.iter(|| black_box(compare())));
        }
    }
    group.finish();
}

criterion_group!(benches, previews);
criterion_main!(benches);
