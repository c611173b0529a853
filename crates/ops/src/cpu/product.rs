//! The matrix product: the inner loop of convolution and attention.

use pulp::{Arch, Simd, WithSimd};

/// Counts the f32 lanes of this processor's widest vectors.
pub(crate) fn lanes() -> usize {
    struct Lanes;

    impl WithSimd for Lanes {
        type Output = usize;

        #[inline(always)]
        fn with_simd<S: Simd>(self, _simd: S) -> usize {
            S::F32_LANES
        }
    }

    Arch::new().dispatch(Lanes)
}

/// The columns of a panel of the right factor: two vectors, or one if that holds all `columns`.
pub(crate) fn panel_width(columns: usize) -> usize {
    let lanes = lanes();
    if columns <= lanes { lanes } else { 2 * lanes }
}

/// Computes `out[i][j] = sum over k of a[rows[i] + cols[k]] * b[k][j]`, in ascending k, with fused
/// multiply-adds where the processor has them. With `accumulate` the sum is added to the value in
/// `out`. Neither table may be empty.
pub(crate) struct Product<'a> {
    pub(crate) a: &'a [f32],
    pub(crate) rows: &'a [u32],
    pub(crate) cols: &'a [u32],
    /// `[cols, panel_width]`
    pub(crate) b: &'a [f32],
    /// `[rows, panel_width]`
    pub(crate) out: &'a mut [f32],
    pub(crate) accumulate: bool,
}

impl Product<'_> {
    pub(crate) fn run(self) {
        Arch::new().dispatch(self);
    }
}

impl WithSimd for Product<'_> {
    type Output = ();

    /// Chooses the tile: as many rows and vectors of sums as the registers hold besides the
    /// operands. There are at least 8 sums, which keep two multiply-add units of latency 4 busy.
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let vectors = self.out.len() / (self.rows.len() * S::F32_LANES);
        match (vectors, S::REGISTER_COUNT >= 32) {
            (1, _) => tiles::<S, 8, 1>(simd, self),
            (2, true) => tiles::<S, 8, 2>(simd, self),
            (2, false) => tiles::<S, 6, 2>(simd, self),
            _ => unreachable!("panel_width gives one vector or two"),
        }
    }
}

#[inline(always)]
#[allow(unsafe_code)]
fn tiles<S: Simd, const ROWS: usize, const VECTORS: usize>(simd: S, product: Product<'_>) {
    let Product { a, rows, cols, b, out, accumulate } = product;
    let (b, b_rest) = S::as_simd_f32s(b).0.as_chunks::<VECTORS>();
    let (out, out_rest) = S::as_mut_simd_f32s(out).0.as_chunks_mut::<VECTORS>();
    assert!(b.len() == cols.len() && b_rest.is_empty());
    assert!(out.len() == rows.len() && out_rest.is_empty());
    let last_row = rows.iter().copied().max().expect("rows to compute");
    let last_col = cols.iter().copied().max().expect("columns to sum over");
    assert!((last_row as usize) + (last_col as usize) < a.len());

    for (rows, out) in rows.chunks(ROWS).zip(out.chunks_mut(ROWS)) {
        // A short last tile computes its last row several times; that needs no code of its own.
        let tile_rows = std::array::from_fn(|i| rows[i.min(rows.len() - 1)]);
        // SAFETY: `last_row` and `last_col` are the largest, and the assertion above bounds their
        // sum.
        let sums = unsafe { tile::<S, ROWS, VECTORS>(simd, a, tile_rows, cols, b) };
        for (out, sums) in out.iter_mut().zip(sums) {
            for (out, sum) in out.iter_mut().zip(sums) {
                *out = if accumulate { simd.add_f32s(*out, sum) } else { sum };
            }
        }
    }
}

/// Computes the sums of one tile, in registers.
///
/// # Safety
/// `rows[i] + cols[k] < a.len()` for all i and k.
#[inline(always)]
#[allow(unsafe_code)]
unsafe fn tile<S: Simd, const ROWS: usize, const VECTORS: usize>(
    simd: S,
    a: &[f32],
    rows: [u32; ROWS],
    cols: &[u32],
    b: &[[S::f32s; VECTORS]],
) -> [[S::f32s; VECTORS]; ROWS] {
    let mut sums = [[simd.splat_f32s(0.0); VECTORS]; ROWS];
    // SAFETY: the caller's bound, and a column is at least zero.
    let rows = rows.map(|row| unsafe { a.as_ptr().add(row as usize) });
    for (&col, b) in cols.iter().zip(b) {
        for (sums, row) in sums.iter_mut().zip(rows) {
            // SAFETY: the caller's bound. A check here would cost as much as the VECTORS
            // multiply-adds that follow.
            let a = simd.splat_f32s(unsafe { *row.add(col as usize) });
            for (sum, &b) in sums.iter_mut().zip(b) {
                *sum = simd.mul_add_e_f32s(a, b, *sum);
            }
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Small integers: every sum is exact in f32, so the comparison is too.
    #[test]
    fn product_equals_its_definition() {
        for columns in [1, lanes(), lanes() + 1] {
            let width = panel_width(columns);
            for (m, k) in [(1, 1), (5, 3), (8, 4), (13, 17), (24, 9)] {
                let rows: Vec<u32> = (0..m).map(|i| (i * 7 % 19) as u32).collect();
                let cols: Vec<u32> = (0..k).map(|i| (i * 5 % 23) as u32).collect();
                let a: Vec<f32> = (0..64).map(|i| (i * 3 % 11) as f32 - 5.0).collect();
                let b: Vec<f32> = (0..k * width).map(|i| (i * 7 % 13) as f32 - 6.0).collect();
                for accumulate in [false, true] {
                    let mut out = vec![2.0; m * width];
                    Product { a: &a, rows: &rows, cols: &cols, b: &b, out: &mut out, accumulate }
                        .run();
                    for (i, j) in (0..m).flat_map(|i| (0..width).map(move |j| (i, j))) {
                        let sum: f32 = (0..k)
                            .map(|k| a[(rows[i] + cols[k]) as usize] * b[k * width + j])
                            .sum();
                        assert_eq!(out[i * width + j], sum + if accumulate { 2.0 } else { 0.0 });
                    }
                }
            }
        }
    }

    #[test]
    #[should_panic]
    fn addresses_outside_the_image_are_refused() {
        let width = panel_width(1);
        let (a, b, mut out) = (vec![0.0; 10], vec![0.0; width], vec![0.0; width]);
        Product { a: &a, rows: &[5], cols: &[5], b: &b, out: &mut out, accumulate: false }.run();
    }
}
