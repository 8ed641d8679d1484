//! `kanvas top`: what a running server does, in a terminal. It reads the server's `/metrics` and nothing else. It owns the
//! command and how a server is asked; what is read, what is made of it and how it is shown are the files below.

mod reading;
mod screen;
mod terminal;
mod view;

use std::io::{self, IsTerminal as _};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::{Arg, ArgAction, ArgMatches, Command, ValueHint, value_parser};
use url::Url;

use crate::remote;
use crate::words::unanswered;
use reading::Reading;
use view::View;

const PATIENCE: Duration = Duration::from_secs(3);
/// More than any server writes.
const MOST_BYTES: u64 = 8 << 20;

/// The command, for the whole command line; `secret` is the setting that it may need.
pub(crate) fn command(secret: Vec<Arg>, settings_file: Arg) -> Command {
    Command::new("top")
        .about("Show what a running server does, in this terminal")
        .after_help("Keys: q ends it, Tab goes on to the next box, the arrows move in it, ? explains.")
        .args([
            Arg::new("address")
                .long("address")
                .value_name("URL")
                .default_value("http://127.0.0.1:1999")
                .value_parser(remote::server)
                .help("The server"),
            Arg::new("admin-secret-file")
                .long("admin-secret-file")
                .value_name("FILE")
                .value_parser(value_parser!(PathBuf))
                .value_hint(ValueHint::FilePath)
                .help("The file with its admin secret [default: what --admin-secret says]"),
            Arg::new("once")
                .long("once")
                .action(ArgAction::SetTrue)
                .help("Print what it has counted since its start, and end; so it does where there is no terminal"),
        ])
        .args(secret)
        .arg(settings_file)
}

/// Shows it until somebody ends it; what is to be printed then. The error is a sentence for the operator.
pub(crate) fn run(matches: &ArgMatches, secret: &str) -> Result<String, String> {
    let Some(url) = matches.get_one::<Url>("address") else { return Err("name a server with --address".into()) };
    let source = Source::new(url, secret);
    let first = source.read()?;
    if matches.get_flag("once") || !io::stdout().is_terminal() || !io::stdin().is_terminal() {
        return Ok(View::since_start(&first).plain(&source.server));
    }
    terminal::show(source, first).map(|()| String::new())
}

/// The way to a server.
#[derive(Clone, Debug)]
struct Source {
    agent: ureq::Agent,
    server: String,
    bearer: Option<String>,
}

impl Source {
    fn new(url: &Url, secret: &str) -> Source {
        let config = ureq::Agent::config_builder()
            .timeout_global(Some(PATIENCE))
            .max_redirects(0)
            .max_redirects_will_error(false)
            .http_status_as_error(false)
            .user_agent(concat!("kanvas/", env!("CARGO_PKG_VERSION")))
            .build();
        let bearer = (!secret.is_empty()).then(|| format!("Bearer {secret}"));
        Source { agent: ureq::Agent::new_with_config(config), server: url.origin().ascii_serialization(), bearer }
    }

    /// What the server has counted by now.
    fn read(&self) -> Result<Reading, String> {
        let server = &self.server;
        let unreached = |error: &ureq::Error| {
            let why = unanswered(error, PATIENCE);
            format!("{server} cannot be reached ({why}); start a server there, or name another with --address")
        };
        let mut request = self.agent.get(format!("{server}/metrics"));
        if let Some(bearer) = &self.bearer {
            request = request.header("authorization", bearer);
        }
        let mut answer = request.call().map_err(|error| unreached(&error))?;
        let status = answer.status().as_u16();
        let body =
            answer.body_mut().with_config().limit(MOST_BYTES).read_to_vec().map_err(|error| unreached(&error))?;
        let text = String::from_utf8_lossy(&body);
        match (status, Reading::parse(&text, Instant::now())) {
            (200, Some(reading)) => Ok(reading),
            (401, _) if self.bearer.is_some() => Err(format!(
                "{server} has another admin secret; give its own as --admin-secret-file or KANVAS_ADMIN_SECRET"
            )),
            (401, _) => {
                Err(format!("{server} wants its admin secret; give it as --admin-secret-file or KANVAS_ADMIN_SECRET"))
            }
            (403, _) if text.contains("api_off") => Err(format!(
                "{server} tells nobody what it counts; give it the setting admin-secret, and start it again"
            )),
            (503, _) => Err(format!("{server} is not ready to tell what it counts; look at its log, or try again")),
            (_, _) => Err(format!("{server} answers {status} and is no Kanvas, it seems; check --address")),
        }
    }
}
