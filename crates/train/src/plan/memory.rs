//! Estimates the peak memory of a run by adding up its tensors.

use halfstep_model::{BlockType, UNetConfig};

use crate::config::TrainConfig;

/// Bytes of a float.
const FLOAT: f64 = 4.0;

/// Sets of images in memory while a student is measured: the teacher's on the full grid, the teacher's and the
/// student's in the student's steps, and a copy of the set that is being drawn.
const MEASURED_SETS: f64 = 4.0;

/// What the memory of a run depends on.
pub(crate) struct Footprint<'a> {
    pub config: &'a TrainConfig,
    pub unet: &'a UNetConfig,
    /// Number of parameters of the network.
    pub parameters: usize,
    /// Number of images in the dataset.
    pub images: usize,
}

impl Footprint<'_> {
    /// Bytes at the peak of the run: while it trains, draws a preview or measures. The dataset is in memory all
    /// the time.
    pub fn peak(&self) -> f64 {
        let dataset = self.images as f64 * self.image();
        let (teacher, distill) = (&self.config.teacher, &self.config.distill);
        let part =
            (teacher.batch_size / teacher.accumulate).max(distill.batch_size / distill.accumulate);
        let training = self.training(part).max(self.preview());
        dataset + (training + self.kept()).max(self.measuring())
    }

    /// Bytes for training with `part` images at once.
    pub fn training(&self, part: usize) -> f64 {
        training(self.parameters, self.unet, part)
    }

    /// Bytes for measuring a stage: two models, the images that are compared, and drawing.
    pub fn measuring(&self) -> f64 {
        let count = self.config.distill.agreement_images;
        let sets = MEASURED_SETS * self.floats(count);
        2.0 * FLOAT * self.parameters as f64 + sets + self.drawing(count)
    }

    /// Bytes while a preview is drawn: the learner's and the preview's weights, the images, and drawing.
    pub fn preview(&self) -> f64 {
        let log = &self.config.log;
        let count = if log.preview_every == 0 { 0 } else { log.preview_images };
        let weights = 7.0 * FLOAT * self.parameters as f64;
        weights + 2.0 * self.floats(count) + self.drawing(count)
    }

    /// Bytes that stay from the teacher's measurement to the end of the run: the teacher and its images.
    fn kept(&self) -> f64 {
        if self.config.rounds().is_empty() {
            return 0.0;
        }
        FLOAT * self.parameters as f64 + self.floats(self.config.distill.agreement_images)
    }

    /// Bytes of a network's activations while it draws `count` images, `log.sample_batch` at once.
    fn drawing(&self, count: usize) -> f64 {
        let batch = count.min(self.config.log.sample_batch);
        FLOAT * batch as f64 * forward_activations(self.unet) as f64
    }

    /// Bytes of `count` images stored as floats.
    fn floats(&self, count: usize) -> f64 {
        FLOAT * count as f64 * self.image()
    }

    /// Number of values of an image.
    fn image(&self) -> f64 {
        let [height, width] = self.unet.image_sides();
        (self.unet.in_channels * height * width) as f64
    }
}

/// Bytes of weights, gradients, two moments, the average and a frozen teacher, and of the activations that the
/// backward pass keeps for `part` images. The temporary buffers of a convolution on a GPU are left out: at most
/// half a gigabyte, and twice its result.
fn training(parameters: usize, config: &UNetConfig, part: usize) -> f64 {
    FLOAT * (6.0 * parameters as f64 + part as f64 * activations(config) as f64)
}

/// Floats that the backward pass keeps per image. A residual block keeps its normalised, activated and
/// convolved maps, two of each. An attention keeps its maps before and after each step, and its scores, which
/// the backward pass computes again.
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

/// Floats per image while it is drawn: the skip connections, and the maps of one block at the most expensive
/// level. A block of the upward path has twice the channels in its input; an attention adds its scores.
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

/// The machine's memory in bytes; 0 if it is unknown.
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
    fn measured_images_count() {
        let (few, many) = ("distill.agreement_images=1000000", "distill.agreement_images=2000000");
        // Four sets of 8x8 images as floats; everything else is equal.
        assert_eq!(peak(&[many], 0) - peak(&[few], 0), 4.0 * 1e6 * 64.0 * 4.0);
        // Without students, the teacher's images are drawn all the same.
        assert!(peak(&["distill.student_steps=64", many], 0) >= 4.0 * 2e6 * 64.0);
    }

    #[test]
    fn preview_images_and_the_dataset_count() {
        let previews = |count: usize| peak(&[&format!("log.preview_images={count}")], 0);
        assert_eq!(previews(2_000_000) - previews(1_000_000), 2.0 * 1e6 * 64.0 * 4.0);
        let off = peak(&["log.preview_images=1000000", "log.preview_every=0"], 0);
        assert_eq!(off, previews(1));
        assert_eq!(peak(&[], 1_000_000) - peak(&[], 0), 64e6, "one byte per value");
    }

    #[test]
    fn training_takes_most_of_the_memory_in_the_shipped_job() {
        let config = digits(&[]).unwrap();
        let unet = config.network([1, 8, 8], Some(10)).unwrap();
        let footprint =
            Footprint { config: &config, unet: &unet, parameters: 1_000_000, images: 0 };
        let training = footprint.training(config.teacher.batch_size);
        assert!(footprint.measuring() < training && training < footprint.peak());
    }
}
