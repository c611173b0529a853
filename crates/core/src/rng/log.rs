//! The natural logarithm, the same bits on every platform and in every lane of a vector. `libm`'s branches and its
//! conversions to integers keep compilers from making vectors of it, so it is written here without them.
//!
//! The algorithm and its constants are those of FreeBSD's `e_log.c`, as in the crate `libm`, with
//! which it agrees to the bit. Of that file:
//!
//! > Copyright (C) 1993 by Sun Microsystems, Inc. All rights reserved.
//! > Developed at SunSoft, a Sun Microsystems, Inc. business.
//! > Permission to use, copy, modify, and distribute this software is freely granted, provided that
//! > this notice is preserved.

/// ln 2 in two parts, the first with zeros at its end so that its multiples are exact.
const LN2_HI: f64 = 0.6931471803691238;
const LN2_LO: f64 = 1.9082149292705877e-10;
/// Of the series of `ln((1 + s) / (1 - s)) - 2s` in `s²`.
const SERIES: [f64; 7] = [
    0.6666666666666735,
    0.3999999999940942,
    0.2857142874366239,
    0.22222198432149784,
    0.1818357216161805,
    0.15313837699209373,
    0.14798198605116586,
];

/// `ln x` of a positive, finite `x` that is not subnormal.
///
/// It consists of IEEE 754 operations in a fixed order. It has no branch and no conversion between floats and
/// integers, for which many processors have no vector instruction.
#[inline(always)]
pub(crate) fn log(x: f64) -> f64 {
    // x = 2^k m with m in [sqrt(2)/2, sqrt(2)): the exponents of all x in one such range are made
    // equal by adding the distance from the upper word of sqrt(2)/2 to that of 1.
    const SQRT_HALF: u64 = 0x3fe6_a09e << 32;
    const ONE: u64 = 0x3ff0_0000 << 32;
    const FRACTION: u64 = (1 << 52) - 1;
    let shifted = x.to_bits().wrapping_add(ONE - SQRT_HALF);
    let m = f64::from_bits((shifted & FRACTION) + SQRT_HALF);
    // Numbers from 2^52 on hold integers in their lowest bits.
    const INTEGERS: f64 = (1_u64 << 52) as f64;
    const BIAS: f64 = 1023.0;
    let k = f64::from_bits(INTEGERS.to_bits() | (shifted >> 52)) - (INTEGERS + BIAS);

    let f = m - 1.0;
    let half_square = 0.5 * f * f;
    let s = f / (2.0 + f);
    let z = s * s;
    let w = z * z;
    let [l1, l2, l3, l4, l5, l6, l7] = SERIES;
    let even = w * (l2 + w * (l4 + w * l6));
    let odd = z * (l1 + w * (l3 + w * (l5 + w * l7)));
    s * (half_square + (odd + even)) + k * LN2_LO - half_square + f + k * LN2_HI
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_libms_to_the_bit() {
        let same = |x: f64| assert_eq!(log(x).to_bits(), libm::log(x).to_bits(), "ln {x:e}");
        // Every exponent, with the fractions around the borders of m and of both words.
        let sqrt_half = std::f64::consts::FRAC_1_SQRT_2.to_bits() & ((1 << 52) - 1);
        let borders = [0, 1 << 32, 1 << 51, 0x6_a09e << 32, sqrt_half];
        for exponent in 1..0x7ff_u64 {
            for border in borders {
                for near in -2_i64..=2 {
                    same(f64::from_bits(
                        (exponent << 52 | border).wrapping_add_signed(near).max(1 << 52),
                    ));
                }
            }
        }
        // Values between the borders.
        let mut state = 1_u64;
        for _ in 0..2_000_000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let x = f64::from_bits(state.rotate_left(29) >> 1);
            if x.is_normal() {
                same(x);
            }
            same((state >> 11).max(1) as f64 / (1_u64 << 53) as f64);
        }
    }
}
