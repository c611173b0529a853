//! Evaluations of whole image sets and models: sampling, features and scores, with a cache of everything that
//! takes long.

mod cache;
mod context;
mod evaluator;
mod images;
mod sampling;

pub use cache::EvalCache;
pub(crate) use cache::{ChunkArray, ChunkValues, chunks};
pub(crate) use context::CountedWork;
pub use context::EvalContext;
pub use evaluator::Evaluator;
pub use images::{EvaluatedImages, ReferenceData};
pub use sampling::{SampledModel, SamplingSetup};
