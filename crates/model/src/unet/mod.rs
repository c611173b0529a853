//! diffusers' `UNet2DModel`: the network, its blocks and its configuration.

mod architecture;
mod attention;
mod blocks;
mod config;
mod embedding;
mod init;
mod layers;
mod network;
mod resample;
mod resize;
mod resnet;
mod rounding;

pub use architecture::{
    Activation, BlockType, ClassEmbedType, ImageSize, MidBlockType, Resampling, TimeEmbeddingType,
    TimeScaleShift,
};
pub use config::UNetConfig;
pub use embedding::timestep_embedding;
pub use network::UNet;
