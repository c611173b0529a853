//! A run that was interrupted ends bit for bit where an uninterrupted one ends.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use crate::programs::train;
use crate::support::{contents, output};

/// Weights of the teacher and of every student.
fn weights(out: &Path) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let mut files = contents(out);
    files.retain(|(path, _)| {
        path.extension().is_some_and(|e| e == "safetensors") && !path.starts_with("state")
    });
    assert_eq!(files.len(), 3, "a teacher and two students");
    files
}

fn metrics_without_speed(out: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(out.join("metrics.jsonl")).unwrap();
    text.lines()
        .map(|line| line.split(",\"images_per_second\"").next().unwrap().to_owned())
        .collect()
}

#[test]
fn kill_9_at_any_moment_changes_nothing() {
    killed_run_ends_like_an_uninterrupted_one(&[]);
}

/// With the loss scaled: its factor is part of the state.
#[test]
fn kill_9_changes_nothing_in_f16() {
    killed_run_ends_like_an_uninterrupted_one(&["precision=f16"]);
}

fn killed_run_ends_like_an_uninterrupted_one(settings: &[&str]) {
    let dir = tempfile::tempdir().unwrap();
    let (straight, broken) = (dir.path().join("straight"), dir.path().join("broken"));
    output(&mut train(&straight, settings), 0);
    let mut kills = 0;
    // Each life is a little longer than the one before, so the kills fall all over the run and the
    // run comes to its end however slow the machine is.
    for life in 1.. {
        let mut child =
            train(&broken, settings).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(150 * life));
        match child.try_wait().unwrap() {
            Some(status) => {
                assert!(status.success(), "{status}");
                break;
            }
            None => {
                child.kill().unwrap(); // SIGKILL
                child.wait().unwrap();
                kills += 1;
            }
        }
    }
    assert!(kills > 0, "the run was over before the first kill");
    println!("{kills} kills");
    assert_eq!(weights(&straight), weights(&broken));
    assert_eq!(metrics_without_speed(&straight), metrics_without_speed(&broken));
    let picture = |out: &Path| std::fs::read(out.join("samples/comparison.png")).unwrap();
    assert_eq!(picture(&straight), picture(&broken));
}

#[test]
#[cfg(unix)]
fn ctrl_c_saves_and_says_how_to_go_on() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("run");
    let long = ["teacher.train_steps=100000", "log.checkpoint_every=100000", "log.preview_every=0"];
    let child = train(&out, &long).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    while !out.join("metrics.jsonl").exists() {
        std::thread::sleep(Duration::from_millis(50));
    }
    let kill = std::process::Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()
        .unwrap();
    assert!(kill.success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("run the same command again"), "{text}");
    assert!(out.join("state/state.json").is_file());
}
