//! How far reading and fetching are, on standard error.

use std::borrow::Cow;
use std::io::Write;
use std::time::{Duration, Instant};

use indicatif::{HumanBytes, ProgressBar, ProgressStyle};

/// Whether to tell how far the work is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Progress {
    /// On standard error: a bar if that is a terminal, otherwise a line now and then.
    Shown,
    /// Nowhere.
    #[default]
    Hidden,
}

const BYTES: &str = "{msg} {wide_bar} {bytes}/{total_bytes}, {binary_bytes_per_sec}, {eta} left";
const BYTES_OF_UNKNOWN: &str = "{msg} {spinner} {bytes}, {binary_bytes_per_sec}";
const ITEMS: &str = "{msg} {wide_bar} {pos}/{len}, {eta} left";
/// Without a terminal a line is printed this often.
const QUIET_INTERVAL: Duration = Duration::from_secs(30);

/// A bar, or a line now and then where there is no terminal, or neither.
pub(crate) struct Bar {
    bar: ProgressBar,
    message: Cow<'static, str>,
    total: Option<u64>,
    bytes: bool,
    /// When the last line was printed; `None` if none is to be.
    last_line: Option<Instant>,
}

impl Progress {
    /// Over the bytes of a transfer, whose total may be unknown.
    pub(crate) fn bytes(self, message: impl Into<Cow<'static, str>>, total: Option<u64>) -> Bar {
        match total {
            Some(total) => self.bar(BYTES, Some(total), message.into(), true),
            None => self.bar(BYTES_OF_UNKNOWN, None, message.into(), true),
        }
    }

    /// Over a number of things.
    pub(crate) fn items(self, message: impl Into<Cow<'static, str>>, total: usize) -> Bar {
        self.bar(ITEMS, Some(total as u64), message.into(), false)
    }

    fn bar(
        self,
        template: &str,
        total: Option<u64>,
        message: Cow<'static, str>,
        bytes: bool,
    ) -> Bar {
        let bar = match self {
            Self::Hidden => ProgressBar::hidden(),
            Self::Shown => {
                let bar = total.map_or_else(ProgressBar::no_length, ProgressBar::new);
                if let Ok(style) = ProgressStyle::with_template(template) {
                    bar.set_style(style);
                }
                bar.with_message(message.clone())
            }
        };
        let last_line = (self == Self::Shown && bar.is_hidden()).then(Instant::now);
        Bar { bar, message, total, bytes, last_line }
    }
}

impl Bar {
    /// So much is done.
    pub(crate) fn set_position(&mut self, done: u64) {
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
    fn lines_tell_how_much_of_how_much() {
        let bytes = Progress::Hidden.bytes("a.bin", Some(3 << 20));
        assert_eq!(bytes.line(1 << 20), "a.bin: 1.00 MiB of 3.00 MiB");
        assert_eq!(Progress::Hidden.bytes("a.bin", None).line(512), "a.bin: 512 B");
        let items = Progress::Hidden.items("reading pictures", 500);
        assert_eq!(items.line(20), "reading pictures: 20 of 500");
    }
}
