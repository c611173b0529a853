//! 3x3 convolutions of stride 1, with a quarter of the multiplications.
//!
//! The method is Winograd's minimal filtering F(4x4, 3x3) (Lavin and Gray 2016, "Fast Algorithms
//! for Convolutional Neural Networks", arXiv:1509.09308). It computes the output in tiles of 4x4
//! pixels, each from the 6x6 window of the input that it sees:
//!
//! ```text
//! y = A^T ( sum over channels of (G w G^T) * (B^T x B) ) A        * element by element
//! ```
//!
//! For each of the 36 elements the sum is a matrix product over channels. That is 36
//! multiplications for each tile, where the definition has 144. The derivatives are the same, read
//! backwards:
//!
//! ```text
//! dx is the convolution of dy with w rotated by 180 degrees, its channels swapped
//! dw = G^T ( sum over tiles of (B^T x B) * (A dy A^T) ) G
//! ```
//!
//! The matrices ([`transform`]) interpolate polynomials at the points 0, 5/8, -5/8, 3/2, -3/2 and
//! infinity. The error of an output is about 1e-6 of the outputs' size (root mean square); that of
//! the plain sum is 2e-7. The usual points, 0, 1, -1, 2, -2 and infinity, lose twice as much to
//! rounding.
//!
//! A value that is not finite spreads: in the output to every tile whose window holds it, in a
//! weight gradient to all nine taps of its channel.

mod correlate;
mod tiles;
mod transform;
mod weight;
mod weight_grad;

pub(crate) use correlate::{forward, x_grad};
pub(crate) use weight_grad::weight_grad;

use super::shape::ConvShape;
use tiles::Tiling;

/// The pixels of a tile along an axis.
const TILE: usize = 4;
/// The pixels of a tile's window along an axis; also the elements of a transformed tile along an
/// axis.
const WINDOW: usize = TILE + 2;
/// The elements of a transformed tile.
const ELEMENTS: usize = WINDOW * WINDOW;
/// The elements of the kernel.
const TAPS: usize = 9;

/// Whether this method is the faster one for the convolution. With few channels or few tiles the
/// transforms take longer than the products they save. The batch size has no influence: an image
/// must give the same result in any batch.
pub(crate) fn is_faster(shape: &ConvShape) -> bool {
    const CHANNELS: usize = 16;
    const TILES: usize = 4;
    shape.kernel == 3
        && shape.at.stride == 1
        && shape.at.padding <= 2
        && shape.channels.min(shape.outputs) >= CHANNELS
        && Tiling::new(shape.out_height(), shape.out_width()).len() >= TILES
}
