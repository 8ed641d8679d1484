//! Requests as the core has them, carried out: rooms are asked, storage is read.

use hyper::Request;
use hyper::body::{Body as _, Incoming};
use kanvas_core::backend::{Answer, Call, List, Mistake, Next, Refused, Task, Told, Wanted};
use kanvas_core::{Code, Listing, LogRow, RoomId};

use super::body::{kind, read};
use super::handover::be_here;
use crate::ask::{self, order};
use crate::server::Server;
use crate::store::{self, OwnedLog};
use crate::web::hex;

/// Reads the rest of a request, and does what it says.
pub(super) async fn carry_out(server: &Server, call: Call, request: &mut Request<Incoming>) -> Result<Answer, Mistake> {
    let body = match call.body(kind(request), !request.body().is_end_stream())? {
        Some(most) => Some(Vec::from(read(request, most).await?)),
        None => None,
    };
    let mut task = call.task(request.uri().query(), body)?;
    let mut rows = Vec::new();
    loop {
        match task.wants() {
            Next::Answer(answer) => return Ok(answer.clone()),
            Next::Rooms(list) => match tell_all(server, list).await {
                Some(()) => task.listed(),
                None => task.fail(Mistake::unreadable()),
            },
            Next::History(wanted) => {
                let (wanted, room) = (wanted.clone(), room_of(&mut task)?);
                history(server, &mut task, room, wanted).await?;
            }
            Next::Log(moment) => {
                let (moment, room) = (*moment, room_of(&mut task)?);
                match server.store.since(room, moment, store::MOST).await {
                    None => task.fail(Mistake::unreadable()),
                    Some(None) => task.too_much_log(store::MOST.rows, store::MOST.bytes),
                    Some(Some(read)) => {
                        rows = read;
                        task.log();
                    }
                }
            }
            Next::Order(wanted) => {
                let (wanted, room) = (wanted.clone(), room_of(&mut task)?);
                let reply = order(server, room, wanted, std::mem::take(&mut rows)).await;
                task.hear(reply.and_then(told));
            }
            Next::Judge => {
                let config = server.rooms.clone();
                // It can be long, and others wait for this thread.
                task = smol::unblock(move || {
                    task.judge(&config);
                    task
                })
                .await;
            }
        }
    }
}

/// The room that a task is about, which gets an id here if it has none.
fn room_of(task: &mut Task) -> Result<RoomId, Mistake> {
    if let Some(room) = task.room() {
        return Ok(room.clone());
    }
    let room = a_new_id().ok_or(Refused::Unavailable)?;
    task.name(room.clone());
    Ok(room)
}

/// An id that nobody has. `None` if the system gives no random numbers.
fn a_new_id() -> Option<RoomId> {
    let mut chance = [0; 10];
    getrandom::fill(&mut chance).ok()?;
    RoomId::new(&hex(&chance))
}

/// What a room says to an order.
fn told(told: ask::Told) -> Result<Told, Refused> {
    match told {
        ask::Told::Json(json) => Ok(Told::Json(json)),
        ask::Told::Done(seq) => Ok(Told::Done(seq)),
        ask::Told::Yes => Ok(Told::Gone),
        ask::Told::Summary(_) | ask::Told::Shares(_) | ask::Told::Recording(_) => Err(Refused::Room(Code::Internal)),
    }
}

/// Tells a list all stored rooms, a thousand at a time. `None` if they cannot be read.
async fn tell_all(server: &Server, list: &mut List) -> Option<()> {
    let mut from = list.from().to_owned();
    while !list.is_full() {
        let stored = server.store.rooms(from).await?;
        let Some((last, ..)) = stored.last() else { break };
        from = last.clone();
        for (id, record, newest) in &stored {
            let listing = RoomId::new(id).and_then(|id| Listing::of_record(&id, record, *newest));
            listing.into_iter().for_each(|listing| list.hear(listing));
        }
    }
    Some(())
}

async fn history(server: &Server, task: &mut Task, room: RoomId, wanted: Wanted) -> Result<(), Mistake> {
    be_here(server, room.clone()).await?;
    match server.store.history(room, wanted).await {
        Some(found) => {
            let rows: Vec<LogRow<'_>> = found.rows.iter().map(OwnedLog::row).collect();
            task.history(found.record.as_deref(), &rows, found.rest);
        }
        None => task.fail(Mistake::unreadable()),
    }
    Ok(())
}
