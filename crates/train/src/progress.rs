//! Progress bars.

use std::time::Duration;

use halfstep_sample::{Watch, bar_style};
use indicatif::ProgressBar;

/// A bar that counts optimiser steps, with rate and time left; hidden when the output is not a
/// terminal (indicatif's rule) or `quiet`.
pub(crate) fn training_bar(label: &str, total: u64, done: u64, quiet: bool) -> ProgressBar {
    if quiet {
        return ProgressBar::hidden();
    }
    let template = "{prefix:12} {bar:30} {pos}/{len} {things}  {rate}  {eta} left  {msg}";
    let bar = ProgressBar::new(total).with_style(bar_style(template, "steps"));
    let bar = bar.with_prefix(label.to_owned()).with_position(done);
    bar.reset_eta();
    bar
}

/// Watches network calls: a bar or, without a terminal, a line now and then.
pub(crate) fn drawing_watch(label: &str, quiet: bool) -> Watch {
    if quiet { Watch::hidden() } else { Watch::labelled(label, "network calls") }
}

/// `4m 05s`, `2h 10m`, `3d 4h`.
pub(crate) fn human_time(seconds: f64) -> String {
    let seconds = Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(Duration::MAX).as_secs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds}s"),
        (0, 0, _) => format!("{minutes}m {:02}s", seconds % 60),
        (0, _, _) => format!("{hours}h {minutes:02}m"),
        _ => format!("{days}d {hours}h"),
    }
}

/// `12 KiB`, `3.4 GiB`.
pub(crate) fn human_bytes(bytes: f64) -> String {
    indicatif::HumanBytes(bytes as u64).to_string()
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
