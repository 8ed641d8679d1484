//! What the operator's back end reads of a room: all of the canvas, and who belongs to it.

use alloc::vec::Vec;

use super::Room;
use crate::presence::Client;
use crate::wire::json::{Writer, write_list};
use crate::wire::write_client;

/// What an image takes beside its own letters, which are kept about twice: its numbers, its places in maps.
const AN_IMAGE: usize = 400;
/// The same of a session, of a socket, of something said, and of an edit that is remembered by its id.
const A_CLIENT: usize = 1024;
const A_SOCKET: usize = 384;
const A_MESSAGE: usize = 384;
const AN_ID: usize = 256;

impl Room {
    /// Appends `{"epoch", "seq", "images"}`: the place in the log, and the images in stacking order (READ1). Nothing if
    /// there is no such room.
    pub fn canvas(&self, out: &mut Vec<u8>) {
        let Some(record) = &self.record else { return };
        let mut canvas = Writer::object(out);
        canvas.integer("epoch", record.epoch.0).integer("seq", self.head.0);
        write_list(canvas.key("images"), self.images.in_order(), |image, out| image.write(out));
        canvas.end();
    }

    /// Appends `{"clients", "members", "bans"}`: who is here, who has a role of their own, and who is banned (READ2).
    /// Nothing if there is no such room.
    pub fn roster(&self, out: &mut Vec<u8>) {
        if self.record.is_none() {
            return;
        }
        let mut roster = Writer::object(out);
        write_list(roster.key("clients"), self.people.clients.values(), write_person);
        self.write_belonging(&mut roster);
        roster.end();
    }

    /// How many sockets there are, whether they have joined or not.
    pub fn sockets(&self) -> usize {
        self.people.links()
    }

    /// How many different people are in it.
    pub fn people(&self) -> u32 {
        self.people.user_count()
    }

    /// How many images are on it.
    pub fn image_count(&self) -> u32 {
        self.images.len()
    }

    /// What it is called, once there is such a room.
    pub fn name(&self) -> Option<&str> {
        self.record.as_ref().map(|record| record.name.as_ref())
    }

    /// Roughly the memory that it takes, in bytes: reckoned from what it holds, without looking at each thing (DASH9).
    pub fn weight(&self) -> usize {
        let images =
            2 * usize::try_from(self.images.bytes()).unwrap_or(usize::MAX) + AN_IMAGE * self.images.len() as usize;
        let people = A_CLIENT * self.people.clients.len() + A_SOCKET * self.sockets();
        let remembered = A_MESSAGE * self.chat.len() + AN_ID * self.dedupe.len();
        let parts = self.snapshots.values().flat_map(|encoded| &encoded.parts);
        let told = self.journal.gated_bytes() + parts.map(|part| part.len()).sum::<usize>();
        size_of::<Room>() + images + people + remembered + told + self.log.weight()
    }

    /// Who has a role of their own, and who is banned.
    pub(super) fn write_belonging(&self, to: &mut Writer<'_>) {
        write_list(to.key("members"), self.members.roles(), |(user, role), out| {
            let mut member = Writer::object(out);
            member.text("userId", user).text("role", role.as_str());
            member.end();
        });
        write_list(to.key("bans"), self.members.banned(), |(user, at), out| {
            let mut ban = Writer::object(out);
            ban.text("userId", user).integer("at", at.as_millis());
            ban.end();
        });
    }
}

/// Somebody who is here, without what changes with every move of the hand.
fn write_person(client: &Client, out: &mut Vec<u8>) {
    let mut person = Writer::object(out);
    write_client(person.key("clientId"), client.id);
    person.text("userId", &client.user_id).text("name", &client.name).text("color", &client.color);
    if let Some(avatar) = &client.avatar {
        person.text("avatar", avatar);
    }
    person.text("role", client.role.as_str()).bool("idle", client.idle);
    person.end();
}
