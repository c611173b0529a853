//! From random bits to a standard normal, by the inverse of its distribution function.
//!
//! Each normal takes exactly one word, whatever was drawn before. Libraries' normals (`rand_distr`) reject words or
//! keep a spare value. The function is Wichura's PPND16 (M. J. Wichura, "Algorithm AS 241: the percentage points of
//! the normal distribution", Applied Statistics 37(3), 1988, <https://doi.org/10.2307/2347330>), accurate to about
//! 1e-16.

use pulp::{Arch, Simd, WithSimd};

use super::log::log;

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

/// The standard normal at the middle of one of 2^52 equally probable cells, which the upper 52 bits of `bits` number.
/// It is never infinite, is symmetric, and is at most 8.21 in absolute value.
pub(crate) fn from_bits(bits: u64) -> f64 {
    quantile(probability(bits))
}

/// Values computed at once: enough for vectors of tails, few enough for the fastest cache.
pub(crate) const BLOCK: usize = 256;

/// [`from_bits`] of each word of a block, the same to the bit, with the widest vectors that the processor has. The
/// centre, 85 % of all values, is computed for the whole block; then the tails are gathered and computed together.
pub(crate) fn fill_from_words(words: &[[u8; 8]; BLOCK], values: &mut [f32; BLOCK]) {
    Arch::new().dispatch(Fill { words, values });
}

struct Fill<'a> {
    words: &'a [[u8; 8]; BLOCK],
    values: &'a mut [f32; BLOCK],
}

/// Tails computed at once: two of the widest vectors.
const TAILS: usize = 16;

impl WithSimd for Fill<'_> {
    type Output = ();

    /// Loops without branches, for the compiler to vectorise with the instructions of `S`.
    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let mut p = [0.0; BLOCK];
        for ((p, value), word) in p.iter_mut().zip(&mut *self.values).zip(self.words) {
            *p = probability(u64::from_le_bytes(*word));
            *value = centre(*p) as f32;
        }
        let (mut places, mut count) = ([0; BLOCK], 0);
        for (place, &p) in p.iter().enumerate() {
            places[count] = place;
            count += usize::from(is_tail(p));
        }
        for places in places[..count].chunks(TAILS) {
            let mut tails = [0.25; TAILS];
            for (tail, &place) in tails.iter_mut().zip(places) {
                *tail = p[place];
            }
            for tail in &mut tails {
                *tail = middle(*tail);
            }
            for (tail, &place) in tails.iter().zip(places) {
                let far = outer(p[place]) < SURELY_MIDDLE;
                self.values[place] = if far { quantile(p[place]) } else { *tail } as f32;
            }
        }
    }
}

/// The centre's formula holds up to this distance from the median.
const CENTRE: f64 = 0.425;

/// The middle formula holds where at least this probability, a little over e⁻²⁵, lies farther out.
const SURELY_MIDDLE: f64 = 1.4e-11;

/// The middle of one of 2^52 equally probable cells.
#[inline(always)]
fn probability(bits: u64) -> f64 {
    // The upper 52 bits as the fraction of a number in [1, 2); every operation is exact.
    const HALF_CELL: f64 = 1.0 / (1_u64 << 53) as f64;
    f64::from_bits(1.0_f64.to_bits() | bits >> 12) - 1.0 + HALF_CELL
}

/// `x` such that a standard normal lies below it with probability `p`, `0 < p < 1`.
fn quantile(p: f64) -> f64 {
    if !is_tail(p) {
        centre(p)
    } else if tail_coordinate(p) <= 5.0 {
        middle(p)
    } else {
        far(p)
    }
}

#[inline(always)]
fn is_tail(p: f64) -> bool {
    (p - 0.5).abs() > CENTRE
}

#[inline(always)]
fn centre(p: f64) -> f64 {
    let q = p - 0.5;
    let r = 0.180625 - q * q;
    q * polynomial(&CENTRE_NUM, r) / polynomial(&CENTRE_DEN, r)
}

/// The probability of lying farther out.
#[inline(always)]
fn outer(p: f64) -> f64 {
    p.min(1.0 - p)
}

#[inline(always)]
fn tail_coordinate(p: f64) -> f64 {
    (-log(outer(p))).sqrt()
}

#[inline(always)]
fn middle(p: f64) -> f64 {
    let r = tail_coordinate(p) - 1.6;
    (polynomial(&MIDDLE_NUM, r) / polynomial(&MIDDLE_DEN, r)).copysign(p - 0.5)
}

fn far(p: f64) -> f64 {
    let r = tail_coordinate(p) - 5.0;
    (polynomial(&FAR_NUM, r) / polynomial(&FAR_DEN, r)).copysign(p - 0.5)
}

/// Horner's rule.
#[inline(always)]
fn polynomial(coefficients: &[f64; 8], x: f64) -> f64 {
    let [first, rest @ ..] = coefficients;
    rest.iter().fold(*first, |sum, c| sum * x + c)
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

    /// The definition: the algorithm as published, with `libm`'s logarithm, a value at a time.
    fn defined(bits: u64) -> f64 {
        let p = ((bits >> 12) as f64 + 0.5) / (1_u64 << 52) as f64;
        let ratio = |num, den, r| polynomial(num, r) / polynomial(den, r);
        let q = p - 0.5;
        if q.abs() <= 0.425 {
            let r = 0.180625 - q * q;
            return q * polynomial(&CENTRE_NUM, r) / polynomial(&CENTRE_DEN, r);
        }
        let r = (-libm::log(if q < 0.0 { p } else { 1.0 - p })).sqrt();
        let x = if r <= 5.0 {
            ratio(&MIDDLE_NUM, &MIDDLE_DEN, r - 1.6)
        } else {
            ratio(&FAR_NUM, &FAR_DEN, r - 5.0)
        };
        if q < 0.0 { -x } else { x }
    }

    /// Checks a block of words, and each of them alone.
    fn is_as_defined(bits: [u64; BLOCK]) {
        let mut values = [0.0; BLOCK];
        let words = bits.map(u64::to_le_bytes);
        fill_from_words(&words, &mut values);
        let mut narrow = [0.0; BLOCK];
        Fill { words: &words, values: &mut narrow }.with_simd(pulp::Scalar::new());
        for (i, bits) in bits.into_iter().enumerate() {
            let expected = defined(bits);
            assert_eq!(from_bits(bits).to_bits(), expected.to_bits(), "{bits:#x}");
            let expected = (expected as f32).to_bits();
            assert_eq!(values[i].to_bits(), expected, "{bits:#x} in a block");
            assert_eq!(narrow[i].to_bits(), expected, "{bits:#x} without wide vectors");
        }
    }

    #[test]
    fn every_branch_is_as_defined_to_the_bit_up_to_its_borders() {
        let cells = |p: f64| (p * (1_u64 << 52) as f64) as u64;
        // The ends, the median, the borders of the centre and of the middle, and where the block
        // begins to doubt that a tail is of the middle.
        for cell in [0, 1 << 51, cells(0.075), cells((-25_f64).exp()), cells(SURELY_MIDDLE)] {
            let first = cell.saturating_sub(BLOCK as u64 / 2);
            is_as_defined(std::array::from_fn(|i| (first + i as u64) << 12));
            is_as_defined(std::array::from_fn(|i| !((first + i as u64) << 12)));
        }
        // Only tails, of every size.
        is_as_defined(std::array::from_fn(|i| u64::MAX >> (4 + i % 60)));
    }

    #[test]
    fn two_million_random_words_are_as_defined_to_the_bit() {
        let mut state = 1_u64;
        for _ in 0..(2 << 20) / BLOCK {
            is_as_defined([(); BLOCK].map(|()| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                state.rotate_left(29)
            }));
        }
    }

    #[test]
    fn more_bits_never_give_a_smaller_normal() {
        let normals: Vec<f64> = (0..4096).map(|i: u64| from_bits(i << 52)).collect();
        assert!(normals.is_sorted());
    }
}
