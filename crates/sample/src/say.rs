//! Words for people. Who reads them may go away (a closed terminal, `| head`, a full disk under a log):
//! that must not end the work, and `println!` would.

use std::fmt::Arguments;
use std::io::Write;

/// A line on standard error: what is going on.
#[macro_export]
macro_rules! say {
    ($($words:tt)*) => { $crate::to_stderr(format_args!($($words)*)) };
}

/// A line on standard output: what was asked for.
#[macro_export]
macro_rules! answer {
    ($($words:tt)*) => { $crate::to_stdout(format_args!($($words)*)) };
}

/// What [`say!`] calls.
pub fn to_stderr(words: Arguments<'_>) {
    let _ = writeln!(std::io::stderr().lock(), "{words}");
}

/// What [`answer!`] calls.
pub fn to_stdout(words: Arguments<'_>) {
    let _ = writeln!(std::io::stdout().lock(), "{words}");
}
