//! Images in memory and in files.
//!
//! | file | what it does |
//! |---|---|
//! | `images` | [`Images`](crate::Images): f32 `[N, C, H, W]` in host memory, and its bytes |
//! | [`picture`] | grids and tables of images as one picture |
//! | `png` | [`write_png`], [`write_picture`], [`write_png_files`] |
//! | [`kept`] | images written as they are drawn, resumable: a folder of PNG files, npz, safetensors |
//! | `noise` | [`read_noise`]: start noise from a file |
//! | `formats`, `places` | what a file's ending promises; whether two paths are one place |

pub(crate) mod formats;
pub(crate) mod images;
pub mod kept;
mod noise;
pub mod picture;
pub(crate) mod places;
mod png;

pub use halfstep_files::{TEMPORARY, check_dir, check_file, write_file};
pub use kept::write_raw;
pub use noise::read_noise;
pub use png::{write_picture, write_png, write_png_files};
