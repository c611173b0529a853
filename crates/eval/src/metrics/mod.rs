//! Measures made of features.

pub(crate) mod counts;
pub(crate) mod frechet;
pub(crate) mod inception_score;
pub(crate) mod kernel;
pub(crate) mod precision_recall;
pub(crate) mod score;
