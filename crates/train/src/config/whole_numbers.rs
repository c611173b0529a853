//! Accepts whole numbers that are written as floats, such as `2e3` and `64.0`.

use std::cmp::Reverse;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Above this, not every whole number has a float.
const LARGEST: f64 = 9_007_199_254_740_992.0; // 2^53

/// Rewrites every float with a whole value as an integer, at any depth; line breaks stay where they are. Fields
/// that expect floats accept integers too. `None` if the text is not TOML.
pub(crate) fn with_whole_numbers(text: &str) -> Option<String> {
    let table = DeTable::parse(text).ok()?;
    let mut floats = Vec::new();
    for value in table.get_ref().values() {
        find_floats(value, &mut floats);
    }
    // From the end, so that the remaining positions stay valid.
    floats.sort_by_key(|place| Reverse(place.start));
    let mut whole = text.to_owned();
    for place in floats {
        if let Some(number) = whole_number(&text[place.clone()]) {
            whole.replace_range(place, &number.to_string());
        }
    }
    Some(whole)
}

/// Collects the positions of all floats in the text.
fn find_floats(value: &Spanned<DeValue<'_>>, floats: &mut Vec<Range<usize>>) {
    match value.get_ref() {
        DeValue::Float(_) => floats.push(value.span()),
        DeValue::Array(values) => values.iter().for_each(|value| find_floats(value, floats)),
        DeValue::Table(table) => table.values().for_each(|value| find_floats(value, floats)),
        _ => {}
    }
}

fn whole_number(float: &str) -> Option<i64> {
    let number: f64 = float.replace('_', "").parse().ok()?;
    (number.fract() == 0.0 && number.abs() <= LARGEST).then_some(number as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_floats_become_integers_everywhere_and_nothing_else_changes() {
        let written = "a = 2e3 # 2e3\nb = [8.0, 0.5]\n[[t]]\nc.d = -1e0\ne = '3.0'\nf = 1e30\n[[t]]\n\
                       g = {x = +1_0.0, y = inf}\nh = 2024-01-01";
        let meant = "a = 2000 # 2e3\nb = [8, 0.5]\n[[t]]\nc.d = -1\ne = '3.0'\nf = 1e30\n[[t]]\n\
                     g = {x = 10, y = inf}\nh = 2024-01-01";
        assert_eq!(with_whole_numbers(written).as_deref(), Some(meant));
        assert_eq!(with_whole_numbers("a = "), None);
    }
}
