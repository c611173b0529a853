//! Progress of long work.

use std::time::{Duration, Instant};

use indicatif::{HumanDuration, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

/// Without a terminal a line is printed this often.
const QUIET_INTERVAL: Duration = Duration::from_secs(30);

/// A progress bar with rate and time left; without a terminal, a line every 30 seconds. The bar disappears when
/// this is dropped.
pub struct ProgressLine {
    bar: ProgressBar,
    label: String,
    things: &'static str,
    started: Option<(Instant, u64)>,
    last_line: Instant,
    /// Lines are printed: there is no bar.
    lines: bool,
    /// A line is printed at the end too.
    last: bool,
}

impl ProgressLine {
    /// Progress over `things` such as "images". Without a terminal the end is a line as well.
    pub fn new(things: &'static str) -> Self {
        let mut progress = Self::labelled("", things);
        progress.last = true;
        progress
    }

    /// Progress over `things` in the part of the work that `label` names. Without a terminal a short part prints
    /// no line.
    pub fn labelled(label: &str, things: &'static str) -> Self {
        let template = "{prefix}{bar:40} {pos}/{len} {things}, {rate}, {eta} left";
        let bar = ProgressBar::no_length().with_style(bar_style(template, things));
        if !label.is_empty() {
            bar.set_prefix(format!("{label:32} "));
        }
        let lines = bar.is_hidden();
        let last_line = Instant::now();
        Self { bar, label: label.to_owned(), things, started: None, last_line, lines, last: false }
    }

    /// Shows nothing.
    pub fn hidden() -> Self {
        let mut progress = Self::labelled("", "");
        progress.bar.set_draw_target(ProgressDrawTarget::hidden());
        progress.lines = false;
        progress
    }

    /// Shows that `done` of `total` are done. What the first call reports as done counts as kept from an earlier
    /// process: a note says so, and the rate leaves it out.
    pub fn show(&mut self, done: u64, total: u64) {
        self.bar.set_length(total);
        self.bar.set_position(done);
        let things = self.things;
        let Some((start, first)) = self.started else {
            self.started = Some((Instant::now(), done));
            self.bar.reset_eta();
            if done > 0 && done < total {
                self.bar.suspend(|| crate::say!("continuing after {done} of {total} {things}"));
            }
            return;
        };
        let is_due = self.last_line.elapsed() > QUIET_INTERVAL || self.last && done >= total;
        if self.lines && is_due {
            self.last_line = Instant::now();
            self.lines = done < total;
            self.last = true;
            let seconds = start.elapsed().as_secs_f64();
            crate::say!("{}", line(&self.label, things, first..done, total, seconds));
        }
    }
}

impl Drop for ProgressLine {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// `128 of 500 images, 12.5 images/s, 30 seconds left`; the range `made` took `seconds`.
fn line(label: &str, things: &str, made: std::ops::Range<u64>, total: u64, seconds: f64) -> String {
    let rate = made.end.saturating_sub(made.start) as f64 / seconds.max(1e-9);
    let label = if label.is_empty() { String::new() } else { format!("{label}: ") };
    let rate_shown = per_second(rate, things);
    let one = things.strip_suffix('s').filter(|_| total == 1);
    let things = one.unwrap_or(things);
    let so_far = format!("{label}{} of {total} {things}, {rate_shown}", made.end);
    if made.end >= total {
        return so_far;
    }
    let left = Duration::try_from_secs_f64((total - made.end) as f64 / rate);
    format!("{so_far}, {} left", HumanDuration(left.unwrap_or(Duration::MAX)))
}

/// The style of a bar whose template may use `{rate}`, the speed with its unit such as `12.5 images/s`, and
/// `{things}`, their name such as `images`.
pub fn bar_style(template: &str, things: &'static str) -> ProgressStyle {
    let style = ProgressStyle::with_template(template);
    let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
    let rate = move |state: &ProgressState, to: &mut dyn std::fmt::Write| {
        // Nobody sees a bar that cannot be written.
        let _ = to.write_str(&per_second(state.per_sec(), things));
    };
    let name = move |_: &ProgressState, to: &mut dyn std::fmt::Write| {
        let _ = to.write_str(things);
    };
    style.with_key("rate", rate).with_key("things", name)
}

/// A rate in three digits, with its unit.
fn per_second(rate: f64, things: &str) -> String {
    let decimals = match rate {
        rate if rate >= 99.95 => 0,
        rate if rate >= 9.995 => 1,
        rate if rate >= 0.9995 => 2,
        _ => 3,
    };
    format!("{rate:.decimals$} {things}/s")
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use indicatif::TermLike;

    use super::*;

    #[test]
    fn a_line_reports_progress_rate_and_time_left() {
        let of = |made, seconds| line("", "images", made, 500, seconds);
        let of_one = || line("", "images", 0..1, 1, 0.5);
        assert_eq!(of(0..125, 10.0), "125 of 500 images, 12.5 images/s, 30 seconds left");
        assert_eq!(of(100..110, 100.0), "110 of 500 images, 0.100 images/s, 65 minutes left");
        assert_eq!(of(0..500, 1.0), "500 of 500 images, 500 images/s");
        assert_eq!(of_one(), "1 of 1 image, 2.00 images/s");
        let stalled = line("preview", "steps", 0..0, 4, 1.0);
        assert!(stalled.starts_with("preview: 0 of 4 steps, 0.000 steps/s, "), "{stalled}");
    }

    #[test]
    fn rates_have_a_unit() {
        let shown = [1.9291, 0.04, 12.34, 1666.4].map(|rate| per_second(rate, "images"));
        assert_eq!(shown, ["1.93 images/s", "0.040 images/s", "12.3 images/s", "1666 images/s"]);
    }

    /// A terminal that keeps what is written to it.
    #[derive(Clone, Debug, Default)]
    struct Screen(Arc<Mutex<String>>);

    impl TermLike for Screen {
        fn width(&self) -> u16 {
            120
        }

        fn move_cursor_up(&self, _: usize) -> io::Result<()> {
            Ok(())
        }

        fn move_cursor_down(&self, _: usize) -> io::Result<()> {
            Ok(())
        }

        fn move_cursor_right(&self, _: usize) -> io::Result<()> {
            Ok(())
        }

        fn move_cursor_left(&self, _: usize) -> io::Result<()> {
            Ok(())
        }

        fn write_line(&self, text: &str) -> io::Result<()> {
            self.write_str(text)
        }

        fn write_str(&self, text: &str) -> io::Result<()> {
            self.0.lock().unwrap().push_str(text);
            Ok(())
        }

        fn clear_line(&self) -> io::Result<()> {
            Ok(())
        }

        fn flush(&self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_bar_shows_things_and_their_rate() {
        let screen = Screen::default();
        let target = ProgressDrawTarget::term_like(Box::new(screen.clone()));
        let style = bar_style("{prefix}{bar:10} {pos}/{len} {things}, {rate}, {eta} left", "steps");
        let bar = ProgressBar::with_draw_target(Some(10), target).with_style(style);
        bar.set_prefix("teacher ");
        bar.set_position(1);
        bar.abandon(); // which is drawn at once
        let shown = screen.0.lock().unwrap().clone();
        assert!(shown.contains("teacher ") && shown.contains(" 1/10 steps, "), "{shown:?}");
        assert!(shown.contains(" steps/s, "), "{shown:?}");
    }
}
