//! What a disk may hold after a power cut. It owns the files' synced contents and the changes since, as POSIX allows
//! them to be lost: each by itself, in any order, writes torn at sectors, names unless their directory was synced.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use crate::chance::Chance;
use crate::trace::{Event, What};

/// A disk writes this many bytes whole or not at all.
const SECTOR: usize = 512;

/// What is left: files by name.
pub(crate) type Remains = BTreeMap<PathBuf, Vec<u8>>;

/// See the module.
#[derive(Default)]
pub(crate) struct Disk {
    files: Vec<File>,
    /// The names as the server sees them.
    seen: BTreeMap<PathBuf, usize>,
    /// The names that survive.
    synced: BTreeMap<PathBuf, usize>,
    renames: Vec<NameChange>,
    begun: HashMap<usize, Pending>,
}

#[derive(Default)]
struct File {
    directory: bool,
    /// As the server sees it.
    len: usize,
    synced: Vec<u8>,
    changes: Vec<Change>,
    /// How many changes were synced before those.
    before: usize,
}

#[derive(Clone)]
enum Change {
    Length(usize),
    Write { at: usize, bytes: Vec<u8> },
}

#[derive(Clone)]
enum NameChange {
    Made(PathBuf, usize),
    Moved(PathBuf, PathBuf),
    Gone(PathBuf),
}

/// A call that has not ended yet, and what its end decides.
enum Pending {
    MakeDirectory(PathBuf),
    Open {
        path: PathBuf,
        make: bool,
        empty: bool,
    },
    Write {
        file: usize,
        change: usize,
    },
    /// Names up to there, or changes of a file up to there.
    Sync {
        path: PathBuf,
        file: usize,
        upto: usize,
    },
}

/// What a cut did, beside the files that it left.
#[derive(Default)]
pub(crate) struct Cut {
    pub(crate) remains: Remains,
    pub(crate) unsynced: usize,
    pub(crate) torn: usize,
}

impl Disk {
    pub(crate) fn hear(&mut self, event: &Event) {
        match event {
            Event::Begun { call, what } => self.begin(*call, what),
            Event::Ended { call, result } => self.end(*call, *result),
        }
    }

    fn begin(&mut self, call: usize, what: &What) {
        match what {
            What::Open { path, make, empty } => {
                self.begun.insert(call, Pending::Open { path: path.clone(), make: *make, empty: *empty });
            }
            What::MakeDirectory(path) => drop(self.begun.insert(call, Pending::MakeDirectory(path.clone()))),
            What::Rename { from, to } => {
                if let Some(file) = self.seen.remove(from) {
                    self.seen.insert(to.clone(), file);
                    self.renames.push(NameChange::Moved(from.clone(), to.clone()));
                }
            }
            What::Unlink(path) => {
                if self.seen.remove(path).is_some() {
                    self.renames.push(NameChange::Gone(path.clone()));
                }
            }
            What::Length { path, to } => {
                if let Some(&file) = self.seen.get(path) {
                    self.files[file].len = *to;
                    self.files[file].changes.push(Change::Length(*to));
                }
            }
            What::Write { path, at, bytes } => self.write(call, path, *at, bytes),
            What::Sync(path) => {
                let upto = if let Some(&file) = self.seen.get(path).filter(|file| !self.files[**file].directory) {
                    (file, self.files[file].before + self.files[file].changes.len())
                } else {
                    (usize::MAX, self.renames.len())
                };
                self.begun.insert(call, Pending::Sync { path: path.clone(), file: upto.0, upto: upto.1 });
            }
            What::Say { .. } => {}
        }
    }

    fn make(&mut self, path: &Path) {
        if !self.seen.contains_key(path) {
            self.seen.insert(path.into(), self.files.len());
            self.renames.push(NameChange::Made(path.into(), self.files.len()));
            self.files.push(File::default());
        }
    }

    /// A file that has lost its name is forgotten: nothing of it can come back.
    fn write(&mut self, call: usize, path: &Path, at: Option<usize>, bytes: &[u8]) {
        let Some(&no) = self.seen.get(path) else { return };
        let file = &mut self.files[no];
        let at = at.unwrap_or(file.len);
        file.len = file.len.max(at + bytes.len());
        self.begun.insert(call, Pending::Write { file: no, change: file.before + file.changes.len() });
        file.changes.push(Change::Write { at, bytes: bytes.into() });
    }

    fn end(&mut self, call: usize, result: i64) {
        match self.begun.remove(&call) {
            Some(Pending::Open { path, make, empty }) if result >= 0 => {
                if make {
                    self.make(&path);
                }
                if let Some(&file) = self.seen.get(&path).filter(|_| empty) {
                    self.files[file].len = 0;
                    self.files[file].changes.push(Change::Length(0));
                }
            }
            Some(Pending::MakeDirectory(path)) if result == 0 => {
                self.make(&path);
                let file = self.seen[&path];
                self.files[file].directory = true;
            }
            Some(Pending::Write { file, change }) => {
                let file = &mut self.files[file];
                let at = change.checked_sub(file.before).expect("one thread writes and syncs");
                if let Change::Write { bytes, .. } = &mut file.changes[at] {
                    bytes.truncate(usize::try_from(result).unwrap_or(0));
                }
            }
            Some(Pending::Sync { path, file: usize::MAX, upto }) if result == 0 => self.sync_names(&path, upto),
            Some(Pending::Sync { file, upto, .. }) if result == 0 => self.files[file].sync(upto),
            Some(Pending::Open { .. } | Pending::MakeDirectory(_) | Pending::Sync { .. }) | None => {}
        }
    }

    fn sync_names(&mut self, directory: &Path, upto: usize) {
        let mut rest = Vec::new();
        for (no, change) in std::mem::take(&mut self.renames).into_iter().enumerate() {
            if no < upto && change.directory() == Some(directory) {
                change.carry_out(&mut self.synced);
            } else {
                rest.push(change);
            }
        }
        // Two such syncs at once would count wrongly; one thread makes the names here.
        self.renames = rest;
    }

    /// Cuts the power now.
    pub(crate) fn cut(&self, chance: &mut Chance) -> Cut {
        let mut cut = Cut::default();
        let mut names = self.synced.clone();
        for change in &self.renames {
            if chance.of(1, 2) {
                change.carry_out(&mut names);
            }
        }
        for (path, file) in &names {
            let whole =
                path.ancestors().skip(1).all(|above| !self.seen.contains_key(above) || names.contains_key(above));
            let file = &self.files[*file];
            if !whole || file.directory {
                continue;
            }
            let left = if path.to_string_lossy().ends_with("-shm") {
                // It is mapped into memory: nobody says what of it reached the disk.
                (0..chance.below(40_000)).map(|_| u8::try_from(chance.below(256)).unwrap_or(0)).collect()
            } else {
                file.cut(chance, &mut cut)
            };
            cut.remains.insert(path.clone(), left);
        }
        cut
    }
}

impl NameChange {
    fn directory(&self) -> Option<&Path> {
        match self {
            NameChange::Made(path, _) | NameChange::Moved(_, path) | NameChange::Gone(path) => path.parent(),
        }
    }

    fn carry_out(&self, names: &mut BTreeMap<PathBuf, usize>) {
        match self {
            NameChange::Made(path, file) => drop(names.insert(path.clone(), *file)),
            NameChange::Moved(from, to) => {
                if let Some(file) = names.remove(from) {
                    names.insert(to.clone(), file);
                }
            }
            NameChange::Gone(path) => drop(names.remove(path)),
        }
    }
}

impl File {
    fn sync(&mut self, upto: usize) {
        let count = upto.saturating_sub(self.before);
        for change in self.changes.drain(..count) {
            change.carry_out(&mut self.synced);
        }
        self.before += count;
    }

    fn cut(&self, chance: &mut Chance, cut: &mut Cut) -> Vec<u8> {
        let mut left = self.synced.clone();
        let mut changes: Vec<&Change> = self.changes.iter().collect();
        if chance.of(1, 2) {
            chance.shuffle(&mut changes);
        }
        cut.unsynced += changes.len();
        for change in changes {
            match (chance.below(4), change) {
                (0, _) => {}
                // The length is kept apart from the contents: nothing was written there yet.
                (1, Change::Write { at, bytes }) if chance.of(1, 4) => {
                    let len = left.len().max(at + bytes.len());
                    left.resize(len, 0);
                }
                (1 | 2, Change::Write { at, bytes }) => {
                    cut.torn += 1;
                    for (at, piece) in sectors(*at, bytes) {
                        if chance.of(1, 2) {
                            write_at(&mut left, at, piece);
                        }
                    }
                }
                (_, change) => change.carry_out(&mut left),
            }
        }
        left
    }
}

impl Change {
    fn carry_out(&self, contents: &mut Vec<u8>) {
        match self {
            Change::Length(len) => contents.resize(*len, 0),
            Change::Write { at, bytes } => write_at(contents, *at, bytes),
        }
    }
}

fn write_at(contents: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    let len = contents.len().max(at + bytes.len());
    contents.resize(len, 0);
    contents[at..at + bytes.len()].copy_from_slice(bytes);
}

/// The parts of a write that lie in one sector each.
fn sectors(at: usize, bytes: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let first = (SECTOR - at % SECTOR).min(bytes.len());
    let (head, tail) = bytes.split_at(first);
    let rest = tail.chunks(SECTOR).enumerate().map(move |(no, piece)| (at + first + no * SECTOR, piece));
    std::iter::once((at, head)).chain(rest)
}
