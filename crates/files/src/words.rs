//! Sizes and counts in words.

use std::fmt::Display;

/// A number of bytes with two decimals in the largest unit below it: `12 B`, `1.46 KiB`, `3.40 GiB`.
pub fn human_bytes(bytes: u64) -> String {
    let (mut amount, mut unit) = (bytes as f64, "");
    for larger in ["Ki", "Mi", "Gi", "Ti", "Pi", "Ei"] {
        if amount < 1024.0 {
            break;
        }
        (amount, unit) = (amount / 1024.0, larger);
    }
    match unit {
        "" => format!("{amount:.0} B"),
        unit => format!("{amount:.2} {unit}B"),
    }
}

/// `1 image`, `30 images`, `10 classes`.
///
/// ```
/// assert_eq!(halfstep_files::counted(2, "step"), "2 steps");
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
    fn bytes_are_readable() {
        for (bytes, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.00 KiB"),
            (1500, "1.46 KiB"),
            (1_500_000_000, "1.40 GiB"),
            (u64::MAX, "16.00 EiB"),
        ] {
            assert_eq!(human_bytes(bytes), text);
        }
    }

    #[test]
    fn one_thing_is_no_plural() {
        assert_eq!(counted(1usize, "step"), "1 step");
        assert_eq!(counted(0u64, "step"), "0 steps");
        assert_eq!(counted(2u32, "network call"), "2 network calls");
        assert_eq!(counted(10usize, "class"), "10 classes");
    }
}
