//! A model for tests.

use burn::tensor::Device;
use halfstep_core::{PredictionType, ScheduleConfig, ScheduleName};
use halfstep_model::{
    BlockType, Distilled, HalfstepFile, ImageSize, ModelFolder, SchedulerConfig, UNet, UNetConfig,
};

/// A model of 8x8 grey images and 16 times, with weights that are all zero.
pub(crate) fn zeroed_model(distilled: Option<Distilled>) -> ModelFolder {
    let config = UNetConfig {
        sample_size: Some(ImageSize::Square(8)),
        in_channels: 1,
        out_channels: 1,
        block_out_channels: vec![4, 8],
        down_block_types: vec![BlockType::DownBlock2D; 2],
        up_block_types: vec![BlockType::UpBlock2D; 2],
        layers_per_block: 1,
        norm_num_groups: 4,
        ..UNetConfig::default()
    };
    let named = ScheduleConfig {
        zero_terminal_snr: true,
        train_timesteps: 16,
        ..ScheduleConfig::new(ScheduleName::Cosine)
    };
    let schedule = named.build().unwrap();
    ModelFolder {
        unet: UNet::zeroed(&config, &Device::flex()).unwrap(),
        scheduler: SchedulerConfig::from_schedule(&schedule, PredictionType::VPrediction),
        schedule,
        halfstep: HalfstepFile { schedule: Some(named), distilled, ..HalfstepFile::default() },
    }
}
