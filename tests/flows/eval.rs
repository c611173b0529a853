//! `eval`: sets of images against each other, from folders, npz files and models.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::support::{failure, fixture, output, program, tiny_model};

fn eval(args: &[&str]) -> Command {
    let mut command = program("eval");
    command.args(args).args(["--device", "cpu"]);
    command
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn numbers(command: &mut Command, json: &Path) -> (Value, String, String) {
    command.arg("--json").arg(json);
    let output = output(command, 0);
    let numbers = serde_json::from_str(&std::fs::read_to_string(json).unwrap()).unwrap();
    let said = |bytes| String::from_utf8(bytes).unwrap();
    (numbers, said(output.stdout), said(output.stderr))
}

/// The same images are at no distance, whatever they lie in; and without the network of that name nothing
/// is called FID.
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
        let (numbers, table, said) = numbers(&mut eval(&args), &at("a.json"));
        let of = |key: &str| numbers[key].as_f64().unwrap();
        // Of 192 eigenvalues 173 are 0 but for rounding, whose roots are added up.
        assert!(of("pixel_frechet").abs() < 1e-5, "{table}");
        assert_eq!((of("pixel_precision"), of("pixel_recall")), (1.0, 1.0));
        assert_eq!(numbers["generated_images"], 20);
        assert!(said.contains("no FID") && !table.contains("FID"), "{said}{table}");
    }
}

/// Drawn images are further from the digits than some of the digits from the others.
#[test]
fn noise_is_further_from_digits_than_digits() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    tiny_model(None, None).save(&at("model")).unwrap();
    let model = at("model");
    let args = ["--model", text(&model), "--steps", "2", "--count", "200", "--reference", "digits"];
    let (far, ..) = numbers(&mut eval(&args), &at("a.json"));
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
    ] {
        let message = failure(&mut eval(&args));
        for word in words {
            assert!(message.contains(word), "{word}: {message}");
        }
    }
}
