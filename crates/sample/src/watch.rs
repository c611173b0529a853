//! How far long work is.

use std::time::{Duration, Instant};

use indicatif::{HumanDuration, ProgressBar, ProgressStyle};

/// Without a terminal a line is printed this often.
const QUIET_INTERVAL: Duration = Duration::from_secs(30);

/// A bar with rate and time left, or a line now and then where there is no terminal. It goes when this is
/// dropped.
pub struct Watch {
    bar: ProgressBar,
    things: &'static str,
    started: Option<(Instant, u64)>,
    last_line: Instant,
}

impl Watch {
    /// Of `things`: "images".
    pub fn new(things: &'static str) -> Self {
        let template = format!("{{bar:40}} {{pos}}/{{len}} {things}, {{per_sec}}, {{eta}} left");
        let style = ProgressStyle::with_template(&template);
        let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = ProgressBar::no_length().with_style(style);
        Self { bar, things, started: None, last_line: Instant::now() }
    }

    /// So many of them are done. What was done before the first call cost no time, and is said.
    pub fn show(&mut self, done: u64, total: u64) {
        self.bar.set_length(total);
        self.bar.set_position(done);
        let things = self.things;
        let Some((start, first)) = self.started else {
            self.started = Some((Instant::now(), done));
            self.bar.reset_eta();
            if done > 0 {
                self.bar.suspend(|| crate::say!("continuing after {done} of {total} {things}"));
            }
            return;
        };
        if self.bar.is_hidden() && self.last_line.elapsed() > QUIET_INTERVAL {
            self.last_line = Instant::now();
            let rate = (done - first) as f64 / start.elapsed().as_secs_f64();
            let left = Duration::try_from_secs_f64((total - done) as f64 / rate);
            let left = HumanDuration(left.unwrap_or(Duration::MAX));
            crate::say!("{done} of {total} {things}, {rate:.1} {things}/s, {left} left");
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
