//! The settings: where they come from, what is said of wrong ones, and the pages and scripts that are made from them.

mod common;

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use common::{Server, kanvas, run};
use serde_json::Value;
use tempfile::TempDir;

/// A working directory with a settings file of this name.
fn directory(name: &str, text: &str) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join(name), text).unwrap();
    directory
}

/// `kanvas check-config` in a directory, on a free port.
fn check_in(directory: &Path) -> Command {
    let mut command = kanvas();
    command.current_dir(directory).arg("check-config").env("KANVAS_LISTEN", "127.0.0.1:0");
    command
}

fn said(output: Output) -> (Option<i32>, String, String) {
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// The line of a setting, its value and its origin, with one space between the words.
fn effective(output: Output, name: &str) -> String {
    let (code, shown, problems) = said(output);
    assert_eq!((code, problems.as_str()), (Some(0), ""), "{shown}");
    let line = shown.lines().find(|line| line.starts_with(&format!("{name} ="))).unwrap_or_else(|| panic!("{shown}"));
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What a settings file is refused with, each problem in a line.
fn problems(text: &str) -> Vec<String> {
    let directory = directory("k.toml", text);
    for order in ["check-config", "serve"] {
        let output = kanvas().current_dir(&directory).args([order, "--config", "k.toml"]).output().unwrap();
        let (code, shown, told) = said(output);
        assert_eq!((code, shown.as_str()), (Some(2), ""), "{told}");
        assert!(!told.contains("panicked") && !told.contains("Error {"), "{told}");
        if order == "serve" {
            return told.lines().map(|line| line.trim_start_matches("kanvas: ").to_owned()).collect();
        }
    }
    unreachable!("the second order returns")
}

#[test]
fn conf1_a_flag_leads_over_the_environment_and_that_over_the_file_and_that_over_the_default() {
    let named = directory("kanvas.toml", "# the file\ngrace = 30\n");
    let bare = tempfile::tempdir().unwrap();
    let check = |at: &TempDir| check_in(at.path());
    let grace = |command: &mut Command| effective(command.output().unwrap(), "grace");
    assert_eq!(grace(&mut check(&bare)), "grace = 15 # default");
    assert_eq!(grace(&mut check(&named)), "grace = 30 # from kanvas.toml:2:9");
    assert_eq!(grace(check(&bare).env("KANVAS_GRACE", "40")), "grace = 40 # from KANVAS_GRACE");
    assert_eq!(grace(check(&bare).args(["--grace", "50"])), "grace = 50 # from --grace");
    assert_eq!(grace(check(&named).env("KANVAS_GRACE", "40")), "grace = 40 # from KANVAS_GRACE");
    assert_eq!(grace(check(&named).args(["--grace", "50"])), "grace = 50 # from --grace");
    assert_eq!(grace(check(&bare).env("KANVAS_GRACE", "40").args(["--grace", "50"])), "grace = 50 # from --grace");
    // What leads is what counts, be the others wrong.
    assert_eq!(grace(check(&named).env("KANVAS_GRACE", "soon").args(["--grace", "50"])), "grace = 50 # from --grace");
}

#[test]
fn conf1_the_server_does_what_the_file_says() {
    let directory = directory("k.toml", "room-connections = 1\n");
    let server = Server::start(&["--config", directory.path().join("k.toml").to_str().unwrap()]);
    let _first = server.joined("a", "ann");
    let mut second = server.socket("/party/a");
    assert_eq!(second.closed().0, 4505, "the room is full");
}

#[test]
fn conf2_the_file_that_is_named_is_read_instead_of_the_usual_one() {
    let both = directory("kanvas.toml", "grace = 30\n");
    fs::write(both.path().join("other.toml"), "unload-after = 7\n").unwrap();
    let check = || check_in(both.path());
    let shown = |command: &mut Command| said(command.output().unwrap()).1;
    let usual = shown(&mut check());
    assert!(usual.contains("The settings file is kanvas.toml.") && usual.contains("grace = 30"), "{usual}");
    for named in [
        shown(check().args(["--config", "other.toml"])),
        shown(check().env("KANVAS_CONFIG", "other.toml")),
        shown(check().env("KANVAS_CONFIG", "nowhere.toml").args(["--config", "other.toml"])),
    ] {
        assert!(named.contains("other.toml") && named.contains("grace = 15"), "{named}");
        assert!(named.contains("unload-after = 7"), "{named}");
    }
}

#[test]
fn conf2_a_named_file_that_cannot_be_read_is_refused() {
    let directory = directory("latin.toml", "");
    fs::write(directory.path().join("latin.toml"), b"data = \"caf\xe9\"\n").unwrap();
    fs::write(directory.path().join("huge.toml"), vec![b'#'; (1 << 20) + 1]).unwrap();
    for (file, words) in [
        ("nowhere.toml", "there is no settings file nowhere.toml"),
        ("", "there is no settings file with an empty name"),
        (".", "the settings file . cannot be read (is a directory)"),
        ("latin.toml", "latin.toml is not text in UTF-8"),
        ("huge.toml", "huge.toml is over 1 MiB"),
    ] {
        let (code, _, told) = said(kanvas().current_dir(&directory).args(["--config", file]).output().unwrap());
        assert_eq!(code, Some(2));
        assert!(told.starts_with(&format!("kanvas: {words}")) && told.lines().count() == 1, "{told}");
    }
}

#[test]
fn conf3_a_key_that_does_not_exist_is_refused_with_the_one_that_is_meant() {
    assert_eq!(
        problems("max_rooms = 5\ncolour = \"red\"\n[serve]\ngrace = 5\n"),
        [
            "k.toml:1:1: there is no setting \"max_rooms\"; perhaps max-rooms is meant.",
            "k.toml:2:1: there is no setting \"colour\"; `kanvas settings` prints all of them.",
            "k.toml:3:2: \"serve\" is a section, and a settings file has none; write its keys at the top.",
        ]
    );
    assert_eq!(problems("config = \"x\"\n").len(), 1, "a file does not name another one");
}

#[test]
fn conf4_a_value_that_is_not_allowed_is_told_with_its_place_and_what_is() {
    assert_eq!(
        problems(
            "  grace = 4000\nthreads = \"2\"\nlog = 5\nlisten = \"here\"\nmax-rooms = 1.5\nlog-format = \"xml\"\n\
             room-images = 99999999999999999999999999999999999999999\nping-every = -1\ndata = \"\"\nmax-waiting = true\n"
        ),
        [
            "k.toml:1:11: grace is \"4000\"; it must be a whole number from 0 to 3600.",
            "k.toml:2:11: threads is a text in quotes; it must be a whole number from 1 to 256.",
            "k.toml:3:7: log is a number; it must be a text in quotes: a log filter: error, warn, info, debug, trace, or \
             target=level, with commas between.",
            "k.toml:4:10: listen is \"here\"; it must be an address and a port, such as 127.0.0.1:1999 or [::1]:1999.",
            "k.toml:5:13: max-rooms is a fraction; it must be a whole number from 1 to 1000000.",
            "k.toml:6:14: log-format is \"xml\"; it must be text or json.",
            "k.toml:7:15: room-images is \"99999999999999999999999999999999999999999\"; it must be a whole number from 1 \
             to 100000.",
            "k.toml:8:14: ping-every is \"-1\"; it must be a whole number from 1 to 3600.",
            "k.toml:9:8: data is \"\"; it must be a path.",
            "k.toml:10:15: max-waiting is true or false; it must be a whole number from 1 to 1000000.",
        ]
    );
    let output =
        kanvas().env("KANVAS_GRACE", "soon").args(["--threads", "0", "--log", "kanvas=loud"]).output().unwrap();
    let (code, _, told) = said(output);
    assert_eq!(code, Some(2));
    assert_eq!(
        told,
        "kanvas: --threads is \"0\"; it must be a whole number from 1 to 256.\n\
         kanvas: --log is \"kanvas=loud\"; it must be a log filter: error, warn, info, debug, trace, or target=level, with \
         commas between.\n\
         kanvas: KANVAS_GRACE is \"soon\"; it must be a whole number from 0 to 3600.\n"
    );
}

#[test]
fn conf5_a_key_that_stands_twice_is_told_with_its_place_beside_all_other_problems() {
    assert_eq!(
        problems("grace = 20\n\n  grace = 30\nthreads = 0\n"),
        [
            "k.toml:3:3: grace stands twice; keep one.",
            "k.toml:4:11: threads is \"0\"; it must be a whole number from 1 to 256.",
        ]
    );
}

#[test]
fn conf5_what_is_no_toml_is_told_with_its_place() {
    for (text, place) in [
        ("grace = 20\nthis is wrong\nmax_rooms = 3\n", "k.toml:2:6"),
        ("log = info\n", "k.toml:1:7"),
        ("# \u{e9}\u{e9}\n\"\u{e9}\" = \"info\n", "k.toml:2:12"),
        ("[a\nx = 1\n", "k.toml:1:3"),
        ("grace = \n", "k.toml:1:9"),
    ] {
        let told = problems(text);
        assert!(told[0].starts_with(&format!("{place}: this is no TOML (")), "{text}: {told:?}");
        assert!(told[0].ends_with("each line is a key, an equals sign and a value, with texts in quotes."), "{told:?}");
        assert_eq!(told.len(), 1, "nothing is guessed of the rest: {told:?}");
    }
}

#[test]
fn conf6_the_settings_that_would_be_used_are_shown_as_a_settings_file_and_nothing_is_changed() {
    let directory = directory(
        "kanvas.toml",
        "log = \"info,kanvas::host=debug\"\ndata = \"a \\\"b\\\" \\\\ c\"\nmax-rooms = 0x10\n",
    );
    let (code, shown, told) = said(check_in(directory.path()).args(["--threads", "3"]).output().unwrap());
    assert_eq!((code, told.as_str()), (Some(0), ""), "{shown}");
    let files: Vec<_> = fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(files, ["kanvas.toml"], "nothing is made");
    // As a settings file it says the same again.
    fs::write(directory.path().join("again.toml"), &shown).unwrap();
    let values = |shown: &str| -> Vec<String> {
        let lines = shown.lines().filter(|line| !line.starts_with('#'));
        lines.map(|line| line.split("  # ").next().unwrap().trim_end().to_owned()).collect()
    };
    let again = kanvas().current_dir(&directory).args(["check-config", "--config", "again.toml"]).output().unwrap();
    let (code, again, told) = said(again);
    assert_eq!((code, told.as_str()), (Some(0), ""));
    assert_eq!(values(&again), values(&shown));
    for line in ["listen = \"127.0.0.1:0\"", "data = \"a \\\"b\\\" \\\\ c\"", "max-rooms = 16", "threads = 3"] {
        assert!(values(&shown).iter().any(|value| value == line), "{line} in {shown}");
    }
}

#[test]
fn conf7_everything_that_keeps_it_from_starting_is_listed() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let directory = directory("file", "");
    let args = ["--listen", &address, "--data", "file/data", "--ping-every", "50", "--max-connections", "1000000"];
    let output = Command::new("sh")
        .args(["-c", "ulimit -n 400; exec \"$0\" check-config \"$@\"", env!("CARGO_BIN_EXE_kanvas")])
        .args(args)
        .current_dir(&directory)
        .output()
        .unwrap();
    let (code, shown, told) = said(output);
    assert_eq!(code, Some(2));
    assert!(shown.contains("from --data"), "{shown}");
    for words in ["--dead-after 45 must be longer", "file/data cannot be", "is taken by another program", "allows ("] {
        assert!(told.contains(words), "{words} in {told}");
    }
    assert_eq!(told.lines().count(), 4, "{told}");
    let (code, _, told) = said(run(&["check-config", "--listen", "0.0.0.0:0"]));
    assert!(code == Some(2) && told.contains("0.0.0.0:0 can be reached"), "{told}");
}

#[test]
fn conf7_what_the_running_server_holds_is_no_problem_for_the_next_one() {
    let server = Server::start(&[]);
    let (data, address) = (server.directory.path().join("data"), format!("127.0.0.1:{}", server.port));
    let (code, shown, told) = said(run(&["check-config", "--data", data.to_str().unwrap(), "--listen", &address]));
    assert_eq!((code, told.as_str()), (Some(0), ""), "{shown}");
    assert!(shown.contains("# Note: a Kanvas runs on the data directory"), "{shown}");
    assert!(shown.contains(&format!("# Note: {address} is taken, probably by that Kanvas.")), "{shown}");
    assert_eq!(server.get("/healthz", "").status, 200);
}

#[test]
fn conf7_a_variable_that_is_misspelt_is_noted() {
    let directory = tempfile::tempdir().unwrap();
    let output = check_in(directory.path()).env("KANVAS_GRCE", "9").env("KANVAS_PORT_1999_TCP", "x").output().unwrap();
    let (code, shown, _) = said(output);
    assert_eq!(code, Some(0));
    let notes: Vec<_> = shown.lines().filter(|line| line.starts_with("# Note")).collect();
    assert_eq!(notes, ["# Note: KANVAS_GRCE is no setting; perhaps KANVAS_GRACE is meant."]);
}

/// A page of `docs/` as it is committed.
fn committed(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(name)).unwrap()
}

#[test]
fn conf8_the_reference_pages_are_what_the_program_prints() {
    let printed = |args: &[&str]| said(run(args)).1;
    let again = "make them again: cargo run -- settings > docs/kanvas.toml; cargo run -- settings --markdown > docs/settings.md";
    assert_eq!(printed(&["settings"]), committed("kanvas.toml"), "{again}");
    assert_eq!(printed(&["settings", "--markdown"]), committed("settings.md"), "{again}");
}

#[test]
fn conf8_the_example_says_the_defaults() {
    let directory = tempfile::tempdir().unwrap();
    let lines = committed("kanvas.toml");
    // A mark without a space before the key, and a value behind it.
    let taken = lines.lines().filter_map(|line| line.strip_prefix('#')).filter(|line| !line.starts_with(' '));
    let text: String = taken.filter(|line| !line.ends_with('=')).map(|line| format!("{line}\n")).collect();
    fs::write(directory.path().join("kanvas.toml"), text).unwrap();
    let values = |args: &[&str]| -> Vec<(String, bool)> {
        let output = kanvas().current_dir(&directory).arg("check-config").args(args).output().unwrap();
        let shown = said(output).1;
        let lines = shown.lines().filter(|line| line.contains(" = "));
        lines.map(|line| (line.split("  # ").next().unwrap().trim_end().into(), line.ends_with("# default"))).collect()
    };
    let of_the_file = values(&[]);
    assert!(of_the_file.len() > 10 && of_the_file.iter().all(|(_, default)| !default), "{of_the_file:?}");
    let empty = directory.path().join("empty.toml");
    fs::write(&empty, "").unwrap();
    let defaults = values(&["--config", "empty.toml"]);
    assert!(defaults.iter().all(|(_, default)| *default), "{defaults:?}");
    let text = |values: Vec<(String, bool)>| values.into_iter().map(|(value, _)| value).collect::<Vec<_>>();
    assert_eq!(text(of_the_file), text(defaults));
}

#[test]
fn conf8_every_setting_has_a_flag_a_variable_and_a_key_of_one_name() {
    let page = committed("settings.md");
    let rows: Vec<Vec<_>> = page
        .lines()
        .filter(|line| line.starts_with("| `"))
        .map(|line| line.split('|').map(|cell| cell.trim().trim_matches('`')).collect())
        .collect();
    assert!(rows.len() > 10);
    let help = String::from_utf8(run(&["--help"]).stdout).unwrap();
    for row in rows {
        // Clerk's settings bear Clerk's own names.
        let name = row[1].to_uppercase().replace('-', "_");
        let variable = if name.contains("CLERK") { name } else { format!("KANVAS_{name}") };
        assert_eq!(row[2], variable);
        // Of a secret the help does not show what the variable has.
        let is_named =
            [format!("[env: {}=]", row[2]), format!("[env: {}]", row[2])].iter().any(|env| help.contains(env));
        assert!(help.contains(&format!("--{} <", row[1])) && is_named, "{help}");
        assert!(row[3..6].iter().all(|cell| !cell.is_empty()), "{row:?}");
    }
}

#[test]
fn conf9_each_shell_is_told_every_command_and_setting() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let (code, script, told) = said(run(&["completions", shell]));
        assert_eq!((code, told.as_str()), (Some(0), ""));
        for word in ["serve", "check-config", "settings", "completions", "webhook", "max-connections", "log-format"] {
            assert!(script.contains(word), "{word} for {shell}");
        }
    }
    let (code, _, told) = said(run(&["completions", "ksh"]));
    assert!(code == Some(2) && told.contains("bash"), "{told}");
    // The shells that are here take the script.
    let (_, script, _) = said(run(&["completions", "bash"]));
    let mut bash = Command::new("bash").arg("-n").stdin(Stdio::piped()).spawn().unwrap();
    bash.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
    assert!(bash.wait().unwrap().success());
}

#[test]
fn conf9_a_reader_that_has_read_enough_is_no_failure() {
    let mut child =
        kanvas().args(["completions", "bash"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let (code, _, told) = said(child.wait_with_output().unwrap());
    assert_eq!((code, told.as_str()), (Some(0), ""));
}

/// A line of a JSON log, which must have the members of every line, and no colours.
fn event(line: &str) -> Value {
    let event: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    let text = |key: &str| event[key].as_str().unwrap_or_else(|| panic!("no {key} in {line}"));
    let (time, level) = (text("timestamp"), text("level"));
    assert!(time.len() >= 20 && time.ends_with('Z') && &time[10..11] == "T", "{time}");
    assert!(["ERROR", "WARN", "INFO", "DEBUG", "TRACE"].contains(&level), "{level}");
    assert!(!text("message").is_empty() && text("target").starts_with("kanvas"));
    assert!(!line.contains('\u{1b}'));
    event
}

#[test]
fn conf10_a_log_in_json_is_an_object_a_line_and_says_where_it_serves() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let args = ["--log-format", "json", "--listen", "127.0.0.1:0", "--log", "info", "--data"];
    let mut child = kanvas().args(args).arg(&data).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut log = BufReader::new(child.stderr.take().unwrap());
    let mut first = String::new();
    log.read_line(&mut first).unwrap();
    let serving = event(&first);
    assert_eq!(serving["message"], "serving");
    let port = serving["address"].as_str().unwrap().rsplit(':').next().unwrap().parse().unwrap();
    let mut server = Server { child, directory, port };
    let ann = server.joined("a", "ann");
    server.signal("TERM");
    assert_eq!(server.wait(Duration::from_secs(5)), Some(0));
    drop(ann);
    let rest: Vec<_> = log.lines().map(|line| event(&line.unwrap())).collect();
    assert_eq!(rest.last().unwrap()["message"], "stopped", "{rest:?}");
    let mut stdout = String::new();
    std::io::Read::read_to_string(&mut server.child.stdout.take().unwrap(), &mut stdout).unwrap();
    assert_eq!(stdout, "", "a log shipper reads nothing but JSON");
}

#[test]
fn conf10_fields_of_an_event_are_members() {
    let directory = tempfile::tempdir().unwrap();
    let mut server = Server::start(&[]);
    server.joined("broken", "ann");
    server.signal("TERM");
    server.wait(Duration::from_secs(5));
    let database = rusqlite::Connection::open(server.directory.path().join("data/kanvas.db")).unwrap();
    database.execute("UPDATE rooms SET record = x'00'", []).unwrap();
    drop(database);
    let data = server.directory.path().join("data");
    let args = ["--log-format", "json", "--listen", "127.0.0.1:0", "--data", data.to_str().unwrap()];
    let log = fs::File::create(directory.path().join("log")).unwrap();
    server.child = kanvas().args(args).stdout(Stdio::null()).stderr(log).spawn().unwrap();
    let lines = || fs::read_to_string(directory.path().join("log")).unwrap();
    while !lines().ends_with('\n') {
        std::thread::sleep(Duration::from_millis(10));
    }
    let address = event(lines().lines().next().unwrap())["address"].as_str().unwrap().to_owned();
    server.port = address.rsplit(':').next().unwrap().parse().unwrap();
    assert_eq!(server.socket("/party/broken").closed().0, 4205);
    let given_up = lines().lines().map(event).find(|event| event["room"] == "broken").expect("the room is named");
    assert_eq!(given_up["level"], "WARN");
    assert!(given_up["fault"].is_string());
}

#[test]
fn conf10_what_keeps_it_from_starting_is_told_in_the_same_form_whatever_the_filter() {
    let directory = directory("json.toml", "log-format = \"json\"\nlog = \"off\"\ngrace = -1\n");
    let file = directory.path().join("json.toml");
    let (file, data) = (file.to_str().unwrap(), directory.path().join("json.toml/data"));
    for (args, words) in [
        (["--config", file].as_slice(), "json.toml:3:9: grace is"),
        (&["--log-format", "json", "--log", "off", "--data", data.to_str().unwrap()], "the data directory"),
        (&["serve", "--log-format", "json", "--frobnicate"], "unexpected argument '--frobnicate' found"),
        (&["--log-format=json", "--listen", "0.0.0.0:0"], "0.0.0.0:0 can be reached"),
    ] {
        let (code, shown, told) = said(run(args));
        assert_eq!((code, shown.as_str()), (Some(2), ""), "{told}");
        let event = event(told.trim_end());
        assert_eq!(event["level"], "ERROR");
        assert!(event["message"].as_str().unwrap().contains(words), "{told}");
    }
    let output = kanvas().env("KANVAS_LOG_FORMAT", "json").arg("--frobnicate").output().unwrap();
    event(said(output).2.trim_end());
}
