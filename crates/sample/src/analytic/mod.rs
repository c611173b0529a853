//! Gamma: how large a network's noise estimate is on average at every time. Analytic-DPM needs to know no more
//! of it (Bao et al. 2022, arXiv:2201.06503).
//!
//! [`GammaEstimate`] measures it over a dataset; the result is a [`GammaTable`], `gamma.json` in
//! the model folder.

mod control;
mod error;
mod estimate;
mod moments;
mod partial;
mod source;
mod table;

pub use error::GammaError;
pub use estimate::{GammaEstimate, MakeDenoiser};
pub use source::{GammaSource, model_sha256};
pub use table::GammaTable;
