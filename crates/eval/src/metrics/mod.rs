//! Metrics computed from features.
//!
//! [`Reference`] holds what is known of the real images and computes every [`Score`] of generated ones.
//! The metrics are functions of their own too: [`frechet_distance`] (FID), [`kernel_distance`] (KID),
//! [`precision_recall`] and [`inception_score`].

mod counts;
mod frechet;
mod inception_score;
mod kernel;
mod precision_recall;
mod reference;
mod score;

pub use counts::{MissingScore, missing_scores};
pub use frechet::{FeatureStatistics, frechet_distance};
pub use inception_score::{InceptionScore, inception_score};
pub use kernel::{KernelDistance, KernelOptions, kernel_distance};
pub use precision_recall::{Manifold, PrecisionRecall, precision_recall};
pub use reference::{OnPairs, Reference};
pub use score::{MetricName, MetricNames, Score, scores_to_json};
