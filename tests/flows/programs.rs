//! `train`: the whole job in small, and what it refuses.

use std::path::Path;
use std::process::Command;

use burn::tensor::Device;
use halfstep_model::ModelFolder;

use crate::resume::saved_states;
use crate::support::{failure, output, program, root, times};

/// The digits job, small enough for a test: 16 -> 8 -> 4 steps of a tiny network.
pub const TINY: [&str; 14] = [
    "model.block_out_channels=[8,16]",
    "model.norm_num_groups=4",
    "teacher.train_steps=12",
    "teacher.batch_size=8",
    "teacher.warmup_steps=2",
    "distill.teacher_steps=16",
    "distill.train_steps=8",
    "distill.batch_size=8",
    "distill.agreement_images=4",
    "log.every=3",
    "log.checkpoint_every=5",
    "log.preview_every=6",
    "log.preview_images=4",
    "log.preview_steps=4",
];

pub fn train(out: &Path, extra: &[&str]) -> Command {
    train_on("cpu", out, extra)
}

pub fn train_on(device: &str, out: &Path, extra: &[&str]) -> Command {
    let mut command = program("train");
    command.arg("--config").arg(root().join("configs/digits.toml")).arg("--out").arg(out);
    command.args(["--quiet", "--device", device]);
    for setting in TINY.iter().chain(extra) {
        command.args(["--set", setting]);
    }
    command
}

#[test]
fn a_run_ends_with_models_pictures_and_a_table_and_then_says_it_is_finished() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("run");
    let first = output(&mut train(&out, &[]), 0);
    let table = String::from_utf8(first.stdout).unwrap();
    assert_eq!(table.matches("| student |").count(), 2, "{table}");
    for file in [
        "config.toml",
        "metrics.jsonl",
        "samples/comparison.png",
        "samples/teacher_000006.png",
        "samples/nearest.png",
        "samples/rows/student_0004.png",
        "samples/rows/teacher_0004.png",
        "report/index.html",
        "report/run.json",
        "report/summary.json",
        "report/summary.md",
        "teacher/README.md",
        "students/0004/grid.png",
    ] {
        assert!(out.join(file).is_file(), "{file}");
    }
    let student = ModelFolder::load(out.join("students/0004"), &Device::flex()).unwrap();
    assert_eq!(student.halfstep.distilled.unwrap().timesteps, [1023, 767, 511, 255]);
    let rows = image::open(out.join("samples/comparison.png")).unwrap().into_rgb8();
    assert_eq!(rows.dimensions(), (4 * 66 + 2, 3 * 66 + 2));

    let card = std::fs::read_to_string(out.join("students/0004/README.md")).unwrap();
    for words in [
        "license: unknown\n",
        "num_inference_steps=4)",
        "--model THIS_FOLDER ",
        "| this student | 4 |",
        "digits",
    ] {
        assert!(card.contains(words), "{words}: {card}");
    }

    let again = output(&mut train(&out, &[]), 0);
    let text = String::from_utf8(again.stdout).unwrap();
    assert!(text.contains("already finished") && text.contains(table.trim()), "{text}");
}

#[test]
fn the_report_tells_of_a_run_and_can_be_made_again_from_its_folder_alone() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("run");
    output(&mut train(&out, &["log.tensorboard=true"]), 0);
    let page = out.join("report/index.html");
    let first = std::fs::read_to_string(&page).unwrap();
    for said in
        ["Finished", "student, 4 steps", "not distilled", "Error by noise level", "Memorisation"]
    {
        assert!(first.contains(said), "{said}");
    }
    assert!(!first.contains("<script") && !first.contains("src=\"http"), "it needs nothing else");
    assert_eq!(first.matches("data:image/png;base64,").count(), 9, "rows, previews, nearest");
    for stage in ["teacher", "students_0008", "students_0004"] {
        let files = std::fs::read_dir(out.join("tensorboard").join(stage)).unwrap();
        assert_eq!(files.count(), 1, "{stage}");
    }

    std::fs::remove_file(&page).unwrap();
    let moved = dir.path().join("moved");
    std::fs::rename(&out, &moved).unwrap();
    let again = output(program("train").arg("--report").arg(&moved), 0);
    let path = String::from_utf8(again.stdout).unwrap();
    let second = std::fs::read_to_string(path.trim()).unwrap();
    let without_paths = |page: &str, out: &Path| {
        let page = page.replace(out.to_str().unwrap(), "RUN");
        page.lines().filter(|line| !line.contains("Written by")).collect::<String>()
    };
    let cut = |page: String| page.split("Written by").next().unwrap().to_owned();
    assert!(
        cut(without_paths(&first, &out)) == cut(without_paths(&second, &moved)),
        "the same page but for where and when"
    );
}

#[test]
fn the_report_of_a_run_that_failed_says_why() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("run");
    let settings = ["teacher.learning_rate=1e30", "teacher.optimizer.grad_clip=0.0"];
    failure(&mut train(&out, &settings));
    let page = std::fs::read_to_string(out.join("report/index.html")).unwrap();
    assert!(page.contains("the loss or gradient is not finite at step"), "{page}");
    let message = failure(program("train").arg("--report").arg(dir.path()));
    assert!(message.contains("no run folder"), "{message}");
}

#[test]
fn a_class_conditional_run_with_dropout_and_accumulation_works() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("run");
    let extra = [
        "model.class_conditional=true",
        "model.dropout=0.1",
        "teacher.accumulate=2",
        "distill.accumulate=4",
        "teacher.prediction_type=sample",
        "distill.student_steps=8",
    ];
    output(&mut train(&out, &extra), 0);
    let student = ModelFolder::load(out.join("students/0008"), &Device::flex()).unwrap();
    assert_eq!(student.unet.config().num_class_embeds, Some(10));
}

#[test]
fn a_dry_run_prints_the_plan_and_writes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("run");
    let plan = output(train(&out, &[]).arg("--dry-run"), 0);
    let text = String::from_utf8(plan.stderr).unwrap();
    for needle in ["16 -> 8 -> 4", "parameters", "memory", "about"] {
        assert!(text.contains(needle), "{needle}: {text}");
    }
    assert!(!out.exists());
}

#[test]
fn a_dry_run_of_a_run_that_has_begun_tells_of_what_is_left() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("run");
    let plan = |extra: &[&str]| {
        let plan = output(train(&out, extra).arg("--dry-run"), 0);
        String::from_utf8(plan.stderr).unwrap()
    };
    output(&mut train(&out, &[]), 0);
    let text = plan(&[]);
    assert!(text.contains("  done     teacher, student 8, student 4\n"), "{text}");
    assert!(text.contains("everything is done"), "{text}");

    std::fs::remove_dir_all(out.join("students/0004")).unwrap();
    std::fs::create_dir_all(out.join("state/02-0000000005")).unwrap();
    let before = times(&out);
    let text = plan(&[]);
    assert!(text.contains("  done     teacher, student 8, student 4: 5 of 8 steps\n"), "{text}");
    assert!(text.contains("  left     3 steps of student 4\n"), "{text}");
    assert!(text.contains("takes    about another "), "{text}");

    let text = plan(&["seed=1"]);
    assert!(!text.contains("  done ") && text.contains("other settings"), "{text}");
    assert!(text.contains("seed: 0 -> 1") && text.contains("another --out"), "{text}");
    assert!(times(&out) == before, "nothing is written");
}

#[test]
fn contradictions_are_refused_by_field() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("run");
    let cases = [
        ("distill.weighting", "distill.weighting={kind=\"min_snr_gamma\", gamma=5.0}"),
        ("teacher.prediction_type", "teacher.prediction_type=\"epsilon\""),
        ("distill.teacher_steps", "distill.teacher_steps=48"),
        ("teacher.flip", "teacher.flip=true"),
        ("model.attention", "model.attention=[true]"),
        ("did you mean `train_steps`", "teacher.train_step=3"),
        ("attention_head_dim", "model.attention_head_dim=5"),
    ];
    for (needle, setting) in cases {
        let message = failure(&mut train(&out, &[setting]));
        assert!(message.contains(needle), "{needle}: {message}");
    }
    let missing = failure(program("train").args(["--config", "/nowhere.toml"]));
    assert!(missing.contains("/nowhere.toml"), "{missing}");
}

#[test]
fn diverged_training_stops_by_step_and_keeps_the_saved_state() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("run");
    // The rate rises to 1e30 over ten steps: finite at first, and saved after every step.
    let extra = [
        "teacher.learning_rate=1e30",
        "teacher.warmup_steps=100000000",
        "teacher.optimizer.grad_clip=0.0",
        "log.preview_every=0",
        "log.every=1",
        "log.checkpoint_every=1",
    ];
    let message = failure(&mut train(&out, &extra));
    assert!(
        message.contains("not finite at step") && message.contains("lower learning_rate"),
        "{message}"
    );
    let saved: u64 = message
        .split("the state of step ")
        .nth(1)
        .unwrap()
        .split(' ')
        .next()
        .unwrap()
        .parse()
        .unwrap();
    let newest = saved_states(&out).pop().unwrap();
    assert!(saved > 0 && newest == format!("00-{saved:010}"), "{message} {newest}");
}

#[test]
fn a_refused_config_leaves_no_folder_behind() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("run");
    failure(&mut train(&out, &["teacher.flip=true"]));
    assert!(!out.exists());
    failure(train(&out, &["teacher.flip=true"]).arg("--dry-run"));
}

fn picture(folder: &Path, name: &str, grey: u8) {
    std::fs::create_dir_all(folder).unwrap();
    let picture = image::GrayImage::from_pixel(12, 10, image::Luma([grey]));
    picture.save(folder.join(name)).unwrap();
}

/// The tiny job into `run` on two pictures in `pictures`, which are all in `dir`, where it is started.
fn on_pictures(dir: &Path) -> Command {
    picture(&dir.join("pictures"), "a.png", 10);
    picture(&dir.join("pictures"), "b.png", 200);
    let digits = std::fs::read_to_string(root().join("configs/digits.toml")).unwrap();
    let folder = "kind = \"folder\"\ndir = \"pictures\"\nsize = 8\nchannels = 1";
    let config = dir.join("pictures.toml");
    std::fs::write(&config, digits.replace("kind = \"digits\"", folder)).unwrap();
    let mut command = program("train");
    command.current_dir(dir).arg("--config").arg(&config);
    command.args(["--out", "run", "--quiet", "--device", "cpu"]);
    for setting in TINY {
        command.args(["--set", setting]);
    }
    command
}

#[test]
fn other_images_under_the_same_settings_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    output(&mut on_pictures(dir.path()), 0);
    picture(&dir.path().join("pictures"), "c.png", 100);
    let message = failure(&mut on_pictures(dir.path()));
    assert!(message.contains("other images"), "{message}");
    let plan = output(on_pictures(dir.path()).arg("--dry-run"), 0);
    let text = String::from_utf8(plan.stderr).unwrap();
    assert!(text.contains("other images") && text.contains("another --out"), "{text}");
    assert!(!text.contains("  done "), "{text}");
}

/// `data.dir` is relative to where train was started, wherever sample is.
#[test]
fn nothing_is_drawn_among_the_pictures_of_a_run_from_another_folder() {
    let (dir, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    output(&mut on_pictures(dir.path()), 0);
    let sample = |path: &Path| {
        let mut sample = program("sample");
        sample.current_dir(&elsewhere).arg("--model").arg(dir.path().join("run/students/0004"));
        sample.args(["--device", "cpu", "--count", "1", "--dir"]).arg(path);
        sample
    };
    let message = failure(&mut sample(&dir.path().join("pictures/drawn")));
    assert!(message.contains("lies in") && message.contains("training pictures"), "{message}");
    assert!(!dir.path().join("pictures/drawn").exists());
    output(&mut sample(Path::new("pictures/drawn")), 0);
}

#[test]
fn damaged_data_names_the_file_and_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("cifar10");
    std::fs::create_dir(&data).unwrap();
    for file in [
        "data_batch_1",
        "data_batch_2",
        "data_batch_3",
        "data_batch_4",
        "data_batch_5",
        "test_batch",
    ] {
        std::fs::write(data.join(file).with_extension("bin"), b"cut short").unwrap();
    }
    let mut command = program("train");
    command.arg("--config").arg(root().join("configs/cifar.toml")).args(["--quiet", "--set"]);
    let message = failure(command.arg(format!("data.dir=\"{}\"", data.display())));
    assert!(message.contains("data_batch_1.bin") && message.contains("delete"), "{message}");
}
