//! The kernels of a group normalisation: a block of threads for each group of each image.

use cubecl::prelude::*;

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
            sums[unit] += sums[unit + half];
        }
        sync_cube();
        half /= 2;
    }
    sums[0]
}

/// What is added to each value of a plane: its shift, or nothing.
#[cube]
fn shift_of(shift: &Tensor<f32>, plane: usize, #[comptime] shifted: bool) -> f32 {
    if shifted { shift[plane] } else { 0.0f32.runtime() }
}

/// The shifted value, which is what is normalised.
#[cube]
fn value_at<F: Float>(x: &Tensor<F>, place: usize, moved: f32) -> f32 {
    f32::cast_from(x[place]) + moved
}

/// y, and the statistics that the backward pass needs.
#[cube(launch)]
#[allow(clippy::too_many_arguments)] // each is a tensor or one word of the kernel's
pub(super) fn forward_kernel<F: Float>(
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
        let moved = shift_of(shift, first + c, shifted);
        let mut pixel = unit;
        while pixel < pixels {
            sum += value_at(x, plane + pixel, moved);
            pixel += threads;
        }
    }
    let mean = sum_of_cube(sum, &mut sums, threads) / values;

    let mut squares = 0.0f32;
    for c in 0..in_group {
        let plane = (first + c) * pixels;
        let moved = shift_of(shift, first + c, shifted);
        let mut pixel = unit;
        while pixel < pixels {
            let centred = value_at(x, plane + pixel, moved) - mean;
            squares += centred * centred;
            pixel += threads;
        }
    }
    let variance = sum_of_cube(squares, &mut sums, threads) / values;
    let inverse_std = 1.0 / (variance + epsilon).sqrt();

    for c in 0..in_group {
        let plane = (first + c) * pixels;
        let moved = shift_of(shift, first + c, shifted);
        let scale = weight[first_channel + c];
        let offset = bias[first_channel + c];
        let mut pixel = unit;
        while pixel < pixels {
            let n = (value_at(x, plane + pixel, moved) - mean) * inverse_std;
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
pub(super) fn backward_kernel<F: Float>(
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
        let moved = shift_of(shift, first + c, shifted);
        let scale = weight[first_channel + c];
        let offset = bias[first_channel + c];
        let mut sum = 0.0f32;
        let mut sum_n = 0.0f32;
        let mut pixel = unit;
        while pixel < pixels {
            let n = (value_at(x, plane + pixel, moved) - mean) * inverse_std;
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
        let moved = shift_of(shift, first + c, shifted);
        let scale = weight[first_channel + c];
        let offset = bias[first_channel + c];
        let mut sum = 0.0f32;
        let mut pixel = unit;
        while pixel < pixels {
            let n = (value_at(x, plane + pixel, moved) - mean) * inverse_std;
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
