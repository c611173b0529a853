//! Runs whose surroundings fail: the disk, the device, a second run, a user who deletes or edits files.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::programs::{TINY, train, train_on};
use crate::resume::{ENDLESS, assert_same_results, saved_states, wait_until_training};
use crate::support::{contents, failure, output, wgpu};

const EVERY_STEP: &str = "log.checkpoint_every=1";

/// Starts a run into `out` and kills it while its teacher is trained, after a few saved states.
fn interrupted(out: &Path) {
    let mut child =
        train(out, &[EVERY_STEP]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    while saved_states(out).last().is_none_or(|last| last.as_str() < "00-0000000003") {
        assert!(child.try_wait().unwrap().is_none(), "the run ended");
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!saved_states(out).is_empty());
}

#[test]
fn a_damaged_state_is_recognised_and_the_previous_one_is_used() {
    let dir = tempfile::tempdir().unwrap();
    let straight = dir.path().join("straight");
    output(&mut train(&straight, &[EVERY_STEP]), 0);
    type Damage = fn(&Path);
    let damages: [(&str, Damage); 5] = [
        ("model.safetensors", |file| {
            let mut bytes = std::fs::read(file).unwrap();
            *bytes.last_mut().unwrap() ^= 1;
            std::fs::write(file, bytes).unwrap();
        }),
        ("exp_avg.safetensors", |file| {
            let bytes = std::fs::read(file).unwrap();
            std::fs::write(file, &bytes[..bytes.len() / 2]).unwrap();
        }),
        ("state.json", |file| {
            let text = std::fs::read_to_string(file).unwrap();
            std::fs::write(file, text.replace("\"step\": ", "\"step\": 1")).unwrap();
        }),
        ("ema.safetensors", |file| std::fs::remove_file(file).unwrap()),
        ("SHA256SUMS", |file| std::fs::write(file, "").unwrap()),
    ];
    for (k, (name, damage)) in damages.into_iter().enumerate() {
        let out = dir.path().join(format!("run{k}"));
        interrupted(&out);
        let newest = out.join("state").join(saved_states(&out).pop().unwrap());
        damage(&newest.join(name));
        let stderr = output(&mut train(&out, &[EVERY_STEP]), 0).stderr;
        let text = String::from_utf8(stderr).unwrap();
        assert!(
            text.contains("note: ") && text.contains("using the previous saved state"),
            "{text}"
        );
        assert!(text.contains(newest.file_name().unwrap().to_str().unwrap()), "{text}");
        assert_same_results(&straight, &out);
    }
}

#[test]
fn a_stage_whose_states_are_all_damaged_does_not_restart_by_itself() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("run");
    interrupted(&out);
    for state in saved_states(&out) {
        std::fs::write(out.join("state").join(state).join("model.safetensors"), "").unwrap();
    }
    let before = saved_states(&out);
    let message = failure(&mut train(&out, &[EVERY_STEP]));
    assert!(message.contains("state") && message.contains("delete the folder"), "{message}");
    assert_eq!(saved_states(&out), before, "nothing is deleted without being asked");
}

#[test]
fn a_changed_model_is_refused_as_a_teacher() {
    let dir = tempfile::tempdir().unwrap();
    let straight = dir.path().join("straight");
    output(&mut train(&straight, &[]), 0);
    let out = dir.path().join("run");
    output(&mut train(&out, &[]), 0);
    // The last student must be trained again, with this one as its teacher.
    std::fs::remove_dir_all(out.join("students/0004")).unwrap();
    let weights = out.join("students/0008/unet/diffusion_pytorch_model.safetensors");
    let mut bytes = std::fs::read(&weights).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&weights, bytes).unwrap();
    let message = failure(&mut train(&out, &[]));
    assert!(message.contains("students/0008 is damaged; delete that folder"), "{message}");
    std::fs::remove_dir_all(out.join("students/0008")).unwrap();
    output(&mut train(&out, &[]), 0);
    assert_same_results(&straight, &out);
}

#[test]
fn a_run_without_its_saved_settings_is_not_continued() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("run");
    interrupted(&out);
    for name in ["config.toml", "dataset.sha256"] {
        let whole = std::fs::read(out.join(name)).unwrap();
        std::fs::remove_file(out.join(name)).unwrap();
        let message = failure(&mut train(&out, &["seed=7"]));
        assert!(message.contains(name) && message.contains("is missing or empty"), "{message}");
        std::fs::write(out.join(name), whole).unwrap();
    }
    let foreign = dir.path().join("foreign");
    std::fs::create_dir(&foreign).unwrap();
    std::fs::write(foreign.join("students"), "a file").unwrap();
    let message = failure(&mut train(&foreign, &[]));
    assert!(message.contains("students: is a file where the run needs a folder"), "{message}");
}

/// Writes both output streams to a device that is always full, as with `| head` or a log on a full disk.
#[cfg(target_os = "linux")]
#[test]
fn output_that_cannot_be_written_does_not_stop_a_run() {
    let dir = tempfile::tempdir().unwrap();
    let (straight, out) = (dir.path().join("straight"), dir.path().join("run"));
    output(&mut train(&straight, &[]), 0);
    let full = || std::fs::File::options().write(true).open("/dev/full").unwrap();
    let quiet = train(&out, &[]);
    let mut loud = Command::new(quiet.get_program());
    loud.args(quiet.get_args().filter(|argument| *argument != "--quiet"));
    assert!(loud.stdout(full()).stderr(full()).status().unwrap().success());
    assert_same_results(&straight, &out);
}

#[test]
fn a_second_run_into_the_same_folder_is_refused_and_a_killed_one_holds_no_lock() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("run");
    let mut child =
        train(&out, &ENDLESS).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    wait_until_training(&mut child, &out);
    let message = failure(&mut train(&out, &ENDLESS));
    assert!(
        message.contains("another run is using this folder") && message.contains("--out"),
        "{message}"
    );
    child.kill().unwrap();
    child.wait().unwrap();
    let settings = [&ENDLESS[..], &["name=renamed"]].concat();
    let mut next =
        train(&out, &settings).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    wait_until_training(&mut next, &out);
    next.kill().unwrap();
    next.wait().unwrap();
}

/// Settings that change no result may differ when a run continues; all others are refused by name.
#[test]
fn settings_that_change_no_result_may_change_while_a_run_is_stopped() {
    let dir = tempfile::tempdir().unwrap();
    let straight = dir.path().join("straight");
    output(&mut train(&straight, &[]), 0);
    let out = dir.path().join("run");
    interrupted(&out);
    let refused: [(&str, &str); 5] = [
        ("seed=3", "seed: 0 -> 3"),
        ("teacher.train_steps=13", "teacher.train_steps: 12 -> 13"),
        ("distill.learning_rate=1e-5", "distill.learning_rate: "),
        ("distill.rounds.8.train_steps=9", "distill.rounds.8.train_steps: (not set) -> 9"),
        ("model.block_out_channels=[8,32]", "model.block_out_channels: [8, 16] -> [8, 32]"),
    ];
    for (setting, words) in refused {
        let message = failure(&mut train(&out, &[setting]));
        assert!(message.contains(words) && message.contains("--out"), "{words}: {message}");
    }
    let moved = dir.path().join("moved");
    std::fs::rename(&out, &moved).unwrap();
    let free = [
        "name=other",
        "log.checkpoint_every=4",
        "log.preview_every=0",
        "log.sample_batch=3",
        "non_finite=skip",
    ];
    output(&mut train(&moved, &free), 0);
    assert_same_results(&straight, &moved);
}

/// Limits the size of every file the run writes: a write fails half-way, as on a full disk.
#[cfg(unix)]
#[test]
fn a_write_that_fails_half_way_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let straight = dir.path().join("straight");
    output(&mut train(&straight, &[EVERY_STEP]), 0);
    for kib in [0, 1, 4, 8, 16, 32] {
        let out = dir.path().join(format!("run{kib}"));
        interrupted(&out);
        let before = saved_states(&out);
        // With SIGXFSZ ignored, the write returns an error and the process is not killed.
        let script = format!("trap '' XFSZ; ulimit -f {kib}; exec \"$@\"");
        let command = train(&out, &[EVERY_STEP]);
        let mut limited = Command::new("bash"); // `ulimit -f` of bash counts in KiB
        limited.args(["-c", &script, "bash"]).arg(command.get_program()).args(command.get_args());
        let message = failure(&mut limited);
        assert!(message.contains("File too large"), "{kib}: {message}");
        let after = saved_states(&out);
        assert!(before.iter().any(|state| after.contains(state)), "{kib}: {before:?} {after:?}");
        output(&mut train(&out, &[EVERY_STEP]), 0);
        assert_same_results(&straight, &out);
    }
}

/// The same on a file system that is full, if one can be mounted in a namespace of the test.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_loses_nothing() {
    let mount = |kib: usize| {
        // $1 is the mount point of the small disk, $2 the folder copied onto it, the rest the command.
        let script = format!(
            "mount -t tmpfs -o size={kib}k tmpfs \"$1\" || exit 77; cp -r \"$2\"/. \"$1\" || exit 78; shift 2; \"$@\"; \
             code=$?; cp -r \"$DISK\"/. \"$RESULT\"; exit $code"
        );
        let mut command = Command::new("unshare");
        command.args(["--mount", "--map-root-user", "bash", "-c", &script, "bash"]);
        command
    };
    let dir = tempfile::tempdir().unwrap();
    let (straight, disk) = (dir.path().join("straight"), dir.path().join("disk"));
    std::fs::create_dir(&disk).unwrap();
    output(&mut train(&straight, &[EVERY_STEP]), 0);
    let mut failed = 0;
    // Free space in KiB, beyond the pages that the files of the killed run take.
    for room in [40, 120, 200, 400] {
        let (begun, result) =
            (dir.path().join(format!("begun{room}")), dir.path().join(format!("{room}")));
        interrupted(&begun);
        let pages =
            contents(&begun).iter().map(|(_, bytes)| bytes.len().div_ceil(4096)).sum::<usize>();
        let kib = room + 4 * pages;
        std::fs::create_dir(&result).unwrap();
        let command = train(&disk, &[EVERY_STEP]);
        let mut limited = mount(kib);
        limited.arg(&disk).arg(&begun).arg(command.get_program()).args(command.get_args());
        limited.env("DISK", &disk).env("RESULT", &result);
        let Ok(ended) = limited.output() else {
            println!("not run: the command unshare is missing");
            return;
        };
        let text = String::from_utf8_lossy(&ended.stderr);
        match ended.status.code() {
            code if code == Some(77) || code.is_none() || text.starts_with("unshare: ") => {
                println!("not run: no file system can be mounted: {text}");
                return;
            }
            Some(0) => continue, // the disk was large enough
            code => assert_eq!(code, Some(1), "{text}"),
        }
        failed += 1;
        assert!(!text.contains("panicked"), "{text}");
        assert!(text.contains("No space left on device"), "{text}");
        assert!(text.contains("run the same command again"), "{text}");
        // With enough space, the run continues.
        output(&mut train(&result, &[EVERY_STEP]), 0);
        assert_same_results(&straight, &result);
    }
    println!("{failed} disks were too small");
    assert!(failed > 1, "too few disks were too small");
}

/// Makes a real device fail in the middle of a run, by requesting more memory than it has.
#[test]
fn a_failing_device_is_reported_in_one_line_and_the_run_can_continue() {
    if wgpu().is_none() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("run");
    let huge = [
        EVERY_STEP,
        "log.preview_every=2",
        "log.preview_images=4000000",
        "log.sample_batch=4000000",
        "log.preview_steps=1",
    ];
    let message = failure(&mut train_on("wgpu", &out, &huge));
    assert!(message.contains("the device failed while drawing: "), "{message}");
    assert!(message.contains("the state of step 2 is kept"), "{message}");
    assert!(message.contains("out of memory") && !message.contains("Caused by"), "{message}");
    output(&mut train_on("wgpu", &out, &[EVERY_STEP]), 0);
}

/// AdamW's first update has the size of the learning rate: at 3e38, a finite gradient gives infinite weights.
#[test]
fn weights_that_are_not_finite_are_never_saved() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("run");
    let settings = ["teacher.learning_rate=3e38", "teacher.warmup_steps=0", EVERY_STEP];
    for _ in 0..2 {
        let message = failure(&mut train(&out, &settings));
        assert!(message.contains("is not finite after this step"), "{message}");
        assert!(message.contains("no state of this stage was saved yet"), "{message}");
        assert!(saved_states(&out).is_empty());
    }
}

#[test]
fn a_loss_that_is_not_finite_names_step_and_batch_and_skipping_ends_after_100_steps() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("run");
    // At a rate of 1e30 the weights make the loss overflow, so every later step is skipped.
    let settings = [
        "teacher.learning_rate=1e30",
        "teacher.warmup_steps=0",
        "teacher.train_steps=150",
        "teacher.optimizer.grad_clip=0.0",
        "log.preview_every=0",
        "log.every=1",
        EVERY_STEP,
    ];
    let stopped = failure(&mut train(&out.join("stop"), &settings));
    for words in
        ["teacher: the loss or gradient is not finite at step ", "batch: images ", "non_finite"]
    {
        assert!(stopped.contains(words), "{words}: {stopped}");
    }
    let skip = [&settings[..], &["non_finite=skip"]].concat();
    let skipped = failure(&mut train(&out.join("skip"), &skip));
    assert!(skipped.contains("for 100 steps in a row"), "{skipped}");
    assert!(TINY.contains(&"teacher.batch_size=8"), "the message lists a batch of eight");
    let images = stopped.split("batch: images ").nth(1).unwrap().split(" of").next().unwrap();
    assert_eq!(images.split(", ").count(), 8, "{stopped}");
}
