//! What everyone must agree on when the faults have stopped.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::client::{Client, Stage};
use super::replica::Said;
use super::rights;
use super::world::World;
use crate::access::Role;
use crate::listing::Listing;
use crate::room::Room;
use crate::time::{Span, Time};
use crate::wire::Dialect;

impl World {
    /// Everyone sees the same, and nothing that was acknowledged is missing.
    pub(super) fn compare(&mut self) -> Result<(), String> {
        let observer = self.clients.len();
        self.clients.push(Client::new(1000, Dialect::KanvasV1, self.seed, &self.plan, None));
        self.connect(observer)?;
        let last = self.now + Span::from_secs(5);
        self.pass_until(last)?;
        let there = self.host.room.as_ref().and_then(Room::listing);
        let told = self.host.announced.clone().map(|told| Listing { last_activity: Time::default(), ..told });
        if there.clone().map(|there| Listing { last_activity: Time::default(), ..there }) != told {
            return Err(format!("SIM19: the list was told of {told:?}, there is {there:?}"));
        }
        let truth = &self.clients[observer];
        if truth.stage != Stage::In {
            return Err("SIM1: an observer cannot join".to_string());
        }
        let guests = self.plan.config.guests.unwrap_or(Role::Viewer);
        let users = truth.replica.others(&[]);
        rights::check(&self.host.disk.history, self.owner.as_deref(), guests, &users)?;
        for (no, client) in self.clients.iter().enumerate() {
            for (id, (seq, image)) in &client.acked {
                let entry = usize::try_from(*seq).ok().and_then(|seq| self.host.disk.history.get(seq.checked_sub(1)?));
                let found = entry.is_some_and(|entry| match image {
                    Some(image) => entry.kind.as_str() == "image:remove" && *entry.target == **image,
                    None => *entry.op_id == **id,
                });
                if !found {
                    return Err(format!("SIM3: {id} was acknowledged at {seq}, where {entry:?} is"));
                }
            }
            // Of two copies one may be refused and the other made.
            let mut once = client.turned_down.iter().filter(|edit| edit.copies == 1);
            if let Some(made) = once.find(|edit| self.host.disk.has(&client.user, &client.pk, &edit.id)) {
                return Err(format!("SIM3: {made:?} was refused, and is in the log"));
            }
            if client.dialect != Dialect::KanvasV1 || client.stage != Stage::In {
                continue;
            }
            let seen = (client.replica.seq, &client.replica.images, &client.replica.shown);
            if seen != (truth.replica.seq, &truth.replica.images, &truth.replica.images) {
                return Err(format!("SIM1: client {no} sees {seen:?}, there is {:?}", truth.replica));
            }
            let tail = |chat: &[(u64, Said)]| chat.iter().rev().take(100).cloned().collect::<Vec<_>>();
            if tail(&client.replica.chat) != tail(&truth.replica.chat) {
                let pairs = || client.replica.chat.iter().rev().zip(truth.replica.chat.iter().rev());
                let differ = pairs().find(|(seen, there)| seen != there);
                return Err(format!("SIM1: client {no} has another chat: {differ:?}"));
            }
            let but = [client.id.as_str(), truth.id.as_str()];
            if client.replica.others(&but) != truth.replica.others(&but) {
                let (seen, true_) = (client.replica.others(&but), truth.replica.others(&but));
                return Err(format!("SIM6: client {no} sees {seen:?}, there are {true_:?}"));
            }
        }
        Ok(())
    }
}
