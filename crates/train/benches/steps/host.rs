//! How fast the host makes batches, with noise, without a device.

use halfstep_data::{Dataset, EpochOrder};
use halfstep_train::{BatchSource, Prefetch, TimeSampling};

/// Images that [`batches`] makes, 32x32 RGB whatever the model.
pub const IMAGES: usize = 25_600;

/// Makes batches of 128: images, flips, noise, times.
pub fn batches() -> anyhow::Result<()> {
    let (count, each, batch_size) = (10_000, 3 * 32 * 32, 128);
    let pixels = (0..count * each).map(|i| (i * 31 % 251) as u8).collect();
    let dataset = Dataset::new("bytes", [3, 32, 32], pixels, None, None)?;
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
    std::thread::scope(|scope| {
        let batches = Prefetch::start(scope, source, 0..(IMAGES / batch_size) as u64);
        while batches.next().is_some() {}
    });
    Ok(())
}
