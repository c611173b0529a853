//! Whole numbers that are written as floats: `2e3`, `64.0`.

use toml::{Table, Value};

/// Above this not every whole number is a float.
const LARGEST: f64 = 9_007_199_254_740_992.0; // 2^53

/// The table with every float that is a whole number as an integer, at any depth. A field that takes
/// floats takes integers too.
pub(crate) fn with_whole_numbers(table: Table) -> Table {
    table.into_iter().map(|(key, value)| (key, whole(value))).collect()
}

fn whole(value: Value) -> Value {
    match value {
        Value::Float(x) if x.fract() == 0.0 && x.abs() <= LARGEST => Value::Integer(x as i64),
        Value::Table(table) => Value::Table(with_whole_numbers(table)),
        Value::Array(values) => Value::Array(values.into_iter().map(whole).collect()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_floats_become_integers_everywhere_and_nothing_else_changes() {
        let table = |text: &str| toml::from_str::<Table>(text).unwrap();
        let written =
            "a = 2e3\nb = [8.0, 0.5]\nc.d = -1e0\ne = '3.0'\nf = 1e30\ng = inf\nh = 2024-01-01";
        let meant =
            "a = 2000\nb = [8, 0.5]\nc.d = -1\ne = '3.0'\nf = 1e30\ng = inf\nh = 2024-01-01";
        assert_eq!(with_whole_numbers(table(written)), table(meant));
    }
}
