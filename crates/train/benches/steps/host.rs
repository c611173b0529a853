//! Measures how fast the host makes batches with noise, without a device.

use halfstep_data::Dataset;
use halfstep_train::{BatchSource, Prefetch};

/// The number of images that [`batches`] makes, 32x32 RGB for every model.
pub const IMAGES: usize = 25_600;

/// Makes [`IMAGES`] images in batches of 128, with flips, noise and times.
pub fn batches() -> anyhow::Result<()> {
    let (dataset, batch_size) = (made_up(10_000, [3, 32, 32])?, 128);
    let source = source(&dataset, batch_size);
    std::thread::scope(|scope| {
        let batches = Prefetch::start(scope, source, 0..(IMAGES / batch_size) as u64);
        while batches.next().is_ok() {}
    });
    Ok(())
}

/// A dataset of `count` artificial images of `shape` `[C, H, W]`.
pub fn made_up(count: usize, shape: [usize; 3]) -> anyhow::Result<Dataset> {
    let values = count * shape.iter().product::<usize>();
    let pixels = (0..values).map(|i| (i * 31 % 251) as u8).collect();
    Ok(Dataset::new("bytes", shape, pixels, None, None)?)
}

/// The batches of a run on photographs: mirrored, with stratified times.
pub fn source(dataset: &Dataset, batch_size: usize) -> BatchSource<'_> {
    BatchSource { flip: true, ..BatchSource::new(dataset, 0, batch_size) }
}
