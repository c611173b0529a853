//! The results: tables on standard output, and the JSON file.

use std::path::Path;

use halfstep_sample::output::write_file;
use serde_json::{Map, Value, json};

use crate::likelihood::LikelihoodEstimate;
use crate::metrics::Score;

/// A Markdown table of scores.
pub(super) fn score_table(scores: &[Score]) -> String {
    let width = scores.iter().map(|score| score.metric.title.len()).max().unwrap_or(0);
    let rows = scores.iter().map(|score| {
        let deviation = score.deviation.map_or(String::new(), |value| format!(" +- {value:.5}"));
        format!("| {:width$} | {}{deviation} |\n", score.metric.title, fixed(score.value))
    });
    format!("| {:width$} | |\n|{:-<2$}|---:|\n{3}", "", "", width + 2, rows.collect::<String>())
}

/// Five decimals. A negative value that rounds to zero is printed without its sign.
fn fixed(value: f64) -> String {
    let text = format!("{value:.5}");
    match text.strip_prefix('-') {
        Some(zero) if zero.chars().all(|c| matches!(c, '0' | '.')) => zero.to_owned(),
        _ => text,
    }
}

/// A Markdown table of likelihoods.
pub(super) fn likelihood_table(dataset: &str, estimates: &[LikelihoodEstimate]) -> String {
    let rows = estimates.iter().map(|estimate| {
        let (mean, error) = (estimate.mean(), estimate.standard_error());
        format!("| {} | {mean:.4} +- {error:.4} |\n", estimate.title)
    });
    format!("| bits per dimension | {dataset} |\n|---|---:|\n{}", rows.collect::<String>())
}

/// Likelihoods as JSON.
pub(super) fn likelihood_json(estimates: &[LikelihoodEstimate]) -> Value {
    let mut fields = Map::new();
    for estimate in estimates {
        let (mean, error) = (estimate.mean(), estimate.standard_error());
        let numbers = json!({ "bits_per_dim": mean, "standard_error": error });
        fields.insert(estimate.key.to_owned(), numbers);
    }
    let images = estimates.first().map_or(0, |estimate| estimate.bits_per_dim.len());
    fields.insert("images".to_owned(), json!(images));
    Value::Object(fields)
}

/// `--json`, if it is there.
pub(super) fn write_json(path: Option<&Path>, text: &str) -> anyhow::Result<()> {
    if let Some(path) = path {
        write_file(path, text.as_bytes())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_is_printed_without_a_sign() {
        for (value, shown) in [
            (-0.0, "0.00000"),
            (-4e-6, "0.00000"),
            (-6e-6, "-0.00001"),
            (0.0, "0.00000"),
            (-10.0, "-10.00000"),
            (1.5, "1.50000"),
        ] {
            assert_eq!(fixed(value), shown);
        }
    }
}
