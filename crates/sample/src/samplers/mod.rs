//! One sampler a file.

mod ancestral;
mod angular;
mod ddim;

pub use ancestral::Ancestral;
pub use angular::AngularDdim;
pub use ddim::Ddim;
