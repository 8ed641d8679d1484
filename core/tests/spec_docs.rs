//! That `docs/protocol.md` tells the truth: its conversations are what a room says, its tables name what there is. Each
//! block marked `session` goes on where the one before it ended. After a change of the wire:
//! `KANVAS_WRITE_DOCS=1 cargo test -p kanvas-core --test spec_docs doc1` writes the answers anew.
#![allow(missing_docs, reason = "the names of the tests say what they are about")]

mod common;

use std::collections::BTreeSet;
use std::path::PathBuf;

use common::Host;
use kanvas_core::limits::{IMAGE_BYTES, Limits, NAME_GRAPHEMES, REASON_CHARS, Rate};
use kanvas_core::wire::Dialect;
use kanvas_core::{Close, Code, Command, Done, Identity, Input, Org, Span, Verified, View};
use serde_json::{Value, json};

const PAGE: &str = include_str!("../../docs/protocol.md");
const FENCE: &str = "```session\n";

/// A room and the people in it, by their names.
struct Story {
    host: Host,
    people: Vec<(String, u32)>,
}

impl Story {
    fn new() -> Story {
        Story { host: Host::new(), people: Vec::new() }
    }

    fn slot(&self, name: &str) -> u32 {
        let found = self.people.iter().find(|(known, _)| known == name);
        found.unwrap_or_else(|| panic!("{name} has not connected")).1
    }

    fn connect(&mut self, name: &str, identity: Identity<'_>) {
        let slot = self.host.connect_with(&name.to_lowercase(), identity, Dialect::KanvasV1, View::Full);
        self.people.retain(|(known, _)| known != name);
        self.people.push((name.to_owned(), slot));
    }

    /// Does what a line says; lines that tell what was heard do nothing.
    fn act(&mut self, line: &str) {
        if let Some((name, text)) = line.split_once(" → ") {
            let slot = self.slot(name);
            return self.host.send(slot, text);
        }
        let Some(stage) = line.strip_prefix('(').and_then(|line| line.strip_suffix(')')) else { return };
        if let Some(message) = stage.strip_prefix("the back end tells everybody ") {
            let command = Command::Publish { ticket: 1, message: message.as_bytes() };
            return self.host.input(Input::Command(command));
        }
        let words: Vec<_> = stage.split(' ').collect();
        match words[..] {
            [name, "connects"] => {
                // As a guest of the native server is called.
                let user =
                    format!("guest:{:016x}", name.bytes().fold(7_u64, |sum, byte| sum * 1_000_003 + u64::from(byte)));
                self.connect(name, Identity::guest(&user));
            }
            [name, "connects,", "signed", "in"] => {
                self.connect(name, Identity::verified(&format!("user_{}", name.to_lowercase())));
            }
            [name, "connects,", "signed", "in", "for", seconds, "s"] => {
                let lease = Some(self.host.now + Span::from_secs(seconds.parse().unwrap()));
                self.connect(name, Identity { lease, ..Identity::verified(&format!("user_{}", name.to_lowercase())) });
            }
            [name, "connects,", "signed", "in", "for", id] => {
                let org = Some(Org { id, role: None });
                self.connect(name, Identity { org, ..Identity::verified(&format!("user_{}", name.to_lowercase())) });
            }
            ["the", "token", "is", name, "for", seconds, "s"] => {
                let (effect, _) = self.host.tokens.pop().expect("it is checked");
                let lease = self.host.now + Span::from_secs(seconds.parse().unwrap());
                let user = format!("user_{}", name.trim_end_matches("'s,").to_lowercase());
                let verified = Verified { user: &user, org: None, lease };
                self.host.input(Input::Done { effect, result: Done::Verified(Ok(verified)) });
            }
            ["another", "room"] => *self = Story::new(),
            [name, "breaks", "off"] => self.host.lose(self.slot(name)),
            [name, "closes"] => self.host.close(self.slot(name)),
            [count, "ms", "pass"] => self.host.pass(count.parse().unwrap()),
            [count, "s", "pass"] => self.host.pass(count.parse::<u64>().unwrap() * 1000),
            ["the", "server", "restarts"] => {
                let spread = Span::from_secs(5);
                self.host.input(Input::Command(Command::Drain { close: Close::Restart, spread }));
            }
            _ => panic!("nobody knows how to do this: {line}"),
        }
    }

    /// What everyone heard since this was last asked.
    fn heard(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        for (name, slot) in self.people.clone() {
            lines.extend(self.host.take_raw(slot).iter().map(|text| format!("{name} ← {text}")));
            if let Some(close) = self.host.closed(slot) {
                lines.push(format!("{name} ← close {} {}", close.code(), close.reason()));
                self.people.retain(|(known, _)| *known != name);
            }
        }
        lines
    }

    /// The block with everything in it that is heard.
    fn told(&mut self, block: &str) -> String {
        let mut text = String::new();
        for line in block.lines().filter(|line| !line.contains(" ← ")) {
            self.act(line);
            text += &format!("{line}\n");
            self.heard().iter().for_each(|heard| text += &format!("{heard}\n"));
        }
        text
    }
}

/// The page with every conversation as it really goes.
fn page_as_it_is() -> String {
    let mut story = Story::new();
    let mut parts = PAGE.split(FENCE);
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (block, rest) = part.split_once("```").expect("the fence is closed");
        text += &format!("{FENCE}{}```{rest}", story.told(block));
    }
    text
}

/// Every frame of the conversations: who says it, the arrow, what it says.
fn frames(arrow: &str) -> Vec<Value> {
    let blocks = PAGE.split(FENCE).skip(1).filter_map(|part| part.split_once("```"));
    let lines = blocks.flat_map(|(block, _)| block.lines()).filter_map(|line| line.split_once(arrow));
    lines.filter_map(|(_, text)| serde_json::from_str(text).ok()).collect()
}

/// The code spans of the first cell of each row of the table below this heading.
fn first_cells(heading: &str) -> Vec<String> {
    let after = PAGE.split_once(&format!("\n{heading}\n")).unwrap_or_else(|| panic!("no heading {heading}")).1;
    let rows = after.lines().skip_while(|line| !line.starts_with("|---")).skip(1);
    let cells = rows.take_while(|line| line.starts_with('|')).filter_map(|line| line.split('|').nth(1));
    cells.flat_map(|cell| cell.split('`').skip(1).step_by(2)).map(str::to_owned).collect()
}

/// The table of limits as the code has it.
fn limits() -> String {
    let limits = Limits::default();
    let rate = |rate: Rate| format!("{} a second, {} at once", rate.per_sec, rate.burst);
    let rows = [
        ("one message", format!("{} bytes", limits.message_bytes)),
        ("sockets in a room", limits.room_connections.to_string()),
        ("sockets of one person in a room", limits.user_connections.to_string()),
        ("images in a room", limits.images.to_string()),
        ("one image", format!("{IMAGE_BYTES} bytes")),
        ("all images of a room", format!("{} bytes", limits.image_bytes)),
        ("images that one client drags at once", limits.drags.to_string()),
        ("a chat message", format!("{} code points", limits.chat_chars)),
        ("chat messages that are kept", limits.chat_history.to_string()),
        ("a name", format!("{NAME_GRAPHEMES} characters")),
        ("edits of one person", rate(limits.edits)),
        ("chat messages of one person", rate(limits.chat)),
        ("joins, pings and updates of one socket", rate(limits.control)),
        ("events that are kept for those who come back", limits.log_ops.to_string()),
        ("people and organisations with a role of their own in a room", limits.members.to_string()),
        ("people who are banned from a room", limits.bans.to_string()),
        ("links of a room", limits.shares.to_string()),
        ("rooms on the list", limits.listed_rooms.to_string()),
        (
            "how long an idle and empty room stays on the list",
            limits.listed_idle.map_or("for good".into(), |span| format!("{} min", span.as_millis() / 60_000)),
        ),
        ("a reason", format!("{REASON_CHARS} code points")),
        ("between two places of a cursor that you do not look at", format!("{} ms", limits.far_cursors.as_millis())),
    ];
    rows.iter().map(|(what, value)| format!("| {what} | {value} |\n")).collect()
}

fn types(frames: &[Value]) -> BTreeSet<String> {
    frames.iter().filter_map(|frame| Some(frame["type"].as_str()?.to_owned())).collect()
}

#[test]
fn doc1_the_conversations_of_the_page_are_what_a_room_says() {
    let page = page_as_it_is();
    if std::env::var_os("KANVAS_WRITE_DOCS").is_some() {
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/protocol.md");
        std::fs::write(path, page).unwrap();
        return;
    }
    for (said, is) in PAGE.lines().zip(page.lines()) {
        assert_eq!(said, is, "write it anew: KANVAS_WRITE_DOCS=1 cargo test -p kanvas-core --test spec_docs doc1");
    }
    assert_eq!(PAGE.lines().count(), page.lines().count());
    assert!(frames(" ← ").len() > 20 && frames(" → ").len() > 15, "there are conversations");
}

#[test]
fn doc2_the_page_lists_the_events_that_its_conversations_have() {
    let listed = |heading: &str| first_cells(heading).into_iter().collect::<BTreeSet<_>>();
    assert_eq!(types(&frames(" ← ")), listed("## What a client hears"));
    let mut said = types(&frames(" → "));
    said.remove("canvas:paint");
    assert_eq!(said, listed("## What a client says"));
    for name in said {
        let mut host = Host::new();
        let ann = host.join("ann");
        host.send(ann, &json!({"type": name, "data": {}}).to_string());
        let unknown = host.take(ann).iter().any(|frame| frame["data"]["code"] == "unknown_type");
        assert!(!unknown, "{name} is known");
    }
}

#[test]
fn doc2_the_page_lists_every_error_and_every_close() {
    let codes: Vec<_> = Code::ALL.iter().map(|code| code.as_str().to_owned()).collect();
    assert_eq!(first_cells("### Errors"), codes);
    let closes: Vec<_> =
        Close::ALL.iter().flat_map(|close| [close.code().to_string(), close.reason().to_owned()]).collect();
    assert_eq!(first_cells("### Closes"), closes);
}

#[test]
fn doc2_the_page_tells_the_limits_that_there_are() {
    let after = PAGE.split_once("\n| limit | value |\n|---|---|\n").expect("the table is there").1;
    let rows = after.lines().take_while(|line| line.starts_with('|'));
    assert_eq!(rows.map(|row| format!("{row}\n")).collect::<String>(), limits());
}
