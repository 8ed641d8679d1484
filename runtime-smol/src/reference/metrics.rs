//! The reference of the metrics, as a page. Names, kinds, units, labels and help come from the registry as it is encoded;
//! what to do about each is said here.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use crate::meters::{Depths, Meters, Report};

/// One metric, as the page has it.
#[derive(Default)]
struct Entry {
    name: String,
    kind: String,
    unit: String,
    help: String,
    /// The values that are seen, by label.
    labels: BTreeMap<String, BTreeSet<String>>,
    is_sampled: bool,
}

/// What `kanvas reference metrics` prints, and `docs/reference/metrics.md` holds.
///
/// # Errors
/// A sentence for whoever added a metric.
pub(super) fn page() -> Result<String, String> {
    let mut text = String::from(
        "# Metrics\n\n\
         <!-- Made by `kanvas reference metrics`. -->\n\n\
         `GET /metrics` tells them in OpenMetrics. A development server without the setting `admin-secret` tells this machine; every\n\
         other wants `Authorization: Bearer` and the secret. A histogram has `_bucket`, `_sum` and `_count` behind its name. No label\n\
         names a room or a person.\n\n\
         | metric | type | unit | labels | what it means | what to do |\n\
         |---|---|---|---|---|---|\n",
    );
    for entry in entries()? {
        let Entry { name, kind, unit, help, labels, is_sampled } = entry;
        let Some(cure) = cure(&name) else {
            return Err(format!(
                "{name} has no words in runtime-smol/src/reference/metrics.rs; say there what to do about it"
            ));
        };
        if !is_sampled {
            return Err(format!(
                "{name} has no value in runtime-smol/src/reference/metrics.rs; count one there, for its labels"
            ));
        }
        let labels: Vec<_> = labels.iter().map(|(label, values)| shown(label, values)).collect();
        let labels = labels.join("; ");
        let _ = writeln!(text, "| `{name}` | {kind} | {unit} | {labels} | {help} | {cure} |");
    }
    Ok(text)
}

/// A label, with its values where all of them are known.
fn shown(label: &str, values: &BTreeSet<String>) -> String {
    match values.len() {
        ..=1 => format!("`{label}`"),
        _ => format!("`{label}`: {}", values.iter().map(String::as_str).collect::<Vec<_>>().join(", ")),
    }
}

/// All metrics, with one value of each that is counted by labels.
fn entries() -> Result<Vec<Entry>, String> {
    let meters = Meters::default();
    meters.answered(200);
    let written = meters.write(Report::default(), Depths::default()).map_err(|error| error.to_string())?;
    let mut entries: Vec<Entry> = Vec::new();
    for line in written.lines() {
        if let Some((name, help)) = line.strip_prefix("# HELP ").and_then(|rest| rest.split_once(' ')) {
            entries.push(Entry { name: name.into(), help: help.into(), ..Entry::default() });
            continue;
        }
        let Some(entry) = entries.last_mut() else { continue };
        if let Some((_, kind)) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' ')) {
            entry.kind = kind.into();
        } else if let Some((_, unit)) = line.strip_prefix("# UNIT ").and_then(|rest| rest.split_once(' ')) {
            entry.unit = unit.into();
        } else if !line.starts_with('#') {
            entry.take(line);
        }
    }
    for entry in &mut entries {
        match entry.kind.as_str() {
            "counter" => entry.name.push_str("_total"),
            "info" => entry.name.push_str("_info"),
            _ => {}
        }
    }
    entries.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(entries)
}

impl Entry {
    /// Takes a value's labels.
    fn take(&mut self, line: &str) {
        self.is_sampled = true;
        let labels = line.split_once('{').and_then(|(_, rest)| rest.split_once('}')).map_or("", |(labels, _)| labels);
        for (label, value) in labels.split(',').filter_map(|pair| pair.split_once('=')) {
            // The bounds of a histogram's buckets tell nothing of what is counted.
            if label != "le" {
                self.labels.entry(label.into()).or_default().insert(value.trim_matches('"').into());
            }
        }
    }
}

/// What to do about a metric.
fn cure(name: &str) -> Option<&'static str> {
    Some(match name {
        "kanvas_build_info" => "see that all servers are of one version after an update",
        "kanvas_closes_total" => {
            "watch for a rise of 1006, 4201 and 4205; [close codes](close-codes.md) tells what each asks for"
        }
        "kanvas_coalesced_total" => "nothing; it saves work",
        "kanvas_connections" => "raise `max-connections` and the limit on open files before it gets there",
        "kanvas_connections_max" => "alert when `kanvas_connections` comes within 15 % of it",
        "kanvas_deliveries_total" => "this is what a server spends its time on; compare with its processor",
        "kanvas_edits_total" => "its rate is what the disk must bear",
        "kanvas_edits_repeated_total" => "a rise means that clients lose connections or answers come late",
        "kanvas_errors_total" => {
            "a rise of one code is a faulty client; [error codes](errors.md) tells what each asks for"
        }
        "kanvas_fan_out_duration_seconds" => {
            "the 99th percentile is what people feel; over 0.1 s add cores, or move rooms"
        }
        "kanvas_host_queue_visitors" => "more than a moment above 0 means that the threads have too much to do",
        "kanvas_http_responses_total" => {
            "alert on a rise of 500 and 503; 429 is `max-waiting`, often a proxy that is not named"
        }
        "kanvas_join_duration_seconds" => "if it grows, rooms are slow to load: look at the disk",
        "kanvas_message_bytes_total" => "its rate outwards is the network that people need",
        "kanvas_messages_total" => "compare its rate with what [scaling](../scaling.md) says of a core",
        "kanvas_people" => "the number to plan by",
        "kanvas_refusals_total" => "raise `max-connections` or `max-waiting`, or name the proxy in `trusted-proxies`",
        "kanvas_room_load_duration_seconds" => "if it grows, the disk is slow to read, or rooms are very large",
        "kanvas_rooms" => "raise `max-rooms` before it gets there",
        "kanvas_rooms_returned_total" => "look at the disk and the log: stores failed and rooms started anew",
        "kanvas_send_queue_bytes" => "if it grows, people or the network cannot keep up",
        "kanvas_sessions_resumed_total" => "a rise without a restart of yours is a network that cuts connections",
        "kanvas_shed_total" => "a rise is people whose network cannot keep up; they lose cursors, no edits",
        "kanvas_sockets" => "compare with `kanvas_people`: many sockets of few people are tabs or leaks",
        "kanvas_sockets_slow" => "some are slow phones; many at once are your network",
        "kanvas_storage_batch_stores" => "nothing; it grows with the load",
        "kanvas_storage_commit_duration_seconds" => "over 0.05 s the disk is too slow for people to notice nothing",
        "kanvas_storage_failures_total" => "alert on any: free space, or replace the disk",
        "kanvas_storage_queue_requests" => "if it grows, the disk does not keep up",
        "kanvas_timers" => "nothing; it is 0 again once no room is loaded",
        "kanvas_tokens_total" => "a rise of refusals is a wrong key, an expired app, or an attack",
        "process_cpu_seconds_total" => "its rate is the cores in use",
        "process_max_fds" => "raise it by `LimitNOFILE=` or `ulimit -n`",
        "process_open_fds" => "keep it well below `process_max_fds`",
        "process_resident_memory_bytes" => "keep it below what the machine or the container has",
        "process_start_time_seconds" => "a change that was not yours is a crash",
        _ => return None,
    })
}
