//! Plurals in messages.

use std::fmt::Display;

/// `1 image`, `30 images`, `10 classes`.
///
/// ```
/// assert_eq!(halfstep_core::counted(2, "step"), "2 steps");
/// ```
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
