//! Reads a diffusers pipeline with a `UNet2DModel` and calls the network once.
//!
//! `cargo run -p halfstep-model --example unet -- FOLDER` reads FOLDER. Without it, the example first writes a
//! network whose weights are all zero.

use std::path::PathBuf;

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use halfstep_core::{PredictionType, ScheduleConfig, ScheduleName};
use halfstep_model::{
    BlockType, ClassInput, HalfstepFile, ModelFolder, SchedulerConfig, UNet, UNetConfig,
};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let device = Device::flex();
    let folder = match std::env::args().nth(1) {
        Some(folder) => PathBuf::from(folder),
        None => write(&device)?,
    };
    let model = ModelFolder::load(&folder, &device)?;
    let (config, kind) = (model.unet.config(), model.prediction_type());
    println!("{}: {} parameters, predicts {kind}", folder.display(), model.unet.num_params());

    let [channels, height, width] = model.image_shape()?;
    let z = Tensor::zeros([1, channels, height, width], &device);
    let class = (config.class_input() != ClassInput::None).then_some(&[0][..]);
    let last = model.schedule.len() - 1;
    let output = model.unet.forward(z, &[last as f64], class, None);
    println!(
        "for an image of zeros at t = {last} it predicts {:.4} on average",
        output.mean().into_scalar::<f32>()
    );
    Ok(())
}

fn write(device: &Device) -> Result<PathBuf, Box<dyn std::error::Error>> {
    let config = UNetConfig {
        sample_size: Some([32, 32].into()),
        block_out_channels: vec![32, 64],
        down_block_types: vec![BlockType::DownBlock2D, BlockType::AttnDownBlock2D],
        up_block_types: vec![BlockType::AttnUpBlock2D, BlockType::UpBlock2D],
        ..UNetConfig::default()
    };
    let schedule = ScheduleConfig::new(ScheduleName::Linear).build()?;
    let folder = std::env::temp_dir().join("halfstep-example-unet");
    let model = ModelFolder {
        unet: UNet::zeroed(&config, device)?,
        scheduler: SchedulerConfig::from_schedule(&schedule, PredictionType::VPrediction),
        schedule,
        halfstep: HalfstepFile::default(),
    };
    model.save(&folder)?;
    Ok(folder)
}
