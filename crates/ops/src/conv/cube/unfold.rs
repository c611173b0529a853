//! An image as columns of patches (im2col).

use burn::backend::TensorMetadata;
use burn::backend::cubecl::dtype_to_storage_type;
use burn_cubecl::ops::numeric::empty_device_contiguous_dtype;
use burn_cubecl::tensor::CubeTensor;
use cubecl::calculate_cube_count_elemwise;
use cubecl::prelude::*;

/// Which patches, and how each is laid out.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patches {
    pub(super) kernel: usize,
    /// Steps between neighbouring patches, in places of the lattice.
    pub(super) stride: usize,
    /// x stands on every lattice-th place, and zeros between: 1 for x as it is.
    pub(super) lattice: usize,
    pub(super) padding: usize,
    pub(super) height: usize,
    pub(super) width: usize,
    /// Whether a patch's values come in reverse order, as for a kernel turned by half a turn.
    pub(super) turned: bool,
}

/// `[B, C, H, W] -> [B, C K K, height width]`: the patch at each place, zeros outside x.
pub(super) fn unfold(x: CubeTensor, patches: Patches) -> CubeTensor {
    let [batch, channels, ..] = x.shape().dims::<4>();
    let Patches { kernel, stride, lattice, padding, height, width, turned } = patches;
    let shape = [batch, channels * kernel * kernel, height * width];
    let (client, device) = (x.client.clone(), x.device.clone());
    let columns = empty_device_contiguous_dtype(client.clone(), device, shape.into(), x.dtype);
    let places = batch * channels * height * width;
    let cube = CubeDim::new(&client, places);
    unfold_kernel::launch(
        &client,
        calculate_cube_count_elemwise(&client, places, cube),
        cube,
        x.clone().into_tensor_arg(),
        columns.clone().into_tensor_arg(),
        height,
        width,
        stride,
        lattice,
        padding,
        kernel,
        turned,
        dtype_to_storage_type(x.dtype),
    );
    columns
}

/// A thread writes the patch of one place in one channel; neighbours in a row are neighbours in memory.
#[cube(launch)]
#[allow(clippy::too_many_arguments)] // each is one word of the kernel's
fn unfold_kernel<F: Float>(
    x: &Tensor<F>,
    columns: &mut Tensor<F>,
    height: usize,
    width: usize,
    stride: usize,
    lattice: usize,
    padding: usize,
    #[comptime] kernel: usize,
    #[comptime] turned: bool,
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
        let at = comptime!(if turned { taps - 1 - tap } else { tap });
        columns[first + at * pixels] = value;
    }
}
