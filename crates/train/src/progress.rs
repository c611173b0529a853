//! Progress bars.

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
