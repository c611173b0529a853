//! `sample` writes as it draws, goes on after a stop, and mixes nothing.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::{contents, failure, output, program, tiny_model};

pub fn save(dir: &Path) -> PathBuf {
    let folder = dir.join("model");
    tiny_model(None, None).save(&folder).unwrap();
    folder
}

pub fn sample(model: &Path, args: &[&str]) -> Command {
    let mut command = program("sample");
    command.arg("--model").arg(model).args(["--device", "cpu"]).args(args);
    command
}

/// All four outputs below `out`: many small batches.
fn everything(model: &Path, out: &Path) -> Command {
    let mut command = sample(model, &["--steps", "8", "--count", "397", "--batch-size", "4"]);
    command.args(["--grid", "3x2", "--out"]).arg(out.join("grid.png"));
    command.arg("--dir").arg(out.join("images")).arg("--npz").arg(out.join("images.npz"));
    command.arg("--raw").arg(out.join("images.safetensors"));
    command
}

pub fn said(output: &std::process::Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// How many images the npz file that is being written has.
fn kept(out: &Path) -> u64 {
    let record = std::fs::read_to_string(out.join(".images.npz.partial.json")).unwrap_or_default();
    let record: serde_json::Value = serde_json::from_str(&record).unwrap_or_default();
    record["images"].as_u64().unwrap_or(0)
}

/// Starts it and waits until more than so many images are kept.
fn begun(command: &mut Command, out: &Path, images: u64) -> Child {
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let start = Instant::now();
    while kept(out) <= images {
        assert!(child.try_wait().unwrap().is_none(), "it ended after {} images", kept(out));
        assert!(start.elapsed() < Duration::from_secs(300), "nothing is kept");
        std::thread::sleep(Duration::from_millis(1));
    }
    child
}

/// Without the locks, which hold nothing.
fn results(out: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = contents(out);
    files.retain(|(path, _)| !path.ends_with(".drawing.lock"));
    files
}

#[cfg(unix)]
#[test]
fn a_drawing_that_is_killed_and_stopped_ends_byte_for_byte_like_one_that_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let model = save(dir.path());
    let (straight, broken) = (dir.path().join("straight"), dir.path().join("broken"));
    output(&mut everything(&model, &straight), 0);

    let mut command = everything(&model, &broken);
    // After the first two batches, of which no place misses more than the last.
    let mut child = begun(&mut command, &broken, 4);
    child.kill().unwrap(); // SIGKILL
    child.wait().unwrap();
    let killed = kept(&broken);
    assert!(killed > 4 && killed < 397);
    assert!(!broken.join("images.npz").exists(), "nothing has its name before it is whole");

    let child = begun(&mut everything(&model, &broken), &broken, killed);
    output(Command::new("kill").args(["-INT", &child.id().to_string()]), 0);
    let stopped = child.wait_with_output().unwrap();
    assert_eq!(stopped.status.code(), Some(130));
    let text = said(&stopped);
    assert!(text.contains("continuing after") && text.contains("are kept. Run the same"), "{text}");
    assert!(kept(&broken) > killed && kept(&broken) < 397);

    let text = said(&output(&mut everything(&model, &broken), 0));
    assert!(text.contains("continuing after"), "{text}");
    let (straight, broken) = (results(&straight), results(&broken));
    assert_eq!(straight.len(), 397 + 4, "pictures, their record, a grid and two files");
    assert!(straight == broken);
}

#[test]
fn a_finished_folder_is_left_alone_and_grows_with_a_larger_count() {
    let dir = tempfile::tempdir().unwrap();
    let model = save(dir.path());
    let out = dir.path().join("images");
    let draw = |count: &str| {
        let mut command = sample(&model, &["--steps", "2", "--count", count, "--batch-size", "2"]);
        said(&output(command.arg("--dir").arg(&out), 0))
    };
    draw("6");
    let six = results(&out);
    let text = draw("6");
    assert!(text.contains("all images already exist"), "{text}");
    assert!(results(&out) == six);
    let text = draw("9");
    assert!(text.contains("continuing after 6 of 9 images"), "{text}");
    let nine = results(&out);
    let pictures = |files: &[(PathBuf, Vec<u8>)]| -> Vec<(PathBuf, Vec<u8>)> {
        files
            .iter()
            .filter(|(path, _)| path.extension().is_some_and(|e| e == "png"))
            .cloned()
            .collect()
    };
    assert!(pictures(&nine).len() == 9 && pictures(&nine)[..6] == pictures(&six));
}

#[test]
fn images_of_two_drawings_never_mix() {
    let dir = tempfile::tempdir().unwrap();
    let model = save(dir.path());
    let out = dir.path().join("images");
    let draw = |args: &[&str]| {
        let mut command = sample(&model, &["--steps", "2", "--dir"]);
        command.arg(&out).args(args);
        command
    };
    output(&mut draw(&["--count", "30"]), 0);
    std::fs::write(out.join("notes.txt"), "mine").unwrap();
    let before = contents(&out);
    let refused: [(&[&str], &str); 4] = [
        (&["--count", "10", "--seed", "1"], "seed: 0 -> 1"),
        (&["--count", "10"], "already holds 30 images of this drawing; only 10 were requested"),
        (&["--count", "30", "--sampler", "ddpm"], "sampler: ddim -> ddpm"),
        (&["--count", "30", "--clip", "true"], "clip: (not set) -> true"),
    ];
    for (args, says) in refused {
        let message = failure(&mut draw(args));
        assert!(message.contains(says) && message.contains("--overwrite"), "{says}: {message}");
        assert!(contents(&out) == before, "{says}: refusing changes nothing");
    }
    // Other weights under the same name.
    let other = dir.path().join("other");
    tiny_model(Some(3), None).save(&other).unwrap();
    let mut command = sample(&other, &["--steps", "2", "--count", "30", "--dir"]);
    let message = failure(command.arg(&out));
    assert!(message.contains("model: "), "{message}");

    let text = said(&output(&mut draw(&["--count", "10", "--seed", "1", "--overwrite"]), 0));
    assert!(text.contains("the earlier drawing in ") && text.contains(" is removed"), "{text}");
    let names: Vec<String> =
        contents(&out).into_iter().map(|(path, _)| path.display().to_string()).collect();
    let drawn = (0..10).map(|k| format!("{k:06}.png"));
    let hidden = [".drawing.json", ".drawing.lock"].map(str::to_owned).into_iter();
    assert_eq!(names, hidden.chain(drawn).chain(["notes.txt".to_owned()]).collect::<Vec<_>>());

    // A picture of the user's is not covered by any flag.
    std::fs::write(out.join("cat.png"), "mine").unwrap();
    let before = contents(&out);
    for args in [&["--count", "10", "--seed", "1"][..], &["--count", "9", "--overwrite"][..]] {
        let message = failure(&mut draw(args));
        assert!(message.contains("cat.png") && message.contains("another folder"), "{message}");
        assert!(contents(&out) == before);
    }
}

#[test]
fn a_file_begun_by_another_drawing_is_refused_until_told() {
    let dir = tempfile::tempdir().unwrap();
    let model = save(dir.path());
    let mut child = begun(&mut everything(&model, dir.path()), dir.path(), 0);
    child.kill().unwrap();
    child.wait().unwrap();
    let npz = dir.path().join("images.npz");
    let draw = |args: &[&str]| {
        let mut command = sample(&model, &["--steps", "8", "--count", "397", "--seed", "1"]);
        command.args(args).arg("--npz").arg(&npz);
        command
    };
    let message = failure(&mut draw(&[]));
    assert!(message.contains("seed: 0 -> 1") && message.contains("--overwrite"), "{message}");
    assert!(kept(dir.path()) > 0 && !npz.exists());
    output(&mut draw(&["--overwrite"]), 0);
    assert!(npz.exists() && kept(dir.path()) == 0);
    let straight = dir.path().join("straight.npz");
    let mut command = sample(&model, &["--steps", "8", "--count", "397", "--seed", "1"]);
    output(command.arg("--npz").arg(&straight), 0);
    assert!(std::fs::read(npz).unwrap() == std::fs::read(straight).unwrap());
}
