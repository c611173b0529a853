//! `--device`: the list of devices, and one of several by its number.

use std::process::Command;

use crate::support::{failure, output, program, tiny_model, wgpu};

fn listed(command: &mut Command) -> Vec<Vec<String>> {
    let text = String::from_utf8(output(command, 0).stdout).unwrap();
    let columns = |line: &str| {
        let columns = line.split("  ").map(str::trim).filter(|column| !column.is_empty());
        columns.map(str::to_owned).collect::<Vec<_>>()
    };
    text.lines().map(columns).collect()
}

#[test]
fn every_program_lists_the_devices_and_does_nothing_else() {
    let all = listed(program("sample").args(["--device", "list"]));
    assert_eq!(all[0], ["cpu", "flex", "CPU"]);
    assert!(all.iter().all(|columns| columns.len() == 3), "{all:?}");
    assert_eq!(listed(program("train").arg("--device=list")), all);
    let mut eval = program("eval");
    assert_eq!(listed(eval.args(["--model", "nowhere", "--device", "list"])), all);
    if let Some(selected) = wgpu() {
        let first = all.iter().find(|columns| columns[0] == "wgpu:0").unwrap();
        assert!(selected.description.starts_with(&format!("wgpu: {}", first[1])), "{all:?}");
    }
}

#[test]
fn a_gpu_is_chosen_by_its_number() {
    if wgpu().is_none() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let (folder, raw) = (dir.path().join("model"), dir.path().join("raw.safetensors"));
    tiny_model(None, None).save(&folder).unwrap();
    let on = |device: &str| {
        let mut sample = program("sample");
        sample.arg("--model").arg(&folder).arg("--raw").arg(&raw);
        sample.args(["--count", "2", "--steps", "2", "--device", device]);
        sample
    };
    let said = String::from_utf8(output(&mut on("wgpu:0"), 0).stderr).unwrap();
    assert!(said.contains("on wgpu:0: "), "{said}");
    let first = std::fs::read(&raw).unwrap();
    output(&mut on("wgpu"), 0);
    assert!(std::fs::read(&raw).unwrap() == first, "the first is the one without a number");
    let message = failure(&mut on("wgpu:99"));
    assert!(message.contains("there is no wgpu:99; there is wgpu:0 ("), "{message}");
}

#[test]
fn wrong_devices_are_mistakes_on_the_command_line() {
    for (device, words) in [
        ("cpu:1", "cpu takes no number"),
        ("wgpu:first", "unknown device"),
        ("gpu", "`--device list` lists what there is"),
    ] {
        let mut sample = program("sample");
        sample.args(["--model", "nowhere", "--device", device]);
        let text = String::from_utf8(output(&mut sample, 2).stderr).unwrap();
        assert!(text.contains(words), "{device}: {text}");
    }
}
