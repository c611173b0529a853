//! Numbers as people read them. By hand: crates that format numbers know digits after the point, not significant
//! digits.

/// A dash for a value that is missing.
pub(crate) const MISSING: &str = "\u{2013}";

/// Three significant digits: `0.0157`, `2.41`, `12800`, `4.12e-5`.
pub(crate) fn short(value: f64) -> String {
    significant(value, 3)
}

/// [`short`], or a dash.
pub(crate) fn short_or_missing(value: Option<f64>) -> String {
    value.map_or(MISSING.to_owned(), short)
}

/// This many significant digits; very small and very large numbers as powers of ten.
pub(crate) fn significant(value: f64, digits: usize) -> String {
    if !value.is_finite() {
        return "not finite".to_owned();
    }
    if value == 0.0 {
        return "0".to_owned();
    }
    // Through text: 9.999 rounds up to the next power of ten.
    let scientific = format!("{value:.*e}", digits.saturating_sub(1));
    let exponent: i32 = scientific.rsplit('e').next().and_then(|e| e.parse().ok()).unwrap_or(0);
    if !(-4..6).contains(&exponent) {
        return scientific;
    }
    let decimals = (digits as i32 - 1 - exponent).max(0) as usize;
    format!("{value:.decimals$}")
}

/// For an axis: no trailing zeros, thousands as `k`: `0.05`, `2e-5`, `20k`.
pub(crate) fn tick(value: f64) -> String {
    // Four digits tell neighbouring ticks apart. Digits after them are rounding errors.
    let rounded = |value: f64| format!("{value:.3e}").parse().unwrap_or(value);
    let value: f64 = rounded(value);
    match value.abs() {
        0.0 => "0".to_owned(),
        size if !(1e-4..1e9).contains(&size) => format!("{value:e}"),
        size if size >= 1e6 => format!("{}M", rounded(value / 1e6)),
        size if size >= 1e4 => format!("{}k", rounded(value / 1e3)),
        _ => format!("{value}"),
    }
}

/// A count with its thousands separated, from five digits on: `1500`, `1,500,000`.
pub(crate) fn count(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
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
    fn three_digits_are_kept() {
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
    fn thousands_are_separated() {
        let texts = [0, 1500, 38_400, 1_000_000].map(count);
        assert_eq!(texts, ["0", "1500", "38,400", "1,000,000"]);
    }
}
