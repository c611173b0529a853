//! The report of a run: one web page with the settings, the progress and the results of a run.
//!
//! [`write_report`] reads a run folder and nothing else, and writes `report/index.html` into it: one file without
//! scripts, with all charts and pictures in it. It works on a run that is under way, stopped, failed or finished, and on
//! folders of any age. [`StageEvents`] writes the metrics of a stage for TensorBoard.
//!
//! ```
//! let run = std::env::temp_dir().join("halfstep-report-example");
//! std::fs::create_dir_all(&run)?;
//! let config = "name = 'digits'\n[teacher]\ntrain_steps = 1500\n\
//!               [distill]\nteacher_steps = 64\nstudent_steps = 4\ntrain_steps = 400";
//! std::fs::write(run.join("config.toml"), config)?;
//! std::fs::write(run.join("metrics.jsonl"), "")?;
//!
//! let page = halfstep_report::write_report(&run)?;
//! assert!(std::fs::read_to_string(page)?.contains("<h1>digits</h1>"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The way from folder to page:
//!
//! ```text
//! run folder -> gather: ReportData -> page: banner, tables, pictures                           -> HTML
//!                                  -> figures: agreement, losses, levels, health -> chart: SVG -> in it
//! ```

mod chart;
mod commands;
mod data;
mod date;
mod error;
mod figures;
mod gather;
mod number;
mod page;
mod tensorboard;

pub use error::ReportError;
pub use gather::write_report;
pub use tensorboard::StageEvents;
