//! What every part of the program is given.

use std::time::{Duration, Instant};

use anyhow::Context;
use halfstep_model::SelectedDevice;
use halfstep_sample::StopFlag;
use indicatif::{HumanDuration, ProgressBar, ProgressStyle};

use crate::args::Args;
use crate::cache::Cache;

/// Without a terminal a line is printed this often.
const QUIET_INTERVAL: Duration = Duration::from_secs(30);

/// Where it runs, what it keeps, and whether to stop.
pub struct Job {
    pub device: SelectedDevice,
    pub cache: Cache,
    pub stop: StopFlag,
    pub batch_size: usize,
    pub seed: u64,
}

/// Asked to, by Ctrl-C or SIGTERM.
#[derive(Debug, thiserror::Error)]
#[error("stopped")]
pub struct Stopped;

impl Job {
    pub fn of(args: &Args) -> anyhow::Result<Self> {
        Ok(Self {
            device: args.device.select()?,
            cache: Cache::open(args.cache.as_deref())?,
            stop: StopFlag::install().context("cannot watch for Ctrl-C")?,
            batch_size: args.batch_size as usize,
            seed: args.seed,
        })
    }

    /// [`Stopped`] once the flag is raised.
    pub fn check(&self) -> anyhow::Result<()> {
        if self.stop.is_raised() { Err(Stopped.into()) } else { Ok(()) }
    }
}

/// A bar, or a line now and then where there is none.
pub struct Watch {
    bar: ProgressBar,
    things: &'static str,
    total: u64,
    start: Instant,
    first: Option<u64>,
    last_line: Instant,
}

impl Watch {
    /// Of so many things.
    pub fn new(total: usize, things: &'static str) -> Self {
        let template = format!("{{bar:40}} {{pos}}/{{len}} {things}, {{per_sec}}, {{eta}} left");
        let style = ProgressStyle::with_template(&template);
        let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
        let (bar, now) = (ProgressBar::new(total as u64).with_style(style), Instant::now());
        Self { bar, things, total: total as u64, start: now, first: None, last_line: now }
    }

    /// So many are done; what was done before the first call costs no time.
    pub fn show(&mut self, done: u64) {
        self.bar.set_position(done);
        let Some(first) = self.first else {
            self.first = Some(done);
            self.start = Instant::now();
            self.bar.reset_eta();
            return;
        };
        if self.bar.is_hidden() && self.last_line.elapsed() > QUIET_INTERVAL {
            self.last_line = Instant::now();
            let rate = (done - first) as f64 / self.start.elapsed().as_secs_f64();
            let left = Duration::try_from_secs_f64((self.total - done) as f64 / rate);
            let left = HumanDuration(left.unwrap_or(Duration::MAX));
            let (total, things) = (self.total, self.things);
            halfstep_sample::say!("{done} of {total} {things}, {rate:.1} a second, {left} left");
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
