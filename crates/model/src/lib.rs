//! The UNet, the model folder and devices.
//!
//! [`UNet`] is diffusers' `UNet2DModel`: same layers, same parameter names, same safetensors.
//! A model on disk is a diffusers pipeline folder ([`ModelFolder`]); there is no export step and
//! no second format. [`DeviceChoice`] turns a device's name into a Burn device.
//!
//! Tensors are `[B, C, H, W]`, images in `[-1, 1]`.

mod architecture;
mod attention;
mod blocks;
mod config;
mod config_check;
mod denoiser;
mod device;
mod device_choice;
mod device_problem;
mod dropout;
mod ema_model;
mod embedding;
mod error;
mod folder;
mod init;
mod json;
mod layout;
mod note;
mod outline;
mod params;
mod precision;
mod resample;
mod resnet;
mod scheduler;
mod scheduler_class;
mod tensor_names;
mod unet;
mod weights;

pub use architecture::{
    Activation, BlockType, ClassEmbedType, ImageSize, MidBlockType, Resampling, TimeEmbeddingType,
    TimeScaleShift,
};
pub use config::{ClassInput, UNetConfig};
pub use denoiser::UNetDenoiser;
pub use device::{SelectedDevice, list_devices};
pub use device_choice::{DeviceBackend, DeviceChoice, DeviceError, ListedDevice};
pub use device_problem::device_problem;
pub use dropout::DropoutMasks;
pub use ema_model::EmaModel;
pub use embedding::timestep_embedding;
pub use error::ModelError;
pub use folder::{Distilled, HalfstepFile, ModelFolder, Provenance};
pub use halfstep_files::{
    read_text, recover_folder, verify_checksums, write_atomically, write_checksums,
};
pub use note::ModelNote;
pub use outline::{ModelFiles, ModelOutline};
pub use params::{flat_grads, flat_params, param_names, with_flat_params};
pub use precision::{Precision, PrecisionError};
pub use scheduler::SchedulerConfig;
pub use scheduler_class::DpmSolver;
pub use tensor_names::{NamedTwice, unwrapped_once};
pub use unet::UNet;
pub use weights::{first_not_finite, load_weights, save_weights};
