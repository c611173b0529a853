//! Networks, model folders and devices.
//!
//! - [`UNet`] is diffusers' `UNet2DModel`: same layers, same parameter names, same safetensors. [`Network`] is
//!   what training and drawing need of a network; implement it for a Burn module of your own.
//! - [`ModelFolder`] is a model on disk: a diffusers pipeline folder. There is no export step and no second
//!   format.
//! - [`DeviceChoice`] turns a device's name into a Burn device. [`Precision`] is what a network computes in.
//! - [`flat_params`] and [`with_flat_params`] turn any module into a list of tensors and back.
//!
//! Tensors are `[B, C, H, W]`, images in `[-1, 1]`.
//!
//! # Example
//! A small network is written as a model folder, read again, and called once.
//!
//! ```
//! use burn::tensor::Tensor;
//! use halfstep_core::{PredictionType, ScheduleConfig, ScheduleName};
//! use halfstep_model::{
//!     BlockType, DeviceChoice, HalfstepFile, ModelFolder, SchedulerConfig, UNet, UNetConfig,
//! };
//!
//! let selected = "cpu".parse::<DeviceChoice>()?.select()?;
//! let config = UNetConfig {
//!     sample_size: Some([8, 8].into()),
//!     block_out_channels: vec![8, 16],
//!     down_block_types: vec![BlockType::DownBlock2D; 2],
//!     up_block_types: vec![BlockType::UpBlock2D; 2],
//!     norm_num_groups: 4,
//!     ..UNetConfig::default()
//! };
//! let schedule = ScheduleConfig::new(ScheduleName::Linear).build()?;
//! let model = ModelFolder {
//!     unet: UNet::zeroed(&config, &selected.device)?,
//!     scheduler: SchedulerConfig::from_schedule(&schedule, PredictionType::VPrediction),
//!     schedule,
//!     halfstep: HalfstepFile::default(),
//! };
//! let folder = std::env::temp_dir().join("halfstep-model-doc");
//! model.save(&folder)?;
//!
//! let model = ModelFolder::load(&folder, &selected.device)?;
//! let [channels, height, width] = model.image_shape()?;
//! let z = Tensor::zeros([1, channels, height, width], &selected.device);
//! let v = model.unet.forward(z, &[999.0], None, None);
//! assert_eq!(v.dims(), [1, 3, 8, 8]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod class_input;
mod denoiser;
mod dropout;
mod error;
mod network;
mod params;
mod pipeline;
mod unet;

pub use class_input::{ClassInput, LabelError};
pub use denoiser::NetworkDenoiser;
pub use dropout::DropoutMasks;
pub use error::ModelError;
pub use halfstep_files::{
    read_text, recover_folder, verify_checksums, write_atomically, write_checksums,
};
pub use halfstep_ops::device::{
    DeviceBackend, DeviceChoice, DeviceError, ListedDevice, Precision, PrecisionError,
    SelectedDevice, device_problem, list_devices,
};
pub use network::Network;
pub use params::{flat_grads, flat_params, param_names, with_flat_params, with_tracked_params};
pub use pipeline::{
    Distilled, DpmSolver, EmaModel, HalfstepFile, ModelFiles, ModelFolder, ModelNote, ModelOutline,
    NamedTwice, Provenance, SchedulerConfig, first_not_finite, load_weights, save_weights,
    unwrapped_once,
};
pub use unet::{
    Activation, BlockType, ClassEmbedType, ImageSize, MidBlockType, Resampling, TimeEmbeddingType,
    TimeScaleShift, UNet, UNetConfig, timestep_embedding,
};
