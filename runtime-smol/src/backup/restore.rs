//! `kanvas restore`: a data directory of a backup. The whole backup is checked before anything is written. Then it is
//! built in a folder within the directory, and its pieces are moved out of that, the database last; while there is
//! something in that folder, no server takes the directory.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt as _, chown};
use std::path::{Path, PathBuf};

use clap::ArgMatches;
use rustix::process::geteuid;

use super::pack::{Source, Summed, part_of, sync_folders, write};
use super::{BUILDING, FORMAT, KEYS, MANIFEST, Manifest, Part, Piece, SEAL, is_half_made};
use crate::assets::files::sync;
use crate::start::{LOCK, lock_directory, make_directory, reason, unusable};
use crate::store::beside::DATABASE;
use crate::store::sql::{APPLICATION_ID, SCHEMA_VERSION};
use crate::words::counted;

/// A manifest is no longer than this, however many files there are.
const MOST_MANIFEST: u64 = 1 << 30;
/// What of a database says whose it is.
const HEAD: usize = 100;

/// Makes this data directory of a backup, and says what is in it. The error is a sentence that says why it was not made.
pub(crate) fn run(matches: &ArgMatches, data: &Path) -> Result<String, String> {
    let path = matches.get_one::<PathBuf>("file").cloned().unwrap_or_default();
    look_at(data)?;
    let source = Source::open(&path)?;
    let manifest = check(&source, &path)?;
    let owner = owner(data)?;
    let _lock = take(data)?;
    let shown = data.display();
    build(data, &source, &manifest).map_err(|why| format!("{why}; nothing was restored"))?;
    move_out(data, owner).map_err(|error| {
        format!("{shown} cannot be written ({}); run kanvas restore once more to finish it", reason(&error))
    })?;
    let Manifest { counts, made, kanvas, .. } = manifest;
    Ok(format!(
        "{shown}: {} with {} and {}, as they were at {made} (by Kanvas {kanvas}).\n",
        counted(counts.rooms, "room"),
        counted(counts.events, "event"),
        counted(counts.assets, "image file"),
    ))
}

/// Reads the whole backup and says what is in it, if all of it is as it was written and of a scheme that is known.
fn check(source: &Source, path: &Path) -> Result<Manifest, String> {
    let shown = path.display();
    let unreadable = |error: io::Error| format!("{shown} is damaged or cut short ({})", reason(&error));
    let (mut parts, mut head, mut manifest, mut seal) = (BTreeMap::new(), Vec::new(), None, None);
    source.each(&mut |name, bytes| {
        match name {
            MANIFEST | SEAL => {
                let mut text = Vec::new();
                bytes.take(MOST_MANIFEST).read_to_end(&mut text).map_err(unreadable)?;
                *(if name == MANIFEST { &mut manifest } else { &mut seal }) = Some(text);
            }
            _ => {
                let piece =
                    Piece::named(name).ok_or_else(|| format!("{shown} is no backup: it has a file {name:?}"))?;
                let mut summed = Summed::new(bytes);
                if piece == Piece::Database {
                    head.clear();
                    (&mut summed).take(HEAD as u64).read_to_end(&mut head).map_err(unreadable)?;
                }
                let mut sink = io::sink();
                io::copy(&mut summed, &mut sink).map_err(unreadable)?;
                if parts.insert(name.to_owned(), summed.part()).is_some() {
                    return Err(format!("{shown} is no backup: it has {name} twice"));
                }
            }
        }
        Ok(())
    })?;
    let (Some(manifest), Some(seal)) = (manifest, seal) else {
        return Err(format!("{shown} is no backup, or is cut short: its end is missing"));
    };
    let sum = part_of(&manifest).map_err(unreadable)?.sha256;
    if seal != format!("{sum}  {MANIFEST}\n").as_bytes() {
        return Err(format!("{shown} is damaged: its {MANIFEST} is not what it was"));
    }
    let manifest = read_manifest(&manifest, path)?;
    compare(&parts, &manifest, path)?;
    judge_database(&head, &manifest, path)?;
    Ok(manifest)
}

fn read_manifest(text: &[u8], path: &Path) -> Result<Manifest, String> {
    let shown = path.display();
    #[derive(serde::Deserialize)]
    struct Version {
        format: u32,
        kanvas: String,
    }
    let not_ours = |_| format!("{shown} is no backup of Kanvas: its {MANIFEST} cannot be read");
    let Version { format, kanvas } = serde_json::from_slice(text).map_err(not_ours)?;
    if format > FORMAT {
        return Err(newer(path, &kanvas, &format!("format {format}, this one knows {FORMAT}")));
    }
    serde_json::from_slice(text).map_err(not_ours)
}

/// Whether the files are those that the manifest has.
fn compare(parts: &BTreeMap<String, Part>, manifest: &Manifest, path: &Path) -> Result<(), String> {
    let shown = path.display();
    if let Some((name, _)) = parts.iter().find(|(name, _)| !manifest.parts.contains_key(*name)) {
        return Err(format!("{shown} is no backup: its {MANIFEST} knows nothing of {name}"));
    }
    for (name, part) in &manifest.parts {
        match parts.get(name) {
            None => return Err(format!("{shown} is damaged: {name} is missing")),
            Some(found) if found != part => return Err(format!("{shown} is damaged: {name} is not what it was")),
            Some(_) => {}
        }
    }
    match parts.contains_key(DATABASE) {
        true => Ok(()),
        false => Err(format!("{shown} is no backup: it has no {DATABASE}")),
    }
}

fn judge_database(head: &[u8], manifest: &Manifest, path: &Path) -> Result<(), String> {
    let shown = path.display();
    let number = |at: usize| head.get(at..at + 4).and_then(|four| four.try_into().ok()).map(i32::from_be_bytes);
    let (version, application) = (number(60), number(68));
    if !head.starts_with(b"SQLite format 3\0") || application != Some(APPLICATION_ID) {
        return Err(format!("{shown} is no backup: its {DATABASE} is no database of Kanvas"));
    }
    match version {
        Some(scheme) if scheme > SCHEMA_VERSION => {
            Err(newer(path, &manifest.kanvas, &format!("scheme {scheme}, this one knows {SCHEMA_VERSION}")))
        }
        Some(scheme) if scheme == manifest.scheme => Ok(()),
        Some(_) | None => {
            Err(format!("{shown} is damaged: its {MANIFEST} and its {DATABASE} are of different schemes"))
        }
    }
}

fn newer(path: &Path, kanvas: &str, how: &str) -> String {
    format!("{} was made by a newer Kanvas, {kanvas} ({how}); restore it with that version", path.display())
}

/// Whether there is nothing in the data directory, but what a restore that was cut off has left. Nothing is written.
fn look_at(data: &Path) -> Result<(), String> {
    let shown = data.display();
    let entries = match fs::read_dir(data) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(unusable(data, "read", &error)),
    };
    let names = entries.map(|entry| entry.map(|entry| entry.file_name())).collect::<Result<Vec<_>, _>>();
    let names = names.map_err(|error| unusable(data, "read", &error))?;
    let is_ours = |name: &std::ffi::OsString| name == BUILDING || name == LOCK;
    if !names.iter().all(is_ours) && !is_half_made(data) {
        if crate::check::is_locked(data) {
            return Err(format!(
                "the data directory {shown} is used by a Kanvas server that is running; stop it and move the directory \
                 away, or choose another one with --data"
            ));
        }
        return Err(format!(
            "the data directory {shown} is not empty, and a restore overwrites nothing; move it away or choose another \
             one with --data"
        ));
    }
    Ok(())
}

/// Whose a directory is that is there already: what is made in it is to be theirs.
fn owner(data: &Path) -> Result<Option<(u32, u32)>, String> {
    match fs::metadata(data) {
        Ok(there) => Ok(Some((there.uid(), there.gid())).filter(|(user, _)| *user != geteuid().as_raw())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(unusable(data, "read", &error)),
    }
}

/// Takes the directory, so that no server does, and empties it of what was half made.
fn take(data: &Path) -> Result<File, String> {
    let lock = lock_directory(data)?.ok_or_else(|| {
        format!("the data directory {} is used by another Kanvas that is running; stop it first", data.display())
    })?;
    // It may have been used since it was looked at.
    look_at(data)?;
    let clear = || -> io::Result<()> {
        if is_half_made(data) {
            for key in KEYS {
                remove(&data.join(key), |path| fs::remove_file(path))?;
            }
            remove(&data.join("assets"), |path| fs::remove_dir_all(path))?;
        }
        remove(&data.join(BUILDING), |path| fs::remove_dir_all(path))
    };
    clear().map_err(|error| unusable(data, "emptied", &error))?;
    Ok(lock)
}

fn remove(path: &Path, by: impl FnOnce(&Path) -> io::Result<()>) -> io::Result<()> {
    match by(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Writes everything aside, durably. What is left of it after an error goes.
fn build(data: &Path, source: &Source, manifest: &Manifest) -> Result<(), String> {
    let building = data.join(BUILDING);
    let failed = |error: io::Error| format!("{} cannot be written ({})", building.display(), reason(&error));
    let built = make_directory(&building).map_err(failed).and_then(|()| {
        source.each(&mut |name, bytes| {
            let (Some(piece), Some(part)) = (Piece::named(name), manifest.parts.get(name)) else { return Ok(()) };
            let mut summed = Summed::new(bytes);
            write(&building.join(piece.path()), &mut summed).map_err(failed)?;
            match summed.part() == *part {
                true => Ok(()),
                false => Err(format!("{name} was changed in the backup while it was read")),
            }
        })?;
        // A server expects it, and makes its entries durable only once it has made it.
        fs::create_dir_all(building.join("assets")).and_then(|()| sync_folders(&building)).map_err(failed)
    });
    if built.is_err() {
        // The next restore tries again, and a server says that there is something.
        drop(fs::remove_dir_all(&building));
    }
    built
}

/// Moves what was built to its place, the database last: where that is, everything is.
fn move_out(data: &Path, owner: Option<(u32, u32)>) -> io::Result<()> {
    let building = data.join(BUILDING);
    if let Some((user, group)) = owner {
        give(&building, user, group)?;
        give(&data.join(LOCK), user, group)?;
    }
    for name in KEYS.into_iter().chain(["assets"]) {
        match fs::rename(building.join(name), data.join(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
    }
    sync(data)?;
    fs::rename(building.join(DATABASE), data.join(DATABASE))?;
    sync(data)?;
    fs::remove_dir(building)?;
    sync(data)
}

/// Gives everything below a place, and the place, to somebody.
fn give(path: &Path, user: u32, group: u32) -> io::Result<()> {
    if fs::symlink_metadata(path)?.is_dir() {
        for entry in fs::read_dir(path)? {
            give(&entry?.path(), user, group)?;
        }
    }
    chown(path, Some(user), Some(group))
}
