//! An image laid out as columns of patches (im2col).

use burn::backend::TensorMetadata;
use burn::backend::cubecl::dtype_to_storage_type;
use burn_cubecl::ops::numeric::empty_device_contiguous_dtype;
use burn_cubecl::tensor::CubeTensor;
use cubecl::calculate_cube_count_elemwise;
use cubecl::prelude::*;

/// Which patches to take, and how to lay out each.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patches {
    pub(super) kernel: usize,
    /// Places of the lattice from one patch to the next.
    pub(super) stride: usize,
    /// x lies on every `lattice`-th place, with zeros between; 1 leaves x unchanged.
    pub(super) lattice: usize,
    pub(super) padding: usize,
    /// Rows and columns of patches.
    pub(super) height: usize,
    pub(super) width: usize,
    /// Whether a patch's values are in reverse order, as for a kernel rotated by 180 degrees.
    pub(super) reversed: bool,
}

/// Lays out the patch at each place, with zeros outside x:
/// `[B, C, H, W] -> [B, C K K, height width]`.
pub(super) fn unfold(x: CubeTensor, patches: Patches) -> CubeTensor {
    let [batch, channels, ..] = x.shape().dims::<4>();
    let Patches { kernel, stride, lattice, padding, height, width, reversed } = patches;
    let shape = [batch, channels * kernel * kernel, height * width];
    let (client, device, dtype) = (x.client.clone(), x.device.clone(), x.dtype);
    let columns = empty_device_contiguous_dtype(client.clone(), device, shape.into(), dtype);
    let places = batch * channels * height * width;
    let cube = CubeDim::new(&client, places);
    unfold_kernel::launch(
        &client,
        calculate_cube_count_elemwise(&client, places, cube),
        cube,
        x.into_tensor_arg(),
        columns.clone().into_tensor_arg(),
        height,
        width,
        stride,
        lattice,
        padding,
        kernel,
        reversed,
        dtype_to_storage_type(dtype),
    );
    columns
}

/// Each thread writes the patch at one place of one channel. Neighbours in a row are neighbours in
/// memory.
#[cube(launch)]
#[allow(clippy::too_many_arguments)] // each is one argument of the kernel
fn unfold_kernel<F: Float>(
    x: &Tensor<F>,
    columns: &mut Tensor<F>,
    height: usize,
    width: usize,
    stride: usize,
    lattice: usize,
    padding: usize,
    #[comptime] kernel: usize,
    #[comptime] reversed: bool,
    #[define(F)] _dtype: ElemType,
) {
    let pixels = height * width;
    let pixel = ABSOLUTE_POS % pixels;
    let plane = ABSOLUTE_POS / pixels; // b C + c
    if plane >= x.shape(0) * x.shape(1) {
        terminate!();
    }
    let image = plane / x.shape(1);
    let start = image * x.stride(0) + (plane % x.shape(1)) * x.stride(1);
    let row = (pixel / width) * stride;
    let column = (pixel % width) * stride;
    let taps = comptime!(kernel * kernel);
    let first = plane * taps * pixels + pixel;

    #[unroll]
    for tap in 0..taps {
        let down = row + comptime!(tap / kernel);
        let right = column + comptime!(tap % kernel);
        let mut value = F::new(0.0);
        if down >= padding && right >= padding {
            let y = (down - padding) / lattice;
            let x_place = (right - padding) / lattice;
            let on_lattice = y * lattice + padding == down && x_place * lattice + padding == right;
            if on_lattice && y < x.shape(2) && x_place < x.shape(3) {
                value = x[start + y * x.stride(2) + x_place * x.stride(3)];
            }
        }
        let at = comptime!(if reversed { taps - 1 - tap } else { tap });
        columns[first + at * pixels] = value;
    }
}
