//! The command line: every command, its arguments and its words. The settings that commands share are `config`'s, what a
//! command does is that of those who carry it out.

use clap::{Arg, ArgAction, Args as _, Command, ValueHint, value_parser};
use clap_complete::Shell;

use crate::backup;
use crate::carry;
use crate::config::{Serve, path, whole};
use crate::doctor;
use crate::moving;
use crate::recording;
use crate::reference;
use crate::simulate;
use crate::top;

const ABOUT: &str = "A multiplayer server for an infinite canvas: people drop images on it, move them, see each other's \
    cursors, chat";
const AFTER_HELP: &str = "Start it, open http://127.0.0.1:1999 in two windows, and draw.\n\
    Exit codes: 0 after an orderly stop, 1 if a second signal cut it short, 2 if it could not start,\n\
    70 after an internal error, 74 after an error of the disk; start it again after these two: nothing\n\
    acknowledged is lost.";

/// The whole command line. A setting may be given to `kanvas`, `kanvas serve` and `kanvas check-config` alike.
pub(crate) fn command() -> Command {
    let told = |name| Serve::augment_args(Command::new(name).arg(settings_file()));
    let serve = "Serve rooms over HTTP and WebSocket (what happens without a command, too)";
    let check = "Say which settings would be used, where each comes from, and all that keeps the server from starting";
    let shell = Arg::new("shell").required(true).value_parser(value_parser!(Shell)).help("The shell that is to know");
    let page =
        Arg::new("markdown").long("markdown").action(ArgAction::SetTrue).help("Print the reference page instead");
    told("kanvas")
        .version(env!("CARGO_PKG_VERSION"))
        .about(ABOUT)
        .long_about(format!(
            "{ABOUT}.\n\nWithout a command it serves. Every option can also be given in the environment or in a settings \
             file; a flag leads over the environment, and that over the file."
        ))
        .after_help(AFTER_HELP)
        .args_conflicts_with_subcommands(true)
        .disable_help_subcommand(true)
        .subcommand(told("serve").about(serve).long_about(serve))
        .subcommand(told("check-config").about(check).long_about(check))
        .subcommand(doctor::command(told("doctor")))
        .subcommand(
            Command::new("settings").about("Print a settings file with every setting and its default").arg(page),
        )
        .subcommand(
            Command::new("token")
                .about("Print a token for a development server, signed with the key in its data directory")
                .args([
                    Arg::new("sub").long("sub").value_name("USER").required(true).help("The person's id, such as user_1"),
                    Arg::new("name").long("name").value_name("NAME").help("What the person is called"),
                    Arg::new("ttl")
                        .long("ttl")
                        .value_name("SECONDS")
                        .default_value("3600")
                        .value_parser(whole::<u64>(1, 86_400))
                        .help("How long the token is good"),
                ])
                .args(settings(&["data"]))
                .arg(settings_file()),
        )
        .subcommand(
            Command::new("webhook")
                .about("Send an event to try the webhooks, and say what came back")
                .arg(Arg::new("what").value_parser(["test"]).required(true).help("What to send: an event of type kanvas.test"))
                .args(settings(&["webhook_url", "webhook_secret"]))
                .arg(settings_file()),
        )
        .subcommand(simulate::command())
        .subcommand(top::command(settings(&["admin_secret"]), settings_file()))
        .subcommand(recording::record_command(settings(&["admin_secret"]), settings_file()))
        .subcommand(recording::replay_command())
        .subcommand(moving::command(settings(&["admin_secret"]), settings_file()))
        .subcommands(backup::commands(&settings(&["data"]), &settings_file()))
        .subcommand(carry::export_command(settings(&["data"]), settings_file()))
        .subcommand(carry::import_command(told("import")))
        .subcommand(reference::command())
        .subcommand(Command::new("completions").about("Print the completion script of a shell").arg(shell))
}

/// Settings of the server that a command needs, too.
fn settings(ids: &[&str]) -> Vec<Arg> {
    let serve = Serve::augment_args(Command::new("serve"));
    serve.get_arguments().filter(|arg| ids.contains(&arg.get_id().as_str())).cloned().collect()
}

fn settings_file() -> Arg {
    let help = "The settings file, in TOML [default: ./kanvas.toml, if it is there]";
    let file = Arg::new("config").long("config").env("KANVAS_CONFIG").value_name("FILE").help(help);
    file.value_hint(ValueHint::FilePath).value_parser(path())
}
