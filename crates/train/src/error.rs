//! What can go wrong in a run.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use halfstep_data::relative_to;

/// An error of training or distillation. Messages name the field, file or step and what to do.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// A field of the configuration.
    #[error("config: `{field}` {problem}")]
    Config {
        /// Dotted path of the field.
        field: Cow<'static, str>,
        /// What is wrong and what is accepted.
        problem: String,
    },
    /// A configuration that does not parse.
    #[error("{origin}: {problem}")]
    Parse {
        /// The file or override.
        origin: String,
        /// Line, column, reason, suggestion.
        problem: String,
    },
    /// The folder of a teacher that was trained elsewhere.
    #[error("config: `teacher.from` is {path:?}{}, which cannot be used", relative_to(path))]
    Pretrained {
        /// As the configuration has it.
        path: PathBuf,
        /// What is wrong there.
        source: halfstep_model::ModelError,
    },
    /// The model.
    #[error(transparent)]
    Model(halfstep_model::ModelError),
    /// A device that cannot be had.
    #[error(transparent)]
    NoDevice(#[from] halfstep_model::DeviceError),
    /// The images.
    #[error(transparent)]
    Data(#[from] halfstep_data::DataError),
    /// Drawing.
    #[error(transparent)]
    Sample(#[from] halfstep_sample::SampleError),
    /// A file that cannot be written, or is not what was written.
    #[error(transparent)]
    Files(#[from] halfstep_files::FileError),
    /// A file of the run folder.
    #[error("{}: {problem}", path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// Why, and what to do.
        problem: String,
    },
    /// A run folder that this run cannot use; another one helps.
    #[error("{}: {problem}; or use another run folder", path.display())]
    RunFolder {
        /// The folder, or a file in it.
        path: PathBuf,
        /// Why, and what else would help.
        problem: String,
    },
    /// The formats of the run folder.
    #[error(transparent)]
    Run(#[from] halfstep_run::RunError),
    /// The report.
    #[error(transparent)]
    Report(#[from] halfstep_report::ReportError),
    /// Training diverged.
    #[error(
        "{stage}: {} at step {step}{}; {}. {}",
        diverged(*skipped), batch(images), kept(*saved), advice(*skipped)
    )]
    Diverged {
        /// Teacher or round.
        stage: String,
        /// The step, from 1.
        step: u64,
        /// Last step whose state was saved; 0 if none was.
        saved: u64,
        /// Steps skipped in a row; 0 where none may be.
        skipped: u64,
        /// Positions in the dataset of the step's images.
        images: Vec<usize>,
    },
    /// Weights, moments or averages that are not finite: nothing that is saved may hold them.
    #[error(
        "{part} `{tensor}` is not finite after this step; start again with a lower learning_rate or a grad_clip in \
         the stage's optimizer section, in another run folder"
    )]
    NotFinite {
        /// Which of the learner's lists.
        part: &'static str,
        /// The first tensor of it that is not.
        tensor: String,
    },
    /// Something that can be mended ended a stage.
    #[error(
        "stopped in {stage} after step {step}, {}; when this is mended, the same command again continues",
        kept(*saved)
    )]
    Interrupted {
        /// Teacher or round.
        stage: String,
        /// The last step taken.
        step: u64,
        /// Last step whose state was saved; 0 if none was.
        saved: u64,
        /// What it was.
        source: Box<TrainError>,
    },
    /// A model that the run made is not what it was.
    #[error("{} is damaged; delete that folder to train this model again", folder.display())]
    DamagedModel {
        /// The model's folder.
        folder: PathBuf,
        /// What is wrong with it.
        source: halfstep_model::ModelError,
    },
    /// A finished model could not be measured.
    #[error(
        "cannot measure {stage}, whose model is saved; when this is mended, the same command again continues"
    )]
    Measuring {
        /// Teacher or round.
        stage: String,
        /// Why.
        source: Box<TrainError>,
    },
    /// A device whose kernels are made at run time and came out wrong.
    #[error("{0}\nTraining does not start")]
    Disagrees(String),
    /// A device that must be compared with the CPU first, in a build that has no CPU.
    #[error("{0} must be held against the CPU before it trains; build with `flex` too")]
    Unchecked(String),
    /// The device failed.
    #[error("the device failed: {0}")]
    Device(String),
}

/// How many of a batch's images are listed.
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
            "With non_finite = \"skip\" the run continues and skips such steps; a lower learning_rate or a grad_clip \
             in the stage's optimizer section needs another run folder"
        }
        _ => {
            "The weights have diverged: start again with a lower learning_rate or a grad_clip in the stage's \
             optimizer section, in another run folder"
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

/// A device that failed is one, whatever it was asked for.
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

    /// A configuration that says nothing of the network.
    pub(crate) fn no_network() -> Self {
        Self::config(
            "model",
            "is missing; describe the network there, or name the folder of one that has learned already in \
             teacher.from",
        )
    }

    pub(crate) fn config(field: impl Into<Cow<'static, str>>, problem: impl Into<String>) -> Self {
        Self::Config { field: field.into(), problem: problem.into() }
    }

    pub(crate) fn file(path: &Path, problem: impl ToString) -> Self {
        Self::File { path: path.to_path_buf(), problem: problem.to_string() }
    }

    /// A run folder that this run cannot use.
    pub(crate) fn run_folder(path: &Path, problem: impl ToString) -> Self {
        Self::RunFolder { path: path.to_path_buf(), problem: problem.to_string() }
    }

    /// The error and its causes in one line.
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
