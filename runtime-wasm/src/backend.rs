//! The API for the operator's own back end, for JavaScript: what requests mean and how they are answered is
//! `kanvas_core::backend`'s; here are only the words for it.

use kanvas_core::backend::{self, Answer, Found, Mistake, Next, Own, Put, Recordings, Refused, Task, Told};
use kanvas_core::codec::read_inputs;
use kanvas_core::{Code, Command, Done, Input, LogRow, RoomId, Seq};
use serde_json::{Value, json};
use wasm_bindgen::prelude::*;

use crate::machine::{config, millis, time};
use crate::room::Room;

/// One request, from its head to its answer.
///
/// Make it of the head, read as much of its body as `body` says, give that to `read`, then do what `next` says until
/// that is to answer. `free` it then.
#[wasm_bindgen]
#[derive(Debug)]
pub struct BackEndCall {
    state: State,
    /// What the log has, for the order that goes with it: one input `Done` with `Loaded`, or nothing.
    rows: Vec<u8>,
}

#[derive(Debug)]
enum State {
    Document,
    Own(RoomId, Own),
    Call(Box<backend::Call>),
    Task(Box<Task>),
    Answer(Answer),
}

#[wasm_bindgen]
impl BackEndCall {
    /// What a request with this method to this path is. There are no recordings.
    #[wasm_bindgen(constructor)]
    pub fn new(method: &str, path: &str) -> BackEndCall {
        let state = match backend::find(method, path, Recordings::None) {
            Ok(Found::Document) => State::Document,
            Ok(Found::Own(room, own)) => State::Own(room, own),
            Ok(Found::Call(call)) => State::Call(Box::new(call)),
            Err(answer) => State::Answer(answer),
        };
        BackEndCall { state, rows: Vec::new() }
    }

    /// How much of the body is to be read, as JSON: `{"most","time"}`, bytes and ms; `undefined` if nothing is. `kind` is
    /// the `Content-Type`.
    pub fn body(&mut self, kind: Option<String>, has_body: bool) -> Option<String> {
        let State::Call(call) = &self.state else { return None };
        match call.body(kind.as_deref(), has_body) {
            Ok(most) => most.map(|most| json!({ "most": most.bytes, "time": most.time.as_millis() }).to_string()),
            Err(mistake) => {
                self.refuse(&mistake);
                None
            }
        }
    }

    /// The body did not come as it should: it was `too-large`, `slow` or `broken`.
    #[wasm_bindgen(js_name = badBody)]
    pub fn bad_body(&mut self, kind: Option<String>, why: &str) {
        let State::Call(call) = &self.state else { return };
        let mistake = match (why, call.body(kind.as_deref(), true)) {
            ("too-large", Ok(Some(most))) => most.too_large(),
            ("slow", _) => Mistake::slow(),
            (_, _) => Mistake::broken(),
        };
        self.refuse(&mistake);
    }

    /// Reads the rest: the query, without its `?`, and the body if one was to be read.
    pub fn read(&mut self, query: Option<String>, body: Option<Vec<u8>>) {
        let State::Call(call) = &self.state else { return };
        match call.clone().task(query.as_deref(), body) {
            Ok(task) => self.state = State::Task(Box::new(task)),
            Err(mistake) => self.refuse(&mistake),
        }
    }

    /// The room that it is about; `undefined` if there is none, or if it is to be made and has no id yet.
    #[wasm_bindgen(getter)]
    pub fn room(&self) -> Option<String> {
        match &self.state {
            State::Own(room, _) => Some(room.to_string()),
            State::Task(task) => task.room().map(ToString::to_string),
            State::Document | State::Call(_) | State::Answer(_) => None,
        }
    }

    /// Gives the room that is to be made an id.
    pub fn name(&mut self, room: &str) {
        if let (State::Task(task), Some(room)) = (&mut self.state, RoomId::new(room)) {
            task.name(room);
        }
    }

    /// What to do, as JSON with `do`:
    ///
    /// - `answer`: send `status`, `header` (a name and a value, or `null`) and `told()`;
    /// - `document`: send the description of the addresses;
    /// - `handOver`, `takeIn`, `forgetRoom`: do so with the room;
    /// - `order`: give it to `Room.order`; `makesRoom` says whether the room need not be there;
    /// - `history`: read rows of the log from `from` down, newest first, look at no more than `lookedAt` and keep no more
    ///   than `most`, those of `user` and of `kind` where they are not `null`, none before `since`; for `history`;
    /// - `log`: read the log from the last row at or before `since` on, for `log`;
    /// - `rooms`: tell `listing` all rooms by their ids that come after `from`, then say so by `listed`;
    /// - `judge`: let it look for the mistake in a body, by `judge`.
    #[wasm_bindgen(js_name = next)]
    pub fn wants(&mut self) -> String {
        let wants = match &mut self.state {
            State::Document => json!({ "do": "document" }),
            State::Own(_, own) => json!({ "do": name_of(*own) }),
            State::Answer(answer) => answer_of(answer),
            State::Call(_) => json!({ "do": "read" }),
            State::Task(task) => match task.wants() {
                Next::Answer(answer) => answer_of(answer),
                Next::Order(order) => json!({ "do": "order", "makesRoom": order.makes_room() }),
                Next::History(wanted) => json!({
                    "do": "history",
                    "from": wanted.from,
                    "since": wanted.since,
                    "user": wanted.user,
                    "kind": wanted.kind,
                    "most": wanted.most,
                    "lookedAt": wanted.looked_at,
                }),
                Next::Log(since) => json!({ "do": "log", "since": millis(*since) }),
                Next::Rooms(list) => json!({ "do": "rooms", "from": list.from() }),
                Next::Judge => json!({ "do": "judge" }),
            },
        };
        wants.to_string()
    }

    /// The body of the answer; `undefined` if it has none.
    pub fn told(&mut self) -> Option<Vec<u8>> {
        match &mut self.state {
            State::Answer(answer) => answer.body.clone(),
            State::Task(task) => match task.wants() {
                Next::Answer(answer) => answer.body.clone(),
                Next::Order(_) | Next::History(_) | Next::Log(_) | Next::Rooms(_) | Next::Judge => None,
            },
            State::Document | State::Own(..) | State::Call(_) => None,
        }
    }

    /// What the room replied to the command that came of the order: the place in the log, or the code of its refusal.
    pub fn replied(&mut self, seq: f64, refused: &str) {
        let code = Code::ALL.iter().copied().find(|code| code.as_str() == refused);
        self.hear(match code {
            Some(code) => Err(Refused::Room(code)),
            None => Ok(Told::Done(Seq(time(seq).as_millis()))),
        });
    }

    /// The room has gone, as it was to.
    pub fn gone(&mut self) {
        self.hear(Ok(Told::Gone));
    }

    /// The room is `away`: on its way to another host. Or it is `unavailable`, or the storage is `unreadable`.
    pub fn fail(&mut self, why: &str) {
        let mistake = match why {
            "away" => Refused::Away.into(),
            "unreadable" => Mistake::unreadable(),
            _ => Refused::Unavailable.into(),
        };
        self.refuse(&mistake);
    }

    /// Takes a page of the history: one input `Done` with `Loaded` of the room's record and those rows, newest first; and
    /// with which place to go on, or `undefined` at the end.
    pub fn history(&mut self, rows: &[u8], rest: Option<f64>) -> Result<(), JsError> {
        let State::Task(task) = &mut self.state else { return Ok(()) };
        let rest = rest.map(|seq| Seq(time(seq).as_millis()));
        with_rows(rows, |record, rows| task.history(record, rows, rest))
    }

    /// Takes the log, as one input `Done` with `Loaded` of its rows, in rising order.
    pub fn log(&mut self, rows: Vec<u8>) {
        self.rows = rows;
        if let State::Task(task) = &mut self.state {
            task.log();
        }
    }

    /// The log has more than so many rows, or bytes of them.
    #[wasm_bindgen(js_name = tooMuchLog)]
    pub fn too_much_log(&mut self, rows: u32, bytes: u32) {
        if let State::Task(task) = &mut self.state {
            task.too_much_log(rows as usize, bytes as usize);
        }
    }

    /// Takes a room in, as `Room.listing` told it. Gives whether more can be of use.
    ///
    /// Throws where it is no such text.
    pub fn listing(&mut self, listing: &str) -> Result<bool, JsError> {
        let listing = serde_json::from_str(listing).map_err(|error| JsError::new(&error.to_string()))?;
        let State::Task(task) = &mut self.state else { return Ok(false) };
        let Next::Rooms(list) = task.wants() else { return Ok(false) };
        list.hear(listing);
        Ok(!list.is_full())
    }

    /// All rooms were told.
    pub fn listed(&mut self) {
        if let State::Task(task) = &mut self.state {
            task.listed();
        }
    }

    /// Says where the mistake is in a body that the room refused. `changes` is the configuration, as `Room` has it.
    ///
    /// Throws where that is none.
    pub fn judge(&mut self, changes: Option<String>) -> Result<(), JsError> {
        if let State::Task(task) = &mut self.state {
            task.judge(&config(changes.as_deref())?);
        }
        Ok(())
    }

    fn refuse(&mut self, mistake: &Mistake) {
        self.state = State::Answer(mistake.answer());
    }

    fn hear(&mut self, reply: backend::Reply) {
        if let State::Task(task) = &mut self.state {
            task.hear(reply);
        }
    }
}

#[wasm_bindgen]
impl Room {
    /// Puts an order to the room. It is `answered` at once; or the room was told something, as the outbox says: then its
    /// op `Reply` of this ticket is the answer, for `replied`, or the room is `leaving`, and the answer is that it has
    /// `gone`.
    ///
    /// Throws where the rows of the call cannot be read.
    pub fn order(&mut self, call: &mut BackEndCall, now: f64, ticket: u32) -> Result<String, JsError> {
        let State::Task(task) = &mut call.state else { return Ok("answered".to_owned()) };
        let Next::Order(order) = task.wants() else { return Ok("answered".to_owned()) };
        let (order, rows) = (order.clone(), std::mem::take(&mut call.rows));
        let mut came = "answered";
        let mut put = |rows: &[LogRow<'_>]| match order.put(&self.room, ticket.into(), rows) {
            Put::Answer(reply) => task.hear(reply),
            Put::Command(command) => {
                came = "told";
                tell(&mut self.room, &mut self.out, now, command);
            }
            Put::Last(command) => {
                came = "leaving";
                tell(&mut self.room, &mut self.out, now, command);
            }
        };
        if rows.is_empty() {
            put(&[]);
        } else {
            with_rows(&rows, |_, rows| put(rows))?;
        }
        self.say();
        Ok(came.to_owned())
    }
}

fn tell(room: &mut kanvas_core::Room, out: &mut kanvas_core::Outbox, now: f64, command: Command<'_>) {
    room.handle(time(now), Input::Command(command), out);
}

/// What one input `Done` with `Loaded` brings.
fn with_rows(bytes: &[u8], work: impl FnOnce(Option<&[u8]>, &[LogRow<'_>])) -> Result<(), JsError> {
    let mut work = Some(work);
    let read = read_inputs(bytes, |_, input| {
        if let Input::Done { result: Done::Loaded(loaded), .. } = input
            && let Some(work) = work.take()
        {
            work(loaded.record, loaded.log);
        }
    });
    match (read, work) {
        (Ok(()), None) => Ok(()),
        (Ok(()), Some(_)) => Err(JsError::new("these are no rows of a log")),
        (Err(error), _) => Err(JsError::new(&error.to_string())),
    }
}

fn answer_of(answer: &Answer) -> Value {
    json!({ "do": "answer", "status": answer.status, "header": answer.header })
}

fn name_of(own: Own) -> &'static str {
    match own {
        Own::HandOver => "handOver",
        Own::TakeIn => "takeIn",
        Own::ForgetRoom => "forgetRoom",
        Own::BeginRecording => "beginRecording",
        Own::DescribeRecording => "describeRecording",
        Own::DiscardRecording => "discardRecording",
        Own::FetchRecording => "fetchRecording",
    }
}
