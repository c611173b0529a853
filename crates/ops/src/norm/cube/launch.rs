//! Launches of the kernels of a group normalisation.

use burn::backend::cubecl::dtype_to_storage_type;
use burn::backend::ops::FloatTensorOps;
use burn::backend::{Cube, TensorMetadata};
use burn::tensor::DType;
use burn_cubecl::CubeDevice;
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::ops::numeric::empty_device_contiguous_dtype;
use burn_cubecl::tensor::CubeTensor;
use cubecl::client::Client;
use cubecl::ir::ElemType;
use cubecl::prelude::{CubeCount, CubeDim};

use super::kernels::{backward_kernel, forward_kernel};
use crate::gpu::fits_kernels;
use crate::half::{in_type, widen};
use crate::norm::composed;
use crate::norm::inputs::{NormGrads, NormInputs, NormOptions, Statistics};
use crate::norm::kernels::NormKernels;

/// Floats of at most 32 bits are computed by the kernels here, all else by Burn's operations. All
/// sums are f32.
impl NormKernels for Cube {
    fn norm_forward(
        inputs: NormInputs<Self>,
        options: NormOptions,
    ) -> (CubeTensor, Statistics<Self>) {
        if fits(&inputs.x) { forward(inputs, options) } else { composed::forward(inputs, options) }
    }

    fn norm_backward(
        inputs: NormInputs<Self>,
        statistics: Statistics<Self>,
        grad: CubeTensor,
        options: NormOptions,
    ) -> NormGrads<Self> {
        if fits(&inputs.x) {
            backward(inputs, statistics, grad, options)
        } else {
            composed::backward(inputs, statistics, grad, options)
        }
    }
}

/// Whether the kernels can take x. Each image is a row of blocks of threads, and devices limit the
/// rows.
fn fits(x: &CubeTensor) -> bool {
    let most_rows = x.client.properties().hardware.max_cube_count.1 as usize;
    fits_kernels(x) && x.shape()[0] <= most_rows
}

/// Computes y in the type of x, and the statistics of the shifted x.
fn forward(inputs: NormInputs<Cube>, options: NormOptions) -> (CubeTensor, Statistics<Cube>) {
    let x = into_contiguous(inputs.x);
    let [batch, channels, height, width] = x.shape().dims();
    let launch = Launch::new(&x, options);
    let y = launch.empty([batch, channels, height, width], x.dtype);
    let mean = launch.empty([batch, options.groups, 1], DType::F32);
    let inverse_std = launch.empty([batch, options.groups, 1], DType::F32);
    let weight = small_input(inputs.weight);
    let (shifted, shift) = shift_or(inputs.shift, &weight);
    forward_kernel::launch(
        &launch.client,
        launch.cubes,
        launch.cube,
        x.into_tensor_arg(),
        shift.into_tensor_arg(),
        weight.into_tensor_arg(),
        small_input(inputs.bias).into_tensor_arg(),
        y.clone().into_tensor_arg(),
        mean.clone().into_tensor_arg(),
        inverse_std.clone().into_tensor_arg(),
        options.epsilon as f32,
        height * width,
        channels / options.groups,
        launch.threads,
        shifted,
        options.silu,
        launch.elem,
    );
    (y, Statistics { mean, inverse_std })
}

/// Computes the gradients, each in the type of its input.
fn backward(
    inputs: NormInputs<Cube>,
    statistics: Statistics<Cube>,
    grad: CubeTensor,
    options: NormOptions,
) -> NormGrads<Cube> {
    let (weight_type, bias_type) = (inputs.weight.dtype(), inputs.bias.dtype());
    let shift_type = inputs.shift.as_ref().map(|shift| shift.dtype());
    let x = into_contiguous(inputs.x);
    let [batch, channels, height, width] = x.shape().dims();
    let launch = Launch::new(&x, options);
    let dx = launch.empty([batch, channels, height, width], x.dtype);
    let [weight_grad, bias_grad] = [(); 2].map(|()| launch.empty([batch, channels], DType::F32));
    // The kernel writes it only if there is a shift.
    let images = if shift_type.is_some() { batch } else { 1 };
    let shift_grad = launch.empty([images, channels], DType::F32);
    let weight = small_input(inputs.weight);
    let (shifted, shift) = shift_or(inputs.shift, &weight);
    backward_kernel::launch(
        &launch.client,
        launch.cubes,
        launch.cube,
        x.into_tensor_arg(),
        into_contiguous(in_type::<Cube>(grad, dx.dtype)).into_tensor_arg(),
        shift.into_tensor_arg(),
        weight.into_tensor_arg(),
        small_input(inputs.bias).into_tensor_arg(),
        statistics.mean.into_tensor_arg(),
        statistics.inverse_std.into_tensor_arg(),
        dx.clone().into_tensor_arg(),
        shift_grad.clone().into_tensor_arg(),
        weight_grad.clone().into_tensor_arg(),
        bias_grad.clone().into_tensor_arg(),
        height * width,
        channels / options.groups,
        launch.threads,
        shifted,
        options.silu,
        launch.elem,
    );
    let over_images = |sums: CubeTensor, dtype| {
        let sum = Cube::float_reshape(Cube::float_sum_dim(sums, 0), [channels].into());
        in_type::<Cube>(sum, dtype)
    };
    NormGrads {
        x: dx,
        shift: shift_type.map(|dtype| in_type::<Cube>(shift_grad, dtype)),
        weight: over_images(weight_grad, weight_type),
        bias: over_images(bias_grad, bias_type),
    }
}

/// What the launches of both kernels share.
struct Launch {
    client: Client,
    device: CubeDevice,
    /// Groups along x, images along y.
    cubes: CubeCount,
    cube: CubeDim,
    threads: usize,
    elem: ElemType,
}

impl Launch {
    fn new(x: &CubeTensor, options: NormOptions) -> Self {
        let [batch, _, height, width] = x.shape().dims();
        let hardware = &x.client.properties().hardware;
        let most = hardware.max_units_per_cube.min(hardware.max_cube_dim.0).clamp(1, 256);
        // The kernels sum by halves.
        let most = 1 << most.ilog2();
        let threads = (height * width).next_power_of_two().clamp(32.min(most), most);
        Self {
            client: x.client.clone(),
            device: x.device.clone(),
            cubes: CubeCount::Static(options.groups as u32, batch as u32, 1),
            cube: CubeDim::new_1d(threads as u32),
            threads,
            elem: dtype_to_storage_type(x.dtype),
        }
    }

    fn empty<const D: usize>(&self, shape: [usize; D], dtype: DType) -> CubeTensor {
        let (client, device) = (self.client.clone(), self.device.clone());
        empty_device_contiguous_dtype(client, device, shape.into(), dtype)
    }
}

/// Prepares a small input: f32, contiguous.
fn small_input(tensor: CubeTensor) -> CubeTensor {
    into_contiguous(widen::<Cube>(tensor))
}

/// Returns whether there is a shift, and the shift. If there is none, the kernels read no shift and
/// are given the weight in its place.
fn shift_or(shift: Option<CubeTensor>, weight: &CubeTensor) -> (bool, CubeTensor) {
    match shift {
        Some(shift) => (true, small_input(shift)),
        None => (false, weight.clone()),
    }
}
