//! Where rooms and files are kept: the directory, its disk and file system, the database, its log, and the image files.
//! It writes nothing there.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{Access, StatVfs, access, statvfs};
use rustix::process::geteuid;

use super::mounts::{self, Kind};
use super::{Finding, Verdict, bytes, is_absent};
use crate::assets::files::counted;
use crate::check::may_keep;
use crate::config::Serve;
use crate::store::look::{self, Found, Look, Use, Whole};

/// How long SQLite's check of the whole file may take.
const PATIENCE: Duration = Duration::from_secs(20);
const LITTLE: u64 = 1 << 30;
/// The log is folded into the file at 4 MiB; so long it is only when somebody keeps that from happening.
const LONG_LOG: u64 = 64 << 20;

pub(super) fn look(serve: &Serve, used: Use) -> Vec<Finding> {
    let data = &serve.data;
    let mut findings = vec![directory(data)];
    findings.extend(owner(data));
    // What is not there yet will be where its nearest parent is.
    let there = nearest(data);
    match fs::canonicalize(&there) {
        Ok(there) => {
            findings.extend(disk(&there));
            findings.push(file_system(&there));
        }
        Err(error) => findings.push(Finding::unknown("disk", &there.display().to_string(), &error)),
    }
    let database = data.join("kanvas.db");
    findings.push(whole(&database, used));
    findings.push(log(&database, used));
    findings.extend(assets(serve, &there));
    findings
}

fn nearest(data: &Path) -> PathBuf {
    let there = data.ancestors().find(|place| !place.as_os_str().is_empty() && place.exists());
    there.map_or_else(|| PathBuf::from("."), Path::to_path_buf)
}

fn directory(data: &Path) -> Finding {
    let (about, shown) = ("data", data.display());
    if let Err(problem) = may_keep(data) {
        return Finding::told(Verdict::Problem, about, &problem);
    }
    let database = data.join("kanvas.db");
    let read_only = ["kanvas.db", "kanvas.db-wal", "kanvas.lock", "assets"].iter().map(|name| data.join(name));
    for path in read_only.filter(|path| path.exists()) {
        if access(&path, Access::READ_OK | Access::WRITE_OK).is_err() {
            let says = format!("{} may not be written by this account", path.display());
            return Finding::problem(
                about,
                says,
                "run this and the server as its owner, or give it to the server's account",
            );
        }
    }
    match fs::metadata(data) {
        Err(_) => Finding::ok(about, format!("the directory {shown} is made at the first start")),
        Ok(found) if found.permissions().mode() & 0o007 != 0 && database.exists() => {
            let says = format!("everybody on this machine may enter the directory {shown}");
            Finding::warning(about, says, format!("keep it to its owner: `chmod 700 {shown}`"))
        }
        Ok(_) => Finding::ok(about, format!("the directory {shown} can be written")),
    }
}

/// A check as another account says little of the server's own rights.
fn owner(data: &Path) -> Option<Finding> {
    let (owner, me) = (fs::metadata(data).ok()?.uid(), geteuid().as_raw());
    (owner != me).then(|| {
        let says =
            format!("the data belongs to the account {owner}, and this runs as {me}, whose rights are other ones");
        Finding::warning("data", says, format!("run this as the server's account: `sudo -u '#{owner}' kanvas doctor`"))
    })
}

fn disk(there: &Path) -> Vec<Finding> {
    let about = "disk";
    let found: StatVfs = match statvfs(there) {
        Ok(found) => found,
        Err(error) => return vec![Finding::unknown(about, &there.display().to_string(), &error.into())],
    };
    let (free, all) = (found.f_bavail.saturating_mul(found.f_frsize), found.f_blocks.saturating_mul(found.f_frsize));
    let mut findings = vec![space(free, all, &there.display().to_string())];
    if found.f_files > 0 && found.f_favail < 1000 {
        let says = format!("the file system has room for {} more files", found.f_favail);
        findings.push(Finding::warning(about, says, "remove files that nobody needs"));
    }
    findings
}

fn space(free: u64, all: u64, there: &str) -> Finding {
    let about = "disk";
    let percent = free.saturating_mul(100).checked_div(all).unwrap_or_default();
    let says = format!("{} of {} are free at {there} ({percent} %)", bytes(free), bytes(all));
    if free == 0 {
        return Finding::problem(about, format!("the disk at {there} is full: edits are refused"), "free some space");
    }
    if free < LITTLE || percent < 5 {
        return Finding::warning(about, says, "free some space: when there is none, edits are refused");
    }
    Finding::ok(about, says)
}

fn file_system(there: &Path) -> Finding {
    let about = "file system";
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let Some(name) = mounts::of(&mounts, there) else {
        let says = "the system does not say what kind of file system the data is on";
        return Finding::warning(about, says, "see that it is a local disk");
    };
    let shown = there.display();
    match mounts::kind(name) {
        Kind::Local => Finding::ok(about, format!("the data is on {name}")),
        Kind::Network => {
            let says =
                format!("{shown} is on {name}, a network: SQLite's log does not work there, and edits can be lost");
            Finding::problem(about, says, "keep the data on a disk of this machine; choose one with --data")
        }
        Kind::Memory => {
            let says = format!("{shown} is on {name}, in memory: all rooms are gone after the machine's next start");
            Finding::warning(about, says, "keep the data on a disk; choose one with --data")
        }
        Kind::Container => {
            let says = format!("{shown} is on {name}, a layer of a container: all rooms are gone with the container");
            Finding::warning(about, says, "mount a volume there, unless this is to be forgotten")
        }
    }
}

fn whole(database: &Path, used: Use) -> Finding {
    let about = "database";
    let found = match look::look(database, used, PATIENCE) {
        Ok(Look::Missing | Look::Found(Found { rooms: None, .. })) => {
            return Finding::ok(about, "there is none yet; the first start makes it");
        }
        Ok(Look::OnlyItsLog) => {
            let says =
                "it was not looked at, since its last server did not stop in order and it cannot be read unchanged";
            return Finding::warning(about, says, "start the server, which recovers and checks it");
        }
        Ok(Look::Found(found)) => found,
        Err(problem) => return Finding::told(Verdict::Problem, about, &problem),
    };
    let Found { rooms, scheme, whole } = found;
    let running = match used {
        Use::Live => "a server runs on it; ",
        Use::Nobody => "no server runs on it; ",
    };
    let rooms = rooms.unwrap_or_default();
    let rooms = if rooms == 1 { "1 room".to_owned() } else { format!("{rooms} rooms") };
    match whole {
        Whole::Yes => Finding::ok(about, format!("{running}it is sound, of scheme {scheme}, with {rooms}")),
        Whole::Unfinished => {
            let says = format!(
                "{running}it has {rooms}, and SQLite's check found nothing wrong in {} s, when it was stopped",
                PATIENCE.as_secs()
            );
            Finding::warning(about, says, "let the server check the whole of it at its next start")
        }
    }
}

fn log(database: &Path, used: Use) -> Finding {
    let about = "database";
    let size = look::log_bytes(database);
    if size > LONG_LOG {
        let says =
            format!("the database's log has grown to {}, as when another program keeps the database open", bytes(size));
        return Finding::warning(
            about,
            says,
            "end what reads kanvas.db beside the server, such as a backup that hangs",
        );
    }
    match used {
        Use::Nobody if size > 0 => {
            let says = format!("{} are in the database's log: the next start brings them in", bytes(size));
            Finding::ok(about, says)
        }
        Use::Nobody | Use::Live => Finding::ok(about, format!("the database's log has {}", bytes(size))),
    }
}

fn assets(serve: &Serve, there: &Path) -> Vec<Finding> {
    let about = "images";
    let most = serve.asset_limits().total;
    let used = match counted(&serve.data.join("assets")) {
        Ok(used) => used,
        Err(error) if is_absent(&error) => 0,
        Err(error) => {
            let what = serve.data.join("assets");
            return vec![Finding::unknown(about, &what.display().to_string(), &error)];
        }
    };
    let free = statvfs(there).map(|found| found.f_bavail.saturating_mul(found.f_frsize)).ok();
    let mut findings = vec![filled(used, most)];
    findings.extend(free.and_then(|free| fits(most.saturating_sub(used), free)));
    findings
}

fn filled(used: u64, most: u64) -> Finding {
    let about = "images";
    let says = format!("image files take {} of the {} that --asset-total-bytes allows", bytes(used), bytes(most));
    match used.saturating_mul(10) / most.max(1) {
        0..9 => Finding::ok(about, says),
        9 => Finding::warning(about, says, "raise it in time: beyond it uploads are refused"),
        _ => {
            Finding::warning(about, format!("{says}, so that uploads are refused"), "raise it, or shorten --asset-keep")
        }
    }
}

fn fits(more: u64, free: u64) -> Option<Finding> {
    (more > free).then(|| {
        let says = format!("{} more of image files are allowed, and {} of the disk are free", bytes(more), bytes(free));
        Finding::warning("images", says, "lower --asset-total-bytes, so that images leave room for edits")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doctor9_little_space_is_told_before_there_is_none() {
        let verdict = |free, all| space(free, all, "/data").verdict;
        assert_eq!(verdict(100 << 30, 200 << 30), Verdict::Ok);
        assert_eq!(verdict((1 << 30) - 1, 2 << 30), Verdict::Warning);
        assert_eq!(verdict(4 << 30, 100 << 30), Verdict::Warning, "less than 5 % is little, too");
        assert_eq!(verdict(0, 100 << 30), Verdict::Problem);
        assert_eq!(space(1 << 30, 8 << 30, "/data").says, "1.0 GiB of 8.0 GiB are free at /data (12 %)");
    }

    #[test]
    fn doctor11_image_files_are_held_against_their_limit_and_the_disk() {
        let verdict = |used, most| filled(used, most).verdict;
        assert_eq!(verdict(0, 100), Verdict::Ok);
        assert_eq!(verdict(89, 100), Verdict::Ok);
        assert_eq!(verdict(90, 100), Verdict::Warning);
        assert!(filled(100, 100).says.contains("refused"));
        assert_eq!(fits(10, 10), None);
        assert_eq!(fits(11, 10).unwrap().verdict, Verdict::Warning);
    }
}
