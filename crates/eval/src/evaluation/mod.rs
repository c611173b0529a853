//! Features of whole sets of images, kept between calls.

pub(crate) mod cache;
pub(crate) mod images;
pub(crate) mod judge;
pub(crate) mod sampling;
