//! What addresses name, and which methods they have.

use kanvas_core::RoomId;
use percent_encoding::percent_decode_str;

use crate::assets::Hash;
use crate::web::{self, Page};

/// What an address names.
pub(crate) enum Route {
    Server,
    Health,
    Ready,
    Metrics,
    Personal(Personal),
    /// A room that can have no such name.
    BadRoom,
    Party(String),
    Asset(Hash),
    Page(&'static Page),
    /// Pages are below it: it should end with a slash.
    Folder,
    Nothing,
}

/// What is answered by who asks.
pub(crate) enum Personal {
    /// The list of rooms.
    List,
    /// A room, as its owner changes or deletes it.
    Listed(RoomId),
    Room(RoomId),
    /// What a room's thumbnail is drawn from.
    Preview(RoomId),
    Shares(RoomId),
    /// A link, by its token or id.
    Share(RoomId, String),
    Upload,
}

impl Route {
    /// The address with names for what differs.
    pub(crate) fn template(&self) -> &'static str {
        match self {
            Route::Server => "*",
            Route::Health => "/healthz",
            Route::Ready => "/readyz",
            Route::Metrics => "/metrics",
            Route::Personal(Personal::List) => "/parties/registry/{list}",
            Route::Personal(Personal::Listed(_)) => "/parties/registry/{list}/{room}",
            Route::Personal(Personal::Room(_)) => "/parties/main/{room}",
            Route::Personal(Personal::Preview(_)) => "/parties/main/{room}/preview",
            Route::Personal(Personal::Shares(_)) => "/parties/main/{room}/shares",
            Route::Personal(Personal::Share(..)) => "/parties/main/{room}/shares/{share}",
            Route::Personal(Personal::Upload) => "/assets",
            Route::Asset(_) => "/assets/{hash}",
            Route::BadRoom | Route::Party(_) => "/parties",
            Route::Page(_) | Route::Folder => "/{page}",
            Route::Nothing => "/{nothing}",
        }
    }

    /// The methods it has, as `Allow` lists them.
    pub(crate) fn methods(&self) -> &'static str {
        match self {
            Route::Personal(Personal::Upload) => "PUT, OPTIONS",
            Route::Personal(Personal::List) => "GET, HEAD, POST, OPTIONS",
            Route::Personal(Personal::Listed(_)) => "PATCH, DELETE, OPTIONS",
            Route::Personal(Personal::Shares(_)) => "GET, HEAD, POST, OPTIONS",
            Route::Personal(Personal::Share(..)) => "DELETE, OPTIONS",
            Route::Server
            | Route::Health
            | Route::Ready
            | Route::Metrics
            | Route::Personal(Personal::Room(_) | Personal::Preview(_))
            | Route::BadRoom
            | Route::Party(_)
            | Route::Asset(_)
            | Route::Page(_)
            | Route::Folder
            | Route::Nothing => "GET, HEAD, OPTIONS",
        }
    }
}

/// What is at this path.
pub(crate) fn find(path: &str) -> Route {
    match path {
        "*" => return Route::Server,
        "/healthz" => return Route::Health,
        "/readyz" => return Route::Ready,
        "/metrics" => return Route::Metrics,
        "/assets" => return Route::Personal(Personal::Upload),
        _ => {}
    }
    if let Some(rest) = path.strip_prefix("/parties/") {
        return match rest.split_once('/') {
            Some(("main", rest)) => find_room(rest),
            Some(("registry", rest)) => find_listed(rest),
            None if rest == "main" || rest == "registry" => Route::BadRoom,
            Some((party, _)) => Route::Party(party.to_owned()),
            None => Route::Party(rest.to_owned()),
        };
    }
    if let Some(rest) = path.strip_prefix("/party/") {
        return find_room(rest);
    }
    if let Some(name) = path.strip_prefix("/assets/") {
        return Hash::parse(name).map_or(Route::Nothing, Route::Asset);
    }
    match web::page(path) {
        Some(page) => Route::Page(page),
        None if web::is_folder(path) => Route::Folder,
        None => Route::Nothing,
    }
}

/// The list of rooms, whatever it is called, or one of them.
fn find_listed(rest: &str) -> Route {
    let (list, under) = rest.split_once('/').map_or((rest, None), |(list, under)| (list, Some(under)));
    match (room_of(list), under.map(room_of)) {
        (Some(_), None) => Route::Personal(Personal::List),
        (Some(_), Some(Some(room))) => Route::Personal(Personal::Listed(room)),
        (None, _) | (Some(_), Some(None)) => Route::BadRoom,
    }
}

/// The room of that name. One decoding and no more: `%252e` stays three letters of a bad name.
fn room_of(name: &str) -> Option<RoomId> {
    percent_decode_str(name).decode_utf8().ok().and_then(|name| RoomId::new(&name))
}

/// A room, or what is under it.
fn find_room(rest: &str) -> Route {
    let (name, under) = rest.split_once('/').map_or((rest, None), |(name, under)| (name, Some(under)));
    let Some(room) = room_of(name) else { return Route::BadRoom };
    let under = under.map(|under| under.split_once('/').unwrap_or((under, "")));
    match under {
        None => Route::Personal(Personal::Room(room)),
        Some(("preview", "")) => Route::Personal(Personal::Preview(room)),
        Some(("shares", "")) => Route::Personal(Personal::Shares(room)),
        Some(("shares", token)) => Route::Personal(Personal::Share(room, token.to_owned())),
        Some(_) => Route::BadRoom,
    }
}
