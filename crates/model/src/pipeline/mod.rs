//! The model folder: a diffusers pipeline folder plus `halfstep.json`.

mod ema_model;
mod folder;
mod halfstep_file;
mod json;
mod layout;
mod note;
mod outline;
mod scheduler;
mod tensor_names;
mod weights;

pub use ema_model::EmaModel;
pub use folder::ModelFolder;
pub use halfstep_file::{Distilled, HalfstepFile, Provenance};
pub use note::ModelNote;
pub use outline::{ModelFiles, ModelOutline};
pub use scheduler::{DpmSolver, SchedulerConfig};
pub use tensor_names::{NamedTwice, unwrapped_once};
pub use weights::{first_not_finite, load_weights, save_weights};
