//! `kanvas check-config`: what would be used, where each value comes from, and everything that would keep the server from
//! starting. It changes nothing, and it may be asked while the server runs.

use std::env;
use std::fmt::Write as _;
use std::fs::{self, OpenOptions, TryLockError};
use std::io;
use std::path::Path;

use rustix::fs::{Access, access};

use crate::config::{self, Serve};
use crate::door::Door;
use crate::gate::Gate;
use crate::listen::{Listener, Unbound};
use crate::settings::{self, Origin, Setting, Told};
use crate::start;

/// What the check found.
pub(crate) struct Report {
    /// The settings as a settings file; nothing if some cannot be understood.
    pub(crate) settings: String,
    pub(crate) problems: Vec<String>,
}

/// See the module.
pub(crate) fn check(told: Told) -> Report {
    let Told { serve, settings, file, mut problems, format: _ } = told;
    let Some(serve) = serve else { return Report { settings: String::new(), problems } };
    problems.extend(serve.check());
    let mut notes = misspelt_variables();
    look_around(&serve, &mut problems, &mut notes);
    let mut text = match file {
        Some(file) => format!("# These settings would be used. The settings file is {}.\n", file.display()),
        None => "# These settings would be used. There is no settings file.\n".to_owned(),
    };
    text.push_str(&table(&settings));
    for note in notes {
        let _ = writeln!(text, "# Note: {note}.");
    }
    Report { settings: text, problems }
}

/// A line for each setting, as a settings file would have it, with its origin behind it.
fn table(settings: &[Setting]) -> String {
    let lines: Vec<_> = settings.iter().map(|setting| (line(setting), &setting.origin)).collect();
    // A key in PEM makes no other line long.
    let width = lines.iter().map(|(line, _)| line.chars().count()).filter(|width| *width <= 100).max();
    let width = width.unwrap_or_default();
    let mut text = String::new();
    for (line, origin) in lines {
        let _ = match origin {
            Origin::Default => writeln!(text, "{line:width$}  # default"),
            Origin::Flag(_) | Origin::Variable(_) | Origin::File(_) => writeln!(text, "{line:width$}  # from {origin}"),
        };
    }
    text
}

fn line(setting: &Setting) -> String {
    let name = settings::name(&setting.arg);
    match &setting.value {
        Some(_) if config::is_secret(&setting.arg) => format!("# {name} is given, and is not shown"),
        Some(value) => format!("{name} = {}", settings::in_toml(&setting.arg, &value.to_string_lossy())),
        None => format!("# {name}: {}", settings::described(&setting.arg).1),
    }
}

/// What can be found out without starting.
fn look_around(serve: &Serve, problems: &mut Vec<String>, notes: &mut Vec<String>) {
    if let Err(problem) = start::connections(serve.max_connections) {
        problems.push(problem);
    }
    let is_running = is_locked(&serve.data);
    if is_running {
        notes.push(format!(
            "a Kanvas runs on the data directory {}; stop it before another starts",
            serve.data.display()
        ));
    } else if let Err(problem) = may_keep(&serve.data) {
        problems.push(problem);
    }
    if let Err(problem) = serve.tls() {
        problems.push(problem);
    }
    if serve.may_not_listen() {
        return;
    }
    match Listener::bind(serve.listen, Door::Public, Gate::new(1, 1)) {
        Ok(_) => {}
        // The Kanvas that these settings are for has it.
        Err(Unbound::Taken(_)) if is_running => {
            notes.push(format!("{} is taken, probably by that Kanvas", serve.listen))
        }
        Err(unbound) => problems.push(unbound.sentence()),
    }
}

/// Whether a server, or a command that changes it, has the directory.
pub(crate) fn is_locked(data: &Path) -> bool {
    let lock = OpenOptions::new().write(true).open(data.join(start::LOCK));
    lock.is_ok_and(|file| matches!(file.try_lock(), Err(TryLockError::WouldBlock)))
}

/// Whether the directory can be written, or made.
pub(crate) fn may_keep(data: &Path) -> Result<(), String> {
    for place in data.ancestors() {
        let how = if place == data { "written" } else { "made" };
        let place = if place.as_os_str().is_empty() { Path::new(".") } else { place };
        match fs::metadata(place) {
            Ok(found) if !found.is_dir() => {
                let error = io::Error::from(io::ErrorKind::NotADirectory);
                return Err(start::unusable(data, how, &error));
            }
            Ok(_) => {
                let allowed = access(place, Access::WRITE_OK | Access::EXEC_OK);
                return allowed.map_err(|error| start::unusable(data, how, &error.into()));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(start::unusable(data, how, &error)),
        }
    }
    Ok(())
}

/// Variables that look like ours and are not: a slip of the pen there would be silent.
pub(crate) fn misspelt_variables() -> Vec<String> {
    let known: Vec<_> = settings::variables();
    let ours =
        env::vars_os().filter_map(|(name, _)| name.into_string().ok()).filter(|name| name.starts_with("KANVAS_"));
    let strangers = ours.filter(|name| !known.contains(name));
    let note = |name: String| {
        // They all begin alike; the rest must be alike too.
        let rest = name.trim_start_matches("KANVAS_").to_owned();
        let rests = known.iter().map(|name| name.trim_start_matches("KANVAS_"));
        settings::nearest(&rest, rests).map(|meant| format!("{name} is no setting; perhaps KANVAS_{meant} is meant"))
    };
    strangers.filter_map(note).collect()
}
