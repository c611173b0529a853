//! Softmax down the columns of a panel, and its derivative.
//!
//! A panel is `[rows, width]`, one column a query and one row a key: every maximum and every sum
//! goes from line to line, lane by lane, in order.

use pulp::{Arch, Simd, WithSimd};

/// `scores[i][j]` becomes `2^(scores[i][j] - max over i of scores[i][j])`, and `inverse_sums[j]`
/// becomes 1 over the sum of column j, so that their product is the softmax in base 2.
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
            *score = exp2(simd, simd.sub_f32s(*score, largest));
            *sum = simd.add_f32s(*sum, *score);
        }
    }
    let one = simd.splat_f32s(1.0);
    for (inverse, sum) in S::as_mut_simd_f32s(of.inverse_sums).0.iter_mut().zip(sums) {
        *inverse = simd.div_f32s(one, sum);
    }
}

/// With `e` and `inverse_sums` as [`Exponentials`] leaves them, p = e times the column's inverse
/// sum, and `grads` the gradient of p times the column's inverse sum, `grads` becomes the gradient
/// of the scores, `p (dp - sum over the column of p dp)`.
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

/// `2^x` for x at most 0: to a relative error of [`tests::RELATIVE_ERROR`] down to 2^-126, to an
/// absolute one of 2^-126 below, where it ends in an exact 0. NaN stays NaN.
///
/// x = n + f with n whole and f in [-1/2, 1/2]; `2^f = exp(f ln 2)` is its Taylor polynomial of
/// degree 7, whose remainder is below `(ln 2 / 2)^8 / 8! * 1.05 < 5.5e-9`, a tenth of a rounding;
/// n is added to the exponent of the result.
#[inline(always)]
fn exp2<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    /// (ln 2)^k / k! for k = 7, 6, ..., 0
    const TAYLOR: [f32; 8] = [
        1.525_273_3e-5,
        1.540_353e-4,
        1.333_355_8e-3,
        9.618_129e-3,
        5.550_411e-2,
        0.240_226_5,
        std::f32::consts::LN_2,
        1.0,
    ];
    /// Numbers of this size have no bits after the binary point: adding it rounds to a whole
    /// number, which is then found in the lowest bits.
    const ROUND: f32 = 12_582_912.0; // 1.5 * 2^23
    const SMALLEST: f32 = -127.0;
    // In this order the NaN of x86's maximum is that of x.
    let x = simd.max_f32s(simd.splat_f32s(SMALLEST), x);
    let round = simd.splat_f32s(ROUND);
    let shifted = simd.add_f32s(x, round);
    let f = simd.sub_f32s(x, simd.sub_f32s(shifted, round));
    let mut sum = simd.splat_f32s(TAYLOR[0]);
    for &coefficient in &TAYLOR[1..] {
        sum = simd.mul_add_e_f32s(sum, f, simd.splat_f32s(coefficient));
    }
    let n = simd.transmute_u32s_f32s(shifted);
    let exponent = simd.wrapping_dyn_shl_u32s(n, simd.splat_u32s(23));
    simd.transmute_f32s_u32s(simd.add_u32s(simd.transmute_u32s_f32s(sum), exponent))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flex::product::{lanes, panel_width};

    /// Two roundings: that of the last sum and that of f times the sum before, half as large.
    const RELATIVE_ERROR: f64 = 1.0e-7;

    struct Exp2<'a>(&'a mut [f32]);

    impl WithSimd for Exp2<'_> {
        type Output = ();

        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) {
            for x in S::as_mut_simd_f32s(self.0).0 {
                *x = exp2(simd, *x);
            }
        }
    }

    #[test]
    fn exp2_is_as_exact_as_it_says() {
        const STEPS: usize = 1 << 22;
        let xs: Vec<f32> = (0..STEPS).map(|i| i as f32 / STEPS as f32 * -130.0).collect();
        let mut powers = xs.clone();
        Arch::new().dispatch(Exp2(&mut powers));
        let smallest = 2f64.powi(-126);
        let mut worst: f64 = 0.0;
        for (&x, &power) in xs.iter().zip(&powers) {
            let exact = f64::from(x).exp2();
            let error = (f64::from(power) - exact).abs();
            if x >= -126.0 {
                worst = worst.max(error / exact);
            } else {
                assert!(error <= smallest, "{x}: {power:e}");
            }
        }
        println!("worst {worst:e}");
        assert!(worst <= RELATIVE_ERROR, "{worst:e}");
    }

    #[test]
    fn exp2_at_the_ends() {
        let mut xs = vec![0.0; lanes()];
        xs[..4].copy_from_slice(&[0.0, -1.0, f32::NEG_INFINITY, f32::NAN]);
        Arch::new().dispatch(Exp2(&mut xs));
        assert_eq!(xs[..3], [1.0, 0.5, 0.0]);
        assert!(xs[3].is_nan());
    }

    /// Against the definitions, in f64.
    #[test]
    fn softmax_and_its_derivative_are_what_they_say() {
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
            for j in 0..width {
                let column = || (0..rows).map(|i| i * width + j);
                let sum: f64 = column().map(|at| f64::from(scores[at]).exp2()).sum();
                let p = |at: usize| f64::from(scores[at]).exp2() / sum;
                let mean: f64 = column().map(|at| p(at) * f64::from(dp[at])).sum();
                for at in column() {
                    let ours = f64::from(e[at] * inverse_sums[j]);
                    assert!((ours - p(at)).abs() < 1e-6, "{ours} {}", p(at));
                    let expected = p(at) * (f64::from(dp[at]) - mean);
                    assert!((f64::from(grads[at]) - expected).abs() < 1e-5);
                }
            }
        }
    }
}
