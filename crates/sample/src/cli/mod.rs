//! The program `sample`.

mod args;
mod choose;
mod compare;
pub(crate) mod dataset;
mod gamma;
mod lay_out;
mod learned_from;
pub(crate) mod model;
mod named_data;
mod outputs;
mod program;
mod settings;
mod table;

pub use args::Args;
pub use program::run;
