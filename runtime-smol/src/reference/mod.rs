//! The reference pages: of the settings, also as a file to begin with, of metrics, errors and close codes. All are made
//! from the declarations.

mod closes;
pub(crate) mod errors;
mod metrics;

use std::fmt::Write as _;

use clap::{Arg, ArgMatches, Command};

use crate::settings;

/// For those who write these pages; whoever runs a server reads them.
pub(crate) fn command() -> Command {
    let page = Arg::new("page").required(true).value_parser(["metrics", "errors", "close-codes"]).help("Which page");
    Command::new("reference").hide(true).about("Print a reference page of docs/reference").arg(page)
}

/// What `kanvas reference` prints, and `docs/reference/` holds.
///
/// # Errors
/// A sentence.
pub(crate) fn run(matches: &ArgMatches) -> Result<String, String> {
    match matches.get_one::<String>("page").map(String::as_str) {
        Some("metrics") => metrics::page(),
        Some("errors") => Ok(errors::page()),
        _ => Ok(closes::page()),
    }
}

/// What `kanvas settings --markdown` prints, and `docs/settings.md` holds.
pub(crate) fn page() -> String {
    let mut text = String::from(
        "# Settings\n\n\
         <!-- Made by `kanvas settings --markdown`. -->\n\n\
         Each setting can be given in three ways. The first of these that is there counts:\n\n\
         1. a flag: `kanvas --grace 30`;\n\
         2. a variable of the environment: `KANVAS_GRACE=30`;\n\
         3. a line of the settings file: `grace = 30`.\n\n\
         The settings file is the one that `--config` or `KANVAS_CONFIG` names, or else `kanvas.toml` in the working\n\
         directory if it is there. It is [TOML](https://toml.io) without sections; a setting's key is its flag without the\n\
         hyphens in front. A key that does not exist, a key that stands twice and a value that is not allowed keep the\n\
         server from starting, and it says where they are. Relative paths start from the working directory, wherever they\n\
         are given.\n\n\
         `kanvas check-config` says which settings would be used, where each comes from, and what keeps the server from\n\
         starting. [`kanvas.toml`](kanvas.toml) has every setting with its default, as `kanvas settings` prints it.\n\n\
         | setting | variable | default | allowed | what it is |\n\
         |---|---|---|---|---|\n",
    );
    for arg in settings::declared() {
        let (what, default) = settings::described(&arg);
        let (name, variable, allowed) = (settings::name(&arg), settings::variable(&arg), settings::allowed(&arg));
        let default = if has_default(&arg) { format!("`{default}`") } else { default };
        let _ = writeln!(text, "| `{name}` | `{variable}` | {default} | {allowed} | {what} |");
    }
    text
}

/// What `kanvas settings` prints, and `docs/kanvas.toml` holds.
pub(crate) fn example() -> String {
    let mut text = String::from(
        "# The settings of Kanvas, each with its default. Take the mark from the front of a line to change it.\n\
         # A flag or a variable of the environment leads over this file. `kanvas check-config` checks it.\n",
    );
    for arg in settings::declared() {
        let (what, default) = settings::described(&arg);
        let (name, allowed) = (settings::name(&arg), settings::allowed(&arg));
        let _ = writeln!(text, "\n# {what}.\n# Allowed: {allowed}. Variable: {}.", settings::variable(&arg));
        let _ = match has_default(&arg) {
            true => writeln!(text, "#{name} = {}", settings::in_toml(&arg, &default)),
            false => writeln!(text, "# Default: {default}.\n#{name} ="),
        };
    }
    text
}

fn has_default(arg: &Arg) -> bool {
    !arg.get_default_values().is_empty()
}
