//! Train a teacher on the embedded digits and halve it, from a program of your own.
//!
//! `cargo run -p train --example distil -- FOLDER`: where the run is to lie.

use halfstep_model::DeviceBackend;
use halfstep_train::{Outcome, Run, RunOptions, StopFlag, parse_config};

/// A minute's work; `configs/digits.toml` does it properly.
const CONFIG: &str = r#"
    name = "example"
    data = { kind = "digits" }
    model = { block_out_channels = [16, 32], attention = [false, true], layers_per_block = 1, norm_num_groups = 4 }
    teacher = { train_steps = 300, batch_size = 32, learning_rate = 2e-3, ema = { decay = 0.98 } }
    distill = { teacher_steps = 16, student_steps = 4, train_steps = 60, batch_size = 32, learning_rate = 5e-4 }
    log = { preview_every = 0 }
"#;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let out = std::env::args().nth(1).ok_or("usage: distil FOLDER")?.into();
    let config = parse_config("example", CONFIG, &[])?;
    let dataset = config.data.load()?;
    let device = DeviceBackend::Cpu.select()?;
    let options = RunOptions { out, device, quiet: true, stop: StopFlag::default() };
    if let Outcome::Finished(summary) = Run::open(&config, &dataset, &options)?.go()? {
        println!("{}", summary.table());
    }
    Ok(())
}
