//! The command line and the environment. It owns the options, their defaults and their bounds; what they mean is for
//! those who use them.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, value_parser};
use kanvas_core::{Config, Limits, Span};

use crate::assets::AssetLimits;
use crate::assets::files::charge;

/// A multiplayer server for an infinite canvas: people drop images on it, move them, see each other's cursors, chat.
///
/// Without a command it serves. Every option can also be given in the environment.
#[derive(Debug, Parser)]
#[command(
    name = "kanvas",
    version,
    args_conflicts_with_subcommands = true,
    after_help = "Start it, open http://127.0.0.1:1999 in two windows, and draw.\n\
                  Exit codes: 0 after an orderly stop, 1 if a second signal cut it short, 2 if it could not start,\n\
                  70 after an internal error, 74 after an error of the disk; start it again after these two: nothing\n\
                  acknowledged is lost."
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: Serve,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve rooms over HTTP and WebSocket (what happens without a command, too).
    Serve(Serve),
}

impl Cli {
    /// What to serve, and how.
    pub(crate) fn serve(self) -> Serve {
        match self.command {
            Some(Command::Serve(serve)) => serve,
            None => self.serve,
        }
    }
}

/// The options of `kanvas serve`.
#[derive(Clone, Debug, Args)]
pub(crate) struct Serve {
    /// Where to listen; port 0 takes a free one. Without sign-in the server is for this machine only, so the address
    /// must be a loopback one
    #[arg(long, env = "KANVAS_LISTEN", value_name = "ADDRESS:PORT", default_value = "127.0.0.1:1999")]
    pub(crate) listen: SocketAddr,

    /// The directory for everything that is kept; made if it is not there
    #[arg(long, env = "KANVAS_DATA", value_name = "DIR", default_value = "./kanvas-data")]
    pub(crate) data: PathBuf,

    /// Threads that run rooms [default: one a core]
    #[arg(long, env = "KANVAS_THREADS", value_name = "N", value_parser = value_parser!(u16).range(1..=256))]
    pub(crate) threads: Option<u16>,

    /// What to log: error, warn, info, debug, trace, or a filter such as `info,kanvas::host=debug`
    #[arg(long, env = "KANVAS_LOG", value_name = "FILTER", default_value = "info")]
    pub(crate) log: String,

    /// Connections in all [default: 10000, or what the limit on open files leaves]
    #[arg(long, env = "KANVAS_MAX_CONNECTIONS", value_name = "N", value_parser = value_parser!(u32).range(1..=1_000_000))]
    pub(crate) max_connections: Option<u32>,

    /// Connections of one address that have not joined a room yet
    #[arg(long, env = "KANVAS_MAX_WAITING", value_name = "N", default_value_t = 5000, value_parser = value_parser!(u32).range(1..=1_000_000))]
    pub(crate) max_waiting: u32,

    /// Rooms loaded at once
    #[arg(long, env = "KANVAS_MAX_ROOMS", value_name = "N", default_value_t = 10_000, value_parser = value_parser!(u32).range(1..=1_000_000))]
    pub(crate) max_rooms: u32,

    /// Connections in one room
    #[arg(long, env = "KANVAS_ROOM_CONNECTIONS", value_name = "N", default_value_t = 1000, value_parser = value_parser!(u32).range(1..=100_000))]
    pub(crate) room_connections: u32,

    /// Connections of one person in one room
    #[arg(long, env = "KANVAS_USER_CONNECTIONS", value_name = "N", default_value_t = 10, value_parser = value_parser!(u32).range(1..=100_000))]
    pub(crate) user_connections: u32,

    /// Images in one room
    #[arg(long, env = "KANVAS_ROOM_IMAGES", value_name = "N", default_value_t = 5000, value_parser = value_parser!(u32).range(1..=100_000))]
    pub(crate) room_images: u32,

    /// Seconds that a lost connection's person stays present, to come back
    #[arg(long, env = "KANVAS_GRACE", value_name = "SECONDS", default_value_t = 15, value_parser = value_parser!(u64).range(0..=3600))]
    pub(crate) grace: u64,

    /// Seconds that an empty room stays loaded
    #[arg(long, env = "KANVAS_UNLOAD_AFTER", value_name = "SECONDS", default_value_t = 60, value_parser = value_parser!(u64).range(0..=86_400))]
    pub(crate) unload_after: u64,

    /// Seconds between two pings to a connection
    #[arg(long, env = "KANVAS_PING_EVERY", value_name = "SECONDS", default_value_t = 20, value_parser = value_parser!(u64).range(1..=3600))]
    pub(crate) ping_every: u64,

    /// Seconds without a frame after which a connection is given up
    #[arg(long, env = "KANVAS_DEAD_AFTER", value_name = "SECONDS", default_value_t = 45, value_parser = value_parser!(u64).range(2..=7200))]
    pub(crate) dead_after: u64,

    /// Bytes of one image file that is uploaded
    #[arg(long, env = "KANVAS_ASSET_BYTES", value_name = "N", default_value_t = 10 << 20, value_parser = value_parser!(u64).range(1..=1 << 30))]
    pub(crate) asset_bytes: u64,

    /// Bytes of image files that one person may upload in a day
    #[arg(long, env = "KANVAS_ASSET_DAY_BYTES", value_name = "N", default_value_t = 100 << 20, value_parser = value_parser!(u64).range(4096..=1 << 50))]
    pub(crate) asset_day_bytes: u64,

    /// Bytes of image files in all
    #[arg(long, env = "KANVAS_ASSET_TOTAL_BYTES", value_name = "N", default_value_t = 10 << 30, value_parser = value_parser!(u64).range(4096..=1 << 50))]
    pub(crate) asset_total_bytes: u64,

    /// Seconds that an image file is kept after the last room has stopped referring to it [default: a week]
    #[arg(long, env = "KANVAS_ASSET_KEEP", value_name = "SECONDS", default_value_t = 604_800, hide_default_value = true, value_parser = value_parser!(u64).range(1..=1 << 32))]
    pub(crate) asset_keep: u64,
}

impl Serve {
    /// What no single option's bounds can say. The error is a sentence for the operator.
    pub(crate) fn check(&self) -> Result<(), String> {
        if !self.listen.ip().is_loopback() {
            return Err(format!(
                "{} can be reached from other machines, and without sign-in anybody there could change everything; \
                 listen on 127.0.0.1 or [::1]",
                self.listen
            ));
        }
        if self.dead_after <= self.ping_every {
            return Err(format!(
                "--dead-after {} must be longer than --ping-every {}: a connection must have time to answer",
                self.dead_after, self.ping_every
            ));
        }
        if charge(self.asset_bytes) > self.asset_day_bytes.min(self.asset_total_bytes) {
            return Err(format!(
                "--asset-bytes {}, in whole blocks of 4096, must not be more than --asset-day-bytes {} or \
                 --asset-total-bytes {}: such a file could never be taken",
                self.asset_bytes, self.asset_day_bytes, self.asset_total_bytes
            ));
        }
        Ok(())
    }

    /// How its rooms behave.
    pub(crate) fn room_config(&self) -> Config {
        let limits = Limits {
            room_connections: self.room_connections,
            user_connections: self.user_connections,
            images: self.room_images,
            grace: Span::from_secs(self.grace),
            empty: Span::from_secs(self.unload_after),
            ..Limits::default()
        };
        Config { limits, ..Config::default() }
    }

    /// How much is kept of uploaded files, and how long.
    pub(crate) fn asset_limits(&self) -> AssetLimits {
        AssetLimits {
            file: self.asset_bytes,
            day: self.asset_day_bytes,
            total: self.asset_total_bytes,
            keep: Duration::from_secs(self.asset_keep),
        }
    }

    pub(crate) fn ping_every(&self) -> Duration {
        Duration::from_secs(self.ping_every)
    }

    pub(crate) fn dead_after(&self) -> Duration {
        Duration::from_secs(self.dead_after)
    }
}
