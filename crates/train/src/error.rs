//! The errors of a run.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use halfstep_data::relative_to;

/// An error of training or distillation. Each message names the field, file or step, and the remedy.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// A setting is wrong.
    #[error("config: `{field}` {problem}")]
    Config {
        /// Dotted path of the setting, such as `teacher.batch_size`.
        field: Cow<'static, str>,
        /// What is wrong, and which values are accepted.
        problem: String,
    },
    /// A configuration cannot be parsed.
    #[error("{origin}: {problem}")]
    Parse {
        /// The file or the override.
        origin: String,
        /// Line, column, reason, and a suggestion for a misspelt key.
        problem: String,
    },
    /// The folder of a pretrained teacher cannot be used.
    #[error("config: `teacher.from` is {path:?}{}, which cannot be used", relative_to(path))]
    Pretrained {
        /// The folder, as the configuration names it.
        path: PathBuf,
        /// What is wrong in the folder.
        source: halfstep_model::ModelError,
    },
    /// A network or a model folder failed.
    #[error(transparent)]
    Model(halfstep_model::ModelError),
    /// A device is not available.
    #[error(transparent)]
    NoDevice(#[from] halfstep_model::DeviceError),
    /// The images cannot be loaded.
    #[error(transparent)]
    Data(#[from] halfstep_data::DataError),
    /// Drawing images failed, or was stopped.
    #[error(transparent)]
    Sample(#[from] halfstep_sample::SampleError),
    /// A file cannot be written, or its checksum is wrong.
    #[error(transparent)]
    Files(#[from] halfstep_files::FileError),
    /// A file of the run folder cannot be used.
    #[error("{}: {problem}", path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// The reason, and the remedy.
        problem: String,
    },
    /// This run cannot use the run folder; another folder would work.
    #[error("{}: {problem}, or choose another run folder", path.display())]
    RunFolder {
        /// The folder, or a file in it.
        path: PathBuf,
        /// The reason, and the other remedy.
        problem: String,
    },
    /// A file of the run folder has a wrong format.
    #[error(transparent)]
    Run(#[from] halfstep_run::RunError),
    /// The report cannot be written.
    #[error(transparent)]
    Report(#[from] halfstep_report::ReportError),
    /// Training diverged.
    #[error(
        "{stage}: {} at step {step}{}; {}. {}",
        diverged(*skipped), batch(images), kept(*saved), advice(*skipped)
    )]
    Diverged {
        /// The stage: `teacher` or `student N`.
        stage: String,
        /// The step, counted from 1.
        step: u64,
        /// The last step whose state was saved; 0 if there is none.
        saved: u64,
        /// Steps skipped in a row before the run gave up; 0 if this step was not skipped.
        skipped: u64,
        /// The images of the step, as positions in the dataset counted from 0.
        images: Vec<usize>,
    },
    /// A weight, moment or average is not finite, so that it must not be saved.
    #[error(
        "{part} `{tensor}` is not finite after this step. Start again in another run folder, with a lower \
         learning_rate or with grad_clip in the stage's optimizer section"
    )]
    NotFinite {
        /// Which of the learner's lists: the weights, a moment or the average.
        part: &'static str,
        /// The list's first tensor with a value that is not finite.
        tensor: String,
    },
    /// A stage was interrupted by an error that the user can fix.
    #[error(
        "stopped in {stage} after step {step}; {}. Fix the cause and run the same command again",
        kept(*saved)
    )]
    Interrupted {
        /// The stage: `teacher` or `student N`.
        stage: String,
        /// The last step taken, counted from 1.
        step: u64,
        /// The last step whose state was saved; 0 if there is none.
        saved: u64,
        /// The cause.
        source: Box<TrainError>,
    },
    /// A model of this run has changed since it was written.
    #[error("{} is damaged; delete that folder to train this model again", folder.display())]
    DamagedModel {
        /// The model's folder.
        folder: PathBuf,
        /// What is wrong with the model.
        source: halfstep_model::ModelError,
    },
    /// A finished model could not be measured.
    #[error(
        "{stage} could not be measured; its model is saved. Fix the cause and run the same command again"
    )]
    Measuring {
        /// The stage: `teacher` or `student N`.
        stage: String,
        /// The cause.
        source: Box<TrainError>,
    },
    /// The device computes other numbers than the CPU. The text is
    /// [`DeviceCheck::conclusion`](crate::DeviceCheck::conclusion).
    #[error("{0}\nTraining was not started")]
    Disagrees(String),
    /// The device must be compared with the CPU first, but this build has no CPU backend.
    #[error(
        "{0} must be compared with the CPU before it trains; build with the feature `flex` too"
    )]
    Unchecked(String),
    /// The device failed.
    #[error("the device failed: {0}")]
    Device(String),
}

/// The number of a batch's images that a message lists.
const LISTED: usize = 16;

fn diverged(skipped: u64) -> String {
    match skipped {
        0 => "the loss or gradient is not finite".to_owned(),
        count => format!("the loss or gradient is not finite for {count} steps in a row"),
    }
}

fn advice(skipped: u64) -> &'static str {
    match skipped {
        0 => {
            "To skip such steps, continue with non_finite = \"skip\". To use a lower learning_rate or grad_clip, start a \
             new run in another run folder"
        }
        _ => {
            "Training has diverged: start again in another run folder, with a lower learning_rate or with grad_clip \
             in the stage's optimizer section"
        }
    }
}

fn batch(images: &[usize]) -> String {
    if images.is_empty() {
        return String::new();
    }
    let listed: Vec<String> = images.iter().take(LISTED).map(ToString::to_string).collect();
    let more = match images.len().saturating_sub(LISTED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!(" (batch: images {}{more} of the dataset, counted from 0)", listed.join(", "))
}

fn kept(saved: u64) -> String {
    match saved {
        0 => "no state of this stage was saved yet".to_owned(),
        step => format!("the state of step {step} is kept"),
    }
}

/// A failed device becomes [`TrainError::Device`]; every other error becomes [`TrainError::Model`].
impl From<halfstep_model::ModelError> for TrainError {
    fn from(error: halfstep_model::ModelError) -> Self {
        match error {
            halfstep_model::ModelError::Device { problem } => Self::Device(problem),
            error => Self::Model(error),
        }
    }
}

impl TrainError {
    pub(crate) fn device(error: impl std::fmt::Display) -> Self {
        Self::Device(halfstep_model::device_problem(&error))
    }

    /// The configuration describes no network and names no pretrained one.
    pub(crate) fn no_network() -> Self {
        Self::config(
            "model",
            "is missing; describe the network there, or set teacher.from to the folder of a trained one",
        )
    }

    pub(crate) fn config(field: impl Into<Cow<'static, str>>, problem: impl Into<String>) -> Self {
        Self::Config { field: field.into(), problem: problem.into() }
    }

    pub(crate) fn file(path: &Path, problem: impl ToString) -> Self {
        Self::File { path: path.to_path_buf(), problem: problem.to_string() }
    }

    /// A [`TrainError::RunFolder`]; `problem` ends with an imperative, because the message appends
    /// ", or choose another run folder".
    pub(crate) fn run_folder(path: &Path, problem: impl ToString) -> Self {
        Self::RunFolder { path: path.to_path_buf(), problem: problem.to_string() }
    }

    /// The error and its causes, joined by colons in one line.
    pub fn with_causes(&self) -> String {
        let mut text = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            text = format!("{text}: {error}");
            cause = error.source();
        }
        text
    }
}
