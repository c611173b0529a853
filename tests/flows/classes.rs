//! Classes by name and by number: from folders through a run to `sample --class`.

use std::path::{Path, PathBuf};
use std::process::Command;

use halfstep_data::DataConfig;

use crate::programs::TINY;
use crate::support::{failure, output, program, root, tiny_model};

/// A folder of 8x8 pictures, two of one grey for each class.
fn pictures(dir: &Path, classes: &[(String, u8)]) -> PathBuf {
    for (name, grey) in classes {
        let folder = dir.join(name);
        std::fs::create_dir_all(&folder).unwrap();
        for picture in ["a.png", "b.png"] {
            let pixels = image::GrayImage::from_pixel(8, 8, image::Luma([*grey]));
            pixels.save(folder.join(picture)).unwrap();
        }
    }
    dir.to_path_buf()
}

/// Folder k holds grey 20 k.
fn numbered(dir: &Path) -> PathBuf {
    pictures(dir, &(0..12).map(|k| (k.to_string(), 20 * k)).collect::<Vec<_>>())
}

/// A class-conditional run over a folder of pictures.
fn train(data: &Path, out: &Path, extra: &[&str]) -> Command {
    let mut train = program("train");
    train.arg("--config").arg(root().join("configs/digits.toml")).arg("--out").arg(out);
    train.args(["--device", "cpu"]);
    let data = format!("data={{kind='folder', dir='{}', size=8, channels=1}}", data.display());
    let classes = ["model.class_conditional=true", &data];
    for setting in TINY.iter().chain(&classes).chain(extra) {
        train.args(["--set", setting]);
    }
    train
}

fn sample(model: &Path, class: &str, out: &Path) -> Command {
    let mut sample = program("sample");
    sample.arg("--model").arg(model).args(["--steps", "4", "--count", "2", "--device", "cpu"]);
    sample.args(["--class", class, "--raw"]).arg(out);
    sample
}

#[test]
fn a_name_draws_what_its_number_draws() {
    let dir = tempfile::tempdir().unwrap();
    let model = |names: &[&str]| {
        let mut model = tiny_model(Some(4), None);
        model.halfstep.class_names = names.iter().map(ToString::to_string).collect();
        let folder = dir.path().join(format!("model of {}", names.len() + names.join("").len()));
        model.save(&folder).unwrap();
        folder
    };
    let (unnamed, animals) = (model(&[]), model(&["cat", "dog", "T-shirt/top", "cats, big"]));
    let earlier = model(&["0", "1", "10", "2"]);
    let out = dir.path().join("raw.safetensors");
    let draw = |model: &Path, class: &str| {
        output(&mut sample(model, class, &out), 0);
        std::fs::read(&out).unwrap()
    };
    let of = |class: &str| draw(&unnamed, class);
    assert!(of("0,1") != of("1,0"), "classes matter");
    assert!(draw(&animals, "dog,cat") == of("1,0"));
    assert!(draw(&animals, "T-shirt/top,0") == of("2,0"));
    assert!(draw(&animals, "cats, big") == of("3"));
    // A model of a version that numbered folders by their bytes.
    assert!(draw(&earlier, "2,10") == of("3,2"));

    let message = failure(&mut sample(&animals, "Cat", &out));
    for words in
        ["--class", "did you mean \"cat\"?", "0 cat, 1 dog, 2 T-shirt/top, 3 \"cats, big\""]
    {
        assert!(message.contains(words), "{words}: {message}");
    }
    assert!(failure(&mut sample(&earlier, "3", &out)).contains("0 0, 1 1, 2 10, 3 2"));
    assert!(failure(&mut sample(&unnamed, "cat", &out)).contains("have no names"));
}

#[test]
fn class_folders_that_are_numbers_are_drawn_by_their_numbers() {
    let dir = tempfile::tempdir().unwrap();
    let (data, out) = (numbered(&dir.path().join("data")), dir.path().join("run"));
    let settings = [
        "teacher.train_steps=600",
        "teacher.batch_size=24",
        "teacher.learning_rate=3e-3",
        "log.preview_every=0",
        "distill.student_steps=16",
    ];
    let run = output(&mut train(&data, &out, &settings), 0);
    let plan = String::from_utf8(run.stderr).unwrap();
    assert!(plan.contains("  classes  0 to 11\n"), "{plan}");
    let card = std::fs::read_to_string(out.join("teacher/README.md")).unwrap();
    assert!(card.contains("```text\n0 to 11\n```"), "{card}");
    assert!(card.contains("all 24 training images with 1024 noises"), "{card}");
    let page = std::fs::read_to_string(out.join("report/index.html")).unwrap();
    assert!(page.contains("<dt>classes</dt><dd>0 to 11</dd>"), "{page}");

    let greys = dir.path().join("greys");
    let mut draw = program("sample");
    draw.arg("--model").arg(out.join("teacher")).arg("--dir").arg(&greys).args(["--device", "cpu"]);
    output(draw.args(["--class", "2,10", "--count", "2", "--steps", "16"]), 0);
    let mean = |name: &str| {
        let pixels = image::open(greys.join(name)).unwrap().into_luma8().into_raw();
        pixels.iter().map(|&pixel| f64::from(pixel)).sum::<f64>() / pixels.len() as f64
    };
    // In the order of the bytes they would be 200 and 160.
    let (two, ten) = (mean("000000.png"), mean("000001.png"));
    assert!((two - 40.0).abs() < 20.0 && (ten - 200.0).abs() < 20.0, "{two} {ten}");
}

#[test]
fn a_run_that_was_begun_with_another_order_of_classes_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (data, out) = (numbered(&dir.path().join("data")), dir.path().join("run"));
    // The same images in the order of folders 0, 1, 10, 11, 2, ...
    let mut earlier: Vec<u8> = (0..12).collect();
    earlier.sort_by_key(u8::to_string);
    let letters: Vec<(String, u8)> =
        ('a'..).zip(&earlier).map(|(name, k)| (name.to_string(), 20 * k)).collect();
    let dir_of_letters = pictures(&dir.path().join("letters"), &letters);
    let letters = DataConfig::Folder { dir: dir_of_letters, size: 8, channels: 1 };
    let letters = letters.load().unwrap();
    std::fs::create_dir(&out).unwrap();
    std::fs::write(out.join("dataset.sha256"), format!("{}\n", letters.sha256())).unwrap();
    let message = failure(&mut train(&data, &out, &[]));
    for words in ["earlier version", "0 0, 1 1, 2 10, 3 11, 4 2", "now 0 to 11", "--out"] {
        assert!(message.contains(words), "{words}: {message}");
    }
}
