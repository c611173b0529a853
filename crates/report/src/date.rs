//! A time of day in UTC.

use std::time::{SystemTime, UNIX_EPOCH};

use time::OffsetDateTime;

/// `2026-11-24 23:17 UTC`; 1970 for times before it.
pub(crate) fn utc(time: SystemTime) -> String {
    let seconds = time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let date = i64::try_from(seconds).ok().map(OffsetDateTime::from_unix_timestamp);
    let date = date.and_then(Result::ok).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let (day, hour, minute) = (date.date(), date.hour(), date.minute());
    format!("{day} {hour:02}:{minute:02} UTC")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn times_equal_those_of_the_date_command() {
        // `date -u -d @N '+%F %H:%M UTC'`
        let at = |seconds| utc(UNIX_EPOCH + Duration::from_secs(seconds));
        assert_eq!(at(0), "1970-01-01 00:00 UTC");
        assert_eq!(at(951_782_399), "2000-02-28 23:59 UTC");
        assert_eq!(at(951_782_400), "2000-02-29 00:00 UTC");
        assert_eq!(at(1_795_562_240), "2026-11-24 23:17 UTC");
        assert_eq!(at(4_107_542_400), "2100-03-01 00:00 UTC");
    }

    #[test]
    fn a_clock_before_1970_or_far_ahead_is_no_panic() {
        assert_eq!(utc(UNIX_EPOCH - Duration::from_secs(1)), "1970-01-01 00:00 UTC");
        assert_eq!(utc(UNIX_EPOCH + Duration::from_secs(1 << 40)), "1970-01-01 00:00 UTC");
    }
}
