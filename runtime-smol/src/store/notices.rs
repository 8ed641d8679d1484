//! The webhooks that wait to be delivered. It owns their table and which of them go when there are too many.

use kanvas_core::{Span, Time};
use rusqlite::{Connection, params};

use super::sql::Fault;

/// A row each, in the order in which they came. Made in every file that is opened; a server that does not know it is not
/// disturbed by it. A number is used once, so that no late word of one can be taken for another's.
pub(crate) const SCHEMA: &str = "CREATE TABLE IF NOT EXISTS notices (
  no       INTEGER PRIMARY KEY AUTOINCREMENT,
  id       TEXT NOT NULL,
  room     TEXT NOT NULL,
  minor    INTEGER NOT NULL,
  made     INTEGER NOT NULL,
  due      INTEGER NOT NULL,
  failures INTEGER NOT NULL,
  body     TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS notices_due ON notices (due, no);
CREATE INDEX IF NOT EXISTS notices_minor ON notices (minor, no)";
const ADD: &str = "INSERT INTO notices (id, room, minor, made, due, failures, body) VALUES (?1, ?2, ?3, ?4, ?5, 0, ?6)";
const AGAIN: &str = "UPDATE notices SET failures = ?2, due = ?3 WHERE no = ?1";
const DROP: &str = "DELETE FROM notices WHERE no = ?1";
const CLEAR: &str = "DELETE FROM notices";
/// A clock that was set back would keep them waiting for as long.
const MEND: &str = "UPDATE notices SET due = ?1 WHERE due > ?2";
const COUNT: &str = "SELECT count(*) FROM notices";
const SHED: &str = "DELETE FROM notices WHERE no IN (SELECT no FROM notices WHERE minor = ?1 ORDER BY no LIMIT ?2)";
const NEXT: &str = "SELECT no, id, room, made, due, failures, body FROM notices ORDER BY due, no LIMIT ?1";

/// A webhook that has not been kept yet.
#[derive(Clone, Debug)]
pub(crate) struct Fresh {
    pub(crate) id: String,
    pub(crate) room: String,
    /// Goes first where there are too many.
    pub(crate) minor: bool,
    pub(crate) made: Time,
    pub(crate) body: String,
}

/// A webhook that waits.
#[derive(Clone, Debug)]
pub(crate) struct Waiting {
    pub(crate) no: i64,
    pub(crate) id: String,
    pub(crate) room: String,
    pub(crate) made: Time,
    pub(crate) failures: u32,
    pub(crate) body: String,
}

/// One that failed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Again {
    pub(crate) no: i64,
    pub(crate) failures: u32,
    pub(crate) due: Time,
}

/// What changes, and what is asked, in one transaction.
#[derive(Clone, Debug, Default)]
pub(crate) struct Turn {
    pub(crate) now: Time,
    /// None waits longer than this from now.
    pub(crate) longest: Option<Span>,
    pub(crate) fresh: Vec<Fresh>,
    pub(crate) again: Vec<Again>,
    pub(crate) done: Vec<i64>,
    /// All go.
    pub(crate) clear: bool,
    /// How many may wait.
    pub(crate) most: usize,
    /// How many are wanted that are due.
    pub(crate) wanted: usize,
    /// These are not: they are on their way.
    pub(crate) but: Vec<i64>,
}

/// The answer to a [`Turn`].
#[derive(Clone, Debug, Default)]
pub(crate) struct Sheet {
    /// How many went because there were too many.
    pub(crate) shed: usize,
    /// Those that are due, the earliest first.
    pub(crate) due: Vec<Waiting>,
    /// When the next of the others is due.
    pub(crate) next: Option<Time>,
}

/// See [`Turn`].
pub(crate) fn take(connection: &Connection, turn: &Turn) -> Result<Sheet, Fault> {
    let transaction = connection.unchecked_transaction()?;
    change(&transaction, turn)?;
    let shed = if turn.fresh.is_empty() { 0 } else { shed(&transaction, turn.most)? };
    let mut sheet = Sheet { shed, ..Sheet::default() };
    if turn.wanted > 0 {
        look(&transaction, turn, &mut sheet)?;
    }
    transaction.commit()?;
    Ok(sheet)
}

fn change(connection: &Connection, turn: &Turn) -> Result<(), Fault> {
    if turn.clear {
        connection.prepare_cached(CLEAR)?.execute([])?;
    }
    if let Some(longest) = turn.longest {
        connection.prepare_cached(MEND)?.execute(params![millis(turn.now), millis(turn.now + longest)])?;
    }
    for no in &turn.done {
        connection.prepare_cached(DROP)?.execute([no])?;
    }
    for Again { no, failures, due } in &turn.again {
        connection.prepare_cached(AGAIN)?.execute(params![no, failures, millis(*due)])?;
    }
    for Fresh { id, room, minor, made, body } in &turn.fresh {
        connection.prepare_cached(ADD)?.execute(params![id, room, minor, millis(*made), millis(turn.now), body])?;
    }
    Ok(())
}

/// The oldest of those that matter least go first.
fn shed(connection: &Connection, most: usize) -> Result<usize, Fault> {
    let count: i64 = connection.prepare_cached(COUNT)?.query_row([], |row| row.get(0))?;
    let over = usize::try_from(count).unwrap_or(usize::MAX).saturating_sub(most);
    let mut gone = 0;
    for minor in [true, false] {
        if gone < over {
            let left = i64::try_from(over - gone).unwrap_or(i64::MAX);
            gone += connection.prepare_cached(SHED)?.execute(params![minor, left])?;
        }
    }
    Ok(gone)
}

fn look(connection: &Connection, turn: &Turn, sheet: &mut Sheet) -> Result<(), Fault> {
    let most = i64::try_from(turn.wanted + turn.but.len() + 1).unwrap_or(i64::MAX);
    let mut statement = connection.prepare_cached(NEXT)?;
    let mut rows = statement.query([most])?;
    while let Some(row) = rows.next()? {
        let no = row.get(0)?;
        if turn.but.contains(&no) {
            continue;
        }
        let due = time(row.get(4)?);
        if due > turn.now || sheet.due.len() >= turn.wanted {
            sheet.next = Some(due);
            break;
        }
        let (id, room, made, failures, body) = (row.get(1)?, row.get(2)?, time(row.get(3)?), row.get(5)?, row.get(6)?);
        sheet.due.push(Waiting { no, id, room, made, failures, body });
    }
    Ok(())
}

/// A core's time is below 2^53.
fn millis(time: Time) -> i64 {
    time.as_millis().cast_signed()
}

fn time(millis: i64) -> Time {
    Time::from_millis(u64::try_from(millis).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Time {
        Time::from_millis(millis)
    }

    fn fresh(id: &str, minor: bool) -> Fresh {
        Fresh { id: id.into(), room: "r".into(), minor, made: at(5), body: "{}".into() }
    }

    fn open() -> Connection {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(SCHEMA).unwrap();
        connection
    }

    fn ids(sheet: &Sheet) -> Vec<&str> {
        sheet.due.iter().map(|waiting| waiting.id.as_str()).collect()
    }

    fn asks(now: u64, wanted: usize) -> Turn {
        Turn { now: at(now), most: 4, wanted, ..Turn::default() }
    }

    #[test]
    fn hook5_what_waits_is_given_in_the_order_of_time_without_what_is_on_its_way() {
        let connection = open();
        let fresh = ["a", "b", "c"].map(|id| fresh(id, false)).to_vec();
        let sheet = take(&connection, &Turn { fresh, ..asks(10, 2) }).unwrap();
        assert_eq!((ids(&sheet), sheet.next), (vec!["a", "b"], Some(at(10))));
        let first = sheet.due[0].no;
        let sheet = take(&connection, &Turn { but: vec![first], ..asks(11, 9) }).unwrap();
        assert_eq!((ids(&sheet), sheet.next), (vec!["b", "c"], None));
        let again = vec![Again { no: first, failures: 3, due: at(500) }];
        let sheet = take(&connection, &Turn { again, ..asks(12, 9) }).unwrap();
        assert_eq!((ids(&sheet), sheet.next), (vec!["b", "c"], Some(at(500))));
        let done = sheet.due.iter().map(|waiting| waiting.no).collect();
        let sheet = take(&connection, &Turn { done, ..asks(500, 9) }).unwrap();
        assert_eq!((ids(&sheet), sheet.next, sheet.due[0].failures), (vec!["a"], None, 3));
        assert_eq!(sheet.due[0].made, at(5));
        let sheet = take(&connection, &Turn { clear: true, ..asks(600, 9) }).unwrap();
        assert_eq!((ids(&sheet), sheet.next), (vec![], None));
    }

    #[test]
    fn hook8_of_too_many_the_oldest_comings_and_goings_go_first() {
        let connection = open();
        let first = ["a", "b", "c"].iter().zip([true, false, true]).map(|(id, minor)| fresh(id, minor)).collect();
        assert_eq!(take(&connection, &Turn { fresh: first, ..asks(1, 0) }).unwrap().shed, 0);
        let more = vec![fresh("d", false), fresh("e", false)];
        let sheet = take(&connection, &Turn { fresh: more, ..asks(2, 9) }).unwrap();
        assert_eq!((sheet.shed, ids(&sheet)), (1, vec!["b", "c", "d", "e"]));
        let more = vec![fresh("f", false), fresh("g", true)];
        let sheet = take(&connection, &Turn { fresh: more, ..asks(3, 9) }).unwrap();
        assert_eq!((sheet.shed, ids(&sheet)), (2, vec!["b", "d", "e", "f"]));
        let sheet = take(&connection, &Turn { fresh: vec![fresh("h", false)], ..asks(4, 9) }).unwrap();
        assert_eq!((sheet.shed, ids(&sheet)), (1, vec!["d", "e", "f", "h"]), "then the oldest of all");
    }

    #[test]
    fn hook6_a_clock_that_was_set_back_keeps_nothing_waiting() {
        let connection = open();
        take(&connection, &Turn { fresh: vec![fresh("a", false)], ..asks(9_000_000, 0) }).unwrap();
        let sheet = take(&connection, &asks(1000, 9)).unwrap();
        assert_eq!((ids(&sheet), sheet.next), (vec![], Some(at(9_000_000))));
        let longest = Some(Span::from_secs(3600));
        assert_eq!(ids(&take(&connection, &Turn { longest, ..asks(1000, 9) }).unwrap()), ["a"]);
    }
}
