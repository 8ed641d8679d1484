//! Backups of a data directory: `kanvas backup` makes one while the server runs (`make`), `kanvas restore` makes a data
//! directory of it (`restore`). It owns what a backup consists of; `pack` owns its two forms, an archive and a folder.

mod make;
mod pack;
mod restore;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::{Arg, ArgAction, Command, ValueHint, value_parser};
use serde::{Deserialize, Serialize};

use crate::assets::{Hash, files};
use crate::start::reason;
use crate::store::beside::DATABASE;

pub(crate) use make::{Made, run as make};
pub(crate) use restore::run as restore;

/// The version of what is described here.
const FORMAT: u32 = 1;
/// What says of a backup what is in it.
const MANIFEST: &str = "manifest.json";
/// The sum of that, as `sha256sum` writes it; it comes last, and so says that the backup is whole.
const SEAL: &str = "manifest.sha256";
/// The secrets of a data directory.
const KEYS: [&str; 2] = ["guest.key", "dev-key.pem"];
/// Where a restore builds, within the data directory.
const BUILDING: &str = "restoring";

/// What is in a backup.
#[derive(Debug, Serialize, Deserialize)]
struct Manifest {
    format: u32,
    /// The version of the Kanvas that made it.
    kanvas: String,
    /// The scheme of its database.
    scheme: i32,
    /// The time of the moment that it shows, as in RFC 3339.
    made: String,
    counts: Counts,
    /// Its files by name, all but the manifest and the seal.
    parts: BTreeMap<String, Part>,
}

#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Counts {
    rooms: u64,
    /// Events in the rooms' logs.
    events: u64,
    /// Image files.
    assets: u64,
    /// Image files that rooms refer to and that were not there.
    missing: u64,
    /// Image files that were damaged, and are left out.
    damaged: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Part {
    bytes: u64,
    sha256: String,
}

/// A file of a data directory that a backup has.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Database,
    Key(&'static str),
    Asset(Hash),
}

impl Piece {
    /// Its path in the data directory, and its name in a backup.
    fn path(&self) -> PathBuf {
        match self {
            Piece::Database => DATABASE.into(),
            Piece::Key(name) => (*name).into(),
            Piece::Asset(hash) => Path::new("assets").join(files::place(hash)),
        }
    }

    fn name(&self) -> String {
        self.path().display().to_string()
    }

    /// The piece of that name, if a backup has one: no name leads out of a data directory.
    fn named(name: &str) -> Option<Piece> {
        let key = KEYS.into_iter().find(|key| *key == name).map(Piece::Key);
        let asset = || {
            let piece = Piece::Asset(Hash::parse(name.rsplit('/').next()?)?);
            (piece.name() == name).then_some(piece)
        };
        if name == DATABASE { Some(Piece::Database) } else { key.or_else(asset) }
    }
}

/// The two commands, for the whole command line; `data` is the setting that they need.
pub(crate) fn commands(data: &[Arg], settings_file: &Arg) -> [Command; 2] {
    let file = || Arg::new("file").required(true).value_parser(value_parser!(PathBuf)).value_hint(ValueHint::AnyPath);
    let folder = Arg::new("folder").long("folder").action(ArgAction::SetTrue);
    let codes = "Exit codes: 0 if it is done, 1 if it is not, 2 if the command cannot be understood.";
    let make = Command::new("backup")
        .about("Copy the data directory, while the server runs, too")
        .after_help(format!(
            "The backup has all that the server had acknowledged, and the keys of the data directory: keep it as secret as \
             that.\n{codes}"
        ))
        .arg(file().value_name("FILE").help("The archive (tar) to write, which must not be there; - is standard output"))
        .arg(folder.help("Write a folder of that name instead"));
    let restore = Command::new("restore")
        .about("Make a data directory of a backup")
        .after_help(format!("Nothing is written before the whole backup was checked.\n{codes}"))
        .arg(file().value_name("FILE").help("The archive or the folder, as kanvas backup writes it"));
    [make, restore].map(|command| command.args(data).arg(settings_file))
}

/// Whether a data directory is not one that a restore has left half made. The error is a sentence for the operator.
pub(crate) fn judge_directory(data: &Path) -> Result<(), String> {
    let building = data.join(BUILDING);
    // Without anything in it, either nothing of the restore was done yet or everything was.
    match fs::remove_dir(&building) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(_) if data.join(DATABASE).exists() => Ok(()),
        Err(_) if is_half_made(data) => {
            Err(format!("a restore of {} was cut off; run kanvas restore once more to finish it", data.display()))
        }
        Err(error) => Err(format!("{} cannot be removed ({})", building.display(), reason(&error))),
    }
}

/// Whether a restore into a directory was cut off: its folder is made in an empty one alone, and the database leaves it
/// last.
fn is_half_made(data: &Path) -> bool {
    let is_full = fs::read_dir(data.join(BUILDING)).is_ok_and(|mut entries| entries.next().is_some());
    is_full && !data.join(DATABASE).exists()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backup7_a_name_leads_to_a_piece_of_a_data_directory_and_nowhere_else() {
        let hash = "0a".repeat(32);
        for name in [DATABASE, "guest.key", "dev-key.pem", &format!("assets/0a/{hash}")] {
            assert_eq!(Piece::named(name).unwrap().name(), name);
        }
        let asset = |folder: &str| format!("assets/{folder}/{hash}");
        let strangers = ["", ".", "/etc/passwd", "../guest.key", "./kanvas.db", "kanvas.db-wal", "assets/0a/x", "keys"];
        for name in strangers.map(str::to_owned).into_iter().chain([asset("0b"), asset(".."), hash.clone()]) {
            assert_eq!(Piece::named(&name), None, "{name}");
        }
    }
}
