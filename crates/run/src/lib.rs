//! The formats of a run folder: what a training run writes while it works, as plain Rust types.
//!
//! A run is a teacher and the rounds that distil it, each a [`Stage`]. It works in one folder, and this crate
//! reads and writes the files in it that hold numbers and words:
//!
//! | file | type |
//! |---|---|
//! | `config.toml` | [`RunSettings`]: the settings that results are shown with |
//! | `metrics.jsonl` | [`Metrics`]: one line every few steps; [`MetricsFile`] appends them |
//! | `state/` | [`SavedProgress`]: step and time of the newest saved state |
//! | `report/run.json` | [`RunInfo`]: device, versions, time, status; [`RunClock`] keeps it up to date |
//! | `report/summary.json`, `report/summary.md` | [`Summary`]: one [`RoundResult`] per stage |
//! | `report/sweep.json`, `report/sweep.md` | [`Sweep`]: quality against sampling steps |
//! | `report/nearest.json`, `samples/nearest.png` | [`Memorisation`]: the training images nearest to samples |
//!
//! [`layout`] has the names of all other files. Nothing here knows tensors or training: a program that only
//! reads runs, such as the report, builds in seconds.
//!
//! ```
//! use halfstep_run::{Metrics, MetricsFile, Stage, layout, read_metrics};
//!
//! let run = std::env::temp_dir().join("halfstep-run-example");
//! std::fs::create_dir_all(&run)?;
//! let path = run.join(layout::METRICS);
//! let stage = Stage::Round { index: 1, num_steps: 32 };
//!
//! // A stage that begins, or begins again, drops its lines after the step it begins at.
//! let mut file = MetricsFile::resume(&path, stage.index(), 0)?;
//! file.write(&Metrics { stage: stage.index(), step: 20, loss: 0.25, ..Metrics::default() })?;
//!
//! let lines = read_metrics(&path)?;
//! assert_eq!((lines[0].step, lines[0].loss), (20, 0.25));
//! assert_eq!(stage.folder(), "students/0032");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod error;
mod json;
pub mod layout;
mod memorisation;
mod metrics;
mod progress;
mod run_info;
mod settings;
mod stage;
mod summary;
mod sweep;
mod text;

pub use error::RunError;
pub use memorisation::{Memorisation, median};
pub use metrics::{LEVELS, Metrics, MetricsFile, read_metrics};
pub use progress::{SavedProgress, train_seconds};
pub use run_info::{PlanText, RunClock, RunInfo, RunStatus};
pub use settings::RunSettings;
pub use stage::{Stage, halvings};
pub use summary::{RoundResult, Summary};
pub use sweep::{Sweep, SweepMeasure, SweepRow};
pub use text::{counted, human_time};
