//! `kanvas`, the native server: rooms of `kanvas-core` over HTTP and WebSocket, stored in SQLite.
//!
//! A thread accepts; host threads run connections and rooms, each room on one of them; one thread writes the database
//! and one reads it.
#![deny(unsafe_code)]

mod api;
mod ask;
mod assets;
mod auth;
mod backup;
mod body;
mod carry;
mod chaos;
mod check;
mod clock;
mod commands;
mod config;
mod conn;
mod dashboard;
mod devkey;
mod doctor;
mod door;
mod ears;
mod edge;
mod file;
mod frames;
mod gate;
mod host;
mod http;
mod link;
mod links;
mod listen;
mod logging;
mod meters;
mod metrics;
mod moving;
mod origin;
mod outq;
mod parting;
mod person;
mod proxy;
mod quota;
mod recording;
mod reference;
mod registry;
mod remote;
mod routes;
mod server;
mod settings;
mod shares;
mod signin;
mod simulate;
mod start;
mod store;
mod systemd;
mod tls;
mod top;
mod traces;
mod unread;
mod upgrade;
mod web;
mod webhooks;
mod wire;
mod words;

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::ArgMatches;
use clap_complete::Shell;
use kanvas_core::Span;

use crate::logging::LogFormat;
use crate::settings::Told;
use crate::words::Checked;

/// What a server exits with that could not start.
const REFUSED: u8 = 2;
/// EX_IOERR of sysexits.h.
const DISK_FAILED: u8 = 74;

fn main() -> ExitCode {
    let matches = match settings::command_line().try_get_matches() {
        Ok(matches) => matches,
        Err(error) => return misunderstood(&error),
    };
    match matches.subcommand() {
        Some(("check-config", matches)) => check_config(matches),
        Some(("doctor", matches)) => tell(doctor::run(matches)),
        Some(("settings", matches)) if matches.get_flag("markdown") => print(reference::page().as_bytes()),
        Some(("settings", _)) => print(reference::example().as_bytes()),
        Some(("reference", matches)) => done(reference::run(matches)),
        Some(("completions", matches)) => complete(matches),
        Some(("token", matches)) => print_token(matches),
        Some(("webhook", matches)) => try_webhook(matches),
        Some(("simulate", matches)) => tell(simulate::run(matches)),
        Some(("record", matches)) => record(matches),
        Some(("move", matches)) => move_room(matches),
        Some(("backup", matches)) => back_up(matches),
        Some(("restore", matches)) => done(data(matches).and_then(|data| backup::restore(matches, &data))),
        Some(("export", matches)) => {
            let carried = data(matches).map_err(|why| vec![why]).and_then(|data| carry::export(matches, &data));
            all_done(carried)
        }
        Some(("import", matches)) => import(matches),
        Some(("top", matches)) => show_top(matches),
        Some(("replay", matches)) => tell(recording::replay(matches)),
        Some((_, matches)) => serve(matches),
        None => serve(&matches),
    }
}

fn serve(matches: &ArgMatches) -> ExitCode {
    let Told { serve, file, mut problems, format, settings: _ } = settings::resolve(matches);
    if let Some(serve) = serve {
        problems.extend(serve.check());
        if problems.is_empty() {
            let done = match serve.chaos {
                Some(weather) if !chaos::is_inside() => start::run_on_a_bad_day(&serve, weather, file.as_deref()),
                Some(_) | None => start::run(&serve, file.as_deref()).map(|end| match end {
                    start::End::Stopped => 0,
                    start::End::StoreFailed => DISK_FAILED,
                }),
            };
            match done {
                Ok(code) => return ExitCode::from(code),
                Err(problem) => problems.push(problem),
            }
        }
    }
    for problem in &problems {
        logging::last_words(format, problem);
    }
    ExitCode::from(REFUSED)
}

fn check_config(matches: &ArgMatches) -> ExitCode {
    let report = check::check(settings::resolve(matches));
    let printed = print(report.settings.as_bytes());
    for problem in &report.problems {
        logging::last_words(LogFormat::Text, problem);
    }
    if report.problems.is_empty() { printed } else { ExitCode::from(REFUSED) }
}

fn print_token(matches: &ArgMatches) -> ExitCode {
    let text = |name| matches.get_one::<String>(name).map(String::as_str);
    let life = Span::from_secs(matches.get_one("ttl").copied().unwrap_or(3600));
    let token = settings::one(matches, "data").and_then(|data| {
        devkey::token(&PathBuf::from(data), text("sub").unwrap_or_default(), text("name"), life)
            .map_err(|problem| Vec::from([problem]))
    });
    match token {
        Ok(token) => print(format!("{token}\n").as_bytes()),
        Err(problems) => {
            problems.iter().for_each(|problem| logging::last_words(LogFormat::Text, problem));
            ExitCode::from(REFUSED)
        }
    }
}

/// Sends one event and says what came back.
fn try_webhook(matches: &ArgMatches) -> ExitCode {
    let hook =
        settings::one(matches, "webhook_url").and_then(|url| Ok((url, settings::one(matches, "webhook_secret")?)));
    let hook = hook.and_then(|(url, secret)| {
        let (url, secret) = (url.to_string_lossy(), secret.to_string_lossy());
        let hook = webhooks::address(&url).ok().zip(webhooks::Secret::parse(&secret).ok());
        hook.ok_or_else(|| vec!["there is nothing to try; give --webhook-url and --webhook-secret".to_owned()])
    });
    let problems = match hook.map(|(url, secret)| webhooks::test(url, secret)) {
        Ok(Ok(said)) => return print(format!("{said}.\n").as_bytes()),
        Ok(Err(said)) => {
            logging::last_words(LogFormat::Text, &said);
            return ExitCode::FAILURE;
        }
        Err(problems) => problems,
    };
    problems.iter().for_each(|problem| logging::last_words(LogFormat::Text, problem));
    ExitCode::from(REFUSED)
}

/// The setting, which a command needs. The error is one sentence of those that there may be.
fn data(matches: &ArgMatches) -> Result<PathBuf, String> {
    settings::one(matches, "data").map(PathBuf::from).map_err(|problems| problems.join("; "))
}

fn back_up(matches: &ArgMatches) -> ExitCode {
    let backup::Made { on_error_output, said, wrong } =
        match data(matches).and_then(|data| backup::make(matches, &data)) {
            Ok(made) => made,
            Err(problem) => return done(Err(problem)),
        };
    let printed = if on_error_output {
        // Nothing is lost if nobody reads it.
        drop(io::stderr().write_all(said.as_bytes()));
        ExitCode::SUCCESS
    } else {
        print(said.as_bytes())
    };
    wrong.map_or(printed, |problem| done(Err(problem)))
}

/// It goes by the settings of the server that is to have the rooms.
fn import(matches: &ArgMatches) -> ExitCode {
    let Told { serve, problems, .. } = settings::resolve(matches);
    match serve {
        Some(serve) => all_done(carry::import(matches, &serve)),
        None => refuse(&problems),
    }
}

fn record(matches: &ArgMatches) -> ExitCode {
    match admin_secret(matches, "the server's admin secret is needed; give it as KANVAS_ADMIN_SECRET") {
        Ok(secret) => done(recording::record(matches, &secret)),
        Err(problems) => refuse(&problems),
    }
}

fn move_room(matches: &ArgMatches) -> ExitCode {
    let secret = |id: &str| match moving::secret(matches, id) {
        Ok(Some(secret)) if secret.is_empty() => {
            Err(vec![format!("the file of --{id} is empty; write the secret into it")])
        }
        Ok(Some(secret)) => Ok(secret),
        Ok(None) => {
            let missing = format!("the server's admin secret is needed; give it as --{id} or KANVAS_ADMIN_SECRET");
            admin_secret(matches, &missing)
        }
        Err(problem) => Err(vec![problem]),
    };
    match secret("from-secret-file").and_then(|from| Ok((from, secret("to-secret-file")?))) {
        Ok((from, to)) => done(moving::run(matches, &from, &to)),
        Err(problems) => refuse(&problems),
    }
}

/// The secret may be none: a development server has none.
fn show_top(matches: &ArgMatches) -> ExitCode {
    let secret = match moving::secret(matches, "admin-secret-file") {
        Ok(Some(secret)) => Ok(secret),
        Ok(None) => settings::one(matches, "admin_secret").map(|secret| secret.to_string_lossy().into_owned()),
        Err(problem) => Err(vec![problem]),
    };
    match secret {
        Ok(secret) => done(top::run(matches, &secret)),
        Err(problems) => refuse(&problems),
    }
}

/// The setting, which a command needs.
fn admin_secret(matches: &ArgMatches, missing: &str) -> Result<String, Vec<String>> {
    match settings::one(matches, "admin_secret")?.to_string_lossy() {
        secret if secret.is_empty() => Err(vec![missing.to_owned()]),
        secret => Ok(secret.into_owned()),
    }
}

fn refuse(problems: &[String]) -> ExitCode {
    problems.iter().for_each(|problem| logging::last_words(LogFormat::Text, problem));
    ExitCode::from(REFUSED)
}

/// Prints what a command did, or all that kept it from it.
fn all_done(said: Result<String, Vec<String>>) -> ExitCode {
    match said {
        Ok(said) => print(said.as_bytes()),
        Err(problems) => {
            problems.iter().for_each(|problem| logging::last_words(LogFormat::Text, problem));
            ExitCode::FAILURE
        }
    }
}

/// Prints what a command did.
fn done(said: Result<String, String>) -> ExitCode {
    match said {
        Ok(said) => print(said.as_bytes()),
        Err(problem) => {
            logging::last_words(LogFormat::Text, &problem);
            ExitCode::FAILURE
        }
    }
}

/// Prints what a command found; that something is wrong weighs more than that nobody reads it.
fn tell(checked: Result<Checked, String>) -> ExitCode {
    match checked {
        Ok(Checked { report, good: true }) => print(report.as_bytes()),
        Ok(Checked { report, good: false }) => {
            print(report.as_bytes());
            ExitCode::FAILURE
        }
        Err(problem) => {
            logging::last_words(LogFormat::Text, &problem);
            ExitCode::from(REFUSED)
        }
    }
}

fn complete(matches: &ArgMatches) -> ExitCode {
    let mut script = Vec::new();
    if let Some(shell) = matches.get_one::<Shell>("shell") {
        clap_complete::generate(*shell, &mut commands::command(), "kanvas", &mut script);
    }
    print(&script)
}

/// Help, the version, or what is wrong with the command line.
fn misunderstood(error: &clap::Error) -> ExitCode {
    match settings::format_of_a_bad_line() {
        LogFormat::Json if error.use_stderr() => {
            let words = error.to_string();
            let sentence = words.lines().next().unwrap_or_default().trim_start_matches("error: ");
            logging::last_words(LogFormat::Json, &format!("{sentence}; see kanvas --help"));
        }
        // Nothing is left to do if nobody reads it.
        LogFormat::Json | LogFormat::Text => drop(error.print()),
    }
    if error.use_stderr() { ExitCode::from(REFUSED) } else { ExitCode::SUCCESS }
}

/// Whoever reads may have read enough: that is no failure.
fn print(text: &[u8]) -> ExitCode {
    match io::stdout().write_all(text).and_then(|()| io::stdout().flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            let why = start::reason(&error);
            logging::last_words(LogFormat::Text, &format!("the output cannot be written ({why})"));
            ExitCode::FAILURE
        }
        Ok(()) | Err(_) => ExitCode::SUCCESS,
    }
}
