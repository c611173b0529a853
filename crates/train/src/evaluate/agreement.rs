//! Teacher agreement: the distance between a student's images and its teacher's full-grid images.

use std::ops::ControlFlow;

use halfstep_model::{ModelFolder, UNet};
use halfstep_sample::{AngularDdim, Draw, Images, StepNoise, student_grid};

use crate::error::TrainError;
use crate::event::Event;
use crate::run::context::{RunContext, RunOptions};

/// Draws images from the same noises with different models. *Teacher agreement* is the mean squared distance
/// between a model's N-step images and the teacher's full-grid images, with pixels in `[-1, 1]`.
pub(crate) struct Agreement<'a> {
    teacher: ModelFolder,
    options: AgreementOptions<'a>,
    reference: Images,
}

/// Which images to draw, and how.
#[derive(Clone)]
pub(crate) struct AgreementOptions<'a> {
    run: &'a RunContext<'a>,
    count: usize,
    classes: Vec<u32>,
}

impl<'a> AgreementOptions<'a> {
    /// `count` images, from start noises of the run's seed, with the run's classes in turn.
    pub fn new(run: &'a RunContext<'a>, count: usize) -> Self {
        Self { run, count, classes: run.classes() }
    }
}

impl<'a> Agreement<'a> {
    /// Draws the teacher's full-grid images.
    ///
    /// # Errors
    /// [`TrainError::Sample`].
    pub fn new(teacher: ModelFolder, options: AgreementOptions<'a>) -> Result<Self, TrainError> {
        let teacher_steps = options.run.config.distill.teacher_steps;
        let label = format!("teacher {teacher_steps}");
        let reference = draw_images(&teacher, teacher_steps, &options, &label)?;
        Ok(Self { teacher, options, reference })
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
        draw_images(&self.teacher, num_steps, &self.options, &label)
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
        draw_images(student, num_steps, &self.options, &label)
    }

    /// Mean squared distance to the teacher's full-grid images.
    pub fn distance(&self, images: &Images) -> f64 {
        images.mean_squared_difference(&self.reference)
    }
}

/// A model's images in `num_steps` deterministic steps on the trailing grid.
pub(crate) fn draw_images(
    model: &ModelFolder,
    num_steps: usize,
    options: &AgreementOptions<'_>,
    label: &str,
) -> Result<Images, TrainError> {
    let AgreementOptions { run, count, classes } = options;
    let RunOptions { device, stop, on_event, .. } = run.options;
    let draw = Draw {
        network: &model.unet,
        prediction_type: model.prediction_type(),
        sampler: &AngularDdim::default(),
        grid: &student_grid(&model.schedule, num_steps)?,
        schedule: &model.schedule,
        seed: run.config.seed,
        step_noise: StepNoise::Fresh,
        batch_size: run.config.log.sample_batch,
        shape: image_shape(&model.unet),
        classes,
        device: &device.device,
    };
    on_event(Event::Drawing { label, calls: 0, total: 0 });
    let images = draw.images(0..*count as u64, &mut |calls, total| {
        on_event(Event::Drawing { label, calls, total });
        if stop.is_raised() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    on_event(Event::DrawingEnded);
    Ok(images?)
}

/// The image shape `[C, H, W]`. A network that this crate builds always has an image size.
fn image_shape(unet: &UNet) -> [usize; 3] {
    let config = unet.config();
    let [height, width] = config.image_sides();
    [config.in_channels, height, width]
}
