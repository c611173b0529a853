//! Progress bars of reading and fetching, on standard error.

use std::borrow::Cow;
use std::io::Write;
use std::time::{Duration, Instant};

use indicatif::{HumanBytes, ProgressBar, ProgressStyle};

use crate::LoadEvent;

const BYTES: &str = "{msg} {wide_bar} {bytes}/{total_bytes}, {binary_bytes_per_sec}, {eta} left";
const BYTES_OF_UNKNOWN: &str = "{msg} {spinner} {bytes}, {binary_bytes_per_sec}";
const ITEMS: &str = "{msg} {wide_bar} {pos}/{len}, {eta} left";
/// Without a terminal a line is printed this often.
const QUIET_INTERVAL: Duration = Duration::from_secs(30);

/// A callback that shows reading and fetching on standard error: a bar on a terminal, elsewhere a line every
/// 30 seconds. The bar disappears when the work ends or the callback is dropped.
pub fn show_progress() -> impl FnMut(LoadEvent<'_>) {
    let mut bar = None;
    move |event| match event {
        LoadEvent::Downloading { file, received, total } => {
            let new = || Bar::bytes(file.to_owned(), total);
            bar.get_or_insert_with(new).set_position(received);
        }
        LoadEvent::Reading { done, total } => {
            let new = || Bar::items("reading pictures", total);
            bar.get_or_insert_with(new).set_position(done as u64);
        }
        LoadEvent::Ended => bar = None,
    }
}

/// A bar on a terminal, elsewhere a line now and then.
struct Bar {
    bar: ProgressBar,
    message: Cow<'static, str>,
    total: Option<u64>,
    bytes: bool,
    /// When the last line was printed; `None` on a terminal.
    last_line: Option<Instant>,
}

impl Bar {
    /// Over the bytes of a transfer.
    fn bytes(message: impl Into<Cow<'static, str>>, total: Option<u64>) -> Self {
        let template = if total.is_some() { BYTES } else { BYTES_OF_UNKNOWN };
        Self::new(template, total, message.into(), true)
    }

    /// Over a number of things.
    fn items(message: impl Into<Cow<'static, str>>, total: usize) -> Self {
        Self::new(ITEMS, Some(total as u64), message.into(), false)
    }

    fn new(template: &str, total: Option<u64>, message: Cow<'static, str>, bytes: bool) -> Self {
        let bar = total.map_or_else(ProgressBar::no_length, ProgressBar::new);
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        let bar = bar.with_message(message.clone());
        let last_line = bar.is_hidden().then(Instant::now);
        Self { bar, message, total, bytes, last_line }
    }

    /// Shows that this much is done.
    fn set_position(&mut self, done: u64) {
        self.bar.set_position(done);
        if self.last_line.is_some_and(|last| last.elapsed() > QUIET_INTERVAL) {
            self.last_line = Some(Instant::now());
            // A closed standard error must not stop the work.
            let _ = writeln!(std::io::stderr().lock(), "{}", self.line(done));
        }
    }

    /// `train.bin: 12.0 MiB of 162.6 MiB`
    fn line(&self, done: u64) -> String {
        let shown = |number: u64| match self.bytes {
            true => HumanBytes(number).to_string(),
            false => number.to_string(),
        };
        let total = self.total.map_or(String::new(), |total| format!(" of {}", shown(total)));
        format!("{}: {}{total}", self.message, shown(done))
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_templates_are_valid() {
        for template in [BYTES, BYTES_OF_UNKNOWN, ITEMS] {
            assert!(ProgressStyle::with_template(template).is_ok(), "{template}");
        }
    }

    #[test]
    fn a_line_names_the_done_and_the_whole() {
        let bytes = Bar::bytes("a.bin", Some(3 << 20));
        assert_eq!(bytes.line(1 << 20), "a.bin: 1.00 MiB of 3.00 MiB");
        assert_eq!(Bar::bytes("a.bin", None).line(512), "a.bin: 512 B");
        let items = Bar::items("reading pictures", 500);
        assert_eq!(items.line(20), "reading pictures: 20 of 500");
    }
}
