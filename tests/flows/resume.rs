//! An interrupted run ends with the same bits as an uninterrupted one.

use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;

use crate::programs::train;
use crate::support::{contents, output};

/// The files of weights of the teacher and of every student.
pub fn weights(out: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = contents(out);
    files.retain(|(path, _)| {
        path.extension().is_some_and(|e| e == "safetensors") && !path.starts_with("state")
    });
    assert_eq!(files.len(), 3, "a teacher and two students");
    files
}

/// The lines of metrics, without the fields that depend on the clock.
pub fn metrics_without_speed(out: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(out.join("metrics.jsonl")).unwrap();
    text.lines()
        .map(|line| line.split(",\"images_per_second\"").next().unwrap().to_owned())
        .collect()
}

/// Asserts that two runs left equal weights, metrics and comparison pictures, except for fields that depend on
/// the clock.
#[track_caller]
pub fn assert_same_results(straight: &Path, broken: &Path) {
    assert!(weights(straight) == weights(broken), "the weights differ");
    assert_eq!(metrics_without_speed(straight), metrics_without_speed(broken));
    let picture = |out: &Path| std::fs::read(out.join("samples/comparison.png")).unwrap();
    assert!(picture(straight) == picture(broken), "the pictures differ");
}

/// The names of the saved states in `state/`, in the order of their steps.
pub fn saved_states(out: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(out.join("state")) else { return Vec::new() };
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.filter(|name| !name.starts_with('.')).collect();
    names.sort();
    names
}

/// The number of kills: 8 by default, more with the environment variable `HALFSTEP_KILLS`, such as 100.
fn kills_wanted() -> usize {
    std::env::var("HALFSTEP_KILLS").map_or(8, |count| count.parse().unwrap())
}

#[test]
fn kill_9_at_random_moments_changes_nothing() {
    killed_runs_end_like_an_uninterrupted_one(&[], kills_wanted());
}

/// With loss scaling and averaged students: the loss scale and the averages are part of the state.
#[test]
fn kill_9_changes_nothing_in_f16_with_averages() {
    let settings = ["precision=f16", "distill.ema.decay=0.9"];
    killed_runs_end_like_an_uninterrupted_one(&settings, kills_wanted().div_ceil(4));
}

/// A round that was killed continues with its moving average, and its student has the averaged weights.
#[test]
fn kill_9_in_a_round_does_not_change_its_average() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let broken = at("broken");
    let (average, length) = ("distill.ema.decay=0.9", killed_in_a_round(&broken));
    let settings = [average, length.as_str()];
    output(&mut train(&at("straight"), &settings), 0);
    output(&mut train(&at("no average"), &settings[1..]), 0);
    output(&mut train(&broken, &settings), 0);
    assert_same_results(&at("straight"), &broken);

    let with = weights(&at("straight"));
    let alike = weights(&at("no average")).into_iter().filter(|file| with.contains(file));
    let alike: Vec<PathBuf> = alike.map(|(path, _)| path).collect();
    assert!(alike.len() == 1 && alike[0].starts_with("teacher"), "{alike:?}");
}

/// Starts a run with a moving average and kills it in its first round. Returns the setting of the round's
/// length: on a faster machine the round must be longer, so that the kill comes in time. A step takes at least
/// 0.1 ms and the kill comes within 10 ms, so the longest of these rounds is long enough.
fn killed_in_a_round(broken: &Path) -> String {
    let lengths = [20, 80, 320, 1280, 5120].map(|steps| format!("distill.train_steps={steps}"));
    let in_time = lengths.into_iter().find(|length| {
        let killed = killed_in_the_first_round(broken, &["distill.ema.decay=0.9", length.as_str()]);
        if !killed {
            std::fs::remove_dir_all(broken).unwrap();
        }
        killed
    });
    in_time.expect("no round lasted until it was killed")
}

/// Starts the program and kills it in its first round; false if the kill came too late.
fn killed_in_the_first_round(out: &Path, settings: &[&str]) -> bool {
    let mut child =
        train(out, settings).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    // The first state of a round is saved after step 5; the next line of metrics is that of step 6.
    let learned = |line: &str| line.contains("\"stage\":1,") && line.contains("\"step\":6,");
    let metrics = || std::fs::read_to_string(out.join("metrics.jsonl")).unwrap_or_default();
    while child.try_wait().unwrap().is_none() && !metrics().lines().any(learned) {
        std::thread::sleep(Duration::from_millis(2));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    !out.join("students/0008").exists()
}

/// Kills short runs at random times, until `wanted` kills are made; each run is then finished and compared. A
/// process lives for at most a third of the time of an uninterrupted run. Each run is therefore killed several
/// times: at its start, in steps, while saving, at the end of stages and while measuring.
fn killed_runs_end_like_an_uninterrupted_one(settings: &[&str], wanted: usize) {
    // With a state after every step, most kills interrupt the writing of a state.
    let settings = [settings, &["log.checkpoint_every=1"]].concat();
    let dir = tempfile::tempdir().unwrap();
    let straight = dir.path().join("straight");
    let start = std::time::Instant::now();
    output(&mut train(&straight, &settings), 0);
    let whole = start.elapsed();
    let (mut kills, mut runs) = (0, 0);
    while kills < wanted {
        runs += 1;
        let broken = dir.path().join(format!("broken{runs}"));
        loop {
            if kills == wanted || life_ended(&broken, &settings, whole.mul_f64(random() / 3.0)) {
                break;
            }
            kills += 1;
        }
        output(&mut train(&broken, &settings), 0);
        assert_same_results(&straight, &broken);
        // Previews are compared too: one may be due at the step that was saved last.
        let pictures = |out: &Path| contents(&out.join("samples"));
        assert!(pictures(&straight) == pictures(&broken), "the pictures differ");
        std::fs::remove_dir_all(&broken).unwrap();
    }
    println!("{kills} kills in {runs} runs");
}

/// A random number in [0, 1), deliberately different in every run of the tests.
fn random() -> f64 {
    use std::hash::BuildHasher;
    let bits = std::hash::RandomState::new().hash_one(0);
    (bits >> 11) as f64 / (1u64 << 53) as f64
}

/// Starts the program and kills it after `lasts`; true if the program had already ended.
fn life_ended(out: &Path, settings: &[&str], lasts: Duration) -> bool {
    let mut child =
        train(out, settings).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    std::thread::sleep(lasts);
    if let Some(status) = child.try_wait().unwrap() {
        assert!(status.success(), "{status}");
        return true;
    }
    child.kill().unwrap(); // SIGKILL
    child.wait().unwrap();
    false
}

/// Settings of a run that trains longer than any test.
pub const ENDLESS: [&str; 2] = ["teacher.train_steps=100000", "log.preview_every=0"];

/// Waits until the run has written a line of metrics.
pub fn wait_until_training(child: &mut Child, out: &Path) {
    while !out.join("metrics.jsonl").metadata().is_ok_and(|file| file.len() > 0) {
        assert!(child.try_wait().unwrap().is_none(), "the run ended");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[cfg(unix)]
#[test]
fn ctrl_c_and_termination_save_a_state_and_print_how_to_continue() {
    for (signal, code) in [("-INT", 130), ("-TERM", 143)] {
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().join("run");
        let settings = [&ENDLESS[..], &["log.checkpoint_every=100000"]].concat();
        let mut child =
            train(&out, &settings).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        wait_until_training(&mut child, &out);
        let mut kill = std::process::Command::new("kill");
        assert!(kill.args([signal, &child.id().to_string()]).status().unwrap().success());
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(code));
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(text.contains("run the same command again"), "{text}");
        let page = std::fs::read_to_string(out.join("report/index.html")).unwrap();
        assert!(page.contains("Stopped: teacher"), "the report shows it too");
        let [state] = &saved_states(&out)[..] else { panic!("one state") };
        let step: u64 = state.split('-').nth(1).unwrap().parse().unwrap();
        assert!(step > 0 && text.contains(&format!("after step {step}")), "{state}: {text}");
    }
}
