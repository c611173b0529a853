//! Softmax down the columns of a panel, and its derivative.
//!
//! A panel is `[rows, width]`; a column is a query and a row is a key. Maxima and sums go from row
//! to row in order, each vector lane by itself.

use pulp::{Arch, Simd, WithSimd};

use crate::cpu::exp::exp;

/// Replaces `scores[i][j]` by `exp(scores[i][j] - max over i of scores[i][j])`, and
/// `inverse_sums[j]` by 1 over the sum of column j. Their product is the softmax. A NaN makes its
/// whole column NaN.
pub(crate) struct Exponentials<'a> {
    /// `[rows, width]`
    pub(crate) scores: &'a mut [f32],
    /// `[width]`
    pub(crate) inverse_sums: &'a mut [f32],
}

impl Exponentials<'_> {
    pub(crate) fn run(self) {
        Arch::new().dispatch(self);
    }
}

impl WithSimd for Exponentials<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        match self.inverse_sums.len() / S::F32_LANES {
            1 => exponentials::<S, 1>(simd, self),
            2 => exponentials::<S, 2>(simd, self),
            _ => unreachable!("panel_width gives one vector or two"),
        }
    }
}

#[inline(always)]
fn exponentials<S: Simd, const VECTORS: usize>(simd: S, of: Exponentials<'_>) {
    let (lines, _) = S::as_mut_simd_f32s(of.scores).0.as_chunks_mut::<VECTORS>();
    let mut largest = [simd.splat_f32s(f32::NEG_INFINITY); VECTORS];
    for line in &*lines {
        for (largest, &score) in largest.iter_mut().zip(line) {
            *largest = simd.max_f32s(*largest, score);
        }
    }
    let mut sums = [simd.splat_f32s(0.0); VECTORS];
    for line in lines {
        for ((score, &largest), sum) in line.iter_mut().zip(&largest).zip(&mut sums) {
            *score = exp(simd, simd.sub_f32s(*score, largest));
            *sum = simd.add_f32s(*sum, *score);
        }
    }
    let one = simd.splat_f32s(1.0);
    for (inverse, sum) in S::as_mut_simd_f32s(of.inverse_sums).0.iter_mut().zip(sums) {
        *inverse = simd.div_f32s(one, sum);
    }
}

/// Replaces `grads` by the gradient of the scores, `p (dp - sum over the column of p dp)`, where p
/// is `e` times the column's inverse sum. `e` and `inverse_sums` are as [`Exponentials`] leaves
/// them; `grads` holds dp times the column's inverse sum.
pub(crate) struct ScoreGrads<'a> {
    /// `[rows, width]`
    pub(crate) e: &'a [f32],
    /// `[rows, width]`
    pub(crate) grads: &'a mut [f32],
    /// `[width]`
    pub(crate) inverse_sums: &'a [f32],
}

impl ScoreGrads<'_> {
    pub(crate) fn run(self) {
        Arch::new().dispatch(self);
    }
}

impl WithSimd for ScoreGrads<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        match self.inverse_sums.len() / S::F32_LANES {
            1 => score_grads::<S, 1>(simd, self),
            2 => score_grads::<S, 2>(simd, self),
            _ => unreachable!("panel_width gives one vector or two"),
        }
    }
}

#[inline(always)]
fn score_grads<S: Simd, const VECTORS: usize>(simd: S, of: ScoreGrads<'_>) {
    let (e, _) = S::as_simd_f32s(of.e).0.as_chunks::<VECTORS>();
    let (grads, _) = S::as_mut_simd_f32s(of.grads).0.as_chunks_mut::<VECTORS>();
    let mut means = [simd.splat_f32s(0.0); VECTORS];
    for (e, grads) in e.iter().zip(&*grads) {
        for ((mean, &e), &grad) in means.iter_mut().zip(e).zip(grads) {
            *mean = simd.mul_add_e_f32s(e, grad, *mean);
        }
    }
    for (mean, &inverse) in means.iter_mut().zip(S::as_simd_f32s(of.inverse_sums).0) {
        *mean = simd.mul_f32s(*mean, inverse);
    }
    for (e, grads) in e.iter().zip(grads) {
        for ((&mean, &e), grad) in means.iter().zip(e).zip(grads) {
            *grad = simd.mul_f32s(e, simd.sub_f32s(*grad, mean));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu::product::{lanes, panel_width};

    /// Compares with the definitions in f64.
    #[test]
    fn softmax_and_its_derivative_equal_their_definitions() {
        for (rows, columns) in [(1, 1), (7, lanes()), (50, lanes() + 1)] {
            let width = panel_width(columns);
            let value = |i: usize, seed: usize| ((i * 37 + seed) % 101) as f32 / 10.0 - 5.0;
            let scores: Vec<f32> = (0..rows * width).map(|i| value(i, 0)).collect();
            let dp: Vec<f32> = (0..rows * width).map(|i| value(i, 11)).collect();
            let (mut e, mut inverse_sums) = (scores.clone(), vec![0.0; width]);
            Exponentials { scores: &mut e, inverse_sums: &mut inverse_sums }.run();
            let mut grads: Vec<f32> =
                dp.iter().enumerate().map(|(i, dp)| dp * inverse_sums[i % width]).collect();
            ScoreGrads { e: &e, grads: &mut grads, inverse_sums: &inverse_sums }.run();
            for (j, inverse) in inverse_sums.into_iter().enumerate() {
                let column = || (0..rows).map(|i| i * width + j);
                let sum: f64 = column().map(|at| f64::from(scores[at]).exp()).sum();
                let p = |at: usize| f64::from(scores[at]).exp() / sum;
                let mean: f64 = column().map(|at| p(at) * f64::from(dp[at])).sum();
                for at in column() {
                    let ours = f64::from(e[at] * inverse);
                    assert!((ours - p(at)).abs() < 1e-6, "{ours} {}", p(at));
                    let expected = p(at) * (f64::from(dp[at]) - mean);
                    assert!((f64::from(grads[at]) - expected).abs() < 1e-5);
                }
            }
        }
    }
}
