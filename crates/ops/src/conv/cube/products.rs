//! A convolution and its derivatives as matrix products, with pixels along the rows:
//!
//! | computes | left factor | right factor |
//! |---|---|---|
//! | y `[O, H' W']` | weight `[O, C K K]` | columns of x |
//! | gradient of x `[C, H W]` | weight `[C, O K K]` | columns of y's gradient, patches reversed |
//! | gradient of weight `[O, C K K]`, summed over images | y's gradient `[O, H' W']` | columns of x, transposed |

use std::ops::Range;

use burn::backend::ops::FloatTensorOps;
use burn::backend::{Cube, TensorMetadata};
use burn::tensor::{DType, Slice};
use burn_cubecl::kernel::matmul::{MatmulStrategy, matmul};
use burn_cubecl::tensor::CubeTensor;

use super::unfold::{Patches, unfold};
use crate::conv::composed;
use crate::conv::kernels::ConvKernels;
use crate::conv::placement::Placement;
use crate::gpu::fits_kernels;
use crate::half::{in_type, widen};

/// Matrix products of patches where they fit, and else Burn's direct kernel, in f32.
impl ConvKernels for Cube {
    fn conv_forward(
        x: CubeTensor,
        weight: CubeTensor,
        bias: Option<CubeTensor>,
        at: Placement,
    ) -> CubeTensor {
        if products_fit(&x, &weight, at) {
            return forward(x, weight, bias, at);
        }
        let [x, weight] = [x, weight].map(widen::<Self>);
        composed::forward::<Self>(x, weight, bias.map(widen::<Self>), at)
    }

    fn conv_x_grad(
        x: CubeTensor,
        weight: CubeTensor,
        grad: CubeTensor,
        at: Placement,
    ) -> CubeTensor {
        // A padding as wide as the kernel would become a negative one.
        if products_fit(&x, &weight, at) && at.padding < weight.shape()[3] {
            return x_grad(&x, weight, grad, at);
        }
        let [x, weight, grad] = [x, weight, grad].map(widen::<Self>);
        composed::x_grad::<Self>(x, weight, grad, at)
    }

    fn conv_weight_grad(
        x: CubeTensor,
        weight: CubeTensor,
        grad: CubeTensor,
        at: Placement,
    ) -> CubeTensor {
        if products_fit(&x, &weight, at) {
            return weight_grad(x, &weight, grad, at);
        }
        let [x, weight, grad] = [x, weight, grad].map(widen::<Self>);
        composed::weight_grad::<Self>(x, weight, grad, at)
    }
}

/// The most bytes that columns, and products to be summed, take at once. A batch that needs more is
/// computed in parts.
const MOST: usize = if cfg!(test) { 1 << 13 } else { 1 << 29 };

/// Whether the products can compute these: what each of the three lays out of one image must fit
/// into a buffer of the device.
fn products_fit(x: &CubeTensor, weight: &CubeTensor, at: Placement) -> bool {
    let [_, _, height, width] = x.shape().dims();
    let [outputs, channels, kernel, _] = weight.shape().dims();
    let (taps, bytes) = (kernel * kernel, x.dtype.size());
    let places = at.places(height, kernel) * at.places(width, kernel);
    let of_x = channels * taps * places * bytes;
    let of_grad = outputs * taps * height * width * bytes;
    let product = outputs * channels * taps * DType::F32.size();
    let fits = of_x.max(of_grad).max(product) <= largest_buffer(x);
    fits && fits_kernels(x) && fits_kernels(weight)
}

fn largest_buffer(x: &CubeTensor) -> usize {
    usize::try_from(x.client.properties().memory.max_page_size).unwrap_or(usize::MAX)
}

/// Computes the output `[B, O, H', W']`.
fn forward(
    x: CubeTensor,
    weight: CubeTensor,
    bias: Option<CubeTensor>,
    at: Placement,
) -> CubeTensor {
    let dtype = x.dtype;
    let [_, _, height, width] = x.shape().dims();
    let [outputs, channels, kernel, _] = weight.shape().dims();
    let patches = Patches::new(kernel, at, at.places(height, kernel), at.places(width, kernel));
    let weight = Cube::float_reshape(weight, [1, outputs, channels * kernel * kernel].into());
    let weight = in_type::<Cube>(weight, dtype);
    let y = over_parts(x, patches, |x| {
        let images = x.shape()[0];
        let y = Cube::float_matmul(weight.clone(), columns(x, patches));
        Cube::float_reshape(y, [images, outputs, patches.height, patches.width].into())
    });
    match bias {
        Some(bias) => {
            let bias = in_type::<Cube>(bias, dtype);
            Cube::float_add(y, Cube::float_reshape(bias, [1, outputs, 1, 1].into()))
        }
        None => y,
    }
}

/// Computes the gradient of x, `[B, C, H, W]`, for a padding less than the kernel.
fn x_grad(x: &CubeTensor, weight: CubeTensor, grad: CubeTensor, at: Placement) -> CubeTensor {
    let [_, channels, height, width] = x.shape().dims();
    let [outputs, _, kernel, _] = weight.shape().dims();
    let patches = Patches {
        kernel,
        stride: 1,
        lattice: at.stride,
        padding: kernel - 1 - at.padding,
        height,
        width,
        reversed: true,
    };
    let weight = Cube::float_swap_dims(weight, 0, 1);
    let weight = Cube::float_reshape(weight, [1, channels, outputs * kernel * kernel].into());
    let weight = in_type::<Cube>(weight, grad.dtype);
    over_parts(grad, patches, |grad| {
        let images = grad.shape()[0];
        let dx = Cube::float_matmul(weight.clone(), columns(grad, patches));
        Cube::float_reshape(dx, [images, channels, height, width].into())
    })
}

/// Computes the gradient of the weight, `[O, C, K, K]`, in f32: a product for each image, then
/// their sum.
fn weight_grad(x: CubeTensor, weight: &CubeTensor, grad: CubeTensor, at: Placement) -> CubeTensor {
    let [outputs, channels, kernel, _] = weight.shape().dims();
    let [batch, _, height, width] = grad.shape().dims();
    let patches = Patches::new(kernel, at, height, width);
    let grad = Cube::float_reshape(grad, [batch, outputs, height * width].into());
    let grad = in_type::<Cube>(grad, x.dtype);
    let product = outputs * channels * kernel * kernel * DType::F32.size();
    let mut sum: Option<CubeTensor> = None;
    for images in parts(&x, column_bytes(&x, patches) + product) {
        let columns = columns(part(&x, images.clone()), patches);
        let each = matmul(
            part(&grad, images),
            Cube::float_swap_dims(columns, 1, 2),
            None,
            MatmulStrategy::default(),
            DType::F32,
        );
        // Burn panics here too: the shapes fit, so only its kernels can be at fault.
        let each = each.unwrap_or_else(|error| panic!("a matrix product: {error:?}"));
        let part = Cube::float_sum_dim(each, 0);
        sum = Some(match sum {
            Some(sum) => Cube::float_add(sum, part),
            None => part,
        });
    }
    let sum = sum.expect("products_fit() refuses an empty batch");
    Cube::float_reshape(sum, [outputs, channels, kernel, kernel].into())
}

impl Patches {
    /// The patches that a convolution reads.
    fn new(kernel: usize, at: Placement, height: usize, width: usize) -> Self {
        let Placement { stride, padding } = at;
        Self { kernel, stride, lattice: 1, padding, height, width, reversed: false }
    }

    /// Whether each patch is one pixel, so that the columns are the image itself.
    fn are_pixels(&self) -> bool {
        [self.kernel, self.stride, self.lattice] == [1; 3] && self.padding == 0
    }
}

/// Lays out the patches as columns: `[B, C K K, H' W']`.
fn columns(x: CubeTensor, patches: Patches) -> CubeTensor {
    if patches.are_pixels() {
        let [batch, channels, height, width] = x.shape().dims();
        return Cube::float_reshape(x, [batch, channels, height * width].into());
    }
    unfold(x, patches)
}

/// Counts the bytes that the columns of one image take.
fn column_bytes(x: &CubeTensor, patches: Patches) -> usize {
    if patches.are_pixels() {
        return 0;
    }
    let taps = patches.kernel * patches.kernel;
    x.shape()[1] * taps * patches.height * patches.width * x.dtype.size()
}

/// Calls `compute` with one part of the batch after another.
fn over_parts(
    x: CubeTensor,
    patches: Patches,
    compute: impl Fn(CubeTensor) -> CubeTensor,
) -> CubeTensor {
    let parts: Vec<_> = parts(&x, column_bytes(&x, patches)).collect();
    if parts.len() == 1 {
        return compute(x);
    }
    Cube::float_cat(parts.into_iter().map(|images| compute(part(&x, images))).collect(), 0)
}

/// Splits the batch into parts that take at most [`MOST`] bytes and fit into one buffer of the
/// device, of at least one image each.
fn parts(x: &CubeTensor, bytes_per_image: usize) -> impl Iterator<Item = Range<usize>> {
    let batch = x.shape()[0];
    let at_once = (MOST.min(largest_buffer(x)) / bytes_per_image.max(1)).max(1);
    (0..batch).step_by(at_once).map(move |start| start..(start + at_once).min(batch))
}

/// Returns these images; the whole batch is not copied.
fn part(x: &CubeTensor, images: Range<usize>) -> CubeTensor {
    if images.len() == x.shape()[0] {
        return x.clone();
    }
    Cube::float_slice(x.clone(), &[Slice::from(images)])
}
