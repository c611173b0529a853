//! What a network says of images.

pub(crate) mod inception;
pub(crate) mod matrix;
pub(crate) mod pixels;
pub(crate) mod published;
pub(crate) mod resize;
pub(crate) mod user_network;
pub(crate) mod weights;
