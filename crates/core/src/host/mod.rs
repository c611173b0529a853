//! What every crate needs of the host program: a stop flag, panics as errors, plurals, "did you mean".

mod nearest_name;
mod panics;
mod stop_flag;

pub use halfstep_files::counted;
pub use nearest_name::nearest_name;
pub use panics::{caught, note_panics};
pub use stop_flag::StopFlag;
