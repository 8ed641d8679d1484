//! What is made of readings: boxes of lines, each a name and a value. It owns which there are; where they stand on a screen
//! is `screen`'s.

use std::fmt::Write as _;

use super::reading::Reading;
use crate::words::grouped;

/// Everything that is shown.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct View {
    pub(super) version: String,
    pub(super) boxes: Vec<Group>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Group {
    pub(super) title: &'static str,
    pub(super) rows: Vec<Row>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Row {
    pub(super) name: String,
    pub(super) value: String,
    /// What a small curve is drawn of.
    pub(super) trend: Option<f64>,
}

/// What counts are compared with.
#[derive(Clone, Copy)]
enum Since<'r> {
    Start,
    Reading(&'r Reading),
}

impl View {
    /// All that was counted since the server's start.
    pub(super) fn since_start(now: &Reading) -> View {
        make(now, Since::Start)
    }

    /// What was counted since an earlier reading, a second.
    pub(super) fn between(earlier: &Reading, now: &Reading) -> View {
        make(now, if now.goes_on_from(earlier) { Since::Reading(earlier) } else { Since::Start })
    }

    /// As lines of text.
    pub(super) fn plain(&self, server: &str) -> String {
        let names = self.boxes.iter().flat_map(|group| &group.rows).map(|row| row.name.chars().count());
        let width = names.max().unwrap_or_default();
        let mut text = format!("Kanvas {} at {server}, since its start\n", self.version);
        for group in self.boxes.iter().filter(|group| !group.rows.is_empty()) {
            let _ = write!(text, "\n{}\n", group.title);
            for row in &group.rows {
                let _ = writeln!(text, "  {:width$}  {:>14}", row.name, row.value);
            }
        }
        text
    }
}

fn make(now: &Reading, since: Since<'_>) -> View {
    let messages = |direction| counts(now, since, "kanvas_messages_total", "kind", &[("direction", direction)]);
    let boxes = vec![
        Group { title: "now", rows: present(now) },
        Group { title: "traffic", rows: traffic(now, since) },
        Group { title: "times", rows: times(now, since) },
        Group { title: "process", rows: process(now, since) },
        Group { title: "messages in", rows: messages("in") },
        Group { title: "messages out", rows: messages("out") },
        Group { title: "errors", rows: counts(now, since, "kanvas_errors_total", "code", &[]) },
        Group { title: "closes", rows: counts(now, since, "kanvas_closes_total", "reason", &[]) },
        Group { title: "refusals", rows: counts(now, since, "kanvas_refusals_total", "reason", &[]) },
    ];
    View { version: now.version().to_owned(), boxes }
}

fn row(name: impl Into<String>, value: String, trend: Option<f64>) -> Row {
    Row { name: name.into(), value, trend }
}

fn present(now: &Reading) -> Vec<Row> {
    let gauge = |name: &str, metric: &str| {
        let value = now.value(metric);
        row(name, whole(value), Some(value))
    };
    vec![
        gauge("connections", "kanvas_connections"),
        gauge("sockets", "kanvas_sockets"),
        gauge("slow sockets", "kanvas_sockets_slow"),
        gauge("people", "kanvas_people"),
        gauge("rooms", "kanvas_rooms"),
        gauge("waiting to be sent, bytes", "kanvas_send_queue_bytes"),
        gauge("waiting for the disk", "kanvas_storage_queue_requests"),
        gauge("waiting for threads", "kanvas_host_queue_visitors"),
    ]
}

fn traffic(now: &Reading, since: Since<'_>) -> Vec<Row> {
    let line = |name: &str, metric: &str, fixed: &[(&str, &str)], label: &str| {
        let sum = |reading: &Reading| -> f64 {
            let labelled: f64 = reading.by(metric, label, fixed).iter().map(|(_, value)| value).sum();
            if label.is_empty() { reading.value(metric) } else { labelled }
        };
        let value = rate(sum(now), since, now, sum);
        row(name, told(value, since), Some(value))
    };
    vec![
        line("messages in", "kanvas_messages_total", &[("direction", "in")], "kind"),
        line("messages out", "kanvas_messages_total", &[("direction", "out")], "kind"),
        line("deliveries", "kanvas_deliveries_total", &[], "kind"),
        line("bytes in", "kanvas_message_bytes_total", &[("direction", "in")], "kind"),
        line("bytes out", "kanvas_message_bytes_total", &[("direction", "out")], "kind"),
        line("edits", "kanvas_edits_total", &[], ""),
        line("left out for newer ones", "kanvas_coalesced_total", &[], ""),
    ]
}

fn times(now: &Reading, since: Since<'_>) -> Vec<Row> {
    let earlier = match since {
        Since::Start => None,
        Since::Reading(earlier) => Some(earlier),
    };
    let mut rows = Vec::new();
    for (name, metric) in [
        ("commit", "kanvas_storage_commit_duration_seconds"),
        ("join", "kanvas_join_duration_seconds"),
        ("fan-out", "kanvas_fan_out_duration_seconds"),
    ] {
        for (share, called) in [(0.5, "p50"), (0.99, "p99")] {
            let time = now.quantile(metric, share, earlier);
            let value = time.map_or("-".to_owned(), |time| format!("{:.1} ms", time * 1000.0));
            rows.push(row(format!("{name} {called}"), value, time));
        }
    }
    rows
}

fn process(now: &Reading, since: Since<'_>) -> Vec<Row> {
    let memory = now.value("process_resident_memory_bytes");
    let cpu = |reading: &Reading| reading.value("process_cpu_seconds_total");
    let used = match since {
        Since::Start => row("processor, s", format!("{:.1}", cpu(now)), None),
        Since::Reading(_) => {
            let share = rate(cpu(now), since, now, cpu) * 100.0;
            row("processor", format!("{share:.1} %"), Some(share))
        }
    };
    let (open, most) = (now.value("process_open_fds"), now.value("process_max_fds"));
    vec![
        used,
        row("memory", format!("{:.1} MiB", memory / f64::from(1 << 20)), Some(memory)),
        row("open files", format!("{} of {}", whole(open), whole(most)), Some(open)),
    ]
}

/// A line for each value of a label that anything was counted of, the most first.
fn counts(now: &Reading, since: Since<'_>, metric: &str, label: &str, fixed: &[(&str, &str)]) -> Vec<Row> {
    let mut sums: Vec<(&str, f64)> = Vec::new();
    for (name, value) in now.by(metric, label, fixed) {
        match sums.iter_mut().find(|(known, _)| *known == name) {
            Some((_, sum)) => *sum += value,
            None => sums.push((name, value)),
        }
    }
    sums.retain(|(_, sum)| *sum > 0.0);
    let old = |earlier: &Reading, name: &str| -> f64 {
        earlier.by(metric, label, fixed).iter().filter(|(known, _)| *known == name).map(|(_, value)| value).sum()
    };
    let mut rows: Vec<_> =
        sums.iter().map(|(name, sum)| (*name, rate(*sum, since, now, |earlier| old(earlier, name)))).collect();
    rows.sort_by(|one, other| other.1.total_cmp(&one.1).then(one.0.cmp(other.0)));
    rows.into_iter().map(|(name, value)| row(name, told(value, since), Some(value))).collect()
}

/// What came since then: a second, or in all since the start.
fn rate(value: f64, since: Since<'_>, now: &Reading, old: impl Fn(&Reading) -> f64) -> f64 {
    match since {
        Since::Start => value,
        Since::Reading(earlier) => (value - old(earlier)).max(0.0) / now.after(earlier).max(0.001),
    }
}

fn told(value: f64, since: Since<'_>) -> String {
    match since {
        Since::Start => whole(value),
        Since::Reading(_) if value < 100.0 => format!("{value:.1}/s"),
        Since::Reading(_) => format!("{}/s", whole(value)),
    }
}

fn whole(value: f64) -> String {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "counts are whole and not negative")]
    grouped(value.max(0.0).round() as u64)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::super::reading::tests::{page, read};
    use super::*;

    fn value<'v>(view: &'v View, title: &str, name: &str) -> Option<&'v str> {
        let group = view.boxes.iter().find(|group| group.title == title).unwrap();
        group.rows.iter().find(|row| row.name == name).map(|row| row.value.as_str())
    }

    #[test]
    fn top3_counts_are_told_a_second_and_those_of_nothing_left_out() {
        let start = Instant::now();
        let first = Reading::parse(&page(1000, 10, 10), start).unwrap();
        let second = Reading::parse(&page(1000, 14, 10), start + Duration::from_secs(2)).unwrap();
        let view = View::between(&first, &second);
        assert_eq!(value(&view, "messages in", "cursor:move"), Some("2.0/s"));
        assert_eq!(value(&view, "messages in", "chat"), None);
        assert_eq!(value(&view, "traffic", "messages in"), Some("2.0/s"));
        assert_eq!(value(&view, "process", "processor"), Some("200.0 %"));
        assert_eq!(value(&view, "errors", "locked"), Some("0.0/s"));
        assert_eq!(value(&view, "now", "people"), Some("5"));
        assert_eq!(value(&view, "times", "join p50"), Some("-"));
    }

    #[test]
    fn top2_a_server_that_was_started_again_is_counted_from_its_start() {
        let view = View::between(&read(&page(1000, 500, 10)), &read(&page(2000, 3, 10)));
        assert_eq!(value(&view, "traffic", "messages in"), Some("3"));
        assert_eq!(value(&view, "closes", "going away"), Some("2"));
        assert_eq!(value(&view, "times", "join p50"), Some("1.0 ms"));
    }

    #[test]
    fn top4_a_plain_reading_has_a_line_for_each() {
        let text = View::since_start(&read(&page(1000, 12_345, 10))).plain("http://here");
        assert!(text.starts_with("Kanvas 9.9.9 at http://here, since its start\n\nnow\n"), "{text}");
        let line = text.lines().find(|line| line.trim_start().starts_with("cursor:move")).unwrap();
        assert!(line.ends_with(" 12,345"), "{line}");
        assert!(!text.contains("refusals"), "an empty box is none: {text}");
    }
}
