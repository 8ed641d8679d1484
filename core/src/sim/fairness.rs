//! What each person may rely on whatever the others do: that nobody is refused for another's pace, and that a client id
//! names one client for ever.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::format;
use alloc::string::String;

use serde_json::Value;

use super::client::Client;
use super::replica::{number, text};
use crate::limits::Limits;
use crate::time::{Span, Time};

/// Who is refused as too fast has been so within this time: a minute, and what messages may be held or on their way.
const WINDOW: Span = Span::from_secs(90);

#[derive(Clone, Default)]
pub(super) struct Fairness {
    /// When each user's edits, and lines of chat, came to the room.
    paces: BTreeMap<(String, bool), VecDeque<Time>>,
    /// Whose each client id is, by epoch: the user and the `_pk`.
    owners: BTreeMap<(u64, String), (String, String)>,
}

impl Fairness {
    /// The room hears a message of someone.
    pub(super) fn hear(&mut self, now: Time, client: &Client, message: &str) {
        let is_chat = message.contains("\"type\":\"chat:message\"");
        if is_chat || message.contains("\"type\":\"image:") {
            let pace = self.paces.entry((client.user.clone(), is_chat)).or_default();
            pace.push_back(now);
            while pace.front().is_some_and(|first| now.since(*first) > WINDOW) {
                pace.pop_front();
            }
        }
    }

    /// Someone is told something.
    pub(super) fn tell(&mut self, client: &Client, frame: &str, limits: &Limits) -> Result<(), String> {
        if frame.starts_with("{\"type\":\"error\"") && frame.contains("\"rate_limited\"") {
            return self.refused(client, frame, limits);
        }
        if frame.starts_with("{\"type\":\"room:joined\"") {
            let data = data_of(frame);
            let owner = (client.user.clone(), client.pk.clone());
            let name = (number(&data["epoch"]), text(&data["clientId"]));
            let first = self.owners.entry(name).or_insert_with(|| owner.clone());
            if *first != owner {
                return Err(format!("SIM15: {} was {first:?} and is {owner:?}", data["clientId"]));
            }
        }
        Ok(())
    }

    fn refused(&self, client: &Client, frame: &str, limits: &Limits) -> Result<(), String> {
        let data = data_of(frame);
        let Some(is_chat) = client.is_chat(&text(&data["ref"])) else { return Ok(()) };
        let burst = if is_chat { limits.chat.burst } else { limits.edits.burst };
        let pace = self.paces.get(&(client.user.clone(), is_chat)).map_or(0, VecDeque::len);
        match pace >= burst as usize {
            true => Ok(()),
            false => Err(format!("SIM14: {} is refused as too fast after {pace} of {burst}: {frame}", client.user)),
        }
    }
}

fn data_of(frame: &str) -> Value {
    serde_json::from_str::<Value>(frame).map(|mut frame| frame["data"].take()).unwrap_or_default()
}
