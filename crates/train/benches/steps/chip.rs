//! Kernel launches and arithmetic operations of a step, and the speed and memory of the device.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use burn::tensor::{Tensor, TensorData};
use cubecl::config::{TypeNameFormatLevel, type_name_format};
use cubecl::logging::{LaunchObservation, LaunchObserver};
use halfstep_core::rng::{Purpose, noise};
use halfstep_model::{Precision, SelectedDevice, UNet, flat_params, param_names};

#[derive(Default)]
struct Counter(Mutex<BTreeMap<&'static str, u64>>);

impl LaunchObserver for Counter {
    fn launched(&self, kernel: &'static str) {
        // A poisoned count is still a count.
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.entry(kernel).or_default() += 1;
    }
}

/// Kernels launched, by name, most frequent first.
pub struct Launches(Vec<(String, u64)>);

impl Launches {
    /// The number of launches of all kernels.
    pub fn total(&self) -> u64 {
        self.0.iter().map(|(_, count)| count).sum()
    }

    /// The `count` most frequent kernels.
    pub fn first(&self, count: usize) -> &[(String, u64)] {
        &self.0[..count.min(self.0.len())]
    }
}

/// Counts the kernels that `work` launches; none on devices without kernels.
pub fn launches<T>(work: impl FnOnce() -> anyhow::Result<T>) -> anyhow::Result<(T, Launches)> {
    let counter = Arc::new(Counter::default());
    let watching = LaunchObservation::new(counter.clone());
    let result = work()?;
    drop(watching);
    let counts = counter.0.lock().unwrap_or_else(PoisonError::into_inner);
    let short = |name| type_name_format(name, TypeNameFormatLevel::Short);
    let mut by_name = BTreeMap::<String, u64>::new();
    for (name, count) in counts.iter() {
        *by_name.entry(short(name)).or_default() += count;
    }
    let mut launches: Vec<(String, u64)> = by_name.into_iter().collect();
    launches.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    Ok((result, Launches(launches)))
}

/// The number of multiplications and additions in one image's forward pass: in convolutions, linear layers and
/// attention. A training step takes three times as many.
///
/// A weight of n numbers takes n multiplications and n additions at each pixel of its layer's output. The
/// output has the resolution of the layer's block, or the next resolution for a down- or upsampler. Layers of
/// the time embedding count once per image. Attention over p pixels of c channels adds two products of p x p x
/// c. Normalisation, SiLU and sums are left out, as is usual.
pub fn forward_flops(unet: &UNet) -> f64 {
    let config = unet.config();
    let [height, width] = config.image_sides();
    let last = config.block_out_channels.len() - 1;
    let named = param_names(unet).into_iter().zip(flat_params(unet));
    let layer = |(name, values): (String, Tensor<1>)| {
        let parts: Vec<&str> = name.split('.').collect();
        let block = parts.get(1).and_then(|block| block.parse::<usize>().ok()).unwrap_or(0);
        let level = match parts[0] {
            "down_blocks" => block + usize::from(parts.contains(&"downsamplers")),
            "mid_block" => last,
            "up_blocks" => last - block - usize::from(parts.contains(&"upsamplers")),
            _ => 0,
        };
        let pixels = ((height >> level) * (width >> level)) as f64;
        let numbers = values.dims()[0] as f64;
        let is = |part: &str| parts.iter().any(|other| other.contains(part));
        if !name.ends_with("weight") || is("norm") || is("class_embedding") {
            return 0.0;
        }
        if is("time_emb") {
            return 2.0 * numbers;
        }
        // The products of pixels are counted with one of each attention's four square weights.
        let scores = if is("to_q") { 4.0 * pixels.powi(2) * numbers.sqrt() } else { 0.0 };
        2.0 * numbers * pixels + scores
    };
    named.map(layer).sum()
}

/// Operations per second of a product of `size` x `size` matrices in `precision` through Burn, the best of
/// five. It is the yardstick for the speed of a step.
pub fn matrix_rate(
    precision: Precision,
    size: usize,
    device: &SelectedDevice,
) -> anyhow::Result<f64> {
    let device = &device.device;
    let values = noise(0, Purpose::Evaluation, 0..size as u64, size);
    let matrix = Tensor::<2>::from_data(TensorData::new(values, [size, size]), device);
    // Scaled so that products have values as large as their factors.
    let matrix = matrix.mul_scalar((size as f64).sqrt().recip()).cast(precision.dtype());
    let mut best = f64::INFINITY;
    for _ in 0..5 {
        const AT_ONCE: usize = 4;
        let started = Instant::now();
        let mut product = matrix.clone();
        for _ in 0..AT_ONCE {
            product = matrix.clone().matmul(product);
        }
        device.sync()?;
        drop(product);
        best = best.min(started.elapsed().as_secs_f64() / AT_ONCE as f64);
    }
    Ok(2.0 * (size as f64).powi(3) / best)
}

/// Bytes that the device's allocator has reserved, used or not. It releases none by itself.
pub fn device_bytes(device: &SelectedDevice) -> Option<u64> {
    device.device.memory_pool_usage().map(|usage| usage.bytes_reserved)
}

/// The resident memory of this process in bytes, and its peak; `None` where the system does not report them.
pub fn process_bytes() -> (Option<u64>, Option<u64>) {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let field = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name))?;
        line.split_whitespace().nth(1)?.parse::<u64>().ok().map(|kib| kib * 1024)
    };
    (field("VmRSS:"), field("VmHWM:"))
}
