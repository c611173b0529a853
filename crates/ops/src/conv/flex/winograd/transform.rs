//! Winograd's transforms, along one axis and along both.
//!
//! The points p are {0, a, -a, b, -b} and infinity. With `M(x) = product of (x - p)` and
//! `N_p = product over q != p of (p - q)`, the matrices are
//!
//! | matrix | row of point p | row of infinity |
//! |---|---|---|
//! | `B^T` `[6, 6]` | coefficients of `M(x) / (x - p)` | of `M(x)` |
//! | `G` `[6, 3]` | `1, p, p^2` over `N_p` | `0, 0, 1` |
//! | `A` `[6, 4]` | `1, p, p^2, p^3` | `0, 0, 0, 1` |
//!
//! Points of opposite sign share their even and odd halves.

use pulp::Simd;

use super::{TILE, WINDOW};

/// a, and below it b. Every number made of them here is exact in f32, except those in `G`.
const A: f32 = 5.0 / 8.0;
const B: f32 = 3.0 / 2.0;

/// Computes `B^T x`.
#[inline(always)]
pub(crate) fn input<S: Simd>(simd: S, x: [S::f32s; WINDOW]) -> [S::f32s; WINDOW] {
    let f = Arithmetic(simd);
    let constant = A * A * B * B;
    let linear = -(A * A + B * B);
    let low = f.add_scaled(f.add_scaled(x[4], linear, x[2]), constant, x[0]);
    let high = f.add_scaled(f.add_scaled(x[5], linear, x[3]), constant, x[1]);
    let [plus_a, minus_a] =
        f.both(f.add_scaled(x[4], -B * B, x[2]), A, f.add_scaled(x[3], -B * B, x[1]));
    let [plus_b, minus_b] =
        f.both(f.add_scaled(x[4], -A * A, x[2]), B, f.add_scaled(x[3], -A * A, x[1]));
    [low, plus_a, minus_a, plus_b, minus_b, high]
}

/// Computes `G w`.
#[inline(always)]
pub(crate) fn weight<S: Simd>(simd: S, w: [S::f32s; 3]) -> [S::f32s; WINDOW] {
    let f = Arithmetic(simd);
    let even_a = f.add_scaled(f.scaled(1.0 / N_A, w[0]), A * A / N_A, w[2]);
    let even_b = f.add_scaled(f.scaled(1.0 / N_B, w[0]), B * B / N_B, w[2]);
    let [plus_a, minus_a] = f.both(even_a, A / N_A, w[1]);
    let [plus_b, minus_b] = f.both(even_b, B / N_B, w[1]);
    [f.scaled(1.0 / N_0, w[0]), plus_a, minus_a, plus_b, minus_b, w[2]]
}

/// Computes `G^T u`.
#[inline(always)]
pub(crate) fn weight_adjoint<S: Simd>(simd: S, u: [S::f32s; WINDOW]) -> [S::f32s; 3] {
    let f = Arithmetic(simd);
    let [even_a, odd_a] = f.halves(u[1], u[2]);
    let [even_b, odd_b] = f.halves(u[3], u[4]);
    let first = f.add_scaled(f.scaled(1.0 / N_A, even_a), 1.0 / N_B, even_b);
    [
        f.add_scaled(first, 1.0 / N_0, u[0]),
        f.add_scaled(f.scaled(A / N_A, odd_a), B / N_B, odd_b),
        f.add_scaled(f.add_scaled(u[5], A * A / N_A, even_a), B * B / N_B, even_b),
    ]
}

/// Computes `A^T m`.
#[inline(always)]
pub(crate) fn output<S: Simd>(simd: S, m: [S::f32s; WINDOW]) -> [S::f32s; TILE] {
    let f = Arithmetic(simd);
    let [even_a, odd_a] = f.halves(m[1], m[2]);
    let [even_b, odd_b] = f.halves(m[3], m[4]);
    [
        f.add(f.add(m[0], even_a), even_b),
        f.add_scaled(f.scaled(A, odd_a), B, odd_b),
        f.add_scaled(f.scaled(A * A, even_a), B * B, even_b),
        f.add_scaled(f.add_scaled(m[5], A * A * A, odd_a), B * B * B, odd_b),
    ]
}

/// Computes `A y`.
#[inline(always)]
pub(crate) fn output_adjoint<S: Simd>(simd: S, y: [S::f32s; TILE]) -> [S::f32s; WINDOW] {
    let f = Arithmetic(simd);
    let (even_a, even_b) = (f.add_scaled(y[0], A * A, y[2]), f.add_scaled(y[0], B * B, y[2]));
    let (odd_a, odd_b) = (f.add_scaled(y[1], A * A, y[3]), f.add_scaled(y[1], B * B, y[3]));
    let [plus_a, minus_a] = f.both(even_a, A, odd_a);
    let [plus_b, minus_b] = f.both(even_b, B, odd_b);
    [y[0], plus_a, minus_a, plus_b, minus_b, y[3]]
}

const N_0: f32 = A * A * B * B;
const N_A: f32 = 2.0 * A * A * (A * A - B * B);
const N_B: f32 = 2.0 * B * B * (B * B - A * A);

/// Transforms along both axes: `F x F^T`. It uses loops, because closures inside `map` and
/// `from_fn` are not compiled for their caller's vectors.
#[inline(always)]
pub(crate) fn both_axes<S: Simd, const N: usize, const M: usize>(
    simd: S,
    x: [[S::f32s; N]; N],
    along: impl Fn([S::f32s; N]) -> [S::f32s; M],
) -> [[S::f32s; M]; M] {
    let zero = simd.splat_f32s(0.0);
    let mut rows = [[zero; M]; N];
    for (row, &x) in rows.iter_mut().zip(&x) {
        *row = along(x);
    }
    let mut out = [[zero; M]; M];
    for j in 0..M {
        let mut column = [zero; N];
        for (value, row) in column.iter_mut().zip(&rows) {
            *value = row[j];
        }
        for (line, value) in out.iter_mut().zip(along(column)) {
            line[j] = value;
        }
    }
    out
}

#[derive(Clone, Copy)]
struct Arithmetic<S>(S);

impl<S: Simd> Arithmetic<S> {
    #[inline(always)]
    fn add(self, x: S::f32s, y: S::f32s) -> S::f32s {
        self.0.add_f32s(x, y)
    }

    #[inline(always)]
    fn scaled(self, factor: f32, x: S::f32s) -> S::f32s {
        self.0.mul_f32s(self.0.splat_f32s(factor), x)
    }

    /// Computes `x + factor y`.
    #[inline(always)]
    fn add_scaled(self, x: S::f32s, factor: f32, y: S::f32s) -> S::f32s {
        self.0.mul_add_e_f32s(self.0.splat_f32s(factor), y, x)
    }

    /// Computes `even + factor odd` and `even - factor odd`.
    #[inline(always)]
    fn both(self, even: S::f32s, factor: f32, odd: S::f32s) -> [S::f32s; 2] {
        [self.add_scaled(even, factor, odd), self.add_scaled(even, -factor, odd)]
    }

    /// Computes sum and difference.
    #[inline(always)]
    fn halves(self, plus: S::f32s, minus: S::f32s) -> [S::f32s; 2] {
        [self.0.add_f32s(plus, minus), self.0.sub_f32s(plus, minus)]
    }
}

#[cfg(test)]
mod tests {
    use pulp::Scalar;

    use super::*;

    /// Makes pseudorandom values in [-1, 1].
    fn noise<const N: usize>(seed: u32) -> [f32; N] {
        let mut state = seed.wrapping_mul(2_654_435_761) | 1;
        [(); N].map(|()| {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            state as f32 / u32::MAX as f32 * 2.0 - 1.0
        })
    }

    /// Products of elements lie below 30 and are added with both signs: at most 40 roundings of
    /// 2e-6.
    const TOLERANCE: f32 = 1e-5;

    fn assert_near(a: f32, b: f32) {
        assert!((a - b).abs() < TOLERANCE, "{a} {b}");
    }

    #[test]
    fn outputs_are_the_correlation() {
        let simd = Scalar::new();
        for seed in 1..100 {
            let (x, w) = (noise::<WINDOW>(seed), noise::<3>(seed + 1000));
            let (mut m, u) = (input(simd, x), weight(simd, w));
            m.iter_mut().zip(u).for_each(|(m, u)| *m *= u);
            for (i, y) in output(simd, m).into_iter().enumerate() {
                assert_near(y, (0..3).map(|k| x[i + k] * w[k]).sum());
            }
        }
    }

    #[test]
    fn adjoints_are_adjoint() {
        let simd = Scalar::new();
        let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
        for seed in 1..100 {
            let (m, w) = (noise::<WINDOW>(seed), noise::<3>(seed + 1000));
            assert_near(dot(&weight(simd, w), &m), dot(&w, &weight_adjoint(simd, m)));
            let y = noise::<TILE>(seed + 2000);
            assert_near(dot(&output(simd, m), &y), dot(&m, &output_adjoint(simd, y)));
        }
    }

    /// Compares with the definition of `F x F^T`, from the transform of each unit vector.
    #[test]
    fn both_axes_are_the_rows_then_the_columns() {
        let simd = Scalar::new();
        let x: [[f32; TILE]; TILE] = [1, 2, 3, 4].map(noise::<TILE>);
        let f = [0, 1, 2, 3].map(|i| {
            let mut unit = [0.0; TILE];
            unit[i] = 1.0;
            output_adjoint(simd, unit) // column i of F
        });
        let out = both_axes(simd, x, |x| output_adjoint(simd, x));
        for (i, j) in (0..WINDOW).flat_map(|i| (0..WINDOW).map(move |j| (i, j))) {
            let terms = (0..TILE).flat_map(|k| (0..TILE).map(move |l| (k, l)));
            assert_near(out[i][j], terms.map(|(k, l)| f[k][i] * x[k][l] * f[l][j]).sum());
        }
    }
}
