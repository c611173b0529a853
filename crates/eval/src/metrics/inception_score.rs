//! The Inception score (Salimans et al. 2016, <https://arxiv.org/abs/1606.03498>).

use crate::error::EvalError;
use crate::features::Features;

/// An Inception score, computed over parts of the samples.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct InceptionScore {
    /// Mean over the parts, at least 1; higher is better.
    pub mean: f64,
    /// Standard deviation over the parts (divisor: their number).
    pub deviation: f64,
}

/// `exp(mean KL(p(class | image) || p(class)))`, computed in each of `splits` equal parts of the images; the
/// usual number is 10. `logits` are the class logits of N images ([`InceptionOutput`](crate::InceptionOutput)).
///
/// Parts are consecutive images. Shuffle sorted images first ([`Features::shuffled`]), as torch-fidelity does:
/// otherwise each part has its own classes.
///
/// # Errors
/// [`EvalError::TooFew`] for fewer images than parts.
#[doc(alias = "IS")]
pub fn inception_score(logits: &Features, splits: usize) -> Result<InceptionScore, EvalError> {
    let splits = splits.max(1);
    logits.check(logits, "the Inception score", splits)?;
    let count = logits.len();
    let scores: Vec<f64> = (0..splits)
        .map(|part| score(logits, part * count / splits..(part + 1) * count / splits))
        .collect();
    let mean = scores.iter().sum::<f64>() / splits as f64;
    let squares = scores.iter().map(|score| (score - mean).powi(2));
    Ok(InceptionScore { mean, deviation: (squares.sum::<f64>() / splits as f64).sqrt() })
}

fn score(logits: &Features, which: std::ops::Range<usize>) -> f64 {
    let count = which.len() as f64;
    let logs: Vec<Vec<f64>> = which.map(|k| log_softmax(logits.row(k))).collect();
    let mut marginal = vec![0.0; logits.dim()];
    for row in &logs {
        marginal.iter_mut().zip(row).for_each(|(sum, log)| *sum += log.exp() / count);
    }
    let divergence = |row: &Vec<f64>| -> f64 {
        row.iter().zip(&marginal).map(|(log, mean)| log.exp() * (log - mean.ln())).sum()
    };
    (logs.iter().map(divergence).sum::<f64>() / count).exp()
}

fn log_softmax(logits: &[f32]) -> Vec<f64> {
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let shifted = logits.iter().map(|&logit| f64::from(logit) - f64::from(largest));
    let total = shifted.clone().map(f64::exp).sum::<f64>().ln();
    shifted.map(|logit| logit - total).collect()
}
