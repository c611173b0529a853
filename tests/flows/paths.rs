//! Paths as people write them in flags and configurations.

use std::path::Path;
use std::process::Command;

use crate::programs::TINY;
use crate::support::{failure, output, program, root, tiny_model};

/// The flags of a program whose values are paths, by the names of their values in `--help`.
fn path_flags(name: &str) -> Vec<String> {
    let help = output(program(name).arg("--help"), 0);
    let help = String::from_utf8(help.stdout).unwrap();
    let takes_path = |line: &&str| {
        ["DIR", "FILE", "SET", "RUN", "DATASET"]
            .iter()
            .any(|value| line.contains(&format!("<{value}")))
    };
    let flag = |line: &str| line.split_whitespace().next().unwrap().to_owned();
    help.lines()
        .filter(|line| line.trim_start().starts_with("--"))
        .filter(takes_path)
        .map(flag)
        .collect()
}

#[test]
fn every_flag_that_takes_a_path_knows_the_tilde() {
    for (name, least) in [("train", 3), ("sample", 9), ("eval", 9)] {
        let flags = path_flags(name);
        assert!(flags.len() >= least, "{name}: {flags:?}");
        for flag in flags {
            let output = output(program(name).arg(format!("{flag}=~nobody/x")), 2);
            let text = String::from_utf8(output.stderr).unwrap();
            assert!(text.contains("~nobody/x: only ~"), "{name} {flag}: {text}");
        }
    }
}

#[test]
fn a_tilde_is_the_home_folder_and_makes_no_folder_of_its_name() {
    let home = tempfile::tempdir().unwrap();
    let here = tempfile::tempdir().unwrap();
    let mut train = program("train");
    train.arg("--config").arg(root().canonicalize().unwrap().join("configs/digits.toml"));
    train.args(["--out=~/runs/tiny", "--quiet", "--device", "cpu"]);
    for setting in TINY.iter().chain(&["distill.student_steps=8"]) {
        train.args(["--set", setting]);
    }
    output(train.current_dir(&here).env("HOME", home.path()), 0);
    let mut sample = program("sample");
    sample.args(["--model=~/runs/tiny/students/0008", "--out=~/grid.png", "--count=1"]);
    output(sample.current_dir(&here).env("HOME", home.path()), 0);
    assert!(home.path().join("grid.png").is_file());
    assert_eq!(std::fs::read_dir(&here).unwrap().count(), 0, "nothing is written here");
}

/// The tiny job on two pictures in `here/pictures`, with everything relative to `here`.
fn on_pictures(here: &Path, out: &str) -> Command {
    let pictures = here.join("pictures");
    std::fs::create_dir_all(&pictures).unwrap();
    for (name, grey) in [("a.png", 10), ("b.png", 200)] {
        image::GrayImage::from_pixel(8, 8, image::Luma([grey])).save(pictures.join(name)).unwrap();
    }
    let digits = std::fs::read_to_string(root().join("configs/digits.toml")).unwrap();
    let folder = "kind = \"folder\"\ndir = \"pictures\"\nsize = 8\nchannels = 1";
    let config = digits.replace("kind = \"digits\"", folder);
    std::fs::write(here.join("pictures.toml"), config).unwrap();
    let mut train = program("train");
    train.current_dir(here).arg("--config").arg(here.join("pictures.toml"));
    train.args(["--out", out, "--quiet", "--device", "cpu"]);
    for setting in TINY.iter().chain(&["distill.student_steps=8"]) {
        train.args(["--set", setting]);
    }
    train
}

#[test]
fn nothing_is_written_among_the_pictures_that_a_run_learns_from() {
    let dir = tempfile::tempdir().unwrap();
    let pictures = dir.path().join("pictures");
    for out in ["pictures", "pictures/run", "./x/../pictures/run"] {
        let message = failure(&mut on_pictures(dir.path(), out));
        assert!(message.contains("lies inside data.dir, pictures"), "{out}: {message}");
        let message = failure(on_pictures(dir.path(), out).arg("--dry-run"));
        assert!(message.contains("lies inside data.dir, pictures"), "{out}: {message}");
    }
    output(&mut on_pictures(dir.path(), "run"), 0);
    let sample = |flag: &str, path: &str| {
        let mut sample = program("sample");
        sample.current_dir(dir.path()).args([
            "--model",
            "run/students/0008",
            "--count",
            "1",
            flag,
            path,
        ]);
        sample
    };
    for (flag, path) in [("--dir", "pictures/drawn"), ("--out", "pictures/grid.png")] {
        let message = failure(&mut sample(flag, path));
        assert!(message.contains(&format!("{flag}: {path} lies in pictures")), "{message}");
    }
    assert_eq!(std::fs::read_dir(&pictures).unwrap().count(), 2, "a.png and b.png");
    output(&mut sample("--dir", "drawn"), 0);
    output(&mut on_pictures(dir.path(), "run"), 0);
}

#[test]
fn a_relative_path_is_printed_with_its_base() {
    let (dir, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let here = elsewhere.path().canonicalize().unwrap();
    let relative = format!("(relative to {})", here.display());
    let from_elsewhere = |train: &mut Command| failure(train.current_dir(&here));
    let message = from_elsewhere(&mut on_pictures(dir.path(), "run"));
    for words in
        ["data.dir: there is no folder pictures", &relative, "beside the configuration file"]
    {
        assert!(message.contains(words), "{words}: {message}");
    }
    let no_such = ["--set", "data.dir=nowhere"];
    let message = from_elsewhere(on_pictures(dir.path(), "run").args(no_such));
    assert!(message.contains("no folder nowhere") && !message.contains("beside"), "{message}");

    tiny_model(None, None).save(&dir.path().join("teacher")).unwrap();
    let config = std::fs::read_to_string(root().join("configs/from-diffusers.toml")).unwrap();
    let path = dir.path().join("from.toml");
    std::fs::write(&path, config).unwrap();
    let mut train = program("train");
    train.arg("--config").arg(&path).args(["--set", "teacher.from=teacher", "--out", "run"]);
    let message = from_elsewhere(&mut train);
    for words in ["`teacher.from` is \"teacher\"", &relative, "beside the configuration file"] {
        assert!(message.contains(words), "{words}: {message}");
    }
    assert_eq!(std::fs::read_dir(&here).unwrap().count(), 0);
}
