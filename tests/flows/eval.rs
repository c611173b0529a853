//! The program `eval`: scores of images from folders, npz files and models.

use std::path::{Path, PathBuf};
use std::process::Command;

use burn::tensor::Device;
use halfstep_data::DataConfig;
use halfstep_model::{UNet, UNetConfig};
use npyz::WriterBuilder;
use npyz::npz::NpzWriter;
use serde_json::Value;

use crate::programs::train;
use crate::support::{failure, fixture, output, program, times, tiny_model};

/// `eval` on the CPU, with its cache in `cache`.
pub fn eval(cache: &Path, args: &[&str]) -> Command {
    let mut command = program("eval");
    command.args(args).args(["--device", "cpu", "--cache"]).arg(cache);
    command
}

pub fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Runs it with `--json` and gives the numbers, standard output and standard error.
pub fn numbers(command: &mut Command, json: &Path) -> (Value, String, String) {
    command.arg("--json").arg(json);
    let output = output(command, 0);
    let numbers = serde_json::from_str(&std::fs::read_to_string(json).unwrap()).unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (numbers, text(output.stdout), text(output.stderr))
}

/// Equal images have distance 0, whatever file they are in. Without FID's network nothing is called FID.
#[test]
fn a_model_a_folder_and_an_npz_file_of_the_same_images_are_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    tiny_model(None, Some(4)).save(&at("model")).unwrap();
    let mut sample = program("sample");
    sample.arg("--model").arg(at("model")).args(["--count", "20", "--device", "cpu"]);
    sample.arg("--npz").arg(at("a.npz")).arg("--dir").arg(at("pictures"));
    output(&mut sample, 0);
    let (model, npz, pictures) = (at("model"), at("a.npz"), at("pictures"));
    for generated in [["--model", text(&model)], ["--samples", text(&pictures)]] {
        let args = [&generated[..], &["--reference", text(&npz), "--count", "20"]].concat();
        let (numbers, table, said) = numbers(&mut eval(&at("cache"), &args), &at("a.json"));
        let of = |key: &str| numbers[key].as_f64().unwrap();
        // 173 of 192 eigenvalues are 0 apart from rounding, and their roots add up.
        assert!(of("pixel_frechet").abs() < 1e-5, "{table}");
        assert_eq!((of("pixel_precision"), of("pixel_recall")), (1.0, 1.0));
        assert_eq!(numbers["generated_images"], 20);
        assert!(said.contains("no FID") && !table.contains("FID"), "{said}{table}");
    }
}

/// Samples of an untrained model are far from the digits.
#[test]
fn noise_is_further_from_digits_than_digits() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    tiny_model(None, None).save(&at("model")).unwrap();
    let model = at("model");
    let args = ["--model", text(&model), "--steps", "2", "--count", "200", "--reference", "digits"];
    let (far, ..) = numbers(&mut eval(&at("cache"), &args), &at("a.json"));
    assert!(far["pixel_frechet"].as_f64().unwrap() > 1.0, "{far}");
    assert!(far["pixel_precision"].as_f64().unwrap() < 0.05, "{far}");
}

#[test]
fn mistakes_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    tiny_model(None, Some(4)).save(&at("model")).unwrap();
    std::fs::write(at("a.npz"), b"PK\x05\x06 no archive").unwrap();
    let (model, npz, nowhere) = (at("model"), at("a.npz"), at("nowhere"));
    let wide = two_channels(&at("wide"));
    let foreign = fixture("diffusers/timestep_class");
    let clipping = fixture("diffusers/bare");
    for (args, words) in [
        (vec!["--model", text(&model), "--reference", text(&nowhere)], ["nowhere", "cifar10"]),
        (vec!["--model", text(&model), "--reference", text(&npz)], ["a.npz", "--reference"]),
        (vec!["--samples", text(&npz), "--reference", "digits"], ["a.npz", "--samples"]),
        (
            vec!["--model", text(&model), "--steps", "8", "--reference", "digits"],
            ["--steps 8", "4 steps"],
        ),
        (vec!["--model", text(&foreign), "--reference", "digits"], ["any number", "--samples"]),
        (vec!["--model", text(&clipping), "--reference", "digits"], ["clipping", "sample --model"]),
        (
            vec!["--model", text(&model), "--reference", "digits", "--inception", text(&npz)],
            ["a.npz", "not a readable safetensors"],
        ),
        (
            vec!["--model", text(&model), "--reference", "digits", "--features", text(&npz)],
            ["a.npz", "--features"],
        ),
        (
            vec!["--samples", text(&model), "--reference", "digits", "--split", "test"],
            ["--split", "digits has no splits"],
        ),
        (
            vec!["--samples", text(&model), "--reference", text(&npz), "--data-dir", "x"],
            ["--data-dir", "is not one"],
        ),
        (
            vec!["--model", text(&model), "--reference", "digits", "--sampler", "heun"],
            ["--sampler heun", "the model is a student"],
        ),
        (
            vec!["--model", text(&model), "--reference", "digits", "--likelihood", "ode"],
            ["--likelihood", "is a student"],
        ),
        (
            vec!["--model", text(&wide), "--reference", "digits"],
            ["wide: its images have 2 channels", "RGB (3)"],
        ),
        (
            vec!["--model", text(&model), "--reference", "digits", "--data-dir", "x"],
            ["--data-dir", "embedded in the program"],
        ),
        (vec!["--sweep", text(&model)], ["--sweep", "not a run folder"]),
        (vec!["--sweep", text(&nowhere)], ["nowhere", "not a run folder"]),
    ] {
        let message = failure(&mut eval(&at("cache"), &args));
        for word in words {
            assert!(message.contains(word), "{word}: {message}");
        }
    }
}

/// Analytic-DPM without Gamma: the message has the command that estimates it, and no flag that this program lacks.
#[test]
fn a_missing_gamma_comes_with_the_command_that_estimates_it() {
    let dir = tempfile::tempdir().unwrap();
    let model = dir.path().join("model");
    tiny_model(None, None).save(&model).unwrap();
    let args = ["--model", text(&model), "--reference", "digits", "--sampler", "analytic-ddim"];
    let message = failure(&mut eval(&dir.path().join("cache"), &args));
    let command = format!("`sample --model {} --estimate-gamma DATASET", text(&model));
    for words in ["gamma.json is missing", &command] {
        assert!(message.contains(words), "{words}: {message}");
    }
}

/// A model of images that are neither grey nor RGB.
fn two_channels(dir: &Path) -> PathBuf {
    let mut model = tiny_model(None, None);
    let config = UNetConfig { in_channels: 2, out_channels: 2, ..model.unet.config().clone() };
    model.unet = UNet::init(&config, &Device::flex(), &mut |_, n| vec![0.5; n]).unwrap();
    model.save(dir).unwrap();
    dir.to_path_buf()
}

/// Flags that do not go together are mistakes on the command line; none is ignored silently.
#[test]
fn flags_that_do_not_go_together_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    for args in [
        &["--sweep", "r", "--likelihood", "ode"][..],
        &["--sweep", "r", "--steps", "4"],
        &["--sweep", "r", "--sampler", "ddim"],
        &["--samples", "x.npz", "--reference", "digits", "--steps", "7"],
        &["--samples", "x.npz", "--reference", "digits", "--sampler", "heun"],
        &["--samples", "x.npz", "--reference", "digits", "--likelihood", "ode"],
        &["--samples", "x.npz", "--reference", "digits", "--sweep-steps", "3"],
        &["--model", "m", "--reference", "digits", "--samplers", "ddim"],
        &["--model", "m", "--reference", "digits", "--inception", "a", "--features", "b"],
        &["--model", "m", "--reference", "digits", "--likelihood", "ode", "--reference-count", "5"],
        &["--model", "m", "--reference", "digits", "--count", "0"],
        &["--model", "m"],
        &["--reference", "digits"],
    ] {
        output(&mut eval(dir.path(), args), 2);
    }
}

/// RGB files with grey pixels count as grey. Other sizes are refused before anything is sampled. A part of a set cannot be
/// larger than the set.
#[test]
fn grey_is_grey_in_any_file_and_sizes_are_compared_first() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let (grey, rgb) = (at("grey"), at("rgb"));
    for folder in [&grey, &rgb] {
        std::fs::create_dir(folder).unwrap();
    }
    for k in 0..12u32 {
        let image =
            image::GrayImage::from_fn(8, 8, |x, y| image::Luma([(k * (x + y * y) % 256) as u8]));
        image.save(grey.join(format!("{k:02}.png"))).unwrap();
        let image = image::DynamicImage::ImageLuma8(image).into_rgb8();
        image.save(rgb.join(format!("{k:02}.png"))).unwrap();
    }
    let measured = |set: &Path| {
        let args = ["--samples", text(set), "--reference", "digits", "--reference-count", "600"];
        numbers(&mut eval(&at("cache"), &args), &at("a.json")).0
    };
    assert_eq!(measured(&grey), measured(&rgb));
    assert_eq!(measured(&grey)["real_images"], 600);

    image::GrayImage::new(16, 4).save(at("other.png")).unwrap();
    let flat = at("flat");
    std::fs::create_dir(&flat).unwrap();
    std::fs::rename(at("other.png"), flat.join("a.png")).unwrap();
    let args = ["--samples", text(&flat), "--reference", "digits"];
    let message = failure(&mut eval(&at("cache"), &args));
    assert!(
        message.contains("--reference: digits has images of 8x8") && message.contains("4x16"),
        "{message}"
    );
    let many = ["--samples", text(&grey), "--reference", "digits", "--reference-count", "5000"];
    assert!(failure(&mut eval(&at("cache"), &many)).contains("digits has 1797 images"));
}

/// A part of a sorted set has all its classes, on either side. In a file with images and statistics (ADM's) the images
/// are used.
#[test]
fn a_part_of_a_sorted_set_represents_the_whole() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let digits = DataConfig::Digits {}.load().unwrap();
    let mut order: Vec<usize> = (0..digits.len()).collect();
    order.sort_by_key(|&k| digits.labels().unwrap()[k]);
    let bytes: Vec<u8> = order.iter().flat_map(|&k| digits.image(k)).copied().collect();
    let sorted = at("sorted.npz");
    let mut npz = NpzWriter::new(std::fs::File::create(&sorted).unwrap());
    let shape = [digits.len() as u64, 8, 8, 1];
    let images = npz.array::<u8>("arr_0", Default::default()).unwrap().default_dtype();
    let mut images = images.shape(&shape).begin_nd().unwrap();
    images.extend(bytes).unwrap();
    images.finish().unwrap();
    for (name, shape) in [("mu", &[1][..]), ("sigma", &[1, 1])] {
        let numbers = npz.array::<f64>(name, Default::default()).unwrap().default_dtype();
        let mut numbers = numbers.shape(shape).begin_nd().unwrap();
        numbers.push(&1.0).unwrap();
        numbers.finish().unwrap();
    }
    drop(npz);

    let part = ["--samples", text(&sorted), "--reference", "digits", "--count", "200"];
    let whole = ["--samples", text(&sorted), "--reference", text(&sorted)];
    let of = |args: &[&str]| numbers(&mut eval(&at("cache"), args), &at("a.json")).0;
    assert!(of(&part)["pixel_recall"].as_f64().unwrap() > 0.8);
    assert!(of(&whole)["pixel_frechet"].as_f64().unwrap().abs() < 1e-6);
    let other =
        ["--samples", text(&sorted), "--reference", text(&sorted), "--reference-count", "200"];
    assert!(of(&other)["pixel_precision"].as_f64().unwrap() > 0.8);
}

/// Rows of a sweep: model, sampler, network calls, distance, agreement.
fn rows(sweep: &Value) -> Vec<(String, String, u64, f64, Option<f64>)> {
    let rows = sweep["rows"].as_array().unwrap().iter().map(|row| {
        let word = |key: &str| row[key].as_str().unwrap().to_owned();
        let (calls, distance) = (row["calls"].as_u64().unwrap(), row["distance"].as_f64().unwrap());
        (word("model"), word("sampler"), calls, distance, row["agreement"].as_f64())
    });
    rows.collect()
}

/// A sweep adds the teacher and every student to the report. The second sweep is computed from the cache.
#[test]
fn a_sweep_measures_the_teacher_and_every_student_into_the_report() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let (run, cache) = (at("run"), at("cache"));
    output(&mut train(&run, &[]), 0);
    let args = ["--sweep", text(&run), "--count", "30"];
    let (sweep, table, said) = numbers(&mut eval(&cache, &args), &at("a.json"));
    assert!(said.contains("without analytic-ddim") && said.contains("no FID"), "{said}");
    let found = rows(&sweep);
    let names: Vec<String> = found
        .iter()
        .map(|(model, sampler, calls, ..)| format!("{model} {sampler} {calls}"))
        .collect();
    let expected = [
        "teacher ddim 16",
        "teacher ddim 8",
        "teacher ddim 4",
        "teacher dpm-solver++-2m 8",
        "teacher dpm-solver++-2m 4",
        "student ddim 8",
        "student ddim 4",
    ];
    assert_eq!(names, expected);
    assert!(found.iter().all(|row| row.3.is_finite() && row.3 > 0.0), "{found:?}");
    let agreements: Vec<Option<f64>> = found.iter().map(|row| row.4).collect();
    assert!(agreements[0].is_none() && agreements[1..].iter().all(Option::is_some));
    assert!(table.contains("| network calls | 4 | 8 | 16 |"), "{table}");
    let page = std::fs::read_to_string(run.join("report/index.html")).unwrap();
    assert!(page.contains("Distance to the data") && page.contains("dpm-solver++-2m"));
    assert!(run.join("report/sweep.md").is_file() && run.join("report/sweep.svg").is_file());

    let kept = times(&cache);
    let (again, ..) = numbers(&mut eval(&cache, &args), &at("b.json"));
    assert_eq!(again, sweep);
    assert_eq!(times(&cache), kept, "a cached result was computed again");

    // The default reference is refused if it is not what the run was trained on.
    let learned = run.join("dataset.sha256");
    let sha256 = std::fs::read_to_string(&learned).unwrap();
    std::fs::write(&learned, "another\n").unwrap();
    let message = failure(&mut eval(&cache, &args));
    assert!(message.contains("is not what the run was trained on"), "{message}");
    std::fs::write(&learned, sha256).unwrap();

    // Analytic-DPM can be swept once Gamma is estimated.
    let teacher = run.join("teacher");
    let mut gamma = program("sample");
    gamma.arg("--model").arg(&teacher).args(["--estimate-gamma", "digits", "--device", "cpu"]);
    output(gamma.args(["--gamma-samples", "10"]), 0);
    let more = [&args[..], &["--samplers", "analytic-ddim", "--sweep-steps", "2"]].concat();
    let (sweep, ..) = numbers(&mut eval(&cache, &more), &at("c.json"));
    let found = rows(&sweep);
    assert_eq!((found[1].1.as_str(), found[1].2, found.len()), ("analytic-ddim", 2, 4));
}
