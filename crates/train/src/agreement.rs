//! How well a student does in N steps what its teacher does in all of them.

use burn::tensor::Device;
use halfstep_core::TimePoint;
use halfstep_model::{ModelFolder, UNet};
use halfstep_sample::{AngularDdim, Draw, Images, SampleError, student_grid};

use crate::error::TrainError;
use crate::progress::drawing_bar;

/// Draws the same noises with different models. *Teacher agreement* is the mean squared distance
/// between a model's N-step images and the teacher's full-grid images, pixels in `[-1, 1]`.
pub struct Agreement<'a> {
    teacher: &'a ModelFolder,
    device: &'a Device,
    seed: u64,
    count: usize,
    batch_size: usize,
    quiet: bool,
    reference: Images,
}

impl<'a> Agreement<'a> {
    /// Draws the teacher's full-grid images.
    ///
    /// # Errors
    /// [`TrainError::Sample`].
    pub fn new(
        teacher: &'a ModelFolder,
        device: &'a Device,
        teacher_steps: usize,
        options: AgreementOptions,
    ) -> Result<Self, TrainError> {
        let AgreementOptions { seed, count, batch_size, quiet } = options;
        let empty = Images::empty([1, 1, 1]);
        let mut agreement =
            Self { teacher, device, seed, count, batch_size, quiet, reference: empty };
        agreement.reference = agreement.teacher_images(teacher_steps)?;
        Ok(agreement)
    }

    /// A model's own images in `num_steps` deterministic steps.
    ///
    /// # Errors
    /// [`TrainError::Sample`].
    pub fn draw_once(
        model: &ModelFolder,
        device: &Device,
        num_steps: usize,
        options: AgreementOptions,
    ) -> Result<Images, TrainError> {
        Ok(Agreement::new(model, device, num_steps, options)?.reference)
    }

    /// The teacher's full-grid images.
    pub fn reference(&self) -> &Images {
        &self.reference
    }

    /// The teacher's images in `num_steps` deterministic steps.
    ///
    /// # Errors
    /// [`TrainError::Sample`].
    pub fn teacher_images(&self, num_steps: usize) -> Result<Images, TrainError> {
        self.draw(&self.teacher.unet, num_steps, "teacher")
    }

    /// A student's images on its own grid.
    ///
    /// # Errors
    /// [`TrainError::Sample`].
    pub fn student_images(&self, student: &UNet, num_steps: usize) -> Result<Images, TrainError> {
        self.draw(student, num_steps, "student")
    }

    /// Mean squared distance to the teacher's full-grid images.
    pub fn distance(&self, images: &Images) -> f64 {
        images.mean_squared_difference(&self.reference)
    }

    fn draw(&self, unet: &UNet, num_steps: usize, who: &str) -> Result<Images, TrainError> {
        let grid = student_grid(&self.teacher.schedule, num_steps)?;
        let bar = drawing_bar(&format!("{who} {num_steps}"), self.quiet);
        let images = draw(unet, self.teacher, &grid, self, &mut |done, total| {
            bar.set_length(total);
            bar.set_position(done);
        });
        bar.finish_and_clear();
        Ok(images?)
    }
}

/// Which images, and how.
#[derive(Clone, Copy, Debug)]
pub struct AgreementOptions {
    /// Of the start noises.
    pub seed: u64,
    /// How many images.
    pub count: usize,
    /// At once.
    pub batch_size: usize,
    /// Without progress bars.
    pub quiet: bool,
}

fn draw(
    unet: &UNet,
    model: &ModelFolder,
    grid: &[TimePoint],
    options: &Agreement<'_>,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Images, SampleError> {
    let config = unet.config();
    let size = config.sample_size.unwrap_or(config.size_multiple());
    let classes: Vec<u32> = (0..config.num_class_embeds.unwrap_or(0) as u32).collect();
    let draw = Draw {
        unet,
        prediction_type: model.prediction_type(),
        sampler: &AngularDdim,
        grid,
        seed: options.seed,
        batch_size: options.batch_size,
        shape: [config.in_channels, size, size],
        classes: &classes,
        device: options.device,
    };
    draw.images(0..options.count as u64, progress)
}
