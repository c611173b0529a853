//! `train --check-device`: a device that agrees with the CPU passes, in every precision it supports.

use std::process::Command;

use halfstep_model::{DeviceBackend, ModelFolder, Precision, SelectedDevice};
use halfstep_sample::cli::check_drawing;

use crate::programs::TINY;
use crate::support::{output, program, root, tiny_model, wgpu};

fn check(device: &str, precision: &str) -> Command {
    let mut command = program("train");
    command.arg("--config").arg(root().join("configs/digits.toml")).arg("--check-device");
    command.args(["--device", device, "--set", &format!("precision={precision}")]);
    for setting in TINY {
        command.args(["--set", setting]);
    }
    command
}

fn passes(device: &str, precision: &str) {
    let table = String::from_utf8(output(&mut check(device, precision), 0).stdout).unwrap();
    println!("{table}");
    assert_eq!(table.matches("| agrees |").count(), 3, "{table}");
    assert!(table.contains(" agrees with the CPU."), "{table}");
}

#[test]
fn the_cpu_agrees_with_itself_in_every_precision() {
    for precision in ["f32", "bf16", "f16"] {
        passes("cpu", precision);
    }
}

/// Uses wgpu on any adapter. A precision that the adapter does not support must be refused by name.
#[test]
fn wgpu_agrees_or_names_the_missing_precision() {
    let Some(selected) = wgpu() else { return };
    for precision in [Precision::F32, Precision::Bf16, Precision::F16] {
        match precision.check(selected) {
            Ok(()) => passes("wgpu", precision.name()),
            Err(error) => {
                // Exit code 2: the check could not run. 1 would mean that the devices disagree.
                let text = output(&mut check("wgpu", precision.name()), 2).stderr;
                let text = String::from_utf8(text).unwrap();
                assert!(text.contains("config: `precision`"), "{text}");
                assert!(text.contains(&error.to_string()), "{text}");
            }
        }
    }
}

/// Checks a device before it draws: the CPU, and wgpu on any adapter, both treated as devices with matrix
/// units.
#[test]
fn a_device_with_matrix_units_is_compared_with_the_cpu_before_drawing() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("model");
    tiny_model(Some(3), None).save(&folder).unwrap();
    let cpu = DeviceBackend::Cpu.select().unwrap();
    for selected in [Some(&cpu), wgpu()].into_iter().flatten() {
        let device = SelectedDevice { matrix_units: true, ..selected.clone() };
        let model = ModelFolder::load(&folder, &device.device).unwrap();
        check_drawing(&model, &device).unwrap();
    }
}
