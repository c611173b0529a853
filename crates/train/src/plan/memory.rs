//! The memory that a run takes at its peak, added up.

use halfstep_model::{BlockType, UNetConfig};

use crate::config::TrainConfig;

/// Bytes of a float.
const FLOAT: f64 = 4.0;

/// Sets of images that are held while a student is measured: the teacher's on the full grid, the teacher's
/// and the student's in its number of steps, and once more the one that is growing as it is drawn.
const MEASURED_SETS: f64 = 4.0;

/// What of a run takes memory.
pub(crate) struct Footprint<'a> {
    pub config: &'a TrainConfig,
    pub unet: &'a UNetConfig,
    /// Numbers of the network.
    pub parameters: usize,
    /// Images of the dataset.
    pub images: usize,
}

impl Footprint<'_> {
    /// Bytes at the moment that takes most: learning, drawing a preview, or measuring. The dataset is there
    /// all the time.
    pub fn peak(&self) -> f64 {
        let dataset = self.images as f64 * self.image();
        let (teacher, distill) = (&self.config.teacher, &self.config.distill);
        let part =
            (teacher.batch_size / teacher.accumulate).max(distill.batch_size / distill.accumulate);
        let learning = self.learning(part).max(self.preview());
        dataset + (learning + self.kept()).max(self.measuring())
    }

    /// Bytes of learning with `part` images at once.
    pub fn learning(&self, part: usize) -> f64 {
        learning(self.parameters, self.unet, part)
    }

    /// Bytes of measuring a stage: two models, the images that are compared, and drawing.
    pub fn measuring(&self) -> f64 {
        let count = self.config.distill.agreement_images;
        let sets = MEASURED_SETS * self.floats(count);
        2.0 * FLOAT * self.parameters as f64 + sets + self.drawing(count)
    }

    /// Bytes of drawing a preview beside what learns: the weights that are drawn with, and the images.
    pub fn preview(&self) -> f64 {
        let log = &self.config.log;
        let count = if log.preview_every == 0 { 0 } else { log.preview_images };
        let weights = 7.0 * FLOAT * self.parameters as f64;
        weights + 2.0 * self.floats(count) + self.drawing(count)
    }

    /// Bytes that stay from the teacher's measurement to the end of the run: it and its images.
    fn kept(&self) -> f64 {
        if self.config.rounds().is_empty() {
            return 0.0;
        }
        FLOAT * self.parameters as f64 + self.floats(self.config.distill.agreement_images)
    }

    /// Bytes of a network's maps while it draws `count` images, `log.sample_batch` at once.
    fn drawing(&self, count: usize) -> f64 {
        let batch = count.min(self.config.log.sample_batch);
        FLOAT * batch as f64 * forward_activations(self.unet) as f64
    }

    /// Bytes of `count` images as floats.
    fn floats(&self, count: usize) -> f64 {
        FLOAT * count as f64 * self.image()
    }

    /// Values of an image.
    fn image(&self) -> f64 {
        let [height, width] = self.unet.image_sides();
        (self.unet.in_channels * height * width) as f64
    }
}

/// Weights, gradients, two moments, average and a frozen teacher, and what the backward pass keeps
/// of a part of a batch. Not what a convolution on a GPU lays out for a moment, half a gigabyte at most
/// and its result twice.
fn learning(parameters: usize, config: &UNetConfig, part: usize) -> f64 {
    FLOAT * (6.0 * parameters as f64 + part as f64 * activations(config) as f64)
}

/// Floats that one image's backward pass keeps: per residual block both normalised, both activated
/// and both convolved maps, per attention its maps before and after each step; and once the scores that
/// its backward pass computes again.
fn activations(config: &UNetConfig) -> usize {
    let [height, width] = config.image_sides();
    let levels = config.block_out_channels.iter().enumerate();
    let per_level = levels.map(|(level, &channels)| {
        let pixels = (height >> level) * (width >> level);
        let resnets = 2 * config.layers_per_block + 1;
        let attention = match config.down_block_types.get(level) {
            Some(BlockType::AttnDownBlock2D) => {
                3 * scores(config, channels, pixels) + resnets * 8 * channels * pixels
            }
            _ => 0,
        };
        resnets * 14 * channels * pixels + attention
    });
    per_level.sum()
}

/// Floats that one image takes while it is drawn: what goes over to the way up, and at the level that takes
/// most the maps of one block, whose input has twice the channels on the way up, or its attention's scores.
fn forward_activations(config: &UNetConfig) -> usize {
    let [height, width] = config.image_sides();
    let levels = config.block_out_channels.iter().enumerate();
    let maps = levels.map(|(level, &channels)| {
        let pixels = (height >> level) * (width >> level);
        let attends = config.down_block_types.get(level) == Some(&BlockType::AttnDownBlock2D);
        let scores = if attends { scores(config, channels, pixels) } else { 0 };
        (channels * pixels, 6 * channels * pixels + scores)
    });
    let (mut kept, mut most) = (0, 0);
    for (map, block) in maps {
        kept += (config.layers_per_block + 1) * map;
        most = most.max(block);
    }
    kept + most
}

/// Floats of one attention's scores for one image.
fn scores(config: &UNetConfig, channels: usize, pixels: usize) -> usize {
    channels / config.attention_head_dim.unwrap_or(channels).max(1) * pixels * pixels
}

/// Bytes of memory that the machine has.
pub(crate) fn machine_memory() -> u64 {
    let memory = sysinfo::MemoryRefreshKind::nothing().with_ram();
    let refresh = sysinfo::RefreshKind::nothing().with_memory(memory);
    sysinfo::System::new_with_specifics(refresh).total_memory()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::job::digits;

    fn peak(settings: &[&str], images: usize) -> f64 {
        let config = digits(settings).unwrap();
        let unet = config.network([1, 8, 8], Some(10)).unwrap();
        Footprint { config: &config, unet: &unet, parameters: 1000, images }.peak()
    }

    #[test]
    fn images_that_are_measured_count() {
        let (few, many) = ("distill.agreement_images=1000000", "distill.agreement_images=2000000");
        // Four sets of floats of 8x8; everything else is the same.
        assert_eq!(peak(&[many], 0) - peak(&[few], 0), 4.0 * 1e6 * 64.0 * 4.0);
        // Without a student one set is drawn too.
        assert!(peak(&["distill.student_steps=64", many], 0) >= 4.0 * 2e6 * 64.0);
    }

    #[test]
    fn images_of_previews_and_of_the_dataset_count() {
        let previews = |count: usize| peak(&[&format!("log.preview_images={count}")], 0);
        assert_eq!(previews(2_000_000) - previews(1_000_000), 2.0 * 1e6 * 64.0 * 4.0);
        let off = peak(&["log.preview_images=1000000", "log.preview_every=0"], 0);
        assert_eq!(off, previews(1));
        assert_eq!(peak(&[], 1_000_000) - peak(&[], 0), 64e6, "a byte each");
    }

    #[test]
    fn learning_is_what_counts_in_the_shipped_job() {
        let config = digits(&[]).unwrap();
        let unet = config.network([1, 8, 8], Some(10)).unwrap();
        let footprint =
            Footprint { config: &config, unet: &unet, parameters: 1_000_000, images: 0 };
        let learning = footprint.learning(config.teacher.batch_size);
        assert!(footprint.measuring() < learning && learning < footprint.peak());
    }
}
