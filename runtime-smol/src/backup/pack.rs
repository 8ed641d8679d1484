//! The two forms of a backup: an archive in the format of tar, or a folder. It owns how each is written, so that nothing
//! passes for whole that is not, and how each is read, file by file with its sum.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, RenameFlags, renameat_with};
use sha2::{Digest as _, Sha256};
use tar::{Builder, EntryType, Header};
use tempfile::{NamedTempFile, TempDir};

use super::{MANIFEST, Part, SEAL};
use crate::assets::files::sync;
use crate::start::reason;
use crate::web::hex;

const PIECE: usize = 128 * 1024;
/// The access that tar writes for each file: its owner's alone.
const MODE: u32 = 0o600;
/// How the name of what is not whole ends.
const ASIDE: &str = ".part";

/// A backup that is being written. Dropped before its end, it leaves nothing.
pub(super) enum Pack {
    Archive { tar: Builder<Box<dyn Write>>, file: Option<NamedTempFile>, copy: TempDir },
    Folder(TempDir),
}

/// Where a backup is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Target {
    Output,
    Archive(PathBuf),
    Folder(PathBuf),
}

/// What is read of a file.
pub(super) struct Summed<'a> {
    inner: &'a mut dyn Read,
    sum: Sha256,
    bytes: u64,
}

impl Read for Summed<'_> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(bytes)?;
        self.sum.update(bytes.get(..count).unwrap_or_default());
        self.bytes += count as u64;
        Ok(count)
    }
}

impl<'a> Summed<'a> {
    pub(super) fn new(inner: &'a mut dyn Read) -> Summed<'a> {
        Summed { inner, sum: Sha256::new(), bytes: 0 }
    }

    /// What was read up to now.
    pub(super) fn part(self) -> Part {
        Part { bytes: self.bytes, sha256: hex(&self.sum.finalize()) }
    }
}

/// What these bytes are.
pub(super) fn part_of(mut bytes: &[u8]) -> io::Result<Part> {
    part(&mut bytes)
}

/// What is in a file, read to its end.
pub(super) fn part(file: &mut dyn Read) -> io::Result<Part> {
    let mut summed = Summed::new(file);
    let mut piece = vec![0; PIECE];
    while summed.read(&mut piece)? > 0 {}
    Ok(summed.part())
}

impl Target {
    /// Begins aside, where the backup is to be.
    pub(super) fn begin(&self) -> io::Result<Pack> {
        Ok(match self {
            Target::Output => {
                let out: Box<dyn Write> = Box::new(BufWriter::new(io::stdout().lock()));
                Pack::Archive {
                    tar: Builder::new(out),
                    file: None,
                    copy: folder_aside(".kanvas.", &std::env::temp_dir())?,
                }
            }
            Target::Archive(path) => {
                // Begins with a dot, so that it is shown to few.
                let name = aside_name(path);
                let file = tempfile::Builder::new().prefix(&name).suffix(ASIDE).tempfile_in(parent(path))?;
                let out: Box<dyn Write> = Box::new(BufWriter::new(file.as_file().try_clone()?));
                let copy = folder_aside(&name, parent(path))?;
                Pack::Archive { tar: Builder::new(out), file: Some(file), copy }
            }
            Target::Folder(path) => Pack::Folder(folder_aside(&aside_name(path), parent(path))?),
        })
    }

    /// Gives what is whole its name, durably, if nothing has that name.
    pub(super) fn keep(&self, pack: Pack) -> io::Result<()> {
        match (self, pack) {
            (Target::Archive(path), Pack::Archive { mut tar, file: Some(file), .. }) => {
                tar.finish()?;
                tar.get_mut().flush()?;
                file.as_file().sync_all()?;
                file.persist_noclobber(path).map_err(|error| error.error)?;
                sync(parent(path))
            }
            (Target::Folder(path), Pack::Folder(folder)) => {
                sync_folders(folder.path())?;
                rename_new(folder.path(), path)?;
                // It has gone from there.
                drop(folder.keep());
                sync(parent(path))
            }
            (_, Pack::Archive { mut tar, .. }) => {
                tar.finish()?;
                tar.get_mut().flush()
            }
            (_, Pack::Folder(_)) => Err(io::ErrorKind::InvalidInput.into()),
        }
    }
}

impl Pack {
    /// Where a copy of the database is to be made, as a file of this name.
    pub(super) fn place(&self, name: &str) -> PathBuf {
        match self {
            Pack::Archive { copy, .. } | Pack::Folder(copy) => copy.path().join(name),
        }
    }

    /// Puts a file in that is this, as a part of this name.
    pub(super) fn put(&mut self, name: &str, part: &Part, made: u64, bytes: &mut dyn Read) -> io::Result<()> {
        let mut summed = Summed::new(bytes);
        match self {
            Pack::Archive { tar, .. } => {
                let mut header = Header::new_gnu();
                header.set_entry_type(EntryType::Regular);
                header.set_mode(MODE);
                header.set_mtime(made);
                header.set_size(part.bytes);
                tar.append_data(&mut header, name, (&mut summed).take(part.bytes))?;
            }
            Pack::Folder(folder) => write(&folder.path().join(name), &mut summed)?,
        }
        match summed.part() == *part {
            true => Ok(()),
            false => Err(io::Error::other(format!("{name} was changed by another program meanwhile"))),
        }
    }

    /// Puts the copy of the database in.
    pub(super) fn put_copy(&mut self, name: &str, part: &Part, made: u64) -> io::Result<()> {
        let path = self.place(name);
        let mut file = File::open(&path)?;
        match self {
            Pack::Archive { .. } => {
                self.put(name, part, made, &mut file)?;
                fs::remove_file(path)
            }
            Pack::Folder(_) => file.sync_all(),
        }
    }
}

/// Writes a file of its owner's alone, durably, and the folders that it needs.
pub(super) fn write(path: &Path, bytes: &mut dyn Read) -> io::Result<()> {
    fs::create_dir_all(parent(path))?;
    let mut file = OpenOptions::new().create_new(true).write(true).mode(MODE).open(path)?;
    let mut piece = vec![0; PIECE];
    loop {
        match bytes.read(&mut piece)? {
            0 => return file.sync_all(),
            count => file.write_all(piece.get(..count).unwrap_or_default())?,
        }
    }
}

/// Makes the names below a folder durable, and its own entries.
pub(super) fn sync_folders(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            sync_folders(&entry.path())?;
        }
    }
    sync(folder)
}

fn aside_name(path: &Path) -> String {
    format!(".{}.", path.file_name().unwrap_or_default().to_string_lossy())
}

/// A folder aside of its owner's alone.
fn folder_aside(name: &str, within: &Path) -> io::Result<TempDir> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(name).suffix(ASIDE).permissions(Permissions::from_mode(0o700)).tempdir_in(within)
}

/// The folder that it stands in.
pub(super) fn parent(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Renames unless there is something of that name.
fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        // Not every file system can; an empty folder is all that could be replaced then.
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) if !to.exists() => fs::rename(from, to),
        renamed => Ok(renamed?),
    }
}

/// A backup that is read.
pub(super) enum Source {
    Archive(PathBuf),
    Folder(PathBuf),
}

/// What is made of a file of a backup, by its name.
pub(super) type Visit<'a> = &'a mut dyn FnMut(&str, &mut dyn Read) -> Result<(), String>;

impl Source {
    pub(super) fn open(path: &Path) -> Result<Source, String> {
        match fs::metadata(path) {
            Ok(there) if there.is_dir() => Ok(Source::Folder(path.to_owned())),
            Ok(_) => Ok(Source::Archive(path.to_owned())),
            Err(error) => Err(format!("{} cannot be read ({})", path.display(), reason(&error))),
        }
    }

    /// Visits every file in it, in the order in which they were written: the database first, the manifest and its seal
    /// last. The error is a sentence.
    pub(super) fn each(&self, visit: Visit<'_>) -> Result<(), String> {
        match self {
            Source::Archive(path) => each_of_archive(path, visit),
            Source::Folder(path) => each_of_folder(path, path, visit),
        }
    }
}

fn each_of_archive(path: &Path, visit: Visit<'_>) -> Result<(), String> {
    let shown = path.display();
    let broken = |error: io::Error| match error.raw_os_error() {
        Some(_) => format!("{shown} cannot be read ({})", reason(&error)),
        // Its reader's words quote what it found.
        None => format!("{shown} is no archive of a backup, or is damaged or cut short"),
    };
    let file = File::open(path).map_err(|error| format!("{shown} cannot be read ({})", reason(&error)))?;
    let mut archive = tar::Archive::new(BufReader::with_capacity(PIECE, file));
    for entry in archive.entries().map_err(broken)? {
        let mut entry = entry.map_err(broken)?;
        let name = entry.path().map_err(broken)?.to_string_lossy().into_owned();
        if entry.header().entry_type() != EntryType::Regular {
            return Err(format!("{shown} is no archive of a backup: {name} in it is no file"));
        }
        visit(&name, &mut entry)?;
    }
    Ok(())
}

fn each_of_folder(root: &Path, folder: &Path, visit: Visit<'_>) -> Result<(), String> {
    let broken = |error: io::Error| format!("{} cannot be read ({})", folder.display(), reason(&error));
    let entries = fs::read_dir(folder).map_err(broken)?;
    let mut paths: Vec<_> =
        entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>().map_err(broken)?;
    let name = |path: &Path| path.strip_prefix(root).unwrap_or(path).to_string_lossy().into_owned();
    // Those that say what the others are come last.
    paths.sort_by_key(|path| ([MANIFEST, SEAL].contains(&name(path).as_str()), path.clone()));
    for path in paths {
        let broken = |error: io::Error| format!("{} cannot be read ({})", path.display(), reason(&error));
        if fs::metadata(&path).map_err(broken)?.is_dir() {
            each_of_folder(root, &path, visit)?;
        } else {
            visit(&name(&path), &mut File::open(&path).map_err(broken)?)?;
        }
    }
    Ok(())
}
