//! `kanvas`, the native server: rooms of `kanvas-core` over HTTP and WebSocket, stored in SQLite.
//!
//! A thread accepts; host threads run connections and rooms, each room on one of them; one thread writes the database
//! and one reads it.
#![forbid(unsafe_code)]

mod assets;
mod clock;
mod config;
mod conn;
mod gate;
mod host;
mod http;
mod links;
mod listen;
mod outq;
mod parting;
mod server;
mod start;
mod store;
mod upgrade;
mod watch;
mod web;

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    let serve = config::Cli::parse().serve();
    match start::run(&serve) {
        Ok(start::End::Stopped) => ExitCode::SUCCESS,
        // EX_IOERR of sysexits.h.
        Ok(start::End::StoreFailed) => ExitCode::from(74),
        Err(sentence) => {
            // Nothing is left to do if nobody reads it.
            drop(writeln!(io::stderr(), "kanvas: {sentence}."));
            ExitCode::from(2)
        }
    }
}
