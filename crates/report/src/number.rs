//! Numbers as people read them.

/// Three significant digits: `0.0157`, `2.41`, `12800`, `4.12e-5`.
pub(crate) fn short(value: f64) -> String {
    significant(value, 3)
}

/// So many significant digits; very small and very large numbers as powers of ten.
pub(crate) fn significant(value: f64, digits: usize) -> String {
    if !value.is_finite() {
        return "not finite".to_owned();
    }
    if value == 0.0 {
        return "0".to_owned();
    }
    // Through text: a number that rounds up to the next power of ten is one.
    let scientific = format!("{value:.*e}", digits.saturating_sub(1));
    let exponent: i32 = scientific.rsplit('e').next().and_then(|e| e.parse().ok()).unwrap_or(0);
    if !(-4..6).contains(&exponent) {
        return scientific;
    }
    let decimals = (digits as i32 - 1 - exponent).max(0) as usize;
    format!("{value:.decimals$}")
}

/// For an axis: without needless zeros, thousands as `k`: `0.05`, `2e-5`, `20k`.
pub(crate) fn tick(value: f64) -> String {
    // Four digits tell neighbouring ticks apart; what lies beyond is rounding.
    let rounded: f64 = format!("{value:.3e}").parse().unwrap_or(value);
    match rounded.abs() {
        0.0 => "0".to_owned(),
        size if !(1e-4..1e9).contains(&size) => format!("{rounded:e}"),
        size if size >= 1e6 => format!("{}M", tidy(rounded / 1e6)),
        size if size >= 1e4 => format!("{}k", tidy(rounded / 1e3)),
        _ => format!("{rounded}"),
    }
}

/// A quotient without its rounding error.
fn tidy(value: f64) -> f64 {
    format!("{value:.3e}").parse().unwrap_or(value)
}

/// A count with its thousands set apart: `1,500,000`.
pub(crate) fn count(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        // From four digits on they are read in threes; a lone fourth is not set apart.
        if i > 0 && (digits.len() - i).is_multiple_of(3) && digits.len() > 4 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_digits_say_what_a_number_is() {
        let texts = [0.015_703, 2.406, 12_800.0, 4.123e-5, 0.0, -0.5, 9.999, f64::NAN].map(short);
        let expected = ["0.0157", "2.41", "12800", "4.12e-5", "0", "-0.500", "10.0", "not finite"];
        assert_eq!(texts, expected);
    }

    #[test]
    fn ticks_have_no_needless_digits() {
        let texts = [0.1 + 0.2, 5e-5, 1500.0, 20_000.0, 1.5e6, 0.0, 2e12, 0.025].map(tick);
        assert_eq!(texts, ["0.3", "5e-5", "1500", "20k", "1.5M", "0", "2e12", "0.025"]);
    }

    #[test]
    fn counts_are_set_in_threes() {
        let texts = [0, 1500, 38_400, 1_000_000].map(count);
        assert_eq!(texts, ["0", "1500", "38,400", "1,000,000"]);
    }
}
