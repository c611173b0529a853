//! Times in words.

use std::time::Duration;

/// A time with its two largest units: `5s`, `4m 05s`, `2h 10m`, `3d 4h`.
pub fn human_time(seconds: f64) -> String {
    let seconds = Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(Duration::MAX).as_secs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds}s"),
        (0, 0, _) => format!("{minutes}m {:02}s", seconds % 60),
        (0, _, _) => format!("{hours}h {minutes:02}m"),
        _ => format!("{days}d {hours}h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_naturally() {
        assert_eq!(
            [5.0, 245.0, 7800.0, 273_600.0].map(human_time),
            ["5s", "4m 05s", "2h 10m", "3d 4h"]
        );
    }
}
