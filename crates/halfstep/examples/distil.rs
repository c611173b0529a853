//! Train a teacher on the embedded digits and halve it to 4 steps, from a program of your own.
//!
//! `cargo run -p halfstep --example distil -- FOLDER`: the run folder.

use halfstep::prelude::*;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::args().nth(1).ok_or("usage: distil FOLDER")?;
    let digits = DataConfig::Digits {}.load()?;

    // A minute's work; `configs/digits.toml` trains longer.
    let config = TrainConfig {
        model: Some(ModelConfig { block_out_channels: vec![16, 32], ..ModelConfig::default() }),
        teacher: TeacherConfig {
            train_steps: 300,
            batch_size: 32,
            learning_rate: 2e-3,
            ema: EmaSchedule::new(0.98),
            ..TeacherConfig::default()
        },
        distill: DistillConfig {
            teacher_steps: 16,
            student_steps: 4,
            train_steps: 60,
            batch_size: 32,
            learning_rate: 5e-4,
            ..DistillConfig::default()
        },
        ..TrainConfig::default()
    };
    let job = Job::new("example", config.resolve()?);
    let options = RunOptions::new(folder, DeviceBackend::Cpu.select()?);
    if let RunEnd::Finished(summary) = Run::open(&job, &digits, &options)?.train()? {
        println!("{}", summary.table());
    }
    Ok(())
}
