//! Printing that survives its reader. A reader may go away (a closed terminal, `| head`, a full disk under a
//! log): `println!` would then end the program, these macros do not.

use std::fmt::Arguments;
use std::io::Write;

/// Prints a line on standard error: the progress of the work.
#[macro_export]
macro_rules! say {
    ($($words:tt)*) => { $crate::to_stderr(format_args!($($words)*)) };
}

/// Prints a line on standard output: the result.
#[macro_export]
macro_rules! answer {
    ($($words:tt)*) => { $crate::to_stdout(format_args!($($words)*)) };
}

/// Prints a line on standard error; [`say!`] calls it.
pub fn to_stderr(words: Arguments<'_>) {
    let _ = writeln!(std::io::stderr().lock(), "{words}");
}

/// Prints a line on standard output; [`answer!`] calls it.
pub fn to_stdout(words: Arguments<'_>) {
    let _ = writeln!(std::io::stdout().lock(), "{words}");
}
