//! Each operation against Burn's, against f64, and against the laws it promises: results repeat bit
//! for bit, images do not influence each other, tracking and strides change no result.
//!
//! Needs the `flex` backend, which has f64 tensors.
#![cfg(feature = "flex")]

mod attention;
mod conv2d;
mod group_norm;
mod half;
mod optimizer;
mod support;
