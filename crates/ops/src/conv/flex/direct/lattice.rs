//! Which pixels meet which weights.

use crate::conv::flex::shape::ConvShape;
use crate::conv::placement::Placement;

/// Output pixels that see the input through the same part of the kernel. Pixel (i, j) of the
/// lattice is output pixel `(y + out_step i, x + out_step j)`. The weight of tap t multiplies input
/// pixel `(in_step i + t.dy, in_step j + t.dx)`, which is zero outside the image.
#[derive(Debug)]
pub(crate) struct Lattice {
    pub(crate) y: usize,
    pub(crate) x: usize,
    pub(crate) rows: usize,
    pub(crate) cols: usize,
    pub(crate) in_step: usize,
    pub(crate) out_step: usize,
    pub(crate) taps: Vec<Tap>,
}

/// An element of the kernel, and how far its input pixel is from the output pixel.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tap {
    pub(crate) weight: usize,
    pub(crate) dy: isize,
    pub(crate) dx: isize,
}

impl Lattice {
    /// Makes the lattice of the forward pass: `y[i, j]` meets `x[s i + m - p, s j + n - p]` with
    /// weight (m, n).
    pub(crate) fn forward(shape: &ConvShape) -> Self {
        let &ConvShape { kernel, at: Placement { stride, padding }, .. } = shape;
        let taps = (0..kernel * kernel)
            .map(|weight| Tap {
                weight,
                dy: (weight / kernel) as isize - padding as isize,
                dx: (weight % kernel) as isize - padding as isize,
            })
            .collect();
        let (rows, cols) = (shape.out_height(), shape.out_width());
        Self { y: 0, x: 0, rows, cols, in_step: stride, out_step: 1, taps }
    }

    /// Makes the lattices of the gradient of x: `dx[u, v]` meets
    /// `dy[(u + p - m) / s, (v + p - n) / s]` with weight (m, n) where both divisions are exact.
    /// Whether they are depends on u and v modulo s, so there are `s * s` lattices. Pixels that no
    /// weight reaches are in none.
    pub(crate) fn x_grad(shape: &ConvShape) -> Vec<Self> {
        let Placement { stride: s, padding } = shape.at;
        (0..s * s)
            .filter_map(|class| {
                let (y, x) = (class / s, class % s);
                let (rows, cols) = (steps(y, shape.height, s), steps(x, shape.width, s));
                let taps: Vec<Tap> = (0..shape.kernel * shape.kernel)
                    .filter_map(|weight| {
                        let dy = exact_div(y + padding, weight / shape.kernel, s)?;
                        let dx = exact_div(x + padding, weight % shape.kernel, s)?;
                        Some(Tap { weight, dy, dx })
                    })
                    .collect();
                let empty = taps.is_empty() || rows * cols == 0;
                (!empty).then_some(Self { y, x, rows, cols, in_step: 1, out_step: s, taps })
            })
            .collect()
    }

    /// Counts the pixels.
    pub(crate) fn pixels(&self) -> usize {
        self.rows * self.cols
    }

    /// Lists (row, column) in the lattice, row by row.
    pub(crate) fn positions(&self) -> impl Iterator<Item = (usize, usize)> {
        let cols = self.cols;
        (0..self.pixels()).map(move |pixel| (pixel / cols, pixel % cols))
    }
}

/// Counts how many of `start, start + step, ...` lie below `end`.
fn steps(start: usize, end: usize, step: usize) -> usize {
    end.saturating_sub(start).div_ceil(step)
}

/// Computes `(a - b) / s` if it is a whole number.
fn exact_div(a: usize, b: usize, s: usize) -> Option<isize> {
    let (difference, s) = (a as isize - b as isize, s as isize);
    (difference % s == 0).then_some(difference / s)
}
