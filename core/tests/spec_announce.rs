//! The rules of what the list of rooms is told (ANN).

use kanvas_core::{Close, Command, Config, Failure, Input, Listing, RoomId, Span, Time};
use serde_json::json;

mod common;
#[path = "common/people.rs"]
mod people;
#[path = "common/talk.rs"]
mod talk;

use common::{Disk, Host, START};
use people::{come, comer, owned, say, served};
use talk::{add, join};

/// What was announced since this was last asked: the name and how many people.
fn told(host: &mut Host) -> Vec<(String, u32)> {
    std::mem::take(&mut host.announced).into_iter().map(|room| (room.name.into(), room.user_count)).collect()
}

fn board(users: u32) -> (String, u32) {
    ("board".to_owned(), users)
}

#[test]
fn ann1_changes_are_announced_at_once_and_then_a_second_apart() {
    let mut host = Host::new();
    let ann = host.join("ann");
    assert_eq!(told(&mut host), [board(1)]);
    let others: Vec<u32> = (0..5).map(|no| host.join(&format!("p{no}"))).collect();
    assert_eq!(told(&mut host), []);
    host.pass(999);
    assert_eq!(told(&mut host), []);
    host.pass(1);
    assert_eq!(told(&mut host), [board(6)]);
    for slot in others {
        host.close(slot);
    }
    host.pass(1000);
    assert_eq!(told(&mut host), [board(1)]);
    host.pass(5000);
    assert_eq!(told(&mut host), [], "nothing has changed");
    host.close(ann);
    assert_eq!(told(&mut host), [board(0)]);
}

#[test]
fn ann1_a_user_with_two_tabs_is_one_and_a_socket_that_came_back_is_no_news() {
    let mut host = Host::new();
    host.join("ann");
    host.pass(2000);
    told(&mut host);
    let tab =
        host.connect_as("other", "guest:ann", kanvas_core::Standing::Guest, Default::default(), Default::default());
    host.send(tab, &join(json!({})));
    host.lose(tab);
    host.pass(10_000);
    assert_eq!(told(&mut host), []);
}

#[test]
fn ann1_a_new_name_and_a_hidden_room_are_announced_and_work_now_and_then() {
    let (mut host, ann, _) = owned();
    host.pass(5000);
    told(&mut host);
    host.send(ann, &say("room:update", "u", json!({"name": "Plans", "isPublic": false})));
    let room = host.announced.pop().unwrap();
    assert_eq!((&*room.name, room.is_public, room.user_count), ("Plans", false, 2));
    host.send(ann, &say("room:update", "l", json!({"locked": true})));
    host.pass(14_000);
    let quiet = host.announced.len();
    let before = host.now;
    for no in 0..60 {
        host.send(ann, &add(&format!("e{no}"), &format!("i{no}")));
        host.pass(1000);
    }
    let worked: Vec<Listing> = host.announced.drain(quiet..).collect();
    assert!((4..=5).contains(&worked.len()), "{} in a minute of work", worked.len());
    assert!(worked.iter().all(|room| room.last_activity >= before), "{worked:?}");
}

#[test]
fn ann2_nothing_is_announced_before_it_is_durable() {
    let mut host = Host::new();
    host.auto = false;
    let ann = host.connect("ann");
    host.send(ann, &join(json!({"name": "Ann"})));
    assert_eq!(told(&mut host), [], "it is not stored yet");
    host.answer_all();
    assert_eq!(told(&mut host), [board(1)]);
}

#[test]
fn ann2_what_storage_does_not_take_is_announced_as_it_is_stored() {
    let (mut host, ann, _) = owned();
    host.pass(5000);
    told(&mut host);
    host.auto = false;
    host.send(ann, &say("room:update", "u", json!({"name": "Lost"})));
    host.fail(Failure::Full);
    host.auto = true;
    host.answer_all();
    host.pass(10_000);
    let names: Vec<String> = told(&mut host).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["board"]);
}

#[test]
fn ann3_while_people_are_in_it_a_room_announces_itself_every_minute() {
    let mut host = Host::new();
    let ann = host.join("ann");
    told(&mut host);
    host.pass(59_999);
    assert_eq!(told(&mut host), []);
    host.pass(1);
    assert_eq!(told(&mut host), [board(1)], "one that was lost is made good");
    host.close(ann);
    host.pass(1000);
    assert_eq!(told(&mut host), [board(0)]);
    host.pass(600_000);
    assert_eq!((told(&mut host), host.slept, host.room.deadline()), (vec![], true, None));
}

#[test]
fn ann3_a_host_may_want_no_repetition() {
    let mut host = Host::with_config(|config| config.limits.announce_again = None);
    host.join("ann");
    told(&mut host);
    host.pass(600_000);
    assert_eq!((told(&mut host), host.room.deadline()), (vec![], None), "nothing wakes a host for it");
}

#[test]
fn ann4_a_room_that_closes_announces_that_nobody_is_there() {
    let mut host = Host::new();
    host.join("ann");
    told(&mut host);
    let drain = Command::Drain { close: Close::Restart, spread: Span::from_millis(0) };
    host.input(Input::Command(drain));
    assert_eq!(told(&mut host), [board(0)]);

    let mut host = Host::new();
    let ann = host.join("ann");
    told(&mut host);
    host.auto = false;
    host.send(ann, &add("e-i", "i"));
    host.fail(Failure::Broken);
    assert_eq!((told(&mut host), host.closed(ann)), (vec![board(0)], Some(Close::Unavailable)));
}

#[test]
fn ann5_a_stored_room_is_listed_from_its_record_and_its_newest_row() {
    let mut host = Host::with(served(), Disk::default());
    let (ann, _) = come(&mut host, comer("user_ann"));
    host.pass(5000);
    host.send(ann, &add("e-i", "i"));
    let there = host.room.listing().unwrap();
    let id = RoomId::new("board").unwrap();
    let newest = host.disk.log.values().map(|row| row.at).max();
    let record = host.disk.record.clone().unwrap();
    let stored = Listing::of_record(&id, &record, newest).unwrap();
    assert_eq!(stored, Listing { user_count: 0, ..there });
    assert_eq!(stored.last_activity, Time::from_millis(START + 5000));
    assert!(Listing::of_record(&id, &record, None).unwrap().last_activity < stored.last_activity);
    for bad in [&b"{}"[..], b"", b"null", br#"{"version":1,"deleted":true}"#] {
        assert_eq!(Listing::of_record(&id, bad, newest), None);
    }
    let mut asleep = host.restart(Config::default());
    assert_eq!(told(&mut asleep), [], "a room that is only looked at is no news");
}
