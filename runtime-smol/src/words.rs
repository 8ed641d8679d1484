//! Numbers, times and failures as people read and write them.

use std::time::Duration;

use kanvas_core::Span;

use crate::start::reason;

/// What a command that checks something says, and whether all is well.
pub(crate) struct Checked {
    pub(crate) report: String,
    pub(crate) good: bool,
}

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

/// `1 room`, `12,345 rooms`.
pub(crate) fn counted(number: u64, one: &str) -> String {
    let ending = if number == 1 { "" } else { "s" };
    format!("{} {one}{ending}", grouped(number))
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

/// Reads a share, such as `5%`, as so many of a thousand.
pub(crate) fn share(text: &str) -> Result<u64, &'static str> {
    let share = text.strip_suffix('%').and_then(|number| {
        let (whole, tenths) = number.split_once('.').unwrap_or((number, "0"));
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|digit| digit.is_ascii_digit());
        let valid = digits(whole) && digits(tenths) && tenths.len() == 1;
        valid.then(|| Some(whole.parse::<u64>().ok()?.checked_mul(10)? + tenths.parse::<u64>().ok()?)).flatten()
    });
    share.filter(|share| *share <= 1000).ok_or("a share from 0% to 100% is expected, in steps of 0.1%, such as 5%")
}

/// Reads a rate, such as `2/min`, as so many an hour.
pub(crate) fn rate(text: &str) -> Result<u64, &'static str> {
    let rate = text.split_once('/').and_then(|(count, unit)| {
        let an_hour = match unit {
            "min" => 60,
            "h" => 1,
            _ => return None,
        };
        count.parse::<u64>().ok()?.checked_mul(an_hour)
    });
    rate.filter(|rate| *rate <= 3600).ok_or("a rate of at most 60/min is expected, such as 2/min or 10/h")
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
