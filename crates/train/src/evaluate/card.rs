//! The model card: `README.md` of a model folder, as the Hugging Face Hub shows it, and `grid.png`.

use std::fmt::Write as _;

use burn::module::Module;
use halfstep_core::counted;
use halfstep_data::{DataConfig, list_classes};
use halfstep_model::{ClassInput, ModelFolder};
use halfstep_run::layout::CARD;
use halfstep_run::{RoundResult, Stage, Summary, human_time};
use halfstep_sample::{Images, output, picture};

use crate::error::TrainError;
use crate::evaluate::output_error::IMAGES;
use crate::run::context::RunContext;

/// The number of images in `grid.png`.
const SHOWN: usize = 64;

/// The model card of a stage.
pub(crate) struct Card<'a> {
    pub run: &'a RunContext<'a>,
    pub model: &'a ModelFolder,
    pub stage: Stage,
    /// The summary, including the stage's row.
    pub summary: &'a Summary,
}

impl Card<'_> {
    /// Writes `grid.png` and `README.md`; `images` are the images with which the model was measured.
    ///
    /// # Errors
    /// [`TrainError::Files`] naming the file.
    pub fn write(&self, images: &Images) -> Result<(), TrainError> {
        let shown = images.first(SHOWN);
        let (columns, scale) =
            (picture::square_columns(shown.len()), picture::comfortable_scale(images.shape[2]));
        let grid = picture::grid(&shown, columns, scale)?;
        let folder = self.run.folder.model(self.stage);
        output::write_png(&folder.join("grid.png"), grid)?;
        Ok(output::write_file(&folder.join(CARD), self.text().as_bytes())?)
    }

    fn text(&self) -> String {
        let parts = [
            self.front_matter(),
            self.introduction(),
            self.classes(),
            self.use_in_python(),
            self.use_in_rust(),
            self.results(),
            self.training(),
        ];
        let sections: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        sections.join("\n")
    }

    /// The number of sampling steps in the card's examples.
    fn steps(&self) -> usize {
        self.stage.num_steps().unwrap_or(self.run.config.distill.teacher_steps)
    }

    fn front_matter(&self) -> String {
        let license = self.run.job.license.as_deref().unwrap_or("unknown");
        // The Hub has a task for unconditional image generation, and none for class-conditional generation.
        let (task, kind) = match self.model.unet.config().class_input() {
            ClassInput::None => {
                ("pipeline_tag: unconditional-image-generation\n", "unconditional-image-generation")
            }
            _ => ("", "class-conditional-image-generation"),
        };
        let mut tags = vec!["diffusion", kind, "halfstep"];
        if self.stage != Stage::Teacher {
            tags.push("progressive-distillation");
        }
        let tags: String = tags.iter().map(|tag| format!("- {tag}\n")).collect();
        let dataset = match &self.run.job.data {
            Some(DataConfig::Mnist { .. }) => "datasets:\n- ylecun/mnist\n",
            Some(DataConfig::FashionMnist { .. }) => {
                "datasets:\n- zalando-datasets/fashion_mnist\n"
            }
            Some(DataConfig::Cifar10 { .. }) => "datasets:\n- uoft-cs/cifar10\n",
            _ => "",
        };
        format!(
            "---\nlicense: {license}\nlibrary_name: diffusers\n{task}tags:\n{tags}{dataset}---\n"
        )
    }

    fn introduction(&self) -> String {
        let (name, steps) = (&self.run.job.name, self.steps());
        let provenance = &self.model.halfstep.provenance;
        let [c, h, w] = self.run.images.shape();
        let data = format!(
            "{} from {} ({c}x{h}x{w})",
            counted(self.run.images.len(), "image"),
            self.run.images.name()
        );
        let what = match self.stage {
            Stage::Teacher if provenance.train_steps == 0 => {
                "A diffusion model trained elsewhere, unchanged.".to_owned()
            }
            Stage::Teacher => format!("A diffusion model trained on {data}."),
            Stage::Round { .. } => format!(
                "A student that samples in {} where its teacher takes {}, made by progressive distillation (Salimans \
                 & Ho 2022) on {data}.",
                counted(steps, "network call"),
                self.run.config.distill.teacher_steps
            ),
        };
        let original = match &provenance.original {
            Some(name) => {
                format!("\nIt was derived from a model trained elsewhere, `{name}`.\n")
            }
            None => String::new(),
        };
        format!(
            "# {name}, {} in {}\n\n{what}\n{original}\n![Samples, not cherry-picked](grid.png)\n",
            self.role(),
            counted(steps, "step")
        )
    }

    fn role(&self) -> &'static str {
        if self.stage == Stage::Teacher { "teacher" } else { "student" }
    }

    /// The numbers and names of the classes; empty for an unconditional model.
    fn classes(&self) -> String {
        let names = &self.model.halfstep.class_names;
        if names.is_empty() {
            return String::new();
        }
        format!(
            "## Classes\n\nThe network's input is the class number; `sample --class` also accepts the name.\n\n\
             ```text\n{}\n```\n",
            list_classes(names, usize::MAX)
        )
    }

    fn use_in_python(&self) -> String {
        let steps = self.steps();
        let [c, h, w] = self.run.images.shape();
        let code = match self.model.unet.config().class_input() {
            ClassInput::None => format!(
                "from diffusers import DDIMPipeline\n\n\
                 pipeline = DDIMPipeline.from_pretrained(\".\")  # this folder, or its name on the Hub\n\
                 images = pipeline(batch_size=16, num_inference_steps={steps}).images\n"
            ),
            _ => format!(
                "import torch\nfrom diffusers import DDIMPipeline\n\n\
                 pipeline = DDIMPipeline.from_pretrained(\".\")  # this folder, or its name on the Hub\n\
                 pipeline.scheduler.set_timesteps({steps})\n\
                 z = torch.randn(16, {c}, {h}, {w})\n\
                 classes = torch.arange(16) % {}\n\
                 with torch.no_grad():\n    \
                 for t in pipeline.scheduler.timesteps:\n        \
                 output = pipeline.unet(z, t, class_labels=classes).sample\n        \
                 z = pipeline.scheduler.step(output, t, z).prev_sample\n\
                 images = pipeline.numpy_to_pil((z / 2 + 0.5).clamp(0, 1).permute(0, 2, 3, 1).numpy())\n",
                self.run.images.num_classes().unwrap_or(1)
            ),
        };
        let grid = match self.stage {
            Stage::Teacher => String::new(),
            Stage::Round { .. } => format!("\n{}\n", times_of_student(steps)),
        };
        format!("## In Python\n\n```python\n{code}```\n{grid}")
    }

    fn use_in_rust(&self) -> String {
        let steps = match self.stage {
            Stage::Teacher => format!(" --steps {}", self.steps()),
            Stage::Round { .. } => String::new(),
        };
        format!(
            "## With halfstep\n\n```console\n\
             $ cargo run -p sample -- --model THIS_FOLDER{steps} --out grid.png\n```\n"
        )
    }

    fn results(&self) -> String {
        let mut text = "## Results\n\n".to_owned();
        let Some(row) = self.summary.of_stage(self.stage.index()) else { return text };
        // Writing to a String cannot fail.
        let _ = match (row.agreement, row.teacher_agreement) {
            (Some(own), Some(teacher)) => self.student_results(&mut text, row, own, teacher),
            _ => self.teacher_results(&mut text, row),
        };
        text
    }

    fn teacher_results(&self, text: &mut String, row: &RoundResult) -> std::fmt::Result {
        if let Some(mse) = row.output_mse {
            writeln!(
                text,
                "Mean squared error of its prediction ({}), with averaged weights, at uniform times, on {}: {mse:.4}.",
                self.run.config.teacher.prediction_type,
                measured_images(self.run.images.len())
            )?;
        }
        if let Some(distance) = row.original_agreement {
            writeln!(
                text,
                "Mean squared distance between its images and those of the original model, drawn without clipping \
                 from the same noises: {distance:.5}."
            )?;
        }
        Ok(())
    }

    fn student_results(
        &self,
        text: &mut String,
        row: &RoundResult,
        own: f64,
        teacher: f64,
    ) -> std::fmt::Result {
        let (steps, all) = (row.num_steps, self.run.config.distill.teacher_steps);
        writeln!(
            text,
            "Mean squared distance to the teacher's images in {}, from the same {} (pixels in [-1, 1]):\n\n\
             | model | steps | distance |\n|---|---:|---:|\n\
             | this student | {steps} | {own:.5} |\n| its teacher, DDIM | {steps} | {teacher:.5} |",
            counted(all, "step"),
            counted(self.run.config.distill.agreement_images, "start noise")
        )
    }

    fn training(&self) -> String {
        let provenance = &self.model.halfstep.provenance;
        let batch_size = match self.stage {
            Stage::Teacher => self.run.config.teacher.batch_size,
            Stage::Round { .. } => self.run.config.distill.batch_size,
        };
        let trained = match provenance.train_steps {
            0 => "not by halfstep; see the original model".to_owned(),
            steps => format!(
                "{} of {}, {}, on {}",
                counted(steps, "optimiser step"),
                counted(batch_size, "image"),
                human_time(provenance.train_seconds),
                self.run.options.device.description
            ),
        };
        format!(
            "## How it was made\n\n\
             - network: `UNet2DModel`, {:.2} million parameters, predicts {}\n\
             - trained: {trained}\n\
             - data: {}, SHA-256 of its pixels and labels `{}`\n\
             - seed: {}; program: {}\n\
             - limits: samples may reproduce training images; they have not been checked for bias or harmful content\n",
            self.model.unet.num_params() as f64 / 1e6,
            self.run.config.teacher.prediction_type,
            provenance.dataset,
            provenance.dataset_sha256,
            provenance.seed,
            provenance.program,
        )
    }
}

/// How a student must be sampled.
fn times_of_student(steps: usize) -> String {
    let times = match steps {
        1 => "the time of this step",
        _ => "the times of these steps",
    };
    let steps = counted(steps, "step");
    format!("Use exactly {steps} and eta 0: the student was distilled only for {times}.")
}

/// The images on which the prediction's error is measured.
fn measured_images(in_dataset: usize) -> String {
    let drawn = IMAGES;
    match in_dataset {
        1 => format!("the only training image with {drawn} noises"),
        // Images are used repeatedly, each time with another noise and time.
        few if (few as u64) < drawn => format!("all {few} training images with {drawn} noises"),
        _ => format!("{drawn} training images"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_training_images_are_claimed_than_there_are() {
        assert_eq!(measured_images(60_000), "1024 training images");
        assert_eq!(measured_images(1024), "1024 training images");
        assert_eq!(measured_images(600), "all 600 training images with 1024 noises");
        assert_eq!(measured_images(1), "the only training image with 1024 noises");
    }

    #[test]
    fn a_card_asks_for_the_steps_of_its_student() {
        assert_eq!(
            [1, 4].map(times_of_student),
            [
                "Use exactly 1 step and eta 0: the student was distilled only for the time of this step.",
                "Use exactly 4 steps and eta 0: the student was distilled only for the times of these steps."
            ]
        );
    }
}
