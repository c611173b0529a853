//! 3x3 convolutions of stride 1 with a quarter of the multiplications.
//!
//! Winograd's minimal filtering F(4x4, 3x3) (Lavin and Gray 2016, "Fast Algorithms for Convolutional
//! Neural Networks", arXiv:1509.09308): the output is computed in tiles of 4x4 pixels, each from the
//! 6x6 window of the input that it sees,
//!
//! ```text
//! y = A^T ( sum over channels of (G w G^T) * (B^T x B) ) A        * element by element
//! ```
//!
//! so that for each of the 36 elements the sum is a matrix product over channels: 36 multiplications
//! a tile where the definition has 144. The derivatives are the same, read backwards:
//!
//! ```text
//! dx is the convolution of dy with w turned by half a turn, its channels swapped
//! dw = G^T ( sum over tiles of (B^T x B) * (A dy A^T) ) G
//! ```
//!
//! The matrices ([`transform`]) belong to polynomials known by their values at 0, 5/8, -5/8, 3/2,
//! -3/2 and infinity. The points usually taken, 0, 1, -1, 2, -2 and infinity, lose twice as much to
//! rounding: with these the error of an output is about 1e-6 of the outputs' size (root mean square),
//! that of the plain sum 2e-7.
//!
//! A value that is not finite makes whole tiles so, those whose windows hold it, and not only the
//! pixels that see it; in a weight gradient all nine taps of its channel.

mod correlate;
mod tiles;
mod transform;
mod weight;
mod weight_grad;

pub(crate) use correlate::{forward, x_grad};
pub(crate) use weight_grad::weight_grad;

use super::shape::ConvShape;
use tiles::Tiling;

/// Pixels of a tile along an axis.
const TILE: usize = 4;
/// Pixels along an axis of the window that a tile sees; elements along one of a transformed tile.
const WINDOW: usize = TILE + 2;
/// Elements of a transformed tile.
const ELEMENTS: usize = WINDOW * WINDOW;
/// Elements of the kernel.
const TAPS: usize = 9;

/// Whether this is the way to compute that convolution. With few channels or few tiles the transforms
/// take longer than the products they save. The batch has no say: an image must come out alike in any.
pub(crate) fn fits(shape: &ConvShape) -> bool {
    const CHANNELS: usize = 16;
    const TILES: usize = 4;
    shape.kernel == 3
        && shape.stride == 1
        && shape.padding <= 2
        && shape.channels.min(shape.outputs) >= CHANNELS
        && Tiling::of(shape.out_height(), shape.out_width()).len() >= TILES
}
