//! `train --check-device`: a device that agrees passes, in every precision it has.

use std::process::Command;

use halfstep_model::{DeviceBackend, ModelFolder, Precision, SelectedDevice};
use halfstep_sample::check_drawing;

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
    assert!(table.contains("computes what the CPU computes."), "{table}");
}

#[test]
fn the_cpu_agrees_with_itself_in_every_precision() {
    for precision in ["f32", "bf16", "f16"] {
        passes("cpu", precision);
    }
}

/// Through wgpu on whatever adapter there is; where it has no arithmetic in a type, it says so.
#[test]
fn wgpu_agrees_or_names_what_it_lacks() {
    let Some(selected) = wgpu() else { return };
    for precision in [Precision::F32, Precision::Bf16, Precision::F16] {
        match precision.check(selected) {
            Ok(()) => passes("wgpu", precision.name()),
            Err(error) => {
                // 2: there is no answer; 1 would be one.
                let text = output(&mut check("wgpu", precision.name()), 2).stderr;
                let text = String::from_utf8(text).unwrap();
                assert!(text.contains("config: `precision`"), "{text}");
                assert!(text.contains(&error.to_string()), "{text}");
            }
        }
    }
}

/// Before it draws: on the CPU, and through wgpu on whatever adapter there is, as if it had matrix units.
#[test]
fn a_device_that_must_show_what_it_draws_is_held_against_the_cpu() {
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
