//! A convolution and its derivatives as matrix products, pixels along the rows:
//!
//! | computes | left factor | right factor |
//! |---|---|---|
//! | y `[O, H' W']` | weight `[O, C K K]` | columns of x |
//! | gradient of x `[C, H W]` | weight `[C, O K K]` | columns of y's gradient, turned |
//! | gradient of weight `[O, C K K]`, summed over images | y's gradient `[O, H' W']` | columns of x, turned on their side |

use burn::backend::ops::FloatTensorOps;
use burn::backend::{Cube, TensorMetadata};
use burn::tensor::{DType, Slice};
use burn_cubecl::kernel::matmul::{MatmulStrategy, matmul};
use burn_cubecl::tensor::CubeTensor;
use cubecl::ir::ElemType;

use super::unfold::{Patches, unfold};
use crate::conv::Placement;

/// The most bytes that columns take at once; a batch of more goes in parts.
const COLUMNS: usize = 1 << 29;

/// `[B, O, H', W']`
pub(crate) fn forward(
    x: CubeTensor,
    weight: CubeTensor,
    bias: Option<CubeTensor>,
    at: Placement,
) -> CubeTensor {
    let [_, _, height, width] = x.shape().dims();
    let [outputs, channels, kernel, _] = weight.shape().dims();
    let out = |size: usize| (size + 2 * at.padding - kernel) / at.stride + 1;
    let patches = Patches {
        kernel,
        stride: at.stride,
        lattice: 1,
        padding: at.padding,
        height: out(height),
        width: out(width),
        turned: false,
    };
    let weight = Cube::float_reshape(weight, [1, outputs, channels * kernel * kernel].into());
    let y = over_parts(x, patches, |x| {
        let images = x.shape()[0];
        let y = Cube::float_matmul(weight.clone(), columns(x, patches));
        Cube::float_reshape(y, [images, outputs, patches.height, patches.width].into())
    });
    match bias {
        Some(bias) => Cube::float_add(y, Cube::float_reshape(bias, [1, outputs, 1, 1].into())),
        None => y,
    }
}

/// `[B, C, H, W]`, or nothing where the padding is as wide as the kernel, which no patch of y's
/// gradient can be.
pub(crate) fn x_grad(
    x: &CubeTensor,
    weight: CubeTensor,
    grad: CubeTensor,
    at: Placement,
) -> Option<CubeTensor> {
    let [_, channels, height, width] = x.shape().dims();
    let [outputs, _, kernel, _] = weight.shape().dims();
    let padding = (kernel - 1).checked_sub(at.padding)?;
    let patches =
        Patches { kernel, stride: 1, lattice: at.stride, padding, height, width, turned: true };
    let weight = Cube::float_swap_dims(weight, 0, 1);
    let weight = Cube::float_reshape(weight, [1, channels, outputs * kernel * kernel].into());
    Some(over_parts(grad, patches, |grad| {
        let images = grad.shape()[0];
        let dx = Cube::float_matmul(weight.clone(), columns(grad, patches));
        Cube::float_reshape(dx, [images, channels, height, width].into())
    }))
}

/// `[O, C, K, K]`, in f32 where x has 16 bits: a product for each image, then their sum.
pub(crate) fn weight_grad(
    x: CubeTensor,
    weight: &CubeTensor,
    grad: CubeTensor,
    at: Placement,
) -> CubeTensor {
    let [outputs, channels, kernel, _] = weight.shape().dims();
    let [batch, _, height, width] = grad.shape().dims();
    let patches = Patches {
        kernel,
        stride: at.stride,
        lattice: 1,
        padding: at.padding,
        height,
        width,
        turned: false,
    };
    let grad = Cube::float_reshape(grad, [batch, outputs, height * width].into());
    let mut sum: Option<CubeTensor> = None;
    for images in parts(&x, patches) {
        let columns = columns(part(&x, images.clone()), patches);
        let each = matmul(
            part(&grad, images),
            Cube::float_swap_dims(columns, 1, 2),
            None,
            MatmulStrategy::default(),
            DType::F32,
        );
        // As Burn's own products: the shapes are right, so only its own kernels can be wrong.
        let each = each.unwrap_or_else(|error| panic!("a matrix product: {error:?}"));
        let part = Cube::float_sum_dim(each, 0);
        sum = Some(match sum {
            Some(sum) => Cube::float_add(sum, part),
            None => part,
        });
    }
    let sum = sum.expect("a batch has at least one image");
    Cube::float_reshape(sum, [outputs, channels, kernel, kernel].into())
}

/// How CubeCL calls it.
pub(super) fn elem(dtype: DType) -> ElemType {
    burn::backend::cubecl::dtype_to_storage_type(dtype)
}

/// `[B, C K K, H' W']`; a kernel of one pixel needs no copy.
fn columns(x: CubeTensor, patches: Patches) -> CubeTensor {
    if patches.kernel == 1 && patches.stride == 1 && patches.lattice == 1 && patches.padding == 0 {
        let [batch, channels, height, width] = x.shape().dims();
        return Cube::float_reshape(x, [batch, channels, height * width].into());
    }
    unfold(x, patches)
}

/// `compute` of every part of the batch, one after the other.
fn over_parts(
    x: CubeTensor,
    patches: Patches,
    compute: impl Fn(CubeTensor) -> CubeTensor,
) -> CubeTensor {
    let parts: Vec<_> = parts(&x, patches).collect();
    if parts.len() <= 1 {
        return compute(x);
    }
    Cube::float_cat(parts.into_iter().map(|images| compute(part(&x, images))).collect(), 0)
}

/// Images of x whose columns fit into [`COLUMNS`], or one.
fn parts(x: &CubeTensor, patches: Patches) -> impl Iterator<Item = std::ops::Range<usize>> {
    let [batch, channels, ..] = x.shape().dims::<4>();
    let values = channels * patches.kernel * patches.kernel * patches.height * patches.width;
    let most = (COLUMNS / (values * x.dtype().size()).max(1)).max(1);
    (0..batch).step_by(most).map(move |start| start..(start + most).min(batch))
}

/// These images; all of them without a copy.
fn part(x: &CubeTensor, images: std::ops::Range<usize>) -> CubeTensor {
    if images.len() == x.shape()[0] {
        return x.clone();
    }
    Cube::float_slice(x.clone(), &[Slice::from(images)])
}
