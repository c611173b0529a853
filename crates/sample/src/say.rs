//! Words for people. Who reads them may go away (a closed terminal, `| head`, a full disk under a log):
//! that must not end the work, and `println!` would.

use std::fmt::{Arguments, Display};
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

/// `1 image`, `30 images`, `10 classes`.
pub fn counted<N: Display + PartialEq + From<u8>>(count: N, thing: &str) -> String {
    let ending = match () {
        () if count == N::from(1) => "",
        () if thing.ends_with('s') => "es",
        () => "s",
    };
    format!("{count} {thing}{ending}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_thing_is_no_plural() {
        assert_eq!(counted(1usize, "step"), "1 step");
        assert_eq!(counted(0u64, "step"), "0 steps");
        assert_eq!(counted(2u32, "network call"), "2 network calls");
        assert_eq!(counted(10usize, "class"), "10 classes");
    }
}
