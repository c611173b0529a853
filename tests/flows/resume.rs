//! A run that was interrupted ends bit for bit where an uninterrupted one ends.

use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;

use crate::programs::train;
use crate::support::{contents, output};

/// Weights of the teacher and of every student.
pub fn weights(out: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = contents(out);
    files.retain(|(path, _)| {
        path.extension().is_some_and(|e| e == "safetensors") && !path.starts_with("state")
    });
    assert_eq!(files.len(), 3, "a teacher and two students");
    files
}

/// The lines of metrics without what depends on the clock.
pub fn metrics_without_speed(out: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(out.join("metrics.jsonl")).unwrap();
    text.lines()
        .map(|line| line.split(",\"images_per_second\"").next().unwrap().to_owned())
        .collect()
}

/// Everything that a run leaves and that does not depend on the clock is alike.
#[track_caller]
pub fn assert_same_results(straight: &Path, broken: &Path) {
    assert!(weights(straight) == weights(broken), "the weights differ");
    assert_eq!(metrics_without_speed(straight), metrics_without_speed(broken));
    let picture = |out: &Path| std::fs::read(out.join("samples/comparison.png")).unwrap();
    assert!(picture(straight) == picture(broken), "the pictures differ");
}

/// The names in `state/`, in the order of the steps.
pub fn saved_states(out: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(out.join("state")) else { return Vec::new() };
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.filter(|name| !name.starts_with('.')).collect();
    names.sort();
    names
}

/// How many kills the loop makes: a few in every run of the tests, `HALFSTEP_KILLS=100` for a proof.
fn kills_wanted() -> usize {
    std::env::var("HALFSTEP_KILLS").map_or(8, |count| count.parse().unwrap())
}

#[test]
fn kill_9_at_random_moments_changes_nothing() {
    killed_runs_end_like_an_uninterrupted_one(&[], kills_wanted());
}

/// With the loss scaled, and students that are averages: the factor and the averages are part of the
/// state.
#[test]
fn kill_9_changes_nothing_in_f16_with_averages() {
    let settings = ["precision=f16", "distill.ema.decay=0.9"];
    killed_runs_end_like_an_uninterrupted_one(&settings, kills_wanted().div_ceil(4));
}

/// A round that was killed goes on with its average; and its student is the average.
#[test]
fn kill_9_in_a_round_changes_nothing_of_its_average() {
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

/// A run that averages and was killed in its first round, and the setting of its length: the faster the machine
/// is, the longer the round has to be for the kill to come in time. A step takes a tenth of a millisecond at the
/// very least, and the kill comes within ten, so that the longest of these rounds is long enough.
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

/// Starts the program and kills it in its first round; false if it was too late for that.
fn killed_in_the_first_round(out: &Path, settings: &[&str]) -> bool {
    let mut child =
        train(out, settings).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    // The first state of a round is that of step 5, the first line after it that of step 6.
    let learned = |line: &str| line.contains("\"stage\":1,") && line.contains("\"step\":6,");
    let metrics = || std::fs::read_to_string(out.join("metrics.jsonl")).unwrap_or_default();
    while child.try_wait().unwrap().is_none() && !metrics().lines().any(learned) {
        std::thread::sleep(Duration::from_millis(2));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    !out.join("students/0008").exists()
}

/// Kills short runs at random until there were so many kills; each run is then left to its end and
/// compared. A life lasts from nothing to a third of what an uninterrupted run takes: the kills fall on
/// the start, on steps, on saving, on the end of stages and on measuring, several in each run.
fn killed_runs_end_like_an_uninterrupted_one(settings: &[&str], wanted: usize) {
    // A state after every step: most kills fall while one is being written.
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
        // Previews too: one may be due at the very step that was saved last.
        let pictures = |out: &Path| contents(&out.join("samples"));
        assert!(pictures(&straight) == pictures(&broken), "the pictures differ");
        std::fs::remove_dir_all(&broken).unwrap();
    }
    println!("{kills} kills in {runs} runs");
}

/// A number in [0, 1), another one in every run of the tests, which is the point.
fn random() -> f64 {
    use std::hash::BuildHasher;
    let bits = std::hash::RandomState::new().hash_one(0);
    (bits >> 11) as f64 / (1u64 << 53) as f64
}

/// Starts the program and kills it after so long; whether it had come to its end.
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

/// Settings of a run that is still learning when the test has come to the point.
pub const ENDLESS: [&str; 2] = ["teacher.train_steps=100000", "log.preview_every=0"];

/// Waits until the run has written a line of metrics.
pub fn wait_until_it_learns(child: &mut Child, out: &Path) {
    while !out.join("metrics.jsonl").metadata().is_ok_and(|file| file.len() > 0) {
        assert!(child.try_wait().unwrap().is_none(), "the run ended");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[cfg(unix)]
#[test]
fn ctrl_c_and_termination_save_and_say_how_to_go_on() {
    for (signal, code) in [("-INT", 130), ("-TERM", 143)] {
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().join("run");
        let settings = [&ENDLESS[..], &["log.checkpoint_every=100000"]].concat();
        let mut child =
            train(&out, &settings).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        wait_until_it_learns(&mut child, &out);
        let mut kill = std::process::Command::new("kill");
        assert!(kill.args([signal, &child.id().to_string()]).status().unwrap().success());
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(code));
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(text.contains("run the same command again"), "{text}");
        let page = std::fs::read_to_string(out.join("report/index.html")).unwrap();
        assert!(page.contains("Stopped: teacher"), "the report says so too");
        let [state] = &saved_states(&out)[..] else { panic!("one state") };
        let step: u64 = state.split('-').nth(1).unwrap().parse().unwrap();
        assert!(step > 0 && text.contains(&format!("after step {step}")), "{state}: {text}");
    }
}
