//! The store's contract, on real files.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use kanvas_core::backend::Wanted;
use kanvas_core::{EffectId, Failure, LogRow, Part, RoomId, Seq, Time};
use rusqlite::Connection;
use smol::channel::{Receiver, Sender, unbounded};
use tempfile::TempDir;

use super::rows::{OwnedChunk, OwnedLog, OwnedWrite, StoredRoom};
use super::{Answer, Asker, Charged, Most, Move, Moved, Outcome, Store, Whole};

struct Bench {
    directory: TempDir,
    store: Store,
    answers: Sender<Answer>,
    heard: Receiver<Answer>,
}

impl Bench {
    fn new() -> Bench {
        let directory = tempfile::tempdir().unwrap();
        let (answers, heard) = unbounded();
        let store = Store::open(&directory.path().join("kanvas.db"), Arc::default()).unwrap();
        Bench { directory, store, answers, heard }
    }

    fn path(&self) -> std::path::PathBuf {
        self.directory.path().join("kanvas.db")
    }

    fn reopen(mut self) -> Bench {
        smol::block_on(self.store.stop());
        self.store = Store::open(&self.path(), Arc::default()).unwrap();
        self
    }

    fn ask(&self, room: &str, effect: u64) -> Asker {
        let room = RoomId::new(room).unwrap();
        Asker { room, life: 1, effect: EffectId(effect), answers: self.answers.clone() }
    }

    fn hear(&self) -> Outcome {
        self.heard.recv_blocking().unwrap().outcome
    }

    fn put(&self, room: &str, owner: u64, upto: u64, writes: Vec<OwnedWrite>) -> Outcome {
        self.store.store(self.ask(room, 1), Seq(upto), owner, writes);
        self.hear()
    }

    fn get(&self, room: &str, log_ops: u32) -> StoredRoom {
        self.store.load(self.ask(room, 2), log_ops);
        match self.hear() {
            Outcome::Loaded(room) => *room,
            other @ (Outcome::Stored(_) | Outcome::Verified(_) | Outcome::Failed(_)) => panic!("{other:?}"),
        }
    }
}

fn entry(seq: u64) -> OwnedLog {
    OwnedLog::new(&LogRow {
        seq: Seq(seq),
        at: Time::from_millis(1000 + seq),
        epoch: (1 << 53) - 1,
        user: "guest:1",
        client: 7,
        origin: "pk-ä",
        op_id: "",
        op_hash: u64::MAX - seq,
        kind: "image:add",
        body: r#"{"id":"i1"}"#,
        was: "",
    })
}

fn log(seqs: impl IntoIterator<Item = u64>) -> Vec<OwnedWrite> {
    seqs.into_iter().map(|seq| OwnedWrite::Log(entry(seq))).collect()
}

fn chunk(no: u32, fill: u8) -> OwnedChunk {
    OwnedChunk { part: Part::Images, no, bytes: vec![fill; 65_536] }
}

fn seqs(room: &StoredRoom) -> Vec<u64> {
    room.log.iter().map(|entry| entry.seq.0).collect()
}

fn stored(outcome: &Outcome) -> Option<u64> {
    if let Outcome::Stored(seq) = outcome { Some(seq.0) } else { None }
}

fn failed(outcome: &Outcome) -> Option<Failure> {
    if let Outcome::Failed(failure) = outcome { Some(*failure) } else { None }
}

#[test]
fn disk1_what_is_stored_is_read_back_after_a_restart() {
    let bench = Bench::new();
    assert_eq!(bench.get("a", 10), StoredRoom::default());
    let mut writes = log([1, 2]);
    writes.push(OwnedWrite::Record(b"{}".to_vec()));
    writes.push(OwnedWrite::Chunk(chunk(0, 1)));
    writes.push(OwnedWrite::Chunk(chunk(1, 2)));
    assert_eq!(stored(&bench.put("a", 3, 2, writes)), Some(2));
    let bench = bench.reopen();
    let room = bench.get("a", 10);
    assert_eq!((room.owner, room.record.as_deref()), (3, Some(b"{}".as_slice())));
    assert_eq!(room.log, [entry(1), entry(2)]);
    assert_eq!(room.log[0].row(), entry(1).row());
    assert_eq!(room.chunks, [chunk(0, 1), chunk(1, 2)]);
    assert_eq!(bench.get("A", 10), StoredRoom::default(), "names are compared byte for byte");
}

#[test]
fn disk2_commits_are_synced_before_they_are_acknowledged() {
    let bench = Bench::new();
    let writer = super::sql::open(&bench.directory.path().join("other.db")).unwrap();
    let pragma = |name: &str| writer.query_row(name, [], |row| row.get::<_, String>(0));
    assert_eq!(pragma("PRAGMA journal_mode").unwrap(), "wal");
    let synchronous: i64 = writer.query_row("PRAGMA synchronous", [], |row| row.get(0)).unwrap();
    assert_eq!(synchronous, 2);
}

#[test]
fn disk3_an_older_owner_writes_nothing() {
    let bench = Bench::new();
    assert_eq!(stored(&bench.put("a", 5, 1, log([1]))), Some(1));
    assert_eq!(failed(&bench.put("a", 4, 2, log([2]))), Some(Failure::Fenced));
    assert_eq!(stored(&bench.put("a", 5, 2, log([2]))), Some(2));
    assert_eq!(stored(&bench.put("a", 6, 3, log([3]))), Some(3));
    let room = bench.get("a", 10);
    assert_eq!((room.owner, seqs(&room)), (6, vec![1, 2, 3]));
}

#[test]
fn disk4_one_rooms_bad_write_does_not_fail_the_others() {
    let bench = Bench::new();
    assert_eq!(stored(&bench.put("bad", 1, 1, log([1]))), Some(1));
    // Asked faster than answered, these share transactions with the bad one.
    for effect in 0..50 {
        let room = format!("r{effect}");
        bench.store.store(bench.ask(&room, effect), Seq(1), 1, log([1]));
        if effect == 25 {
            bench.store.store(bench.ask("bad", 99), Seq(2), 1, log([2, 1]));
        }
    }
    let mut refused = Vec::new();
    for _ in 0..51 {
        let answer = bench.heard.recv_blocking().unwrap();
        if stored(&answer.outcome).is_none() {
            refused.push((answer.room.as_str().to_owned(), failed(&answer.outcome)));
        }
    }
    assert_eq!(refused, [("bad".to_owned(), Some(Failure::Broken))]);
    assert_eq!(seqs(&bench.get("bad", 10)), [1], "nothing of the refused write is kept");
    assert_eq!(seqs(&bench.get("r49", 10)), [1]);
}

#[test]
fn disk5_the_log_is_trimmed_by_place_and_time_together() {
    let bench = Bench::new();
    bench.put("a", 1, 9, log(1..=9));
    bench.put("b", 1, 9, log(1..=9));
    let trim = |below, before| vec![OwnedWrite::Trim { below: Seq(below), before: Time::from_millis(before) }];
    bench.put("a", 1, 9, trim(5, 1003));
    assert_eq!(seqs(&bench.get("a", 100)), [3, 4, 5, 6, 7, 8, 9]);
    bench.put("a", 1, 9, trim(5, 9999));
    assert_eq!(seqs(&bench.get("a", 100)), [5, 6, 7, 8, 9]);
    assert_eq!(seqs(&bench.get("b", 100)).len(), 9, "another room keeps its log");
}

#[test]
fn disk6_chunks_are_replaced_and_dropped_one_by_one() {
    let bench = Bench::new();
    let writes = vec![OwnedWrite::Chunk(chunk(0, 1)), OwnedWrite::Chunk(chunk(1, 1))];
    bench.put("a", 1, 0, writes);
    let writes = vec![OwnedWrite::Chunk(chunk(1, 9)), OwnedWrite::DropChunk { part: Part::Images, no: 0 }];
    bench.put("a", 1, 0, writes);
    bench.put("a", 1, 0, vec![OwnedWrite::DropChunk { part: Part::Chat, no: 1 }]);
    assert_eq!(bench.get("a", 1).chunks, [chunk(1, 9)]);
}

#[test]
fn disk7_a_load_sees_every_write_asked_before_it() {
    let bench = Bench::new();
    for seq in 1..=40 {
        bench.store.store(bench.ask("a", seq), Seq(seq), 1, log([seq]));
    }
    let room = bench_load_behind(&bench);
    assert_eq!(seqs(&room), (11..=40).collect::<Vec<_>>(), "the newest 30, in rising order");
}

fn bench_load_behind(bench: &Bench) -> StoredRoom {
    bench.store.load(bench.ask("a", 100), 30);
    loop {
        if let Outcome::Loaded(room) = bench.hear() {
            return *room;
        }
    }
}

#[test]
fn disk8_a_file_that_is_not_ours_is_refused_by_name() {
    let directory = tempfile::tempdir().unwrap();
    let refusal = |make: &dyn Fn(&Path)| {
        let path = directory.path().join("kanvas.db");
        for name in ["kanvas.db", "kanvas.db-wal", "kanvas.db-shm"] {
            drop(fs::remove_file(directory.path().join(name)));
        }
        make(&path);
        let before = fs::read(&path).unwrap();
        let refusal = Store::open(&path, Arc::default()).err().unwrap();
        assert_eq!(fs::read(&path).unwrap(), before, "a refused file is left alone");
        assert!(refusal.contains("kanvas.db"), "{refusal}");
        refusal
    };
    let text =
        refusal(&|path| fs::write(path, "this is no database, but it is long enough to look at".repeat(100)).unwrap());
    assert!(text.contains("damaged"), "{text}");
    let foreign = refusal(&|path| Connection::open(path).unwrap().execute_batch("CREATE TABLE t (x)").unwrap());
    assert!(foreign.contains("another program"), "{foreign}");
    let newer = refusal(&|path| {
        drop(super::sql::open(path).unwrap());
        Connection::open(path).unwrap().execute_batch("PRAGMA user_version = 99").unwrap();
    });
    assert!(newer.contains("newer"), "{newer}");
}

#[test]
fn disk9_damaged_pages_are_found_at_the_start() {
    let bench = Bench::new();
    let chunks = (0..20).map(|no| OwnedWrite::Chunk(chunk(no, 7)));
    bench.put("a", 1, 0, chunks.chain(log(1..500)).collect());
    smol::block_on(bench.store.stop());
    let mut bytes = fs::read(bench.path()).unwrap();
    let end = bytes.len();
    bytes[4096..end.min(4096 * 20)].fill(0xa5);
    fs::write(bench.path(), bytes).unwrap();
    let refusal = Store::open(&bench.path(), Arc::default()).err().unwrap();
    assert!(refusal.contains("damaged"), "{refusal}");
}

#[test]
fn disk10_after_the_stop_nothing_is_acknowledged() {
    let bench = Bench::new();
    bench.put("a", 1, 1, log([1]));
    smol::block_on(bench.store.stop());
    assert!(!bench.directory.path().join("kanvas.db-wal").exists(), "the log is folded into the file");
    assert_eq!(failed(&bench.put("a", 1, 2, log([2]))), Some(Failure::Broken));
    assert!(!smol::block_on(bench.store.ready()));
}

#[test]
fn disk11_a_log_that_was_left_is_folded_in_before_anything_stands_on_it() {
    let bench = Bench::new();
    bench.put("a", 1, 1, log([1]));
    let log_file = bench.directory.path().join("kanvas.db-wal");
    assert!(fs::metadata(&log_file).unwrap().len() > 0, "the commit is in the log alone");
    // One who reads keeps the log from being folded in: the file is not trusted.
    let reader = Connection::open(bench.path()).unwrap();
    reader.execute_batch("BEGIN; SELECT count(*) FROM log").unwrap();
    reader.query_row("SELECT count(*) FROM log", [], |row| row.get::<_, i64>(0)).unwrap();
    let refusal = super::sql::open(&bench.path()).err().unwrap();
    assert!(refusal.contains("another program"), "{refusal}");
    reader.execute_batch("COMMIT").unwrap();
    let connection = super::sql::open(&bench.path()).unwrap();
    assert_eq!(fs::metadata(&log_file).unwrap().len(), 0);
    assert_eq!(super::sql::load(&connection, "a", 10).map(|room| seqs(&room)), Ok(vec![1]));
}

#[test]
fn disk18_a_store_without_space_leaves_nothing_behind_and_fails_no_other() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("kanvas.db");
    let (answers, heard) = unbounded();
    let ask =
        |room: &str| Asker { room: RoomId::new(room).unwrap(), life: 1, effect: EffectId(1), answers: answers.clone() };
    let request = |room: &str, writes| super::StoreRequest { asker: ask(room), upto: Seq(1), owner: 1, writes };
    let mut writer = super::Writer {
        path: path.clone(),
        connection: Some(super::sql::open(&path).unwrap()),
        fail: unbounded().0,
        inbox: unbounded().1,
        loads: None,
        reader: None,
        meters: Arc::default(),
    };
    let room_for = |writer: &super::Writer, more: i64| {
        let connection = writer.connection.as_ref().unwrap();
        let pages: i64 = connection.query_row("PRAGMA page_count", [], |row| row.get(0)).unwrap();
        let most = format!("PRAGMA max_page_count = {}", pages + more);
        connection.query_row(&most, [], |row| row.get::<_, i64>(0)).unwrap();
    };
    room_for(&writer, 4);
    let big = || vec![OwnedWrite::Log(entry(1)), OwnedWrite::Chunk(chunk(0, 7)), OwnedWrite::Chunk(chunk(1, 7))];
    let mut batch = vec![request("small", log([1])), request("big", big()), request("other", log([1]))];
    writer.commit(&mut batch);
    let outcomes: Vec<_> = (0..3).map(|_| heard.recv_blocking().unwrap().outcome).collect();
    assert_eq!(outcomes.iter().map(failed).collect::<Vec<_>>(), [None, Some(Failure::Full), None]);
    let reader = Connection::open(&path).unwrap();
    let kept = |room: &str| seqs(&super::sql::load(&reader, room, 10).unwrap());
    assert_eq!((kept("small"), kept("big"), kept("other")), (vec![1], vec![], vec![1]));
    room_for(&writer, 1000);
    writer.commit(&mut vec![request("big", big())]);
    assert_eq!((stored(&heard.recv_blocking().unwrap().outcome), kept("big")), (Some(1), vec![1]));
}

#[test]
fn asset7_what_was_sent_is_added_up_by_person_and_day() {
    let mut bench = Bench::new();
    let charge = |bench: &Bench, user: &str, day, bytes| smol::block_on(bench.store.charge(user, day, bytes, 10));
    assert_eq!(charge(&bench, "ann", 5, 11), Charged::OverLimit, "the first alone can be too much");
    assert_eq!(charge(&bench, "ann", 5, 4), Charged::Yes);
    assert_eq!(charge(&bench, "ann", 5, 7), Charged::OverLimit);
    assert_eq!(charge(&bench, "bob", 5, 10), Charged::Yes);
    bench = bench.reopen();
    assert_eq!(charge(&bench, "ann", 5, 7), Charged::OverLimit);
    bench.store.refund("ann", 5, 1);
    assert_eq!(charge(&bench, "ann", 5, 7), Charged::Yes);
    assert_eq!(charge(&bench, "ann", 5, 1), Charged::OverLimit);
    assert_eq!(charge(&bench, "ann", 6, 10), Charged::Yes, "another day");
    bench.store.refund("bob", 5, 10);
    smol::block_on(bench.store.stop());
    assert_eq!(charge(&bench, "ann", 7, 1), Charged::Unavailable);
    let kept = Connection::open(bench.path()).unwrap();
    let kept: i64 = kept.query_row("SELECT count(*) FROM uploads", [], |row| row.get(0)).unwrap();
    assert_eq!(kept, 1, "days that have passed are forgotten");
}

#[test]
fn asset12_every_room_tells_which_assets_it_has_or_can_bring_back() {
    let bench = Bench::new();
    let src = |digit: &str| format!("/assets/{}", digit.repeat(64));
    let (body, was) = (format!(r#"{{"src":"{}"}}"#, src("1")), format!(r#"{{"src":"{}"}}"#, src("2")));
    let row = |seq, body: &str, was: &str| {
        let entry = entry(seq);
        OwnedWrite::Log(OwnedLog::new(&LogRow { body, was, ..entry.row() }))
    };
    bench.put("b", 1, 2, vec![row(1, &body, ""), row(2, "{}", &was)]);
    bench.put("c", 1, 0, Vec::new());
    let bytes = format!(r#"[{{"src":"{}"}}]"#, src("3")).into_bytes();
    let chunk = OwnedWrite::Chunk(OwnedChunk { part: Part::Images, no: 0, bytes });
    bench.put("B", 1, 0, vec![chunk, OwnedWrite::Record(format!(r#"{{"face":"{}"}}"#, src("4")).into_bytes())]);
    let mut told = Vec::new();
    let mut after = String::new();
    while let Some((room, hashes)) = bench.store.references(after).unwrap() {
        let mut digits: Vec<_> = hashes.iter().map(|hash| hash.as_str()[..1].to_owned()).collect();
        digits.sort();
        told.push((room.clone(), digits.concat()));
        after = room;
    }
    assert_eq!(told, [("B", "34"), ("b", "12"), ("c", "")].map(|(room, digits)| (room.into(), digits.into())));
}

fn move_room(bench: &Bench, room: &str, what: Move) -> Moved {
    smol::block_on(bench.store.move_room(RoomId::new(room).unwrap(), what))
}

#[test]
fn move9_the_rows_of_a_room_come_whole_or_not_at_all() {
    let bench = Bench::new();
    let rows = StoredRoom {
        owner: 7,
        record: Some(b"{}".to_vec()),
        chunks: vec![chunk(0, 1), chunk(1, 2)],
        log: vec![entry(4), entry(5)],
    };
    // A row that is there twice cannot be written, and nothing before it is.
    let twice = StoredRoom { log: vec![entry(4), entry(4)], ..rows.clone() };
    assert_eq!(move_room(&bench, "a", Move::of(twice)), Moved::Unavailable);
    assert_eq!(bench.get("a", 10), StoredRoom::default());
    assert_eq!(move_room(&bench, "a", Move::of(rows.clone())), Moved::Yes);
    let bench = bench.reopen();
    assert_eq!(bench.get("a", 10), rows);
    // Where there is one, nothing is written.
    let other = StoredRoom { owner: 9, ..rows.clone() };
    assert_eq!(move_room(&bench, "a", Move::of(other)), Moved::Taken);
    assert_eq!(bench.get("a", 10), rows);
    assert_eq!(stored(&bench.put("a", 7, 6, log([6]))), Some(6), "its owner goes on");
}

#[test]
fn move8_nothing_stays_of_a_room_that_has_gone_and_all_of_the_others() {
    let bench = Bench::new();
    for room in ["a", "b"] {
        let mut writes = log([1, 2]);
        writes.extend([OwnedWrite::Record(b"{}".to_vec()), OwnedWrite::Chunk(chunk(0, 1))]);
        bench.put(room, 3, 2, writes);
    }
    let other = bench.get("b", 10);
    assert_eq!(move_room(&bench, "a", Move::Out), Moved::Yes);
    assert_eq!((bench.get("a", 10), bench.get("b", 10)), (StoredRoom::default(), other));
    assert_eq!(stored(&bench.put("a", 1, 1, log([1]))), Some(1), "its name is free");
}

#[test]
fn move5_of_a_long_history_the_newest_goes_along_that_has_room() {
    let bench = Bench::new();
    let mut writes = log(1..=9);
    writes.extend([OwnedWrite::Record(b"{}".to_vec()), OwnedWrite::Chunk(chunk(0, 1))]);
    bench.put("a", 3, 9, writes);
    let whole = |most| smol::block_on(bench.store.whole(RoomId::new("a").unwrap(), most)).unwrap();
    let (chunks, row) = (65_536, entry(9).bytes());
    for (most, kept) in
        [(usize::MAX, 1..=9), (chunks + 9 * row, 1..=9), (chunks + 9 * row - 1, 2..=9), (chunks + row, 9..=9)]
    {
        let Whole { stored, cut } = whole(most);
        assert_eq!((seqs(&stored), cut), (kept.clone().collect(), *kept.start() > 1), "{most}");
        assert_eq!((stored.owner, stored.chunks), (3, vec![chunk(0, 1)]));
    }
    assert_eq!((seqs(&whole(0).stored), whole(0).cut), (vec![], true));
}

#[test]
fn api11_the_log_is_read_from_the_last_event_before_a_time_on_and_no_further_than_its_bounds() {
    let bench = Bench::new();
    bench.put("a", 1, 9, log(1..=9));
    bench.put("b", 1, 3, log(1..=3));
    let read = |moment: u64, most| {
        let since = bench.store.since(RoomId::new("a").unwrap(), Time::from_millis(moment), most);
        smol::block_on(since).unwrap().map(|rows| rows.iter().map(|row| row.seq.0).collect::<Vec<_>>())
    };
    let most = super::MOST;
    assert_eq!(read(1006, most), Some(vec![6, 7, 8, 9]));
    assert_eq!(read(1, most), Some((1..=9).collect()));
    assert_eq!(read(5000, most), Some(vec![9]));
    assert_eq!(read(1006, Most { rows: 4, ..most }), Some(vec![6, 7, 8, 9]));
    assert_eq!(read(1006, Most { rows: 3, ..most }), None);
    let bytes = entry(9).bytes() * 2;
    assert_eq!(read(1008, Most { bytes, ..most }), Some(vec![8, 9]));
    assert_eq!(read(1007, Most { bytes, ..most }), None);
}

#[test]
fn api10_a_page_of_the_history_has_its_bounds_and_says_where_to_go_on() {
    let bench = Bench::new();
    bench.put("a", 1, 9, log(1..=9));
    let page = |from: u64, since: u64, user: Option<&str>, most: usize| {
        let (since, user) = (Time::from_millis(since), user.map(str::to_owned));
        let wanted = Wanted { from: Seq(from), since, user, kind: None, most, looked_at: 5000 };
        let page = smol::block_on(bench.store.history(RoomId::new("a").unwrap(), wanted)).unwrap();
        (page.rows.iter().map(|row| row.seq.0).collect::<Vec<_>>(), page.rest.map(|seq| seq.0))
    };
    assert_eq!(page(u64::MAX >> 1, 0, None, 4), (vec![9, 8, 7, 6], Some(5)));
    assert_eq!(page(5, 0, None, 4), (vec![5, 4, 3, 2], Some(1)));
    assert_eq!(page(1, 0, None, 4), (vec![1], None));
    assert_eq!(page(9, 1008, None, 4), (vec![9, 8], None));
    assert_eq!(page(9, 0, Some("guest:2"), 4), (vec![], None));
}
