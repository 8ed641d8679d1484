//! Events, written as frames.

use alloc::vec::Vec;
use core::ops::Range;

use crate::id::ClientId;
use crate::log::LogEntry;
use crate::presence::Client;
use crate::wire::json::{self, Writer, write_list};
use crate::wire::{Event, Point, Refusal, Truth, Viewport, write_client, write_secret};

pub(in crate::wire) fn encode(event: &Event<'_>, receiver: Option<ClientId>, out: &mut Vec<u8>) {
    let me = receiver.unwrap_or(ClientId(0));
    match event {
        Event::Cursor { client, cursor } => frame(out, "cursor:move", *client, |out| write_point(out, *cursor)),
        Event::Viewport { client, viewport } => {
            frame(out, "canvas:transform", *client, |out| write_viewport(out, Some(*viewport)));
        }
        Event::Dragged { client, image, changes } => {
            frame(out, "image:transform", *client, |out| changes.write(image, true, out));
        }
        Event::Settled { client, image, values } => {
            frame(out, "image:transform", *client, |out| values.write(image, false, out));
        }
        Event::Stored { entry, what: _ } => write_stored(entry, out),
        Event::Joined { client, epoch, seq, room } => frame(out, "room:joined", client.id, |out| {
            let mut data = Writer::object(out);
            write_client(data.key("clientId"), client.id);
            data.text("userId", &client.user_id).text("role", client.role.as_str());
            let resume = data.key("resume");
            resume.push(b'"');
            write_secret(resume, &client.resume);
            resume.push(b'"');
            data.integer("epoch", epoch.0).integer("seq", seq.0);
            let mut about = Writer::object(data.key("room"));
            about.text("id", room.id.as_str()).text("name", room.name);
            about.bool("isPublic", room.is_public).bool("locked", room.locked);
            about.text("defaultRole", room.default_role.as_str()).text("guestRole", room.guest_role.as_str());
            about.integer("createdAt", room.created_at.as_millis());
            about.end();
            data.end();
        }),
        Event::Left { reason } => frame(out, "room:left", me, |out| {
            let mut data = Writer::object(out);
            data.text("reason", reason.as_str());
            data.end();
        }),
        Event::UserJoined(client) => frame(out, "user:joined", client.id, |out| write_user(client, out)),
        Event::UserUpdated(client) => frame(out, "user:updated", client.id, |out| write_user(client, out)),
        Event::UserLeft { client, reason } => frame(out, "user:left", client.id, |out| {
            let mut data = Writer::object(out);
            write_client(data.key("clientId"), client.id);
            data.text("userId", &client.user_id).text("reason", reason.as_str());
            data.end();
        }),
        Event::UserList(clients) => frame(out, "user:list", me, |out| {
            out.extend_from_slice(b"{\"users\":");
            write_list(out, clients.values(), write_user);
            out.push(b'}');
        }),
        Event::Ack { id, seq, set } => frame(out, "ack", me, |out| {
            let mut data = Writer::object(out);
            write_id(data.key("id"), *id);
            data.integer("seq", seq.0);
            if !set.is_empty() {
                data.raw("set", set);
            }
            data.end();
        }),
        Event::Expiring { at } => frame(out, "auth:expiring", me, |out| {
            let mut data = Writer::object(out);
            data.integer("expiresAt", at.as_millis());
            data.end();
        }),
        Event::Error(refusal) => frame(out, "error", me, |out| write_error(refusal, out)),
        Event::Published { data } => frame(out, "server:event", me, |out| data.write(out)),
        Event::Pong => out.extend_from_slice(b"pong"),
    }
}

/// `["c7",5,6]`, or `["c7",null]` for a cursor that left the canvas.
pub(in crate::wire) fn encode_entry(client: ClientId, cursor: Option<Point>, out: &mut Vec<u8>) {
    out.push(b'[');
    write_client(out, client);
    out.push(b',');
    match cursor {
        None => out.extend_from_slice(b"null"),
        Some(Point { x, y }) => {
            json::write_number(out, x);
            out.push(b',');
            json::write_number(out, y);
        }
    }
    out.push(b']');
}

pub(in crate::wire) fn encode_batch(first: ClientId, entries: impl Iterator<Item = Range<u32>>, out: &mut Vec<u8>) {
    frame(out, "presence", first, |out| {
        write_list(out, entries, |entry, out| out.extend_from_within(entry.start as usize..entry.end as usize));
    });
}

fn frame(out: &mut Vec<u8>, kind: &str, client: ClientId, data: impl FnOnce(&mut Vec<u8>)) {
    out.extend_from_slice(b"{\"type\":\"");
    out.extend_from_slice(kind.as_bytes());
    out.extend_from_slice(b"\",\"data\":");
    data(out);
    out.extend_from_slice(b",\"clientId\":");
    write_client(out, client);
    out.push(b'}');
}

pub(super) fn write_stored(entry: &LogEntry, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"type\":\"");
    out.extend_from_slice(entry.kind.as_str().as_bytes());
    out.extend_from_slice(b"\",\"data\":");
    out.extend_from_slice(entry.body.as_bytes());
    out.extend_from_slice(b",\"clientId\":");
    write_client(out, entry.client);
    out.extend_from_slice(b",\"seq\":");
    json::write_integer(out, entry.seq.0);
    out.extend_from_slice(b",\"timestamp\":");
    json::write_integer(out, entry.at.as_millis());
    out.push(b'}');
}

fn write_point(out: &mut Vec<u8>, point: Option<Point>) {
    let Some(Point { x, y }) = point else { return out.extend_from_slice(b"null") };
    out.extend_from_slice(b"{\"x\":");
    json::write_number(out, x);
    out.extend_from_slice(b",\"y\":");
    json::write_number(out, y);
    out.push(b'}');
}

fn write_viewport(out: &mut Vec<u8>, viewport: Option<Viewport>) {
    let Some(viewport) = viewport else { return out.extend_from_slice(b"null") };
    let mut data = Writer::object(out);
    data.number("x", viewport.x).number("y", viewport.y).number("scale", viewport.scale);
    data.end();
}

fn write_user(client: &Client, out: &mut Vec<u8>) {
    let mut user = Writer::object(out);
    write_client(user.key("clientId"), client.id);
    user.text("userId", &client.user_id).text("name", &client.name).text("color", &client.color);
    if let Some(avatar) = &client.avatar {
        user.text("avatar", avatar);
    }
    user.text("role", client.role.as_str()).bool("idle", client.idle);
    write_point(user.key("cursor"), client.cursor);
    write_viewport(user.key("viewport"), client.viewport);
    if !client.presence.is_empty() {
        user.raw("presence", &client.presence);
    }
    user.end();
}

fn write_error(refusal: &Refusal<'_>, out: &mut Vec<u8>) {
    let mut data = Writer::object(out);
    data.text("code", refusal.code);
    write_id(data.key("ref"), refusal.id);
    if let Some(span) = refusal.retry_after {
        data.integer("retryAfterMs", span.as_millis());
    }
    data.text("message", refusal.message);
    match refusal.truth {
        Truth::Unsaid => {}
        Truth::Absent => drop(data.raw("truth", "null")),
        Truth::Image(image) => image.write(data.key("truth")),
    }
    data.end();
}

fn write_id(out: &mut Vec<u8>, id: Option<&str>) {
    match id {
        Some(id) => json::write_text(out, id),
        None => out.extend_from_slice(b"null"),
    }
}
