//! The UNet, the model folder and devices.
//!
//! [`UNet`] is diffusers' `UNet2DModel`: same layers, same parameter names, same safetensors.
//! A model on disk is a diffusers pipeline folder ([`ModelFolder`]); there is no export step and
//! no second format. [`DeviceChoice`] turns a device's name into a Burn device.
//!
//! Tensors are `[B, C, H, W]`, images in `[-1, 1]`.

mod denoiser;
mod device;
mod dropout;
mod error;
mod params;
mod pipeline;
mod unet;

pub use denoiser::UNetDenoiser;
pub use device::{
    DeviceBackend, DeviceChoice, DeviceError, ListedDevice, Precision, PrecisionError,
    SelectedDevice, device_problem, list_devices,
};
pub use dropout::DropoutMasks;
pub use error::ModelError;
pub use halfstep_files::{
    read_text, recover_folder, verify_checksums, write_atomically, write_checksums,
};
pub use params::{flat_grads, flat_params, param_names, with_flat_params};
pub use pipeline::{
    Distilled, DpmSolver, EmaModel, HalfstepFile, ModelFiles, ModelFolder, ModelNote, ModelOutline,
    NamedTwice, Provenance, SchedulerConfig, first_not_finite, load_weights, save_weights,
    unwrapped_once,
};
pub use unet::{
    Activation, BlockType, ClassEmbedType, ClassInput, ImageSize, MidBlockType, Resampling,
    TimeEmbeddingType, TimeScaleShift, UNet, UNetConfig, timestep_embedding,
};
