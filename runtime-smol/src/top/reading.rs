//! One reading of `/metrics`: OpenMetrics, as far as Kanvas writes it, and what two of them say of the time between.

use std::collections::BTreeMap;
use std::time::Instant;

/// A page of `/metrics` and when it was read.
#[derive(Clone, Debug)]
pub(super) struct Reading {
    at: Instant,
    /// By name, then by labels as they are written, without what surrounds them.
    samples: BTreeMap<String, Vec<Sample>>,
}

#[derive(Clone, Debug, PartialEq)]
struct Sample {
    labels: Vec<(String, String)>,
    value: f64,
}

impl Reading {
    /// `None` if that is no page of a Kanvas.
    pub(super) fn parse(text: &str, at: Instant) -> Option<Reading> {
        let mut samples: BTreeMap<String, Vec<Sample>> = BTreeMap::new();
        for line in text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
            let (name, sample) = parse_line(line)?;
            samples.entry(name).or_default().push(sample);
        }
        samples.contains_key("kanvas_build_info").then_some(Reading { at, samples })
    }

    /// The value of what has no labels; 0 if there is none.
    pub(super) fn value(&self, name: &str) -> f64 {
        self.samples.get(name).and_then(|samples| samples.first()).map_or(0.0, |sample| sample.value)
    }

    /// The values of what has these labels, each with the value of one further label.
    pub(super) fn by(&self, name: &str, label: &str, fixed: &[(&str, &str)]) -> Vec<(&str, f64)> {
        let samples = self.samples.get(name).map(Vec::as_slice).unwrap_or_default();
        let fits = samples.iter().filter(|sample| fixed.iter().all(|(name, value)| sample.label(name) == Some(value)));
        fits.filter_map(|sample| Some((sample.label(label)?, sample.value))).collect()
    }

    pub(super) fn version(&self) -> &str {
        self.by("kanvas_build_info", "version", &[]).first().map_or("", |(version, _)| version)
    }

    /// Seconds from another reading to this one.
    pub(super) fn after(&self, earlier: &Reading) -> f64 {
        self.at.duration_since(earlier.at).as_secs_f64()
    }

    /// Whether both are of one life of a server: counts go on from one to the other.
    pub(super) fn goes_on_from(&self, earlier: &Reading) -> bool {
        let start = "process_start_time_seconds";
        (self.value(start) - earlier.value(start)).abs() < 0.001
    }

    /// The time within which so great a share of what was timed since an earlier reading, or ever, was done, in
    /// seconds. `None` if nothing was.
    pub(super) fn quantile(&self, name: &str, share: f64, earlier: Option<&Reading>) -> Option<f64> {
        let name = format!("{name}_bucket");
        let before = earlier.map(|earlier| earlier.by(&name, "le", &[])).unwrap_or_default();
        let buckets = self.by(&name, "le", &[]).into_iter().map(|(most, count)| {
            let old = before.iter().find(|(other, _)| *other == most).map_or(0.0, |(_, count)| *count);
            (most.parse().unwrap_or(f64::INFINITY), count - old)
        });
        quantile(&buckets.collect::<Vec<(f64, f64)>>(), share)
    }
}

impl Sample {
    fn label(&self, name: &str) -> Option<&str> {
        self.labels.iter().find(|(label, _)| label == name).map(|(_, value)| value.as_str())
    }
}

/// `name{label="value",…} number`.
fn parse_line(line: &str) -> Option<(String, Sample)> {
    let (head, value) = line.rsplit_once(' ')?;
    let value = value.parse().ok()?;
    let Some((name, labels)) = head.split_once('{') else {
        return Some((head.to_owned(), Sample { labels: Vec::new(), value }));
    };
    let mut rest = labels.strip_suffix('}')?;
    let mut labels = Vec::new();
    while !rest.is_empty() {
        // Kanvas' own values of labels have no quotes in them.
        let (label, after) = rest.split_once("=\"")?;
        let (value, after) = after.split_once('"')?;
        labels.push((label.to_owned(), value.to_owned()));
        rest = after.strip_prefix(',').unwrap_or(after);
    }
    Some((name.to_owned(), Sample { labels, value }))
}

/// From buckets that each hold all before them, evenly spread within one, as Prometheus reckons it.
fn quantile(buckets: &[(f64, f64)], share: f64) -> Option<f64> {
    let all = buckets.last().map(|(_, count)| *count).filter(|count| *count > 0.0)?;
    let rank = all * share;
    let (mut least, mut below) = (0.0, 0.0);
    for (most, count) in buckets {
        if *count >= rank {
            let within = if *count > below { (rank - below) / (count - below) } else { 1.0 };
            // Beyond the last bound nothing more is known.
            return Some(if most.is_finite() { least + (most - least) * within } else { least });
        }
        (least, below) = (*most, *count);
    }
    None
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A page of a server that started at a time, with so many messages and a few timings.
    pub(in crate::top) fn page(started: u32, moves: u32, quick: u32) -> String {
        format!(
            "# TYPE kanvas_build info\nkanvas_build_info{{version=\"9.9.9\"}} 1\n\
             process_start_time_seconds {started}.5\nprocess_cpu_seconds_total {moves}.0\nprocess_resident_memory_bytes 13365248\n\
             kanvas_connections 7\nkanvas_people 5\nkanvas_rooms 2\nkanvas_sockets 6\n\
             kanvas_messages_total{{direction=\"in\",kind=\"cursor:move\"}} {moves}\n\
             kanvas_messages_total{{direction=\"in\",kind=\"chat\"}} 0\n\
             kanvas_messages_total{{direction=\"out\",kind=\"cursor:move\"}} 3\n\
             kanvas_deliveries_total{{kind=\"cursor:move\"}} 30\n\
             kanvas_errors_total{{code=\"locked\"}} 4\n\
             kanvas_closes_total{{code=\"1001\",reason=\"going away\"}} 2\n\
             kanvas_join_duration_seconds_bucket{{le=\"0.001\"}} {quick}\n\
             kanvas_join_duration_seconds_bucket{{le=\"0.01\"}} {}\n\
             kanvas_join_duration_seconds_bucket{{le=\"+Inf\"}} {}\n# EOF\n",
            quick + 10,
            quick + 10
        )
    }

    pub(in crate::top) fn read(text: &str) -> Reading {
        Reading::parse(text, Instant::now()).unwrap()
    }

    #[test]
    fn top2_a_page_is_read_by_name_and_label() {
        let reading = read(&page(1000, 12, 10));
        assert_eq!((reading.version(), reading.value("kanvas_people"), reading.value("nothing")), ("9.9.9", 5.0, 0.0));
        let by = reading.by("kanvas_messages_total", "kind", &[("direction", "in")]);
        assert_eq!(by, [("cursor:move", 12.0), ("chat", 0.0)]);
        assert_eq!(reading.by("kanvas_closes_total", "reason", &[]), [("going away", 2.0)]);
        for text in ["", "<html>", "up 1\n", "kanvas_build_info{version=\"1\" 1\n"] {
            assert!(Reading::parse(text, Instant::now()).is_none(), "{text}");
        }
    }

    #[test]
    fn top2_times_are_those_between_two_readings() {
        let (first, second) = (read(&page(1000, 1, 10)), read(&page(1000, 1, 40)));
        let close = |found: Option<f64>, want: f64| (found.unwrap() - want).abs() < 1e-9;
        assert!(close(first.quantile("kanvas_join_duration_seconds", 0.5, None), 0.001));
        assert!(close(first.quantile("kanvas_join_duration_seconds", 0.75, None), 0.0055));
        assert!(close(second.quantile("kanvas_join_duration_seconds", 0.5, Some(&first)), 0.0005));
        assert_eq!(first.quantile("kanvas_join_duration_seconds", 0.5, Some(&first)), None);
        assert_eq!(first.quantile("nothing", 0.5, None), None);
        assert!(close(quantile(&[(0.1, 1.0), (f64::INFINITY, 9.0)], 0.99), 0.1), "beyond the last bound");
        assert!(second.goes_on_from(&first) && !read(&page(1001, 1, 1)).goes_on_from(&first));
    }
}
