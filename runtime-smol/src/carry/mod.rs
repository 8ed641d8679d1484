//! Rooms as documents, without a server: `kanvas export` writes them, beside one that runs, too, and `kanvas import`
//! reads them into a data directory whose server is stopped. The documents are those of `/api` (PORT1 to PORT5). It owns
//! the two commands; `desk` has a room write and read.

mod desk;
mod export;
mod import;

use std::path::PathBuf;

use clap::{Arg, ArgAction, Command, ValueHint, value_parser};

use crate::remote::room;

pub(crate) use export::run as export;
pub(crate) use import::run as import;

const CODES: &str = "Exit codes: 0 if it is done, 1 if it is not, 2 if the command cannot be understood.";

/// `kanvas export`, for the whole command line; `data` is the setting that it needs.
pub(crate) fn export_command(data: Vec<Arg>, settings_file: Arg) -> Command {
    Command::new("export")
        .about("Write rooms as JSON documents, while the server runs, too")
        .after_help(format!("A document is that of GET /api/rooms/ROOM/export.\n{CODES}"))
        .args([
            Arg::new("room")
                .value_name("ROOM")
                .value_parser(room)
                .required_unless_present("all")
                .conflicts_with("all")
                .help("The room's id"),
            Arg::new("all").long("all").action(ArgAction::SetTrue).help("Every room, one document a line"),
            Arg::new("out")
                .short('o')
                .long("out")
                .value_name("FILE")
                .value_parser(value_parser!(PathBuf))
                .value_hint(ValueHint::FilePath)
                .help("Where to write them; the file must not be there [default: standard output]"),
        ])
        .args(data)
        .arg(settings_file)
}

/// `kanvas import`, of a command that takes every setting of the server: what a room may have in it hangs on them.
pub(crate) fn import_command(told: Command) -> Command {
    let shown = ["data", "config"];
    told.mut_args(|arg| {
        let is_shown = shown.contains(&arg.get_id().as_str());
        arg.hide(!is_shown)
    })
    .about("Read rooms from JSON documents, while the server is stopped")
    .long_about(
        "Read rooms from JSON documents, while the server is stopped.\n\nEither all rooms of the file are there \
         afterwards, or nothing has changed and what is wrong was told. While the server runs, use PUT \
         /api/rooms/ROOM/import. Every setting of the server may be given: what a room may have hangs on some.",
    )
    .after_help(CODES)
    .args([
        Arg::new("file")
            .value_name("FILE")
            .required(true)
            .value_parser(value_parser!(PathBuf))
            .value_hint(ValueHint::FilePath)
            .help("The documents, as kanvas export writes them; - is standard input"),
        Arg::new("as")
            .long("as")
            .value_name("ROOM")
            .value_parser(room)
            .help("The id of the room, if there is one document [default: what the document says]"),
        Arg::new("replace").long("replace").action(ArgAction::SetTrue).help("Replace rooms that are there already"),
    ])
}
