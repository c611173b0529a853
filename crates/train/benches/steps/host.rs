//! How fast the host makes batches, with noise, without a device.

use std::time::Instant;

use halfstep_data::{Dataset, EpochOrder};
use halfstep_train::{BatchSource, Prefetch, TimeSampling};

/// 32x32 RGB images a second.
pub fn images_per_second() -> anyhow::Result<f64> {
    let (count, each) = (10_000, 3 * 32 * 32);
    let pixels = (0..count * each).map(|i| (i * 31 % 251) as u8).collect();
    let dataset = Dataset::new("bytes", [3, 32, 32], pixels, None, None)?;
    let (batch_size, steps) = (128, 200);
    let source = BatchSource {
        dataset: &dataset,
        order: EpochOrder::new(count, 0),
        seed: 0,
        batch_size,
        parts: 1,
        time_sampling: TimeSampling::Stratified,
        flip: true,
        labels: false,
    };
    let started = Instant::now();
    std::thread::scope(|scope| {
        let batches = Prefetch::start(scope, source, 0..steps);
        while batches.next().is_some() {}
    });
    Ok(steps as f64 * batch_size as f64 / started.elapsed().as_secs_f64())
}
