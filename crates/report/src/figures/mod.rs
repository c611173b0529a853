//! The figures of the page, made from metrics and results.

pub(crate) mod agreement;
pub(crate) mod health;
pub(crate) mod levels;
pub(crate) mod log;
pub(crate) mod losses;
