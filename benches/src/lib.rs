//! A room under measurement: its sockets, a disk in memory that answers at once, and a clock that is moved by hand.
//!
//! It asks the room nothing that a server would not, and adds as little of its own as it can: what is timed is
//! [`Room::handle`] and the walk over what it says.

use kanvas_core::wire::Dialect;
use kanvas_core::{
    Config, Conn, Done, EffectId, End, Frame, Hello, Identity, Input, Limits, Loaded, Op, Outbox, Room, RoomId, Seq,
    Span, Time, To, View,
};

/// The time between two flushes of cursors, in ms.
pub const FLUSH: u64 = 16;

/// What came out of the room since this was last taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// Ops of any kind.
    pub ops: u64,
    /// Frames times the members that each goes to.
    pub deliveries: u64,
    /// Bytes of frames, each counted once.
    pub bytes: u64,
}

/// A room with people in it.
pub struct Table {
    room: Room,
    out: Outbox,
    now: Time,
    members: u64,
    next_slot: u32,
    /// What the room said.
    pub told: Told,
}

impl Table {
    /// An empty room. Rates and sizes are so high that nothing is refused.
    pub fn new() -> Table {
        let mut config = Config::default();
        let Limits { edits, cursors, chat, control, .. } = &mut config.limits;
        for rate in [edits, cursors, chat, control] {
            (rate.per_sec, rate.burst) = (1_000_000, 1_000_000);
        }
        (config.limits.room_connections, config.limits.images) = (10_000, 100_000);
        let (mut out, now) = (Outbox::new(), Time::from_millis(1_790_000_000_000));
        let id = RoomId::new("board").expect("a legal id");
        let room = Room::new(id, &config, 7, now, &mut out);
        let mut table = Table { room, out, now, members: 0, next_slot: 0, told: Told::default() };
        table.carry_out();
        table
    }

    /// A room with that many people, each of whom has said something, and that many images.
    pub fn with(people: u32, images: u32) -> Table {
        let mut table = Table::new();
        for _ in 0..people {
            table.join("");
        }
        table.furnish(people, images);
        table
    }

    /// The same under an owner who has given as many roles, and banned as many guests, as a room may hold.
    pub fn guarded(people: u32, images: u32) -> Table {
        let mut table = Table::new();
        let config = Config::default();
        table.join_as(&Identity::verified("user_z"), "");
        table.say(0, r#"{"type":"room:update","data":{"guestRole":"editor"}}"#);
        for no in 1..config.limits.members {
            table.say(0, &format!(r#"{{"type":"member:role","data":{{"userId":"user_{no}","role":"viewer"}}}}"#));
        }
        for no in 0..config.limits.bans {
            let name = format!("guest:banned{no}");
            let slot = table.join_as(&Identity { address: Some(no.into()), ..Identity::guest(&name) }, "");
            table.say(0, &format!(r#"{{"type":"member:ban","data":{{"userId":"{name}"}}}}"#));
            table.leave(slot);
        }
        table.next_slot = 1;
        for no in 1..people {
            let name = format!("guest:{no}");
            let address = Some(u64::from(config.limits.bans + no));
            table.join_as(&Identity { address, ..Identity::guest(&name) }, "");
        }
        table.furnish(people, images);
        table.say(people - 1, &drag(0, 1));
        table.pass(FLUSH);
        assert_eq!(table.told.deliveries, u64::from(people) - 1, "guests may drag here, and everyone hears of it");
        table.told = Told::default();
        table
    }

    /// Images, and a word of everyone.
    fn furnish(&mut self, people: u32, images: u32) {
        for image in 0..images {
            self.pass(20);
            self.say(0, &add(image));
        }
        for slot in 0..people {
            self.say(slot, &cursor(slot, 0));
        }
        self.pass(2 * FLUSH);
        self.told = Told::default();
    }

    /// Someone comes; `since` goes into the join as it is. Returns the socket.
    pub fn join(&mut self, since: &str) -> u32 {
        let name = format!("guest:{}", self.next_slot);
        self.join_as(&Identity::guest(&name), since)
    }

    fn join_as(&mut self, identity: &Identity<'_>, since: &str) -> u32 {
        let slot = self.next_slot;
        self.next_slot += 1;
        let mut resume = [0xab; 16];
        resume[..4].copy_from_slice(&slot.to_be_bytes());
        let hello =
            Hello { pk: identity.user, dialect: Dialect::KanvasV1, name: None, view: View::Full, share: None, resume };
        self.input(Input::Connect { conn: conn(slot), identity: identity.clone(), hello });
        self.members += 1;
        self.say(slot, &format!(r#"{{"type":"user:join","data":{{"name":"Ann"{since}}}}}"#));
        slot
    }

    /// Someone goes for good.
    pub fn leave(&mut self, slot: u32) {
        self.members -= 1;
        self.input(Input::Disconnect { conn: conn(slot), end: End::Closed });
    }

    /// A message comes in.
    pub fn say(&mut self, slot: u32, message: &str) {
        self.input(Input::Message { conn: conn(slot), bytes: message.as_bytes() });
    }

    /// Time passes; whatever is due by then happens then.
    pub fn pass(&mut self, millis: u64) {
        self.now = self.now + Span::from_millis(millis);
        if self.room.deadline().is_some_and(|at| at <= self.now) {
            self.input(Input::Tick);
        }
    }

    /// The room as it is saved.
    pub fn save(&self, bytes: &mut Vec<u8>) {
        self.room.save(bytes);
    }

    /// How many edits the room has taken.
    pub fn edits(&self) -> u64 {
        self.room.stats().edits
    }

    fn input(&mut self, input: Input<'_>) {
        self.room.handle(self.now, input, &mut self.out);
        self.carry_out();
    }

    fn carry_out(&mut self) {
        while let Some(asked) = self.look() {
            self.out.clear();
            let (effect, result) = match asked {
                Asked::Load(effect) => (effect, Done::Loaded(Loaded::default())),
                Asked::Store(effect, upto) => (effect, Done::Stored { upto }),
            };
            self.room.handle(self.now, Input::Done { effect, result }, &mut self.out);
        }
        self.out.clear();
    }

    /// Walks over what the room said, as a host does.
    fn look(&mut self) -> Option<Asked> {
        let mut asked = None;
        for op in self.out.ops() {
            self.told.ops += 1;
            match op {
                Op::Send { to, kind: _, frame } => {
                    self.told.deliveries += match to {
                        To::One(_) => 1,
                        To::Group { group: _, except } => self.members - u64::from(except.is_some()),
                    };
                    self.told.bytes += match frame {
                        Frame::Inline(bytes) => bytes.len() as u64,
                        Frame::Part(part, tail) => (part.len() + tail.len()) as u64,
                    };
                }
                Op::Load { effect } => asked = Some(Asked::Load(effect)),
                Op::Store { effect, upto, owner: _, writes: _ } => asked = Some(Asked::Store(effect, upto)),
                Op::Group { .. }
                | Op::Close { .. }
                | Op::Attach { .. }
                | Op::Verify { .. }
                | Op::Founded { .. }
                | Op::Reply { .. }
                | Op::Announce { .. }
                | Op::Forget
                | Op::Notice { .. }
                | Op::Sleep => {}
            }
        }
        asked
    }
}

impl Default for Table {
    fn default() -> Table {
        Table::new()
    }
}

enum Asked {
    Load(EffectId),
    Store(EffectId, Seq),
}

fn conn(slot: u32) -> Conn {
    Conn { slot, generation: 0 }
}

/// A cursor's move, about 60 bytes.
pub fn cursor(slot: u32, step: u32) -> String {
    format!(r#"{{"type":"cursor:move","data":{{"x":{}.5,"y":{}.25}}}}"#, 1000 + slot, 2000 + step % 1000)
}

/// A new image.
pub fn add(image: u32) -> String {
    let (x, y) = (image % 100 * 300, image / 100 * 200);
    format!(
        r#"{{"type":"image:add","id":"a{image}","data":{{"id":"i{image}","src":"https://example.com/photos/{image}.jpg","x":{x},"y":{y},"width":280,"height":180.5,"rotation":0,"isGenerated":true}}}}"#
    )
}

/// An image's move that is stored.
pub fn transform(image: u32, step: u32) -> String {
    format!(r#"{{"type":"image:transform","id":"t{step}","data":{{"id":"i{image}","x":{}.5,"y":{step}}}}}"#, step * 3)
}

/// An image's move on the way.
pub fn drag(image: u32, step: u32) -> String {
    format!(
        r#"{{"type":"image:transform","data":{{"id":"i{image}","x":{}.5,"y":{step},"transient":true}}}}"#,
        step % 100 * 3
    )
}

/// A line of chat.
pub fn chat(step: u32) -> String {
    format!(r#"{{"type":"chat:message","id":"m{step}","data":{{"text":"Shall we move the skyline up? ({step})"}}}}"#)
}
