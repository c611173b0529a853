//! What the programs share: printing, progress, signals, panics, shell completions, the list of devices.
//!
//! Only programs use this crate: `main.rs` files and the `cli` modules of the library crates. Library code
//! knows no command line; it reports through errors and callbacks.
//!
//! ```
//! use halfstep_terminal::{ProgressLine, StopSignal, answer, say};
//!
//! let stop = StopSignal::install()?;
//! let mut progress = ProgressLine::new("images");
//! for done in 0..=8 {
//!     progress.show(done, 8);
//!     if stop.is_raised() {
//!         break;
//!     }
//! }
//! drop(progress); // removes the bar
//! say!("drawing is over"); // standard error: the progress of the work
//! answer!("grid.png"); // standard output: the result
//! # std::io::Result::Ok(())
//! ```
//!
//! | module | what it holds |
//! |---|---|
//! | `print` | [`say!`] and [`answer!`]: unlike `println!` they survive a closed pipe |
//! | `progress_line` | [`ProgressLine`]: a bar on a terminal, a line now and then elsewhere |
//! | `stop_signal` | [`StopSignal`]: Ctrl-C and SIGTERM raise a flag |
//! | `run_program` | [`run_program`]: parses, runs, prints an error or a panic in one line |
//! | `completions` | `--completions SHELL` of every program |
//! | `device_flag`, `device_list` | `--device` and `--device list` of every program |
//! | `path_args` | value parsers that expand `~` |

mod completions;
mod device_flag;
mod device_list;
mod path_args;
mod print;
mod progress_line;
mod run_program;
mod stop_signal;

pub use clap_complete::Shell;
pub use device_flag::{device_arg, select_device};
pub use path_args::{name_or_path_arg, path_arg};
pub use print::{to_stderr, to_stdout};
pub use progress_line::{ProgressLine, bar_style};
pub use run_program::run_program;
pub use stop_signal::StopSignal;
