//! What the threads have and do at the moment: their rooms, the first of them by name, and who of their people reads too
//! slowly. It asks them and puts their answers together; a thread tells no more rooms than are wanted of it.

use std::cmp::Ordering;
use std::time::Duration;

use kanvas_core::RoomId;
use serde::Serialize;
use smol::Timer;
use smol::channel::bounded;
use smol::future::FutureExt as _;

use super::history::{Flow, Moment};
use crate::host::Visitor;
use crate::meters::Report;
use crate::server::Server;

/// How long all threads together may take to answer.
const TIME: Duration = Duration::from_secs(2);
/// Rooms that are told by name.
const ROOMS: usize = 50;
/// People who read too slowly, of whom is told.
const SLOW: usize = 20;

/// Which rooms are told by name.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    /// Those with this in their id or name, in lower case.
    pub(crate) find: String,
    pub(crate) sort: Sort,
    pub(crate) is_rising: bool,
    pub(crate) most: usize,
}

impl Default for Wanted {
    fn default() -> Wanted {
        Wanted { find: String::new(), sort: Sort::Sockets, is_rising: false, most: ROOMS }
    }
}

/// By what rooms are put in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sort {
    Room,
    Sockets,
    People,
    Images,
    PerSecond,
    Slow,
    Bytes,
}

impl Sort {
    pub(super) const ALL: &[(&str, Sort)] = &[
        ("room", Sort::Room),
        ("sockets", Sort::Sockets),
        ("people", Sort::People),
        ("images", Sort::Images),
        ("perSecond", Sort::PerSecond),
        ("slow", Sort::Slow),
        ("bytes", Sort::Bytes),
    ];
}

/// What there is in a room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Numbers {
    pub(crate) sockets: u64,
    pub(crate) people: u64,
    pub(crate) images: u64,
    /// Messages in and out, by all who got them.
    pub(crate) per_second: f64,
    /// Sockets that do not read fast enough.
    pub(crate) slow: u64,
    /// Roughly the memory that it takes, what waits for its sockets included.
    pub(crate) bytes: u64,
}

/// A room by name.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Load {
    pub(crate) room: RoomId,
    /// What people call it.
    pub(crate) name: String,
    #[serde(flatten)]
    pub(crate) numbers: Numbers,
}

/// Somebody who does not read fast enough.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct SlowOne {
    /// `None` if they look at the list of rooms.
    pub(crate) room: Option<RoomId>,
    pub(crate) user: String,
    /// What waits for them.
    pub(crate) bytes: u64,
    /// How long their socket has taken nothing, in ms.
    pub(crate) still: u64,
}

/// What a thread, or all of them, have and do.
#[derive(Clone, Debug, Default)]
pub(crate) struct Survey {
    pub(crate) report: Report,
    /// The first of those that are wanted, in order.
    pub(crate) top: Vec<Load>,
    /// How many `top` was chosen from.
    pub(crate) found: u64,
    /// Those for whom most waits.
    pub(crate) slow: Vec<SlowOne>,
}

impl Wanted {
    /// Which of two rooms comes first.
    pub(crate) fn order(&self, one: (&RoomId, &Numbers), other: (&RoomId, &Numbers)) -> Ordering {
        let ((a, one), (b, other)) = (one, other);
        let order = match self.sort {
            Sort::Room => a.cmp(b),
            Sort::Sockets => one.sockets.cmp(&other.sockets),
            Sort::People => one.people.cmp(&other.people),
            Sort::Images => one.images.cmp(&other.images),
            Sort::PerSecond => one.per_second.total_cmp(&other.per_second),
            Sort::Slow => one.slow.cmp(&other.slow),
            Sort::Bytes => one.bytes.cmp(&other.bytes),
        };
        let order = if self.is_rising { order } else { order.reverse() };
        order.then_with(|| a.cmp(b))
    }

    /// Keeps the first rooms of a list and drops the rest.
    pub(crate) fn choose(&self, top: &mut Vec<Load>) {
        top.sort_by(|one, other| self.order((&one.room, &one.numbers), (&other.room, &other.numbers)));
        top.truncate(self.most);
    }
}

impl Survey {
    fn add(&mut self, mut other: Survey) {
        self.report.add(&other.report);
        self.top.append(&mut other.top);
        self.found += other.found;
        self.slow.append(&mut other.slow);
    }

    /// Keeps those for whom most waits.
    pub(crate) fn choose_slow(&mut self) {
        self.slow.sort_by_key(|one| std::cmp::Reverse(one.bytes));
        self.slow.truncate(SLOW);
    }

    /// What all of it comes to.
    pub(super) fn moment(&self, server: &Server) -> Moment {
        let Report { stats, sockets, rooms, slow, .. } = &self.report;
        let said = self.report.said();
        Moment {
            sockets: *sockets,
            rooms: *rooms,
            slow: *slow,
            stored_ms: server.meters.latest_commits().p99.as_secs_f64() * 1000.0,
            flow: Flow {
                heard: stats.heard.iter().map(|heard| heard.messages).sum(),
                frames: said.frames,
                said: said.deliveries,
                refused: stats.refused.iter().sum(),
                commits: server.meters.commits(),
            },
            refused: stats.refused.to_vec(),
            closed: server.watch.closes.tallied(),
        }
    }
}

/// Asks all threads; `None` if one does not answer.
pub(super) async fn gather(server: &Server, wanted: Wanted) -> Option<Survey> {
    let late = async {
        Timer::after(TIME).await;
        None
    };
    ask_all(server, wanted).or(late).await
}

async fn ask_all(server: &Server, wanted: Wanted) -> Option<Survey> {
    let doors = || server.hosts.iter().chain([&server.lister]);
    let (reply, surveys) = bounded(doors().count());
    for door in doors() {
        door.send(Visitor::Survey(Box::new(wanted.clone()), reply.clone())).await.ok()?;
    }
    drop(reply);
    let mut all = Survey::default();
    for _ in doors() {
        all.add(surveys.recv().await.ok()?);
    }
    wanted.choose(&mut all.top);
    all.choose_slow();
    Some(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(room: &str, sockets: u64) -> Load {
        let numbers = Numbers { sockets, ..Numbers::default() };
        Load { room: RoomId::new(room).unwrap(), name: String::new(), numbers }
    }

    #[test]
    fn dash4_the_first_of_all_threads_are_told_and_equals_by_name() {
        let mut all = Survey::default();
        all.add(Survey { top: vec![load("c", 3), load("a", 1)], found: 40, ..Survey::default() });
        all.add(Survey { top: vec![load("d", 3), load("b", 2)], found: 2, ..Survey::default() });
        let names = |all: &Survey| all.top.iter().map(|load| load.room.as_str().to_owned()).collect::<Vec<_>>();
        let wanted = |sort, is_rising| Wanted { most: 3, sort, is_rising, ..Wanted::default() };
        for (wanted, first) in [
            (wanted(Sort::Sockets, false), ["c", "d", "b"]),
            (wanted(Sort::Sockets, true), ["a", "b", "c"]),
            (wanted(Sort::Room, true), ["a", "b", "c"]),
            (wanted(Sort::Room, false), ["d", "c", "b"]),
        ] {
            let mut all = all.clone();
            wanted.choose(&mut all.top);
            assert_eq!((names(&all), all.found), (first.map(str::to_owned).to_vec(), 42));
        }
    }
}
