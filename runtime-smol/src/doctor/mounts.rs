//! What kind of file system something is on, as the kernel lists its mounts (proc_pid_mountinfo(5)). Pure: it reads text.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

/// Whether data may be kept there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Local,
    /// SQLite's log needs memory that all who use it share, which no network has.
    Network,
    /// It goes with the machine's next start.
    Memory,
    /// It goes with the container.
    Container,
}

/// The name of the file system that this absolute path is on, without links in it.
pub(super) fn of<'m>(mounts: &'m str, path: &Path) -> Option<&'m str> {
    let mut best: Option<(usize, &str)> = None;
    for line in mounts.lines() {
        let Some((place, rest)) = line.split_once(" - ") else { continue };
        let (Some(place), Some(name)) = (place.split(' ').nth(4), rest.split(' ').next()) else { continue };
        let place = unescaped(place);
        let deep = place.components().count();
        // Of two at one place the later one lies above.
        if path.starts_with(&place) && best.is_none_or(|(most, _)| deep >= most) {
            best = Some((deep, name));
        }
    }
    best.map(|(_, name)| name)
}

/// What a file system of that name is.
pub(super) fn kind(name: &str) -> Kind {
    match name {
        "nfs" | "nfs4" | "cifs" | "smb3" | "smbfs" | "9p" | "ceph" | "afs" | "glusterfs" | "lustre" | "ocfs2"
        | "gfs2" | "beegfs" | "fuse.sshfs" | "fuse.glusterfs" | "fuse.ceph" | "fuse.s3fs" | "fuse.rclone"
        | "fuse.gcsfuse" | "fuse.mount-s3" | "fuse.davfs" | "fuse.juicefs" => Kind::Network,
        "tmpfs" | "ramfs" => Kind::Memory,
        "overlay" | "aufs" => Kind::Container,
        _ => Kind::Local,
    }
}

/// A space is `\040` there, and so on.
fn unescaped(place: &str) -> PathBuf {
    let mut bytes = Vec::with_capacity(place.len());
    let mut rest = place.as_bytes();
    while let [first, after @ ..] = rest {
        let code = after
            .first_chunk::<3>()
            .filter(|_| *first == b'\\')
            .and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 8).ok());
        match code {
            Some(code) => {
                bytes.push(code);
                rest = after.get(3..).unwrap_or_default();
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    PathBuf::from(OsStr::from_bytes(&bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTS: &str = "\
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
23 22 0:21 / /srv rw shared:2 - nfs4 server:/srv rw,vers=4.2
24 23 8:2 / /srv/local rw - xfs /dev/sdb rw
25 22 0:22 / /run rw,nosuid - tmpfs tmpfs rw
26 22 0:23 / /mnt/my\\040share rw - cifs //nas/share rw
27 22 0:24 / /home/ann/far rw - fuse.sshfs ann@far: rw
28 22 0:25 / /lower rw - ext4 /dev/sdc rw
29 22 0:26 / /lower rw - overlay overlay rw
";

    #[test]
    fn doctor9_the_deepest_mount_says_what_a_path_is_on() {
        for (path, name, want) in [
            ("/var/lib/kanvas", "ext4", Kind::Local),
            ("/srv/kanvas", "nfs4", Kind::Network),
            ("/srv/local/kanvas", "xfs", Kind::Local),
            ("/srvx", "ext4", Kind::Local),
            ("/run/kanvas", "tmpfs", Kind::Memory),
            ("/mnt/my share/kanvas", "cifs", Kind::Network),
            ("/home/ann/far/x", "fuse.sshfs", Kind::Network),
            ("/lower/x", "overlay", Kind::Container),
        ] {
            assert_eq!(of(MOUNTS, Path::new(path)), Some(name), "{path}");
            assert_eq!(kind(name), want, "{path}");
        }
        assert_eq!(of("nonsense\n", Path::new("/")), None);
    }
}
