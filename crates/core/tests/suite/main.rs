//! The mathematics against golden values (`golden`) and against its own laws (`properties`).
//!
//! The tests need the `flex` backend, the only one with f64 tensors.
#![cfg(feature = "flex")]

mod golden;
mod properties;
mod support;
