//! When a webhook that failed is sent again (HOOK6). It owns the numbers and nothing else: time and chance are given.

use kanvas_core::{Span, Time};

const FIRST: Span = Span::from_secs(1);
/// The longest wait, whoever asks for more.
pub(crate) const LONGEST: Span = Span::from_secs(3600);
/// After so long it is given up.
const GIVE_UP: Span = Span::from_secs(24 * 3600);

/// When to send again what was made then and has failed so often; `None` if it is given up. `asked` is what the
/// receiver wants, `chance` any number.
pub(crate) fn again(now: Time, made: Time, failures: u32, asked: Option<Span>, chance: u64) -> Option<Time> {
    let doubled = FIRST.as_millis().checked_shl(failures.saturating_sub(1).min(32)).unwrap_or(u64::MAX);
    let most = doubled.min(LONGEST.as_millis());
    // Those that failed together shall not come back together.
    let wait = most - chance % (most / 4 + 1);
    let wait = wait.max(asked.unwrap_or_default().as_millis()).min(LONGEST.as_millis());
    let due = now + Span::from_millis(wait);
    (due.since(made) <= GIVE_UP).then_some(due)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Time = Time::from_millis(1_700_000_000_000);

    fn wait(failures: u32, asked: Option<u64>, chance: u64) -> u64 {
        let due = again(NOW, NOW, failures, asked.map(Span::from_secs), chance).unwrap();
        due.since(NOW).as_millis()
    }

    #[test]
    fn hook6_waits_double_from_a_second_to_an_hour_and_are_up_to_a_quarter_shorter() {
        let longest: Vec<_> = (1..=14).map(|failures| wait(failures, None, 0) / 1000).collect();
        assert_eq!(longest, [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 3600, 3600]);
        assert_eq!(wait(u32::MAX, None, 0), 3_600_000);
        let spread: Vec<_> = (0..=4000).map(|chance| wait(3, None, chance)).collect();
        assert_eq!((spread.iter().min(), spread.iter().max()), (Some(&3000), Some(&4000)));
        assert_eq!(wait(1, None, u64::MAX), wait(1, None, u64::MAX % 251));
    }

    #[test]
    fn hook6_what_the_receiver_asks_for_is_kept_up_to_an_hour_and_makes_no_wait_shorter() {
        assert_eq!(wait(1, Some(120), 0), 120_000);
        assert_eq!(wait(1, Some(86_400), 0), 3_600_000);
        assert_eq!(wait(5, Some(3), 0), 16_000);
        assert_eq!(wait(1, Some(0), 0), 1000);
    }

    #[test]
    fn hook6_after_a_day_it_is_given_up() {
        let day = Span::from_secs(24 * 3600);
        let last = again(NOW, NOW - (Span::from_millis(day.as_millis() - 1000)), 1, None, 0);
        assert_eq!(last, Some(NOW + Span::from_secs(1)));
        assert_eq!(again(NOW, NOW - (Span::from_millis(day.as_millis() - 999)), 1, None, 0), None);
        // All its attempts, if each fails at once.
        let (mut now, mut attempts) = (NOW, 1);
        while let Some(due) = again(now, NOW, attempts, None, 0) {
            (now, attempts) = (due, attempts + 1);
        }
        assert_eq!(attempts, 35);
    }
}
