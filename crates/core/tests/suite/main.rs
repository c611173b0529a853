//! The mathematics against golden values (`golden`) and against its own laws (`properties`).

mod golden;
mod properties;
mod support;
