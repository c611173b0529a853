//! A model folder whose scheduler and `halfstep.json` are accepted has its grid on its schedule, and is written as a
//! folder that is accepted.
#![no_main]

use std::fs;
use std::path::PathBuf;
use std::sync::LazyLock;

use burn::tensor::Device;
use halfstep_fuzz::{folder, tiny_unet};
use halfstep_model::{HalfstepFile, ModelFolder, SchedulerConfig};
use libfuzzer_sys::fuzz_target;

/// A whole model, of which every input overwrites two files.
static MODEL: LazyLock<PathBuf> = LazyLock::new(|| {
    let dir = folder().join("model");
    let scheduler = SchedulerConfig { num_train_timesteps: 8, ..Default::default() };
    let model = ModelFolder {
        unet: tiny_unet(&Device::flex()),
        schedule: scheduler.schedule(&dir).expect("a schedule"),
        scheduler,
        halfstep: HalfstepFile::default(),
    };
    model.save(&dir).expect("a model can be written");
    dir
});

// `halfstep.json`, then after a zero byte `scheduler_config.json`. Without the second part it is the model's own.
fuzz_target!(|bytes: &[u8]| {
    let default = br#"{"num_train_timesteps": 8}"#;
    let mut parts = bytes.splitn(2, |byte| *byte == 0);
    let halfstep = parts.next().unwrap_or_default();
    let scheduler = parts.next().unwrap_or(default);
    fs::write(MODEL.join("halfstep.json"), halfstep).expect("a file");
    fs::write(MODEL.join("scheduler/scheduler_config.json"), scheduler).expect("a file");
    let Ok(model) = ModelFolder::load(&MODEL, &Device::flex()) else { return };
    if let Some(grid) = model.distilled_grid() {
        let times =
            &model.halfstep.distilled.as_ref().expect("only a student has a grid").timesteps;
        assert_eq!(grid.len(), times.len() + 1);
        assert!(times.iter().all(|&t| t < model.schedule.len()));
    }
    let copy = folder().join("copy");
    model.save(&copy).expect("a model can be written");
    let again = ModelFolder::load(&copy, &Device::flex()).expect("and read");
    assert_eq!(again.schedule, model.schedule);
    assert_eq!((again.scheduler, again.halfstep), (model.scheduler, model.halfstep));
});
