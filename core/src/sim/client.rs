//! A simulated person: what they do next, what they sent and wait for, and what they know from frames.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::rc::Rc;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde_json::{Value, json};

use super::dice::{Dice, Steer};
use super::painter::{self, Hand};
use super::plan::{Plan, Report};
use super::replica::Replica;
use crate::id::Conn;
use crate::input::{Standing, View};
use crate::wire::Dialect;

#[derive(Clone)]
pub(super) struct Client {
    /// What its edits and words are called after.
    pub(super) tag: String,
    pub(super) pk: String,
    pub(super) user: String,
    pub(super) name: String,
    pub(super) color: String,
    /// Of those who work as people do: where their hand is.
    pub(super) hand: Hand,
    pub(super) standing: Standing,
    pub(super) dialect: Dialect,
    pub(super) view: View,
    /// The socket that it believes in.
    pub(super) conn: Option<Conn>,
    pub(super) stage: Stage,
    pub(super) id: String,
    pub(super) resume: Option<String>,
    pub(super) replica: Replica,
    /// Edits without an answer, in the order in which they were made.
    pub(super) pending: Vec<Pending>,
    /// Edits that were refused: one that was sent twice on one socket may be taken the second time.
    pub(super) turned_down: Vec<Pending>,
    /// Op id and place of every edit that was acknowledged, with the image of a removal.
    pub(super) acked: BTreeMap<String, (u64, Option<String>)>,
    /// An edit without an id that was sent on this socket and not answered. There is at most one, or else its answer
    /// could not be told from another's.
    pub(super) unnamed: Option<Pending>,
    /// Whether it sometimes leaves before it is let in.
    pub(super) hasty: bool,
    /// Whether it is in the room and may edit.
    pub(super) edits: bool,
    pub(super) dragging: Option<String>,
    /// Where the last line of chat stands that the second dialect heard on this socket.
    pub(super) heard: Option<u64>,
    /// Whether it wants cursors in one frame (CUR6).
    pub(super) batch: bool,
    /// How often it uses the power of an owner.
    pub(super) govern: u64,
    /// The role that it was last told.
    pub(super) role: String,
    pub(super) images: u64,
    pub(super) padding: u64,
    pub(super) next: u64,
    pub(super) rng: Dice,
}

/// Whether it is in the room, as far as it knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    In,
    /// It left.
    Out,
    /// Its join or leave has no answer yet.
    Between,
}

/// An edit that was made and not answered.
#[derive(Clone, Debug)]
pub(super) struct Pending {
    pub(super) id: String,
    pub(super) kind: &'static str,
    pub(super) data: Value,
    /// Whether an answer is on its way, as far as the client knows.
    pub(super) sent: bool,
    /// How often it was sent.
    pub(super) copies: u32,
}

impl Pending {
    /// Whether it was sent on this socket and on no other.
    pub(super) fn is_sent_once(&self) -> bool {
        self.sent && self.copies == 1
    }

    /// Whether it is this edit of an image.
    pub(super) fn is(&self, kind: &str, data: &Value) -> bool {
        self.kind == kind
            && data["transient"].is_null()
            && !data["stamp"].is_null()
            && self.data["stamp"] == data["stamp"]
    }
}

/// The most edits that a client lets wait.
const MOST_PENDING: usize = 24;

impl Client {
    pub(super) fn new(no: u64, dialect: Dialect, seed: u64, plan: &Plan, steer: Option<Rc<Steer>>) -> Client {
        // Two of seven are one signed-in person with two tabs, which may share their `_pk`; in one world of four someone only looks.
        let verified = no % 7 < 2 && plan.rate.is_none();
        Client {
            tag: format!("k{no}"),
            name: if plan.rate.is_some() { painter::name_of(no) } else { format!("Person k{no}") },
            color: if plan.rate.is_some() { painter::colour_of(no).into() } else { "#123abc".into() },
            hand: Hand::default(),
            pk: format!("pk{}", if no == 1 && verified && seed.is_multiple_of(3) { 0 } else { no }),
            user: if verified { "user_1".to_string() } else { format!("guest:{no}") },
            standing: if verified { Standing::Verified } else { Standing::Guest },
            dialect,
            view: if no == 3 && plan.rate.is_none() && seed.is_multiple_of(4) { View::Readonly } else { View::Full },
            conn: None,
            stage: Stage::Between,
            id: String::new(),
            resume: None,
            replica: Replica::default(),
            pending: Vec::new(),
            turned_down: Vec::new(),
            acked: BTreeMap::new(),
            unnamed: None,
            hasty: no < plan.clients && plan.rate.is_none(),
            edits: false,
            dragging: None,
            heard: None,
            batch: no % 3 == 1,
            govern: plan.govern,
            role: String::new(),
            images: plan.images,
            padding: plan.padding,
            next: 0,
            rng: Dice::new(seed ^ (no << 32), steer),
        }
    }

    pub(super) fn speaks_json(&self) -> bool {
        self.dialect == Dialect::KanvasV1
    }

    /// What it sends on a fresh socket: perhaps what it did offline, then its join.
    pub(super) fn opened(&mut self, conn: Conn) -> Vec<String> {
        self.conn = Some(conn);
        if !self.speaks_json() {
            return Vec::new();
        }
        let mut messages = Vec::new();
        let early = self.rng.below(3) == 0;
        if early {
            messages.extend([self.point(), self.look(), self.point()]);
            messages.extend(self.resend());
            messages.extend(self.edit(90));
        }
        messages.push(self.join());
        if self.hasty && self.rng.below(25) == 0 {
            // In a hurry: it leaves before it is let in, and finds itself outside.
            messages.push(json!({ "type": "user:leave" }).to_string());
            return messages;
        }
        if !early {
            messages.extend(self.resend());
        }
        messages
    }

    /// Joins; after a leave only once that was answered, since frames on their way would be told again.
    pub(super) fn join(&mut self) -> String {
        self.stage = Stage::Between;
        let mut data = json!({ "name": self.name, "color": self.color });
        if let Some(resume) = self.resume.clone().filter(|_| self.rng.below(10) > 0) {
            data["resume"] = Value::String(resume);
        }
        if self.replica.epoch > 0 && self.rng.below(8) > 0 {
            data["since"] = json!({ "epoch": self.replica.epoch, "seq": self.replica.seq });
        }
        match self.rng.below(40) {
            0 => data["since"] = json!({ "epoch": self.replica.epoch, "seq": self.replica.seq + 1000 }),
            1 => data["since"] = json!({ "epoch": self.replica.epoch + 1, "seq": 0 }),
            // Else nobody might be left who can make peace.
            2 | 3 if self.govern == 0 || self.standing == Standing::Guest => data["view"] = json!("readonly"),
            _ => {}
        }
        if self.batch {
            data["batch"] = json!(true);
        }
        json!({ "type": "user:join", "data": data }).to_string()
    }

    pub(super) fn cut(&mut self) {
        self.conn = None;
        self.stage = Stage::Between;
        (self.unnamed, self.dragging, self.heard, self.edits) = (None, None, None, false);
        self.pending.iter_mut().for_each(|pending| pending.sent = false);
    }

    /// Sends again what has no answer.
    pub(super) fn resend(&mut self) -> Vec<String> {
        let unsent = self.pending.iter_mut().filter(|pending| !pending.sent);
        unsent
            .map(|pending| {
                (pending.sent, pending.copies) = (true, pending.copies + 1);
                json!({ "type": pending.kind, "id": pending.id, "data": pending.data }).to_string()
            })
            .collect()
    }

    /// Something that a person does.
    pub(super) fn act(&mut self, report: &mut Report) -> Vec<String> {
        let dice = self.rng.below(100);
        if !self.speaks_json() {
            let (x, y) = (self.rng.below(900), self.rng.below(900));
            return Vec::from([if dice < 90 { format!("at {x} {y}") } else { format!("say {}", self.stamp()) }]);
        }
        match self.stage {
            Stage::In => {}
            Stage::Out if dice < 20 => return Vec::from([self.join()]),
            Stage::Out | Stage::Between => return Vec::new(),
        }
        if self.govern > 0 && self.role == "owner" && self.rng.below(100) < self.govern {
            return self.govern();
        }
        match dice {
            0..30 => Vec::from([self.point()]),
            30..36 => Vec::from([self.look()]),
            36..60 => self.drag(),
            60..90 => self.edit(dice),
            90..93 => {
                let presence = json!({ "tool": format!("t{}", self.rng.below(9)), "typing": true });
                let data = match self.rng.below(3) {
                    0 => json!({ "presence": presence }),
                    1 => json!({ "name": format!("Name {}", self.rng.below(99)), "presence": {} }),
                    _ => json!({ "color": format!("#{:06x}", self.rng.below(0x0100_0000)) }),
                };
                Vec::from([json!({ "type": "user:update", "data": data }).to_string()])
            }
            93 => {
                (self.stage, self.edits) = (Stage::Between, false);
                Vec::from([json!({ "type": "user:leave" }).to_string()])
            }
            94 => {
                report.garbage += 1;
                let garbage =
                    ["{", "[]", "{\"type\":\"nonsense\"}", "{\"type\":\"cursor:move\",\"data\":{\"x\":1,\"x\":2}}"];
                Vec::from([garbage[usize::try_from(self.rng.below(4)).unwrap_or(0)].to_string()])
            }
            95 => Vec::from(["ping".to_string()]),
            _ => self.resend_all(),
        }
    }

    /// What owners do. One stays an owner; nobody is shut out for good (see [`Client::settle`]).
    fn govern(&mut self) -> Vec<String> {
        if self.pending.len() >= MOST_PENDING {
            return self.resend();
        }
        let role = ["viewer", "editor", "none"][usize::try_from(self.rng.below(3)).unwrap_or(0)];
        let user = format!("guest:{}", self.rng.below(7));
        let yes = self.rng.below(2) == 0;
        match self.rng.below(9) {
            0 | 1 => self.make("room:update", json!({ "locked": yes })),
            2 => {
                let (is_public, name) = (self.rng.below(3) > 0, self.stamp());
                self.make("room:update", json!({ "isPublic": is_public, "name": name }))
            }
            3 => self.make("room:update", json!({ "guestRole": if yes { "viewer" } else { "editor" } })),
            4 => self.make("member:kick", json!({ "userId": user })),
            5 => self.make("member:ban", json!({ "userId": user, "reason": "noise" })),
            6 => {
                let org = if yes { "org:o" } else { "org:o:a" };
                self.make("member:role", json!({ "userId": org, "role": role }))
            }
            _ => self.make("member:role", json!({ "userId": user, "role": role })),
        }
    }

    /// Lets everyone in again.
    pub(super) fn make_peace(&mut self) -> Vec<String> {
        let mut words = self.make("room:update", json!({ "isPublic": true, "locked": false }));
        for no in 0..7 {
            let role = if no % 2 == 0 { "none" } else { "viewer" };
            words.extend(self.make("member:role", json!({ "userId": format!("guest:{no}"), "role": role })));
        }
        words
    }

    /// Whether it owns the room and uses that.
    pub(super) fn governs(&self) -> bool {
        self.govern > 0 && self.role == "owner" && self.stage == Stage::In
    }

    /// What it does while things settle: it joins again if it left, and sends again what was refused for now.
    pub(super) fn settle(&mut self) -> Vec<String> {
        self.dragging = None;
        match self.stage {
            Stage::Out => Vec::from([self.join()]),
            Stage::In | Stage::Between => self.resend(),
        }
    }

    /// Whether it is in the room and every edit of it has its answer.
    pub(super) fn is_settled(&self) -> bool {
        self.conn.is_some() && (self.stage == Stage::In || !self.speaks_json()) && !self.has_unacked()
    }

    pub(super) fn has_unacked(&self) -> bool {
        !self.pending.is_empty() || self.unnamed.is_some()
    }

    /// Whether an edit that it waits for is a line of chat; `None` if it waits for none of that id.
    pub(super) fn is_chat(&self, id: &str) -> Option<bool> {
        self.pending.iter().find(|pending| pending.id == id).map(|pending| pending.kind == "chat:message")
    }

    /// What it waits for, for whoever reads of a failure.
    pub(super) fn waits_for(&self) -> String {
        format!("{:?} {:?} {:?}", self.stage, self.unnamed, self.pending)
    }

    /// What it says at the very end, so that everyone's cursor is fresh.
    pub(super) fn last_words(&mut self) -> Vec<String> {
        self.dragging = None;
        match self.dialect {
            Dialect::KanvasV1 => Vec::from([self.point(), self.look()]),
            #[cfg(feature = "testing")]
            Dialect::Plain => Vec::from([format!("at {} 0", self.rng.below(900))]),
        }
    }

    fn point(&mut self) -> String {
        match self.rng.below(12) {
            0 => json!({ "type": "cursor:move", "data": null }).to_string(),
            // Half of them beyond what those see who look at the middle (CUR8).
            dice => {
                let away = if dice < 6 { 20_000 } else { 0 };
                let x = away + self.rng.below(2000);
                json!({ "type": "cursor:move", "data": { "x": x, "y": self.coordinate() } }).to_string()
            }
        }
    }

    fn look(&mut self) -> String {
        let data = json!({ "x": self.coordinate(), "y": self.coordinate(), "scale": 1 + self.rng.below(4) });
        json!({ "type": "canvas:transform", "data": data }).to_string()
    }

    /// Drags on, or takes an image in hand. Now and then it lets go without an edit.
    fn drag(&mut self) -> Vec<String> {
        if self.rng.below(15) == 0 {
            self.dragging = None;
        }
        let image = match self.dragging.clone() {
            Some(image) => image,
            None => self.some_image(),
        };
        self.dragging = Some(image.clone());
        let mut data = json!({ "id": image, "x": self.coordinate(), "stamp": self.stamp(), "transient": true });
        match self.rng.below(4) {
            0 => data["y"] = self.coordinate(),
            1 => data["note"] = json!(self.rng.below(9)),
            2 if self.rng.below(3) == 0 => data["note"] = Value::Null,
            _ => {}
        }
        if self.rng.below(5) == 0 {
            return self.change(image, "x");
        }
        Vec::from([json!({ "type": "image:transform", "data": data }).to_string()])
    }

    fn edit(&mut self, dice: u64) -> Vec<String> {
        if self.pending.len() >= MOST_PENDING {
            return self.resend();
        }
        // Where images are to be large they are also to be many.
        match if self.padding > 0 && self.rng.below(2) == 0 { 60 } else { dice } {
            60..70 => {
                let image = format!("i{}", self.rng.below(self.images));
                let src = ["https://example.com/a.png", "https://example.com"][usize::from(self.rng.below(4) == 0)];
                let mut data = json!({ "id": image, "src": src, "x": self.coordinate(), "y": self.coordinate(),
                    "width": 10, "height": 20, "stamp": self.stamp() });
                match self.rng.below(4) {
                    0 => data["z"] = json!(format!("a{}", self.rng.below(9))),
                    1 => data["rotation"] = json!(45),
                    2 => data["note"] = Value::Null,
                    _ => {}
                }
                self.make("image:add", data)
            }
            70..80 => {
                let image = self.some_image();
                let field =
                    ["x", "y", "rotation", "z", "note", "gone"][usize::try_from(self.rng.below(6)).unwrap_or(0)];
                self.change(image, field)
            }
            80..85 => {
                let image = self.some_image();
                self.make("image:remove", json!({ "id": image }))
            }
            _ => {
                let said = self.stamp();
                self.make("chat:message", json!({ "text": format!("says {said}") }))
            }
        }
    }

    fn change(&mut self, image: String, field: &str) -> Vec<String> {
        self.dragging = None;
        let mut data = json!({ "id": image, "stamp": self.stamp() });
        match field {
            "z" => data["z"] = json!(format!("b{:02}", self.rng.below(99))),
            "gone" => data["note"] = Value::Null,
            "note" => data["note"] = json!(format!("note {}", self.rng.below(9))),
            field => data[field] = self.coordinate(),
        }
        self.make("image:transform", data)
    }

    fn make(&mut self, kind: &'static str, mut data: Value) -> Vec<String> {
        self.next += 1;
        if self.padding > 0 && kind != "chat:message" && kind != "image:remove" {
            let long = self.padding / 2 + self.rng.below(self.padding / 2 + 1);
            data["padding"] = json!("-".repeat(usize::try_from(long).unwrap_or(0)));
        }
        if kind == "image:transform" && self.edits && self.unnamed.is_none() && self.rng.below(6) == 0 {
            let message = json!({ "type": kind, "data": data }).to_string();
            self.unnamed = Some(Pending { id: String::new(), kind, data, sent: true, copies: 1 });
            return Vec::from([message]);
        }
        let id = format!("{}-{}", self.tag, self.next);
        self.pending.push(Pending { id, kind, data, sent: false, copies: 0 });
        self.resend()
    }

    /// An edit with an id, as a client sends it that is in its right mind.
    pub(super) fn send_edit(&mut self, kind: &'static str, data: Value) -> Vec<String> {
        if self.pending.len() >= MOST_PENDING {
            return self.resend();
        }
        self.next += 1;
        let id = format!("{}-{}", self.tag, self.next);
        self.pending.push(Pending { id, kind, data, sent: false, copies: 0 });
        self.resend()
    }

    /// Removes an image.
    pub(super) fn put_away(&mut self, image: &str) -> Vec<String> {
        self.send_edit("image:remove", json!({ "id": image }))
    }

    pub(super) fn is_in(&self) -> bool {
        self.conn.is_some() && self.stage == Stage::In
    }

    /// Sends everything without an answer once more, also what may be on its way.
    fn resend_all(&mut self) -> Vec<String> {
        self.pending.iter_mut().for_each(|pending| pending.sent = false);
        self.resend()
    }

    pub(super) fn stamp(&mut self) -> String {
        self.next += 1;
        format!("{}-{}", self.tag, self.next)
    }

    fn some_image(&mut self) -> String {
        let known = self.replica.images.len() as u64;
        let at = usize::try_from(self.rng.below(known.max(1))).unwrap_or(0);
        match self.replica.images.keys().nth(at) {
            Some(image) if self.rng.below(10) > 0 => image.clone(),
            _ => format!("i{}", self.rng.below(self.images)),
        }
    }

    fn coordinate(&mut self) -> Value {
        let whole = i64::try_from(self.rng.below(2000)).unwrap_or(0) - 1000;
        if self.rng.below(4) == 0 { json!(whole as f64 + 0.25) } else { json!(whole) }
    }
}
