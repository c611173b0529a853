//! Sums and maps over a slice, one vector at a time.

use pulp::Simd;

/// How many values are summed in f32, in vectors: few enough to lose only a few roundings. Sums of
/// such sums are f64.
const RUN: usize = 1024;

/// How many sums run side by side, so that several additions are under way.
const SUMS: usize = 4;

/// Sums the `terms` of the values.
#[inline(always)]
pub(crate) fn sums<S: Simd, const N: usize>(
    simd: S,
    values: &[f32],
    mut terms: impl FnMut(S::f32s) -> [S::f32s; N],
) -> [f64; N] {
    let mut totals = [0.0; N];
    for run in values.chunks(RUN) {
        let mut sums = [[simd.splat_f32s(0.0); N]; SUMS];
        let (vectors, rest) = S::as_simd_f32s(run);
        let (several, few) = vectors.as_chunks::<SUMS>();
        for several in several {
            for (sums, &x) in sums.iter_mut().zip(several) {
                *sums = add(simd, *sums, terms(x));
            }
        }
        for (sums, &x) in sums.iter_mut().zip(few) {
            *sums = add(simd, *sums, terms(x));
        }
        if !rest.is_empty() {
            let last = terms(simd.partial_load_f32s(rest));
            let last = last.map(|last| first_lanes(simd, rest.len(), last));
            sums[SUMS - 1] = add(simd, sums[SUMS - 1], last);
        }
        let [a, b, c, d] = sums;
        let sums = add(simd, add(simd, a, b), add(simd, c, d));
        for (total, sum) in totals.iter_mut().zip(sums) {
            *total += f64::from(simd.reduce_sum_f32s(sum));
        }
    }
    totals
}

#[inline(always)]
fn add<S: Simd, const N: usize>(simd: S, a: [S::f32s; N], b: [S::f32s; N]) -> [S::f32s; N] {
    let mut sums = a;
    for (sum, b) in sums.iter_mut().zip(b) {
        *sum = simd.add_f32s(*sum, b);
    }
    sums
}

/// Replaces each value by `f` of it.
#[inline(always)]
pub(crate) fn map<S: Simd>(simd: S, values: &mut [f32], mut f: impl FnMut(S::f32s) -> S::f32s) {
    let (vectors, rest) = S::as_mut_simd_f32s(values);
    for value in vectors {
        *value = f(*value);
    }
    if !rest.is_empty() {
        let last = f(simd.partial_load_f32s(rest));
        simd.partial_store_f32s(rest, last);
    }
}

/// Replaces each value by the first result of `f`, called with the x at the same place and the
/// value; sums the other results.
#[inline(always)]
pub(crate) fn map_with_sums<S: Simd, const N: usize>(
    simd: S,
    x: &[f32],
    values: &mut [f32],
    mut f: impl FnMut(S::f32s, S::f32s) -> (S::f32s, [S::f32s; N]),
) -> [f64; N] {
    let mut totals = [0.0; N];
    for (x, values) in x.chunks(RUN).zip(values.chunks_mut(RUN)) {
        let mut sums = [simd.splat_f32s(0.0); N];
        let (xs, x_rest) = S::as_simd_f32s(x);
        let (vectors, rest) = S::as_mut_simd_f32s(values);
        for (&x, value) in xs.iter().zip(vectors) {
            let (new, terms) = f(x, *value);
            *value = new;
            for (sum, term) in sums.iter_mut().zip(terms) {
                *sum = simd.add_f32s(*sum, term);
            }
        }
        if !rest.is_empty() {
            let (new, terms) = f(simd.partial_load_f32s(x_rest), simd.partial_load_f32s(rest));
            for (sum, term) in sums.iter_mut().zip(terms) {
                *sum = simd.add_f32s(*sum, first_lanes(simd, rest.len(), term));
            }
            simd.partial_store_f32s(rest, new);
        }
        for (total, sum) in totals.iter_mut().zip(sums) {
            *total += f64::from(simd.reduce_sum_f32s(sum));
        }
    }
    totals
}

/// Keeps the first `count` lanes and sets all others to zero.
#[inline(always)]
fn first_lanes<S: Simd>(simd: S, count: usize, values: S::f32s) -> S::f32s {
    let mask = simd.mask_between_m32s(0, count as u32).mask();
    simd.select_f32s(mask, values, simd.splat_f32s(0.0))
}
