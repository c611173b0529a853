//! How fast the host makes batches, with noise, without a device.

use halfstep_data::{Dataset, EpochOrder};
use halfstep_train::{BatchSource, Prefetch, TimeSampling};

/// Images that [`batches`] makes, 32x32 RGB whatever the model.
pub const IMAGES: usize = 25_600;

/// Makes batches of 128: images, flips, noise, times.
pub fn batches() -> anyhow::Result<()> {
    let (dataset, batch_size) = (made_up(10_000, [3, 32, 32])?, 128);
    let source = source(&dataset, batch_size);
    std::thread::scope(|scope| {
        let batches = Prefetch::start(scope, source, 0..(IMAGES / batch_size) as u64);
        while batches.next().is_ok() {}
    });
    Ok(())
}

/// Images whose bytes follow a rule.
pub fn made_up(count: usize, shape: [usize; 3]) -> anyhow::Result<Dataset> {
    let values = count * shape.iter().product::<usize>();
    let pixels = (0..values).map(|i| (i * 31 % 251) as u8).collect();
    Ok(Dataset::new("bytes", shape, pixels, None, None)?)
}

/// Batches as a run of photographs draws them.
pub fn source(dataset: &Dataset, batch_size: usize) -> BatchSource<'_> {
    BatchSource {
        dataset,
        order: EpochOrder::new(dataset.len(), 0),
        seed: 0,
        batch_size,
        parts: 1,
        time_sampling: TimeSampling::Stratified,
        flip: true,
        labels: false,
    }
}
