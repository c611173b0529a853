//! Group normalisation, with the shift before it and SiLU after it: a block of threads for each group
//! of each image. All sums are f32.

use burn::backend::ops::FloatTensorOps;
use burn::backend::{Cube, TensorMetadata};
use burn::tensor::DType;
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::ops::numeric::empty_device_contiguous_dtype;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

use crate::half::{in_type, widen};
use crate::norm::NormOptions;
use crate::norm_backends::{NormGrads, NormInputs, Statistics};

/// Whether the kernels are for x: floats of at most 32 bits, and some.
pub(crate) fn ours(x: &CubeTensor) -> bool {
    matches!(x.dtype, DType::F32 | DType::F16 | DType::BF16) && x.shape().num_elements() > 0
}

/// y in the type of x, and the statistics of x.
pub(crate) fn forward(
    inputs: NormInputs<Cube>,
    options: NormOptions,
) -> (CubeTensor, Statistics<Cube>) {
    let x = into_contiguous(inputs.x);
    let [batch, channels, height, width] = x.shape().dims();
    let launch = Launch::of(&x, options);
    let y = launch.empty([batch, channels, height, width], x.dtype);
    let mean = launch.empty([batch, options.groups, 1], DType::F32);
    let inverse_std = launch.empty([batch, options.groups, 1], DType::F32);
    let weight = whole(inputs.weight);
    let (shifted, shift) = shift_or(inputs.shift, &weight);
    forward_kernel::launch(
        &launch.client,
        launch.cubes.clone(),
        launch.cube,
        x.clone().into_tensor_arg(),
        shift.into_tensor_arg(),
        weight.into_tensor_arg(),
        whole(inputs.bias).into_tensor_arg(),
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

/// The gradients, each in the type of its input.
pub(crate) fn backward(
    inputs: NormInputs<Cube>,
    statistics: Statistics<Cube>,
    grad: CubeTensor,
    options: NormOptions,
) -> NormGrads<Cube> {
    let (of_weight, of_bias) = (inputs.weight.dtype(), inputs.bias.dtype());
    let of_shift = inputs.shift.as_ref().map(|shift| shift.dtype());
    let x = into_contiguous(inputs.x);
    let [batch, channels, height, width] = x.shape().dims();
    let launch = Launch::of(&x, options);
    let dx = launch.empty([batch, channels, height, width], x.dtype);
    let [shift_grad, weight_grad, bias_grad] =
        [(); 3].map(|()| launch.empty([batch, channels], DType::F32));
    let weight = whole(inputs.weight);
    let (shifted, shift) = shift_or(inputs.shift, &weight);
    backward_kernel::launch(
        &launch.client,
        launch.cubes.clone(),
        launch.cube,
        x.into_tensor_arg(),
        into_contiguous(grad).into_tensor_arg(),
        shift.into_tensor_arg(),
        weight.into_tensor_arg(),
        whole(inputs.bias).into_tensor_arg(),
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
        shift: of_shift.map(|dtype| in_type::<Cube>(shift_grad, dtype)),
        weight: over_images(weight_grad, of_weight),
        bias: over_images(bias_grad, of_bias),
    }
}

/// What both kernels are launched with.
struct Launch {
    client: cubecl::client::Client,
    device: burn_cubecl::CubeDevice,
    /// Groups along x, images along y.
    cubes: CubeCount,
    cube: CubeDim,
    threads: usize,
    elem: cubecl::ir::ElemType,
}

impl Launch {
    fn of(x: &CubeTensor, options: NormOptions) -> Self {
        let [batch, _, height, width] = x.shape().dims();
        let most = x.client.properties().hardware.max_units_per_cube.min(256) as usize;
        let threads = (height * width).next_power_of_two().clamp(32.min(most), most);
        Self {
            client: x.client.clone(),
            device: x.device.clone(),
            cubes: CubeCount::Static(options.groups as u32, batch as u32, 1),
            cube: CubeDim::new_1d(threads as u32),
            threads,
            elem: burn::backend::cubecl::dtype_to_storage_type(x.dtype),
        }
    }

    fn empty<const D: usize>(&self, shape: [usize; D], dtype: DType) -> CubeTensor {
        let (client, device) = (self.client.clone(), self.device.clone());
        empty_device_contiguous_dtype(client, device, shape.into(), dtype)
    }
}

/// A small input: in f32, without gaps.
fn whole(tensor: CubeTensor) -> CubeTensor {
    into_contiguous(widen::<Cube>(tensor))
}

/// Whether there is a shift, and it; the weight stands in for one that no kernel reads.
fn shift_or(shift: Option<CubeTensor>, weight: &CubeTensor) -> (bool, CubeTensor) {
    match shift {
        Some(shift) => (true, whole(shift)),
        None => (false, weight.clone()),
    }
}

/// The sum of all threads' values, in every thread.
#[cube]
fn sum_of_cube(value: f32, sums: &mut Shared<[f32]>, #[comptime] threads: usize) -> f32 {
    let unit = UNIT_POS_X as usize;
    sync_cube();
    sums[unit] = value;
    sync_cube();
    let mut half = comptime!(threads / 2).runtime();
    while half > 0 {
        if unit < half {
            sums[unit] = sums[unit] + sums[unit + half];
        }
        sync_cube();
        half /= 2;
    }
    sums[0]
}

#[cube(launch)]
#[allow(clippy::too_many_arguments)] // each is a tensor or one word of the kernel's
fn forward_kernel<F: Float>(
    x: &Tensor<F>,
    shift: &Tensor<f32>,
    weight: &Tensor<f32>,
    bias: &Tensor<f32>,
    y: &mut Tensor<F>,
    mean_out: &mut Tensor<f32>,
    inverse_std_out: &mut Tensor<f32>,
    epsilon: f32,
    pixels: usize,
    in_group: usize,
    #[comptime] threads: usize,
    #[comptime] shifted: bool,
    #[comptime] silu: bool,
    #[define(F)] _dtype: ElemType,
) {
    let groups = CUBE_COUNT_X as usize;
    let group = CUBE_POS_X as usize;
    let image = CUBE_POS_Y as usize;
    let unit = UNIT_POS_X as usize;
    let first = (image * groups + group) * in_group; // the group's first plane of b C + c
    let first_channel = group * in_group;
    let values = f32::cast_from((in_group * pixels) as u32);
    let mut sums = Shared::<[f32]>::new_slice(threads);

    let mut sum = 0.0f32;
    for c in 0..in_group {
        let plane = (first + c) * pixels;
        let moved = if shifted { shift[first + c] } else { 0.0f32.runtime() };
        let mut pixel = unit;
        while pixel < pixels {
            sum += f32::cast_from(x[plane + pixel]) + moved;
            pixel += threads;
        }
    }
    let mean = sum_of_cube(sum, &mut sums, threads) / values;

    let mut squares = 0.0f32;
    for c in 0..in_group {
        let plane = (first + c) * pixels;
        let moved = if shifted { shift[first + c] } else { 0.0f32.runtime() };
        let mut pixel = unit;
        while pixel < pixels {
            let centred = f32::cast_from(x[plane + pixel]) + moved - mean;
            squares += centred * centred;
            pixel += threads;
        }
    }
    let variance = sum_of_cube(squares, &mut sums, threads) / values;
    let inverse_std = 1.0 / (variance + epsilon).sqrt();

    for c in 0..in_group {
        let plane = (first + c) * pixels;
        let moved = if shifted { shift[first + c] } else { 0.0f32.runtime() };
        let scale = weight[first_channel + c];
        let offset = bias[first_channel + c];
        let mut pixel = unit;
        while pixel < pixels {
            let n = (f32::cast_from(x[plane + pixel]) + moved - mean) * inverse_std;
            let u = n * scale + offset;
            let out = if silu { u / (1.0 + (-u).exp()) } else { u };
            y[plane + pixel] = F::cast_from(out);
            pixel += threads;
        }
    }
    if unit == 0 {
        mean_out[image * groups + group] = mean;
        inverse_std_out[image * groups + group] = inverse_std;
    }
}

/// With u = weight n + bias, n the normalised values, du its gradient and the means over the group:
/// `dx = inverse_std (weight du - mean(weight du) - n mean(weight du n))`. Of each channel of each
/// image the sums of `du`, `du n` and dx are the gradients of bias, weight and shift.
#[cube(launch)]
#[allow(clippy::too_many_arguments)] // each is a tensor or one word of the kernel's
fn backward_kernel<F: Float>(
    x: &Tensor<F>,
    grad: &Tensor<F>,
    shift: &Tensor<f32>,
    weight: &Tensor<f32>,
    bias: &Tensor<f32>,
    mean_in: &Tensor<f32>,
    inverse_std_in: &Tensor<f32>,
    dx: &mut Tensor<F>,
    shift_grad: &mut Tensor<f32>,
    weight_grad: &mut Tensor<f32>,
    bias_grad: &mut Tensor<f32>,
    pixels: usize,
    in_group: usize,
    #[comptime] threads: usize,
    #[comptime] shifted: bool,
    #[comptime] silu: bool,
    #[define(F)] _dtype: ElemType,
) {
    let groups = CUBE_COUNT_X as usize;
    let group = CUBE_POS_X as usize;
    let image = CUBE_POS_Y as usize;
    let unit = UNIT_POS_X as usize;
    let first = (image * groups + group) * in_group;
    let first_channel = group * in_group;
    let mean = mean_in[image * groups + group];
    let inverse_std = inverse_std_in[image * groups + group];
    let mut sums = Shared::<[f32]>::new_slice(threads);

    let mut of_group = 0.0f32;
    let mut of_group_n = 0.0f32;
    for c in 0..in_group {
        let plane = (first + c) * pixels;
        let moved = if shifted { shift[first + c] } else { 0.0f32.runtime() };
        let scale = weight[first_channel + c];
        let offset = bias[first_channel + c];
        let mut sum = 0.0f32;
        let mut sum_n = 0.0f32;
        let mut pixel = unit;
        while pixel < pixels {
            let n = (f32::cast_from(x[plane + pixel]) + moved - mean) * inverse_std;
            let du = slope(n * scale + offset, silu) * f32::cast_from(grad[plane + pixel]);
            sum += du;
            sum_n += du * n;
            pixel += threads;
        }
        let sum = sum_of_cube(sum, &mut sums, threads);
        let sum_n = sum_of_cube(sum_n, &mut sums, threads);
        of_group += sum * scale;
        of_group_n += sum_n * scale;
        if unit == 0 {
            bias_grad[first + c] = sum;
            weight_grad[first + c] = sum_n;
        }
    }
    let values = f32::cast_from((in_group * pixels) as u32);
    let mean_dn = of_group / values;
    let mean_dn_n = of_group_n / values;

    for c in 0..in_group {
        let plane = (first + c) * pixels;
        let moved = if shifted { shift[first + c] } else { 0.0f32.runtime() };
        let scale = weight[first_channel + c];
        let offset = bias[first_channel + c];
        let mut sum = 0.0f32;
        let mut pixel = unit;
        while pixel < pixels {
            let n = (f32::cast_from(x[plane + pixel]) + moved - mean) * inverse_std;
            let du = slope(n * scale + offset, silu) * f32::cast_from(grad[plane + pixel]);
            let value = (du * scale - mean_dn - n * mean_dn_n) * inverse_std;
            dx[plane + pixel] = F::cast_from(value);
            sum += value;
            pixel += threads;
        }
        if shifted {
            let sum = sum_of_cube(sum, &mut sums, threads);
            if unit == 0 {
                shift_grad[first + c] = sum;
            }
        }
    }
}

/// `d silu(u) / du = s (1 + u (1 - s))`, s the sigmoid of u; 1 without SiLU.
#[cube]
fn slope(u: f32, #[comptime] silu: bool) -> f32 {
    if silu {
        let s = 1.0 / (1.0 + (-u).exp());
        s * (1.0 + u * (1.0 - s))
    } else {
        1.0f32.runtime()
    }
}
