//! Numbers, times and failures as people read and write them.

use std::time::Duration;

use kanvas_core::Span;

use crate::start::reason;

/// `12,345`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// `12.3 s`.
pub(crate) fn seconds(ms: u64) -> String {
    let tenths = ms / 100;
    if tenths.is_multiple_of(10) { format!("{} s", tenths / 10) } else { format!("{}.{} s", tenths / 10, tenths % 10) }
}

/// Reads a time, such as `80ms` or `12s`.
pub(crate) fn time(least: Duration, most: Duration) -> impl Fn(&str) -> Result<Span, String> + Clone + Send + Sync {
    move |text| {
        let time = humantime::parse_duration(text).ok().filter(|time| (least..=most).contains(time));
        let millis = time.and_then(|time| u64::try_from(time.as_millis()).ok());
        let from = if least.is_zero() {
            String::new()
        } else {
            format!("at least {} and ", humantime::format_duration(least))
        };
        let most = humantime::format_duration(most);
        millis
            .map(Span::from_millis)
            .ok_or_else(|| format!("a time of {from}at most {most} is expected, such as 80ms or 12s"))
    }
}

/// Why there was no answer to a request within this time.
pub(crate) fn unanswered(error: &ureq::Error, within: Duration) -> String {
    if matches!(error, ureq::Error::Timeout(_)) {
        format!("there was no answer in {} s", within.as_secs())
    } else if matches!(error, ureq::Error::HostNotFound) {
        "there is no host of that name".into()
    } else if matches!(error, ureq::Error::BadUri(_)) {
        // It would repeat the address (HOOK10).
        "the address cannot be used".into()
    } else if let ureq::Error::Io(error) = error {
        reason(error)
    } else {
        error.to_string()
    }
}
