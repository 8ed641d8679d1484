//! What the operator's back end reads of a room: all of the canvas, and who belongs to it.

use alloc::vec::Vec;

use super::Room;
use crate::presence::Client;
use crate::wire::json::{Writer, write_list};
use crate::wire::write_client;

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
