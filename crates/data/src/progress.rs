//! Progress bars on standard error.

use std::borrow::Cow;

use indicatif::{ProgressBar, ProgressStyle};

/// Whether to draw progress bars.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Progress {
    /// On standard error, if that is a terminal.
    Shown,
    /// Nowhere.
    #[default]
    Hidden,
}

const BYTES: &str = "{msg} {wide_bar} {bytes}/{total_bytes}, {binary_bytes_per_sec}, {eta} left";
const BYTES_OF_UNKNOWN: &str = "{msg} {spinner} {bytes}, {binary_bytes_per_sec}";
const ITEMS: &str = "{msg} {wide_bar} {pos}/{len}, {eta} left";

impl Progress {
    /// A bar over the bytes of a transfer, whose total may be unknown.
    pub(crate) fn bytes(
        self,
        message: impl Into<Cow<'static, str>>,
        total: Option<u64>,
    ) -> ProgressBar {
        match total {
            Some(total) => self.bar(BYTES, Some(total), message),
            None => self.bar(BYTES_OF_UNKNOWN, None, message),
        }
    }

    /// A bar over a number of things.
    pub(crate) fn items(self, message: impl Into<Cow<'static, str>>, total: usize) -> ProgressBar {
        self.bar(ITEMS, Some(total as u64), message)
    }

    fn bar(
        self,
        template: &str,
        total: Option<u64>,
        message: impl Into<Cow<'static, str>>,
    ) -> ProgressBar {
        match self {
            Self::Hidden => ProgressBar::hidden(),
            Self::Shown => {
                let bar = total.map_or_else(ProgressBar::no_length, ProgressBar::new);
                if let Ok(style) = ProgressStyle::with_template(template) {
                    bar.set_style(style);
                }
                bar.with_message(message)
            }
        }
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
}
