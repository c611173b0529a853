//! How well a student does in N steps what its teacher does in all of them.

use std::ops::ControlFlow;

use burn::tensor::Device;
use halfstep_model::{ModelFolder, UNet};
use halfstep_sample::{AngularDdim, Draw, Images, StepNoise, StopFlag, student_grid};

use crate::error::TrainError;
use crate::progress::drawing_watch;

/// Draws the same noises with different models. *Teacher agreement* is the mean squared distance
/// between a model's N-step images and the teacher's full-grid images, pixels in `[-1, 1]`.
pub struct Agreement {
    teacher: ModelFolder,
    device: Device,
    options: AgreementOptions,
    reference: Images,
}

/// Which images, and how.
#[derive(Clone, Debug)]
pub struct AgreementOptions {
    /// Of the start noises.
    pub seed: u64,
    /// How many images.
    pub count: usize,
    /// At once.
    pub batch_size: usize,
    /// Classes, used in turn; none for an unconditional model.
    pub classes: Vec<u32>,
    /// Without progress bars.
    pub quiet: bool,
    /// When raised, drawing ends with [`halfstep_sample::SampleError::Stopped`].
    pub stop: StopFlag,
}

impl Agreement {
    /// Draws the teacher's full-grid images.
    ///
    /// # Errors
    /// [`TrainError::Sample`].
    pub fn new(
        teacher: ModelFolder,
        device: Device,
        teacher_steps: usize,
        options: AgreementOptions,
    ) -> Result<Self, TrainError> {
        let label = format!("teacher {teacher_steps}");
        let reference = draw_images(&teacher, &device, teacher_steps, &options, &label)?;
        Ok(Self { teacher, device, options, reference })
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
        let label = format!("teacher {num_steps}");
        draw_images(&self.teacher, &self.device, num_steps, &self.options, &label)
    }

    /// A student's images on its own grid.
    ///
    /// # Errors
    /// [`TrainError::Sample`].
    pub fn student_images(
        &self,
        student: &ModelFolder,
        num_steps: usize,
    ) -> Result<Images, TrainError> {
        let label = format!("student {num_steps}");
        draw_images(student, &self.device, num_steps, &self.options, &label)
    }

    /// Mean squared distance to the teacher's full-grid images.
    pub fn distance(&self, images: &Images) -> f64 {
        images.mean_squared_difference(&self.reference)
    }
}

/// A model's images in `num_steps` deterministic steps on the trailing grid, all classes in turn.
pub(crate) fn draw_images(
    model: &ModelFolder,
    device: &Device,
    num_steps: usize,
    options: &AgreementOptions,
    label: &str,
) -> Result<Images, TrainError> {
    let grid = student_grid(&model.schedule, num_steps)?;
    let draw = Draw {
        network: &model.unet,
        prediction_type: model.prediction_type(),
        sampler: &AngularDdim::default(),
        grid: &grid,
        schedule: &model.schedule,
        seed: options.seed,
        step_noise: StepNoise::Fresh,
        batch_size: options.batch_size,
        shape: image_shape(&model.unet),
        classes: &options.classes,
        device,
    };
    let mut watch = drawing_watch(label, options.quiet);
    watch.show(0, 0);
    let images = draw.images(0..options.count as u64, &mut |done, total| {
        watch.show(done, total);
        match options.stop.is_raised() {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    });
    Ok(images?)
}

/// C, H, W. A network that this crate builds always knows its image size.
pub(crate) fn image_shape(unet: &UNet) -> [usize; 3] {
    let config = unet.config();
    let [height, width] = config.image_sides();
    [config.in_channels, height, width]
}
