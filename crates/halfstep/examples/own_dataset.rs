//! Train and distil on images of your own: a struct that implements `ImageSource`, and no configuration file.
//!
//! `cargo run -p halfstep --example own_dataset -- FOLDER`: the run folder.

use halfstep::prelude::*;

/// Bright discs on a dark ground, at different places and of two sizes, which are the classes.
struct Discs {
    class_names: Vec<String>,
}

const SIDE: usize = 8;

impl ImageSource for Discs {
    fn len(&self) -> usize {
        500
    }

    fn shape(&self) -> [usize; 3] {
        [1, SIDE, SIDE]
    }

    fn image_into(&self, index: usize, values: &mut [f32]) {
        // Multiples of the golden ratio spread over the unit square.
        let place = |step: f64| 2.0 + 3.0 * (index as f64 * step).fract();
        let (x, y) = (place(0.754_877_7), place(0.569_840_3));
        let radius = if index.is_multiple_of(2) { 1.2 } else { 2.2 };
        for (at, value) in values.iter_mut().enumerate() {
            let (column, row) = ((at % SIDE) as f64, (at / SIDE) as f64);
            let outside = (column - x).hypot(row - y) - radius;
            *value = (-2.0 * outside).clamp(-1.0, 1.0) as f32;
        }
    }

    fn name(&self) -> &str {
        "discs"
    }

    fn label(&self, index: usize) -> Option<u32> {
        Some(index as u32 % 2)
    }

    fn class_names(&self) -> &[String] {
        &self.class_names
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::args().nth(1).ok_or("usage: own_dataset FOLDER")?;
    let discs = Discs { class_names: vec!["small".to_owned(), "large".to_owned()] };
    let model = ModelConfig {
        block_out_channels: vec![16, 32],
        norm_num_groups: 4,
        layers_per_block: 1,
        class_conditional: true,
        ..ModelConfig::default()
    };
    let config = TrainConfig {
        model: Some(model),
        teacher: TeacherConfig {
            train_steps: 300,
            batch_size: 32,
            learning_rate: 2e-3,
            ema: EmaSchedule::new(0.98),
            ..TeacherConfig::default()
        },
        distill: DistillConfig {
            teacher_steps: 8,
            student_steps: 4,
            train_steps: 60,
            batch_size: 32,
            learning_rate: 5e-4,
            ..DistillConfig::default()
        },
        ..TrainConfig::default()
    };
    let job = Job::new("discs", config.resolve()?);
    let show = |event: Event<'_>| {
        if let Event::StageStarted { stage, total, .. } = event {
            println!("{stage}: {total} steps");
        }
    };
    let options =
        RunOptions { on_event: &show, ..RunOptions::new(folder, DeviceBackend::Cpu.select()?) };
    if let RunEnd::Finished(summary) = Run::open(&job, &discs, &options)?.train()? {
        println!("{}", summary.table());
    }
    Ok(())
}
