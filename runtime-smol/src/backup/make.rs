//! `kanvas backup`: a copy of the database as it is at one moment, then the image files that this copy refers to. Files
//! are named by what is in them and never change, so they may be copied later; that none is swept meanwhile, their mark
//! sees to.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, IsTerminal as _, Seek as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use async_signal::{Signal, Signals};
use clap::ArgMatches;
use smol::future;
use smol::stream::StreamExt as _;

use super::pack::{Pack, Target, part, part_of};
use super::{Counts, FORMAT, KEYS, MANIFEST, Manifest, Part, Piece, SEAL};
use crate::assets::{Hash, files};
use crate::start::reason;
use crate::store::copy;
use crate::words::{counted, grouped};

/// How often it is begun anew because a file went.
const TRIES: u32 = 3;
/// How often a terminal is told how far it is.
const TELL: Duration = Duration::from_millis(200);

/// What was made, in a line, and what of it is not as it should be.
pub(crate) struct Made {
    /// Where nothing but the backup may be written to standard output, this goes elsewhere.
    pub(crate) on_error_output: bool,
    pub(crate) said: String,
    pub(crate) wrong: Option<String>,
}

/// Makes a backup of this data directory, and says what is in it. The error is a sentence that says why there is none.
pub(crate) fn run(matches: &ArgMatches, data: &Path) -> Result<Made, String> {
    let target = target(matches)?;
    let mut ears = Ears::listen()?;
    let shown = shown(&target);
    for _ in 0..TRIES {
        let failed = |error: io::Error| format!("{shown} cannot be written ({})", reason(&error));
        let mut backup = Backup {
            data,
            made: SystemTime::now(),
            pack: target.begin().map_err(failed)?,
            parts: BTreeMap::new(),
            counts: Counts::default(),
            ears: &mut ears,
        };
        let Some(scheme) = backup.fill(&target)? else { continue };
        let (counts, bytes) = (backup.counts, backup.parts.values().map(|part| part.bytes).sum::<u64>());
        backup.seal(scheme).map_err(failed)?;
        let Backup { pack, .. } = backup;
        target.keep(pack).map_err(|error| match error.kind() == io::ErrorKind::AlreadyExists {
            true => there_already(&shown),
            false => failed(error),
        })?;
        ears.clear_line();
        return Ok(Made {
            on_error_output: target == Target::Output,
            said: said(&shown, counts, bytes, scheme),
            wrong: (counts.damaged > 0).then(|| {
                format!(
                    "{} of {} cannot be trusted: it is not in the backup, and named above",
                    counted(counts.damaged, "image file"),
                    data.display()
                )
            }),
        });
    }
    Err("image files went while they were copied, again and again; try once more, with a longer --asset-keep".into())
}

fn target(matches: &ArgMatches) -> Result<Target, String> {
    let path = matches.get_one::<PathBuf>("file").cloned().unwrap_or_default();
    let is_folder = matches.get_flag("folder");
    if path.as_os_str() == "-" {
        return match (is_folder, io::stdout().is_terminal()) {
            (true, _) => Err("a folder has a name; give one in place of -".into()),
            (false, true) => {
                Err("an archive is no text for a terminal; send it on, as in: kanvas backup - > FILE".into())
            }
            (false, false) => Ok(Target::Output),
        };
    }
    if path.file_name().is_none() {
        return Err(format!("{} is no name for a backup; give one that is not there yet", path.display()));
    }
    // What is at the end of a link that leads nowhere is not there, and yet the name is taken.
    match fs::symlink_metadata(&path) {
        Ok(_) => Err(there_already(&path.display().to_string())),
        Err(_) if is_folder => Ok(Target::Folder(path)),
        Err(_) => Ok(Target::Archive(path)),
    }
}

fn there_already(shown: &str) -> String {
    format!("{shown} is there already, and a backup overwrites nothing; choose another name")
}

fn shown(target: &Target) -> String {
    match target {
        Target::Output => "standard output".into(),
        Target::Archive(path) | Target::Folder(path) => path.display().to_string(),
    }
}

fn said(shown: &str, counts: Counts, bytes: u64, scheme: i32) -> String {
    let Counts { rooms, events, assets, missing, damaged: _ } = counts;
    let (rooms, events, files) = (counted(rooms, "room"), counted(events, "event"), counted(assets, "image file"));
    let size = grouped(bytes.div_ceil(1024));
    let dead = match missing {
        0 => String::new(),
        _ => format!(" Rooms name {} more that there is not.", counted(missing, "image file")),
    };
    format!(
        "{shown}: {rooms} with {events}, {files}, {size} KiB (Kanvas {}, scheme {scheme}).{dead}\n",
        env!("CARGO_PKG_VERSION"),
    )
}

/// A backup on its way.
struct Backup<'a> {
    data: &'a Path,
    made: SystemTime,
    pack: Pack,
    parts: BTreeMap<String, Part>,
    counts: Counts,
    ears: &'a mut Ears,
}

impl Backup<'_> {
    /// Puts everything in, and says of which scheme the database is; `None` if a file went meanwhile.
    fn fill(&mut self, target: &Target) -> Result<Option<i32>, String> {
        let at = self.pack.place(&Piece::Database.name());
        let failed = |error: io::Error| format!("{} cannot be written ({})", shown(target), reason(&error));
        let empty = OpenOptions::new().create_new(true).write(true).mode(0o600).open(&at);
        empty.map_err(failed)?;
        let ears = &mut *self.ears;
        let copy = copy::make(self.data, &at, &mut |done, all| ears.go_on("the database", done, all))?;
        (self.counts.rooms, self.counts.events) = (copy.rooms, copy.events);
        let there = self.mark(copy.assets)?;
        let made = self.time();
        let put = |pack: &mut Pack| -> io::Result<Part> {
            let part = part(&mut File::open(&copy.path)?)?;
            pack.put_copy(&Piece::Database.name(), &part, made).map(|()| part)
        };
        let part = put(&mut self.pack).map_err(failed)?;
        self.parts.insert(Piece::Database.name(), part);
        for key in KEYS {
            self.put(&Piece::Key(key)).map_err(failed)?;
        }
        let all = there.len() as u64;
        for (done, hash) in there.into_iter().enumerate() {
            self.ears.go_on("image files", done as u64, all)?;
            let piece = Piece::Asset(hash.clone());
            match self.put(&piece).map_err(failed)? {
                Put::Yes => self.counts.assets += 1,
                Put::NotThere => return Ok(None),
                Put::Damaged => {
                    self.counts.damaged += 1;
                    self.ears.say(&format!("the image file {} is damaged", self.data.join(piece.path()).display()));
                }
            }
        }
        Ok(Some(copy.scheme))
    }

    /// Keeps the files from being swept for as long as one stays that nothing refers to: the backup refers to them. Those
    /// that are there.
    fn mark(&mut self, assets: impl IntoIterator<Item = Hash>) -> Result<Vec<Hash>, String> {
        let mut there = Vec::new();
        for hash in assets {
            let path = self.data.join(Piece::Asset(hash.clone()).path());
            let marked = files::mark(&path, SystemTime::now());
            match marked.map_err(|error| unreadable(&path, &error))? {
                true => there.push(hash),
                false => self.counts.missing += 1,
            }
        }
        Ok(there)
    }

    fn put(&mut self, piece: &Piece) -> io::Result<Put> {
        let path = self.data.join(piece.path());
        let unreadable = |error: io::Error| io::Error::other(unreadable(&path, &error));
        let mut file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Put::NotThere),
            Err(error) => return Err(unreadable(error)),
        };
        let part = part(&mut file).map_err(unreadable)?;
        if let Piece::Asset(hash) = piece
            && part.sha256 != hash.as_str()
        {
            return Ok(Put::Damaged);
        }
        file.rewind()?;
        let made = self.time();
        self.pack.put(&piece.name(), &part, made, &mut file)?;
        self.parts.insert(piece.name(), part);
        Ok(Put::Yes)
    }

    /// Says at the end what is in it.
    fn seal(&mut self, scheme: i32) -> io::Result<()> {
        let manifest = Manifest {
            format: FORMAT,
            kanvas: env!("CARGO_PKG_VERSION").into(),
            scheme,
            made: humantime::format_rfc3339_seconds(self.made).to_string(),
            counts: self.counts,
            parts: std::mem::take(&mut self.parts),
        };
        let mut text = serde_json::to_vec_pretty(&manifest)?;
        text.push(b'\n');
        let (part, made) = (part_of(&text)?, self.time());
        self.pack.put(MANIFEST, &part, made, &mut text.as_slice())?;
        let seal = format!("{}  {MANIFEST}\n", part.sha256);
        self.pack.put(SEAL, &part_of(seal.as_bytes())?, made, &mut seal.as_bytes())
    }

    fn time(&self) -> u64 {
        self.made.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
    }
}

/// What became of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Put {
    Yes,
    NotThere,
    /// It is not what its name says.
    Damaged,
}

fn unreadable(path: &Path, error: &io::Error) -> String {
    format!("{} cannot be read ({}); run it as the server's user", path.display(), reason(error))
}

/// Hears whether it is to stop, and tells a terminal how far it is.
struct Ears {
    stopped: Arc<AtomicBool>,
    /// When a terminal was told last; `None` if there is none.
    told: Option<Instant>,
    line: bool,
}

impl Ears {
    /// From now on a signal does not end the program, but the backup in good order.
    fn listen() -> Result<Ears, String> {
        let failed = |error: io::Error| format!("signals cannot be received ({error})");
        let mut signals = Signals::new([Signal::Term, Signal::Int]).map_err(failed)?;
        let stopped = Arc::new(AtomicBool::new(false));
        let heard = stopped.clone();
        let listening = move || {
            future::block_on(signals.next());
            heard.store(true, Ordering::Relaxed);
        };
        thread::Builder::new().name("kanvas-signals".into()).spawn(listening).map_err(failed)?;
        let told = io::stderr().is_terminal().then(Instant::now);
        Ok(Ears { stopped, told, line: false })
    }

    fn go_on(&mut self, what: &str, done: u64, all: u64) -> Result<(), String> {
        if self.stopped.load(Ordering::Relaxed) {
            self.clear_line();
            return Err("stopped; there is no backup".into());
        }
        if let Some(told) = self.told.filter(|told| told.elapsed() >= TELL) {
            let share = done.saturating_mul(100).checked_div(all).unwrap_or(100);
            // Nothing is lost if nobody reads it.
            drop(write!(io::stderr(), "\r\x1b[Kkanvas: copying {what}: {share} %"));
            self.told = Some(told + told.elapsed());
            self.line = true;
        }
        Ok(())
    }

    fn say(&mut self, words: &str) {
        self.clear_line();
        drop(writeln!(io::stderr(), "kanvas: {words}"));
    }

    fn clear_line(&mut self) {
        if std::mem::take(&mut self.line) {
            drop(write!(io::stderr(), "\r\x1b[K"));
        }
    }
}
