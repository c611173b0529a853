//! Matrix transposition, one tile in registers at a time.

use std::ops::Range;

/// Sets `to[c * to_stride + r] = from[r * from_stride + c]` for r below `rows` and c below `cols`.
pub(crate) fn transpose(
    from: &[f32],
    from_stride: usize,
    to: &mut [f32],
    to_stride: usize,
    rows: usize,
    cols: usize,
) {
    let mut matrix = Matrix { from, from_stride, to, to_stride };
    #[cfg(target_arch = "x86_64")]
    if rows >= x86::TILE
        && cols >= x86::TILE
        && let Some(simd) = pulp::x86::V4::try_new()
    {
        return simd.vectorize(x86::Tiles { simd, matrix, rows, cols });
    }
    matrix.transpose(0..rows, 0..cols);
}

struct Matrix<'a> {
    from: &'a [f32],
    from_stride: usize,
    to: &'a mut [f32],
    to_stride: usize,
}

impl Matrix<'_> {
    /// Transposes these rows and columns of `from`.
    #[inline(always)]
    fn transpose(&mut self, rows: Range<usize>, cols: Range<usize>) {
        const ROWS: usize = 8;
        const COLS: usize = 4;
        let (row_rest, col_rest) = (rows.end - rows.len() % ROWS, cols.end - cols.len() % COLS);
        for r in (rows.start..row_rest).step_by(ROWS) {
            for c in (cols.start..col_rest).step_by(COLS) {
                let mut tile = [[0.0; ROWS]; COLS];
                for (i, row) in (r..r + ROWS).enumerate() {
                    let line = &self.from[row * self.from_stride + c..][..COLS];
                    for (column, &value) in tile.iter_mut().zip(line) {
                        column[i] = value;
                    }
                }
                for (j, line) in tile.iter().enumerate() {
                    self.to[(c + j) * self.to_stride + r..][..ROWS].copy_from_slice(line);
                }
            }
        }
        self.transpose_singly(rows.start..row_rest, col_rest..cols.end);
        self.transpose_singly(row_rest..rows.end, cols);
    }

    #[inline(always)]
    fn transpose_singly(&mut self, rows: Range<usize>, cols: Range<usize>) {
        for r in rows {
            for c in cols.clone() {
                self.to[c * self.to_stride + r] = self.from[r * self.from_stride + c];
            }
        }
    }
}

/// Tiles of 16x16, in the registers of AVX-512.
#[cfg(target_arch = "x86_64")]
mod x86 {
    use core::arch::x86_64::__m512;

    use pulp::x86::V4;

    use super::Matrix;

    pub(super) const TILE: usize = 16;

    pub(super) struct Tiles<'a> {
        pub(super) simd: V4,
        pub(super) matrix: Matrix<'a>,
        pub(super) rows: usize,
        pub(super) cols: usize,
    }

    impl pulp::NullaryFnOnce for Tiles<'_> {
        type Output = ();

        #[inline(always)]
        fn call(self) {
            let Self { simd, mut matrix, rows, cols } = self;
            let (row_rest, col_rest) = (rows - rows % TILE, cols - cols % TILE);
            for r in (0..row_rest).step_by(TILE) {
                for c in (0..col_rest).step_by(TILE) {
                    let mut tile = [pulp::cast([0.0_f32; TILE]); TILE];
                    for (i, line) in tile.iter_mut().enumerate() {
                        let from = &matrix.from[(r + i) * matrix.from_stride + c..];
                        let (line16, _) = from.as_chunks::<TILE>();
                        *line = pulp::cast(line16[0]);
                    }
                    for (j, line) in transposed(simd, tile).into_iter().enumerate() {
                        let line: [f32; TILE] = pulp::cast(line);
                        let to = &mut matrix.to[(c + j) * matrix.to_stride + r..];
                        to[..TILE].copy_from_slice(&line);
                    }
                }
            }
            matrix.transpose(0..row_rest, col_rest..cols);
            matrix.transpose(row_rest..rows, 0..cols);
        }
    }

    /// Transposes a tile: interleaves pairs of rows, then pairs of pairs, within lanes of 4; then
    /// gathers the lanes of the four groups of four rows.
    #[inline(always)]
    fn transposed(simd: V4, rows: [__m512; TILE]) -> [__m512; TILE] {
        let f = simd.avx512f;
        let mut pairs = rows;
        for k in 0..8 {
            let (a, b) = (rows[2 * k], rows[2 * k + 1]);
            pairs[2 * k] = f._mm512_unpacklo_ps(a, b);
            pairs[2 * k + 1] = f._mm512_unpackhi_ps(a, b);
        }
        let mut fours = pairs; // in lane l of fours[4 g + k]: column 4 l + k of rows 4 g to 4 g + 3
        for g in [0, 4, 8, 12] {
            for h in 0..2 {
                let (a, b) = (pulp::cast(pairs[g + h]), pulp::cast(pairs[g + h + 2]));
                fours[g + 2 * h] = pulp::cast(f._mm512_unpacklo_pd(a, b));
                fours[g + 2 * h + 1] = pulp::cast(f._mm512_unpackhi_pd(a, b));
            }
        }
        const EVEN: i32 = 0x88;
        const ODD: i32 = 0xdd;
        let mut columns = fours;
        for k in 0..4 {
            let even_low = f._mm512_shuffle_f32x4::<EVEN>(fours[k], fours[4 + k]);
            let odd_low = f._mm512_shuffle_f32x4::<ODD>(fours[k], fours[4 + k]);
            let even_high = f._mm512_shuffle_f32x4::<EVEN>(fours[8 + k], fours[12 + k]);
            let odd_high = f._mm512_shuffle_f32x4::<ODD>(fours[8 + k], fours[12 + k]);
            columns[k] = f._mm512_shuffle_f32x4::<EVEN>(even_low, even_high);
            columns[4 + k] = f._mm512_shuffle_f32x4::<EVEN>(odd_low, odd_high);
            columns[8 + k] = f._mm512_shuffle_f32x4::<ODD>(even_low, even_high);
            columns[12 + k] = f._mm512_shuffle_f32x4::<ODD>(odd_low, odd_high);
        }
        columns
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transpose_moves_every_element() {
        let sizes = [(1, 1), (3, 5), (8, 4), (9, 13), (32, 16), (17, 8), (16, 32), (37, 53)];
        for (rows, cols) in sizes {
            let (from_stride, to_stride) = (cols + 2, rows + 3);
            let from: Vec<f32> = (0..rows * from_stride).map(|i| i as f32).collect();
            let mut to = vec![-1.0; cols * to_stride];
            transpose(&from, from_stride, &mut to, to_stride, rows, cols);
            for (c, line) in to.chunks(to_stride).enumerate() {
                let expected: Vec<f32> = (0..to_stride)
                    .map(|r| if r < rows { from[r * from_stride + c] } else { -1.0 })
                    .collect();
                assert_eq!(line, expected);
            }
        }
    }
}
