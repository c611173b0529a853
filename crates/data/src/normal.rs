//! From random bits to a standard normal, by the inverse of its distribution function.
//!
//! One word in, one normal out: no rejection, no spare value to remember, nothing that depends on
//! what was drawn before. The function is Wichura's PPND16 (M. J. Wichura, "Algorithm AS 241: the
//! percentage points of the normal distribution", Applied Statistics 37(3), 1988,
//! <https://doi.org/10.2307/2347330>), good to about 1e-16.

/// Numerator and denominator within 0.425 of the median, in `0.425² - q²`; highest power first.
const CENTRE_NUM: [f64; 8] = [
    2509.0809287301227,
    33430.57558358813,
    67265.7709270087,
    45921.95393154987,
    13731.69376550946,
    1971.5909503065513,
    133.14166789178438,
    3.3871328727963665,
];
const CENTRE_DEN: [f64; 8] = [
    5226.495278852854,
    28729.085735721943,
    39307.89580009271,
    21213.794301586597,
    5394.196021424751,
    687.1870074920579,
    42.31333070160091,
    1.0,
];
/// Numerator and denominator for tails down to e⁻²⁵, in `sqrt(-ln p) - 1.6`; highest power first.
const MIDDLE_NUM: [f64; 8] = [
    0.0007745450142783414,
    0.022723844989269184,
    0.2417807251774506,
    1.2704582524523684,
    3.6478483247632045,
    5.769497221460691,
    4.630337846156546,
    1.4234371107496835,
];
const MIDDLE_DEN: [f64; 8] = [
    1.0507500716444169e-09,
    0.0005475938084995345,
    0.015198666563616457,
    0.14810397642748008,
    0.6897673349851,
    1.6763848301838038,
    2.053191626637759,
    1.0,
];
/// Numerator and denominator for the tails beyond, in `sqrt(-ln p) - 5`; highest power first.
const FAR_NUM: [f64; 8] = [
    2.0103343992922881e-07,
    2.7115555687434876e-05,
    0.0012426609473880784,
    0.026532189526576124,
    0.29656057182850487,
    1.7848265399172913,
    5.463784911164114,
    6.657904643501103,
];
const FAR_DEN: [f64; 8] = [
    2.0442631033899397e-15,
    1.421511758316446e-07,
    1.8463183175100548e-05,
    0.0007868691311456133,
    0.014875361290850615,
    0.1369298809227358,
    0.599832206555888,
    1.0,
];

/// The standard normal at the middle of one of 2^52 equally probable cells, the one that the upper
/// 52 of `bits` number; so never infinite, symmetric, and at most 8.2 in absolute value.
pub(crate) fn from_bits(bits: u64) -> f64 {
    quantile(probability(bits))
}

/// [`from_bits`] of each word of a block, the same to the bit: the centre, which is 85 % of all
/// values, for the whole block without branches, then the tails one by one.
pub(crate) fn fill_from_bits(bits: &[u64; BLOCK], values: &mut [f32; BLOCK]) {
    let q = bits.map(|bits| probability(bits) - 0.5);
    for (value, q) in values.iter_mut().zip(q) {
        *value = centre(q) as f32;
    }
    for (value, (bits, q)) in values.iter_mut().zip(bits.iter().zip(q)) {
        if q.abs() > CENTRE {
            *value = quantile(probability(*bits)) as f32;
        }
    }
}

/// Values made at once: a few vectors, all in the fastest cache.
pub(crate) const BLOCK: usize = 64;

/// Up to this distance from the median the centre's formula holds.
const CENTRE: f64 = 0.425;

/// The middle of one of 2^52 equally probable cells.
fn probability(bits: u64) -> f64 {
    const CELL: f64 = 1.0 / (1_u64 << 52) as f64;
    ((bits >> 12) as f64 + 0.5) * CELL
}

fn centre(q: f64) -> f64 {
    let r = 0.180625 - q * q;
    q * polynomial(&CENTRE_NUM, r) / polynomial(&CENTRE_DEN, r)
}

/// `x` such that a standard normal lies below it with probability `p`, `0 < p < 1`.
fn quantile(p: f64) -> f64 {
    let q = p - 0.5;
    if q.abs() <= CENTRE {
        return centre(q);
    }
    // libm's logarithm is the same bits on every platform; std's is whatever the platform has.
    let r = (-libm::log(p.min(1.0 - p))).sqrt();
    let x = if r <= 5.0 {
        polynomial(&MIDDLE_NUM, r - 1.6) / polynomial(&MIDDLE_DEN, r - 1.6)
    } else {
        polynomial(&FAR_NUM, r - 5.0) / polynomial(&FAR_DEN, r - 5.0)
    };
    x.copysign(q)
}

/// Horner's rule.
fn polynomial(coefficients: &[f64; 8], x: f64) -> f64 {
    coefficients.iter().fold(0.0, |sum, c| sum * x + c)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values of `NormalDist().inv_cdf` of Python 3.11, the same algorithm; the last bit is the
    /// two logarithms' to differ by. Every branch and both sides of every border.
    #[test]
    fn quantiles_match_pythons() {
        for (p, expected) in [
            (0.5, 0.0),
            (0.3, -0.5244005127080407),
            (0.075, -1.4395314709384557),
            (0.0749, -1.4402382675279632),
            (0.975, 1.9599639845400536),
            (1e-5, -4.2648907939228256),
            (1.39e-11, -6.657777073049199),
            (1e-11, -6.706023155495136),
            (f64::EPSILON / 2.0, -8.209536151601386),
            (1.0 - f64::EPSILON, 8.125890664701906),
        ] {
            let found = quantile(p);
            assert!((found - expected).abs() <= 1e-15 * expected.abs(), "{p}: {found}, {expected}");
        }
    }

    #[test]
    fn the_ends_are_finite_and_everything_is_symmetric() {
        assert_eq!(from_bits(0), -from_bits(u64::MAX));
        assert!((8.0..8.3).contains(&from_bits(u64::MAX)));
        for bits in (0..64).map(|shift| 0x0123_4567_89ab_cdef_u64.rotate_left(shift)) {
            assert_eq!(from_bits(bits), -from_bits(!bits));
        }
    }

    #[test]
    fn blocks_are_the_same_to_the_bit() {
        let mut state = 1_u64;
        for _ in 0..100 {
            let bits = [(); BLOCK].map(|()| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                state.rotate_left(29)
            });
            let mut values = [0.0; BLOCK];
            fill_from_bits(&bits, &mut values);
            assert_eq!(values, bits.map(|bits| from_bits(bits) as f32));
        }
    }

    #[test]
    fn more_bits_never_give_a_smaller_normal() {
        let normals: Vec<f64> = (0..4096).map(|i: u64| from_bits(i << 52)).collect();
        assert!(normals.is_sorted());
    }
}
