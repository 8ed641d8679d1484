//! The files themselves. It owns the directory `assets/`: `new/` with what is being received, and `ab/<sha256>` with
//! what was acknowledged. All of it blocks: it is called on threads that may wait.
//!
//! A file's time of change is when something last referred to it; its name is its content. There is no other account.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use sha2::{Digest as _, Sha256};
use tempfile::NamedTempFile;

use super::Hash;
use crate::start::reason;
use crate::web::hex;

/// What a file takes at least, so that many tiny ones cannot fill a disk that is counted in bytes.
const BLOCK: u64 = 4096;

/// What a file of so many bytes counts as.
pub(crate) fn charge(bytes: u64) -> u64 {
    bytes.max(1).checked_next_multiple_of(BLOCK).unwrap_or(u64::MAX)
}

/// What all files of the directory count as.
pub(crate) fn counted(root: &Path) -> io::Result<u64> {
    let mut used = 0_u64;
    each(root, |_, bytes, _| {
        used = used.saturating_add(charge(bytes));
        Ok(())
    })?;
    Ok(used)
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Files {
    root: PathBuf,
    most: u64,
    /// What all files count as. Who changes which files there are holds it.
    used: Mutex<u64>,
}

/// Whether a file found its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kept {
    Yes,
    /// There is no room for it.
    NoRoom,
}

impl Files {
    /// Makes the directories and removes what an earlier server had not finished. The error is a sentence for the
    /// operator.
    pub(crate) fn open(data: &Path, most: u64) -> Result<Files, String> {
        let root = data.join("assets");
        let opened = || -> io::Result<u64> {
            fs::create_dir_all(root.join("new"))?;
            for entry in fs::read_dir(root.join("new"))? {
                fs::remove_file(entry?.path())?;
            }
            sync(&root)?;
            sync(data)?;
            counted(&root)
        };
        match opened() {
            Ok(used) => Ok(Files { root, most, used: Mutex::new(used) }),
            Err(error) => Err(format!(
                "the directory {} cannot be used ({}); check its owner and permissions",
                root.display(),
                reason(&error)
            )),
        }
    }

    /// Begins a new file aside.
    pub(crate) fn begin(&self) -> io::Result<Incoming> {
        let file = NamedTempFile::new_in(self.root.join("new"))?;
        Ok(Incoming { file: Aside(Some(file)), sum: Sha256::new(), bytes: 0 })
    }

    /// Gives a file its place, durably. The same bytes again replace themselves, which makes them new.
    pub(crate) fn keep(&self, whole: Whole) -> io::Result<Kept> {
        let Whole { file, hash, bytes } = whole;
        let path = self.path(&hash);
        let Some(folder) = path.parent() else { return Err(io::ErrorKind::InvalidInput.into()) };
        match fs::create_dir(folder) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
        {
            let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
            let there = match fs::metadata(&path) {
                Ok(there) => charge(there.len()),
                Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
                Err(error) => return Err(error),
            };
            let then = used.saturating_sub(there).saturating_add(charge(bytes));
            if then > self.most && then > *used {
                return Ok(Kept::NoRoom);
            }
            file.persist(&path)?;
            *used = then;
        }
        // Both, whoever made the folder: the other upload that did may not have come so far.
        sync(folder)?;
        sync(&self.root)?;
        Ok(Kept::Yes)
    }

    /// How long a file is, and its first bytes, at most as many as asked for.
    pub(crate) fn look(&self, hash: &Hash, most: usize) -> io::Result<(u64, Vec<u8>)> {
        let file = File::open(self.path(hash))?;
        let bytes = file.metadata()?.len();
        let mut head = vec![0; usize::try_from(bytes).unwrap_or(usize::MAX).min(most)];
        file.read_exact_at(&mut head, 0)?;
        Ok((bytes, head))
    }

    /// A piece of a file that is known to be so long.
    pub(crate) fn piece(&self, hash: &Hash, from: u64, bytes: usize) -> io::Result<Vec<u8>> {
        let mut piece = vec![0; bytes];
        File::open(self.path(hash))?.read_exact_at(&mut piece, from)?;
        Ok(piece)
    }

    /// Something refers to this file now, if it is here.
    pub(crate) fn touch(&self, hash: &Hash, now: SystemTime) -> io::Result<()> {
        mark(&self.path(hash), now).map(drop)
    }

    /// Removes what nothing has referred to for so long, and says how many files that were.
    pub(crate) fn sweep(&self, now: SystemTime, keep: Duration) -> io::Result<u64> {
        let old = |changed: SystemTime| now.duration_since(changed).is_ok_and(|age| age > keep);
        let mut removed = 0;
        each(&self.root, |path, _, changed| {
            if !old(changed) {
                return Ok(());
            }
            // It may just have been sent again: only under the lock it stays as it was seen.
            let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
            let there = fs::metadata(path)?;
            if old(there.modified()?) {
                fs::remove_file(path)?;
                *used = used.saturating_sub(charge(there.len()));
                removed += 1;
            }
            Ok(())
        })?;
        Ok(removed)
    }

    fn path(&self, hash: &Hash) -> PathBuf {
        self.root.join(place(hash))
    }
}

/// Where a file has its place below `assets/`.
pub(crate) fn place(hash: &Hash) -> PathBuf {
    Path::new(hash.as_str().get(..2).unwrap_or_default()).join(hash.as_str())
}

/// Something refers to the file at this place now. False if there is none.
pub(crate) fn mark(path: &Path, now: SystemTime) -> io::Result<bool> {
    match File::open(path) {
        Ok(file) => file.set_modified(now).map(|()| true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Visits every file that has its place: path, bytes, time of change.
fn each(root: &Path, mut visit: impl FnMut(&Path, u64, SystemTime) -> io::Result<()>) -> io::Result<()> {
    for folder in fs::read_dir(root)? {
        let folder = folder?;
        if !folder.file_type()?.is_dir() || folder.file_name() == "new" {
            continue;
        }
        for entry in fs::read_dir(folder.path())? {
            let entry = entry?;
            // What is not ours is left alone.
            if entry.file_name().to_str().and_then(Hash::parse).is_some() {
                let there = entry.metadata()?;
                visit(&entry.path(), there.len(), there.modified()?)?;
            }
        }
    }
    Ok(())
}

/// A directory's entries survive a power cut only when it was synced itself.
pub(crate) fn sync(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

/// A file that is being received.
#[derive(Debug)]
pub(crate) struct Incoming {
    file: Aside,
    sum: Sha256,
    bytes: u64,
}

impl Incoming {
    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let Some(file) = &mut self.file.0 else { return Err(io::ErrorKind::NotFound.into()) };
        file.write_all(bytes)?;
        self.sum.update(bytes);
        self.bytes += bytes.len() as u64;
        Ok(())
    }

    /// Makes its bytes durable. It has no place yet.
    pub(crate) fn finish(mut self) -> io::Result<Whole> {
        if let Some(file) = &self.file.0 {
            file.as_file().sync_all()?;
        }
        let hash = Hash(hex(&self.sum.finalize_reset()));
        Ok(Whole { file: self.file, hash, bytes: self.bytes })
    }
}

/// A file that was received as a whole.
#[derive(Debug)]
pub(crate) struct Whole {
    file: Aside,
    pub(crate) hash: Hash,
    pub(crate) bytes: u64,
}

/// A file in `new/`, which goes unless it is given a place.
#[derive(Debug)]
struct Aside(Option<NamedTempFile>);

impl Aside {
    fn persist(mut self, path: &Path) -> io::Result<()> {
        let Some(file) = self.0.take() else { return Err(io::ErrorKind::NotFound.into()) };
        file.persist(path)?;
        Ok(())
    }
}

impl Drop for Aside {
    fn drop(&mut self) {
        // A connection that breaks off drops it on a thread that runs rooms, and removing a file may take its time.
        if let Some(file) = self.0.take() {
            smol::unblock(move || drop(file)).detach();
        }
    }
}
