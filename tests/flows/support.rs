//! Fixtures, programs, tiny models.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;
use std::time::SystemTime;

use burn::tensor::Device;
use halfstep_core::{PredictionType, ScheduleConfig, ScheduleName};
use halfstep_model::{
    BlockType, DeviceBackend, Distilled, HalfstepFile, ImageSize, ModelFolder, SchedulerConfig,
    SelectedDevice, UNet, UNetConfig,
};

/// A folder of `tests/fixtures`.
pub fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name)
}

/// The workspace's root.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// A program of the workspace, built with the profile of this test.
pub fn program(name: &str) -> Command {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| built(&["-p", "train", "-p", "sample", "-p", "eval"]));
    Command::new(folder.join(name))
}

/// An example of one of the library crates.
pub fn example(name: &str) -> Command {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| built(&["--workspace", "--examples"]));
    Command::new(folder.join("examples").join(name))
}

/// Builds, and says where.
fn built(what: &[&str]) -> PathBuf {
    let mut build = Command::new(env!("CARGO"));
    build.args(["build", "--quiet", "--locked"]).args(what).current_dir(root());
    // What cargo tells this test about itself must not reach another cargo: some build scripts
    // (ring's) run again when it changes.
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy().into_owned();
        let of_this_test = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_CRATE_", "CARGO_BIN_"];
        if of_this_test.iter().any(|prefix| name.starts_with(prefix)) {
            build.env_remove(name);
        }
    }
    if !cfg!(debug_assertions) {
        build.arg("--release");
    }
    assert!(build.status().unwrap().success(), "{what:?} does not build");
    std::env::current_exe().unwrap().parent().unwrap().parent().unwrap().to_path_buf()
}

/// wgpu on any adapter; `None`, with a printed note, where there is no adapter and none is
/// required. Opened once: Burn opens an adapter only once a process.
pub fn wgpu() -> Option<&'static SelectedDevice> {
    static SELECTED: OnceLock<Option<SelectedDevice>> = OnceLock::new();
    let select = || match DeviceBackend::Wgpu.select() {
        Ok(selected) => {
            println!("{}", selected.description);
            Some(selected)
        }
        Err(error) if std::env::var_os("HALFSTEP_REQUIRE_WGPU").is_none() => {
            println!("not run: {error}");
            None
        }
        Err(error) => panic!("HALFSTEP_REQUIRE_WGPU is set: {error}"),
    };
    SELECTED.get_or_init(select).as_ref()
}

/// Runs it and gives its output; fails the test unless it exits with `code`.
pub fn output(command: &mut Command, code: i32) -> Output {
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{command:?}\n{text}");
    output
}

/// Standard error of a command that must fail, without a panic.
pub fn failure(command: &mut Command) -> String {
    let output = output(command, 1);
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(!text.contains("panicked"), "{text}");
    assert!(text.contains("error: "), "{text}");
    text
}

/// A tiny v-model with drawn weights that are not zero anywhere, 8x8 grey.
pub fn tiny_model(classes: Option<usize>, student_steps: Option<usize>) -> ModelFolder {
    let config = UNetConfig {
        sample_size: Some(ImageSize::Square(8)),
        in_channels: 1,
        out_channels: 1,
        block_out_channels: vec![8, 16],
        down_block_types: vec![BlockType::DownBlock2D, BlockType::AttnDownBlock2D],
        up_block_types: vec![BlockType::AttnUpBlock2D, BlockType::UpBlock2D],
        layers_per_block: 1,
        norm_num_groups: 4,
        num_class_embeds: classes,
        ..UNetConfig::default()
    };
    let device = Device::flex();
    let unet = UNet::init(&config, &device, &mut |k, n| pseudo_uniforms(k, n)).unwrap();
    let values = halfstep_model::flat_params(&unet);
    let nudged = values
        .into_iter()
        .enumerate()
        .map(|(k, value)| {
            let count = value.dims()[0];
            let nudge: Vec<f32> =
                pseudo_uniforms(k as u64 + 1000, count).iter().map(|u| 0.2 * (u - 0.5)).collect();
            value + burn::tensor::Tensor::from_floats(nudge.as_slice(), &device)
        })
        .collect();
    let schedule_config = ScheduleConfig {
        zero_terminal_snr: true,
        train_timesteps: 64,
        ..ScheduleConfig::new(ScheduleName::Cosine)
    };
    let schedule = schedule_config.build().unwrap();
    let distilled = student_steps.map(|num_steps| Distilled {
        num_steps,
        timesteps: (1..=num_steps).rev().map(|i| i * 64 / num_steps - 1).collect(),
    });
    ModelFolder {
        unet: halfstep_model::with_flat_params(unet, nudged),
        scheduler: SchedulerConfig::from_schedule(&schedule, PredictionType::VPrediction),
        schedule,
        halfstep: HalfstepFile {
            schedule: Some(schedule_config),
            distilled,
            ..HalfstepFile::default()
        },
    }
}

/// Numbers in [0, 1) that are always the same (an LCG; nothing about them matters).
fn pseudo_uniforms(seed: u64, count: usize) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x5851_F42D_4C95_7F2D) + 1;
    let mut next = || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1u64 << 24) as f32
    };
    (0..count).map(|_| next()).collect()
}

/// Every file below a folder with the time when it was written, sorted.
pub fn times(dir: &Path) -> Vec<(PathBuf, SystemTime)> {
    let written = |path: &PathBuf| std::fs::metadata(dir.join(path)).unwrap().modified().unwrap();
    contents(dir).into_iter().map(|(path, _)| (path.clone(), written(&path))).collect()
}

/// Every file below a folder with its bytes, paths relative, sorted.
pub fn contents(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = Vec::new();
    let mut open = vec![dir.to_path_buf()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                files.push((
                    path.strip_prefix(dir).unwrap().to_path_buf(),
                    std::fs::read(&path).unwrap(),
                ));
            }
        }
    }
    files.sort();
    files
}
