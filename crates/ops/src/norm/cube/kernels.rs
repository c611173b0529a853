//! The kernels of a group normalisation: one block of threads for each group of each image.

use cubecl::prelude::*;

/// Computes y, and the statistics that the backward pass needs.
#[cube(launch)]
#[allow(clippy::too_many_arguments)] // each is one argument of the kernel
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
    let unit = UNIT_POS_X as usize;
    let group = group_of_block(in_group);
    let values = f32::cast_from((in_group * pixels) as u32);
    let mut sums = Shared::<[f32]>::new_slice(threads);

    let mut sum = 0.0f32;
    for c in 0..in_group {
        let plane = plane_at(shift, group.first_plane + c, pixels, shifted);
        let mut pixel = unit;
        while pixel < pixels {
            sum += value_at(x, &plane, pixel);
            pixel += threads;
        }
    }
    let mean = sum_of_block(sum, &mut sums, threads) / values;

    let mut squares = 0.0f32;
    for c in 0..in_group {
        let plane = plane_at(shift, group.first_plane + c, pixels, shifted);
        let mut pixel = unit;
        while pixel < pixels {
            let centred = value_at(x, &plane, pixel) - mean;
            squares += centred * centred;
            pixel += threads;
        }
    }
    let variance = sum_of_block(squares, &mut sums, threads) / values;
    let moments = Moments { mean, inverse_std: 1.0 / (variance + epsilon).sqrt() };

    for c in 0..in_group {
        let plane = plane_at(shift, group.first_plane + c, pixels, shifted);
        let affine = affine_at(weight, bias, group.first_channel + c);
        let mut pixel = unit;
        while pixel < pixels {
            let n = normalised(x, &plane, pixel, &moments);
            let u = n * affine.weight + affine.bias;
            let out = if silu { u / (1.0 + (-u).exp()) } else { u };
            y[plane.start + pixel] = F::cast_from(out);
            pixel += threads;
        }
    }
    if unit == 0 {
        mean_out[group.index] = moments.mean;
        inverse_std_out[group.index] = moments.inverse_std;
    }
}

/// Computes the gradient of x, and for each channel of each image the gradients of shift, weight
/// and bias.
///
/// With u = weight n + bias, where n is the normalised value, du the gradient of u, and the means
/// over the group, `dx = inverse_std (weight du - mean(weight du) - n mean(weight du n))`. A
/// channel's sums of `du`, `du n` and dx are the gradients of bias, weight and shift.
#[cube(launch)]
#[allow(clippy::too_many_arguments)] // each is one argument of the kernel
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
    let unit = UNIT_POS_X as usize;
    let group = group_of_block(in_group);
    let moments = Moments { mean: mean_in[group.index], inverse_std: inverse_std_in[group.index] };
    let mut sums = Shared::<[f32]>::new_slice(threads);

    let mut group_dn = 0.0f32;
    let mut group_dn_n = 0.0f32;
    for c in 0..in_group {
        let plane = plane_at(shift, group.first_plane + c, pixels, shifted);
        let affine = affine_at(weight, bias, group.first_channel + c);
        let mut sum = 0.0f32;
        let mut sum_n = 0.0f32;
        let mut pixel = unit;
        while pixel < pixels {
            let n = normalised(x, &plane, pixel, &moments);
            let du = u_grad(grad, plane.start + pixel, n, &affine, silu);
            sum += du;
            sum_n += du * n;
            pixel += threads;
        }
        let sum = sum_of_block(sum, &mut sums, threads);
        let sum_n = sum_of_block(sum_n, &mut sums, threads);
        group_dn += sum * affine.weight;
        group_dn_n += sum_n * affine.weight;
        if unit == 0 {
            bias_grad[group.first_plane + c] = sum;
            weight_grad[group.first_plane + c] = sum_n;
        }
    }
    let values = f32::cast_from((in_group * pixels) as u32);
    let mean_dn = group_dn / values;
    let mean_dn_n = group_dn_n / values;

    for c in 0..in_group {
        let plane = plane_at(shift, group.first_plane + c, pixels, shifted);
        let affine = affine_at(weight, bias, group.first_channel + c);
        let mut sum = 0.0f32;
        let mut pixel = unit;
        while pixel < pixels {
            let n = normalised(x, &plane, pixel, &moments);
            let du = u_grad(grad, plane.start + pixel, n, &affine, silu);
            let value = (du * affine.weight - mean_dn - n * mean_dn_n) * moments.inverse_std;
            dx[plane.start + pixel] = F::cast_from(value);
            sum += value;
            pixel += threads;
        }
        if shifted {
            let sum = sum_of_block(sum, &mut sums, threads);
            if unit == 0 {
                shift_grad[group.first_plane + c] = sum;
            }
        }
    }
}

/// The group of an image that a block of threads computes.
#[derive(CubeType)]
struct Group {
    /// Counted through all images.
    index: usize,
    /// Its first plane, counted through all images: b C + c.
    first_plane: usize,
    first_channel: usize,
}

#[cube]
fn group_of_block(in_group: usize) -> Group {
    let group = CUBE_POS_X as usize;
    let index = CUBE_POS_Y as usize * CUBE_COUNT_X as usize + group;
    Group { index, first_plane: index * in_group, first_channel: group * in_group }
}

/// A channel of an image: where it starts, and what is added to each of its values.
#[derive(CubeType)]
struct Plane {
    start: usize,
    shift: f32,
}

#[cube]
fn plane_at(shift: &Tensor<f32>, index: usize, pixels: usize, #[comptime] shifted: bool) -> Plane {
    let shift = if shifted { shift[index] } else { 0.0f32.runtime() };
    Plane { start: index * pixels, shift }
}

/// A channel's weight and bias.
#[derive(CubeType)]
struct Affine {
    weight: f32,
    bias: f32,
}

#[cube]
fn affine_at(weight: &Tensor<f32>, bias: &Tensor<f32>, channel: usize) -> Affine {
    Affine { weight: weight[channel], bias: bias[channel] }
}

/// A group's mean and inverse standard deviation.
#[derive(CubeType)]
struct Moments {
    mean: f32,
    inverse_std: f32,
}

/// Reads the shifted value.
#[cube]
fn value_at<F: Float>(x: &Tensor<F>, plane: &Plane, pixel: usize) -> f32 {
    f32::cast_from(x[plane.start + pixel]) + plane.shift
}

/// Computes the normalised value.
#[cube]
fn normalised<F: Float>(x: &Tensor<F>, plane: &Plane, pixel: usize, moments: &Moments) -> f32 {
    (value_at(x, plane, pixel) - moments.mean) * moments.inverse_std
}

/// Computes the gradient of u from that of y at this place.
#[cube]
fn u_grad<F: Float>(
    grad: &Tensor<F>,
    place: usize,
    n: f32,
    affine: &Affine,
    #[comptime] silu: bool,
) -> f32 {
    slope(n * affine.weight + affine.bias, silu) * f32::cast_from(grad[place])
}

/// Computes `d silu(u) / du = s (1 + u (1 - s))`, where s is the sigmoid of u; 1 without SiLU.
#[cube]
fn slope(u: f32, #[comptime] silu: bool) -> f32 {
    if silu {
        let s = 1.0 / (1.0 + (-u).exp());
        s * (1.0 + u * (1.0 - s))
    } else {
        1.0f32.runtime()
    }
}

/// Sums the values of all threads; every thread gets the sum.
#[cube]
fn sum_of_block(value: f32, sums: &mut Shared<[f32]>, #[comptime] threads: usize) -> f32 {
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
