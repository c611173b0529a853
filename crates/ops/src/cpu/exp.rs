//! The exponential function and the logistic function, on vectors.

use pulp::Simd;

/// Computes `exp(x)`, to 2 ulp for x of at least -86.9, and infinity where f32 overflows. Below
/// -86.9 the result stays at `exp(-86.9)`, 2e-38, which vanishes in the sum with 1 that it is used
/// for. NaN stays NaN.
///
/// `exp(x) = 2^n exp(r)`, where n is the integer nearest to `x / ln 2`, so that `|r| <= ln(2) / 2`.
/// The polynomial for `exp(r)` is that of Cephes' `expf` (S. L. Moshier, netlib.org/cephes).
#[inline(always)]
pub(crate) fn exp<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    const LOWEST: f32 = -86.9;
    const HIGHEST: f32 = 89.0;
    /// `1.5 * 2^23`: adding it to a small number leaves the nearest integer in the lowest bits.
    const ROUND: f32 = 12_582_912.0;
    /// ln 2 as a sum; its first term has so few digits that the product with n is exact.
    const LN_2: [f32; 2] = [0.693_359_4, -2.121_944_4e-4];
    const POLYNOMIAL: [f32; 6] =
        [1.987_569_1e-4, 1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 0.5];

    let splat = |value| simd.splat_f32s(value);
    // Both comparisons are false for NaN, which therefore passes.
    let x = simd.select_f32s(simd.less_than_f32s(x, splat(LOWEST)), splat(LOWEST), x);
    let x = simd.select_f32s(simd.greater_than_f32s(x, splat(HIGHEST)), splat(HIGHEST), x);

    let rounded = simd.mul_add_e_f32s(x, splat(std::f32::consts::LOG2_E), splat(ROUND));
    let n = simd.sub_f32s(rounded, splat(ROUND));
    let r = simd.mul_add_e_f32s(n, splat(-LN_2[0]), x);
    let r = simd.mul_add_e_f32s(n, splat(-LN_2[1]), r);

    let mut p = splat(POLYNOMIAL[0]);
    for coefficient in &POLYNOMIAL[1..] {
        p = simd.mul_add_e_f32s(p, r, splat(*coefficient));
    }
    let p = simd.mul_add_e_f32s(p, simd.mul_f32s(r, r), simd.add_f32s(r, splat(1.0)));

    // 2^(n - 1) is made from its bits and then doubled: the exponent n may be one too large.
    let exponent = simd.add_u32s(simd.transmute_u32s_f32s(rounded), simd.splat_u32s(126));
    let bits = simd.wrapping_dyn_shl_u32s(exponent, simd.splat_u32s(23));
    let half = simd.mul_f32s(p, simd.transmute_f32s_u32s(bits));
    simd.add_f32s(half, half)
}

/// Computes `1 / (1 + exp(-u))`, to 3 ulp for u of at least -88.7. Below that, where the true value
/// is less than 3e-39, the result is at most 3e-39.
#[inline(always)]
pub(crate) fn sigmoid<S: Simd>(simd: S, u: S::f32s) -> S::f32s {
    let one = simd.splat_f32s(1.0);
    simd.div_f32s(one, simd.add_f32s(one, exp(simd, simd.neg_f32s(u))))
}

#[cfg(test)]
mod tests {
    use pulp::{Arch, WithSimd};

    use super::*;

    /// Computes exp and sigmoid of each value.
    struct Both<'a>(&'a [f32]);

    impl WithSimd for Both<'_> {
        type Output = Vec<[f32; 2]>;

        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) -> Vec<[f32; 2]> {
            let mut out = Vec::new();
            for values in self.0.chunks(S::F32_LANES) {
                let x = simd.partial_load_f32s(values);
                let (mut e, mut s) = ([0.0; 64], [0.0; 64]);
                simd.partial_store_f32s(&mut e[..values.len()], exp(simd, x));
                simd.partial_store_f32s(&mut s[..values.len()], sigmoid(simd, x));
                out.extend((0..values.len()).map(|i| [e[i], s[i]]));
            }
            out
        }
    }

    /// Measures the error in units of the last place of the true value; for tiny values, in those
    /// of subnormal numbers.
    fn ulps(value: f32, truth: f64) -> f64 {
        let exponent = truth.abs().log2().floor().max(-126.0);
        (f64::from(value) - truth).abs() / 2f64.powf(exponent - 23.0)
    }

    /// Checks every 487th f32 of both signs.
    #[test]
    fn exp_and_sigmoid_are_exact_to_a_few_ulp() {
        let xs: Vec<f32> =
            (0..=u32::MAX).step_by(487).map(f32::from_bits).filter(|x| !x.is_nan()).collect();
        let (mut worst_exp, mut worst_sigmoid) = (0.0_f64, 0.0_f64);
        for (&x, [e, s]) in xs.iter().zip(Arch::new().dispatch(Both(&xs))) {
            let truth = f64::from(x).exp();
            if truth > f64::from(f32::MAX) * (1.0 + 1e-7) {
                assert_eq!(e, f32::INFINITY, "exp({x})");
            } else if x < -86.9 {
                assert!((0.0..2e-38).contains(&e), "exp({x}) is {e}");
            } else if truth < f64::from(f32::MAX) * (1.0 - 2e-7) {
                worst_exp = worst_exp.max(ulps(e, truth));
            }
            if x < -88.7 {
                assert!((0.0..3e-39).contains(&s), "sigmoid({x}) is {s}");
            } else {
                worst_sigmoid = worst_sigmoid.max(ulps(s, 1.0 / (1.0 + (-f64::from(x)).exp())));
            }
        }
        println!("exp {worst_exp:.2} ulp, sigmoid {worst_sigmoid:.2} ulp");
        assert!(worst_exp <= 2.0, "exp is off by {worst_exp} ulp");
        assert!(worst_sigmoid <= 3.0, "sigmoid is off by {worst_sigmoid} ulp");
    }

    #[test]
    fn infinities_zero_and_nan() {
        let ends = [f32::NEG_INFINITY, 0.0, f32::INFINITY, f32::NAN];
        let [low, zero, high, nan] = Arch::new().dispatch(Both(&ends))[..] else { unreachable!() };
        assert!(low[0] < 2e-38);
        assert_eq!([low[1], zero[0], zero[1]], [0.0, 1.0, 0.5]);
        assert_eq!(high, [f32::INFINITY, 1.0]);
        assert!(nan[0].is_nan() && nan[1].is_nan());
    }
}
