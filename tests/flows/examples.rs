//! The examples of the library crates: they run, and print what they are meant to show.

use std::process::Command;

use crate::support::{example, fixture, output};

fn printed(command: &mut Command) -> String {
    let output = output(command, 0);
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_mathematics() {
    let text = printed(&mut example("forward_process"));
    assert!(text.contains("1023   0.0000   1.0000"), "{text}");
}

#[test]
fn the_kernels() {
    let text = printed(&mut example("fused_norm"));
    assert!(text.contains("largest difference") && text.contains("chained: "), "{text}");
}

#[test]
fn the_data() {
    let text = printed(&mut example("batches"));
    assert!(text.contains("digits: 1797 images of 1x8x8"), "{text}");
}

#[test]
fn the_network() {
    let text = printed(&mut example("unet"));
    assert!(text.contains("it predicts 0.0000"), "{text}");
    let text = printed(example("unet").arg(fixture("diffusers/adm")));
    assert!(text.contains("predicts v_prediction"), "{text}");
}

#[test]
fn load_and_sample() {
    let dir = tempfile::tempdir().unwrap();
    let picture = dir.path().join("a.png");
    printed(example("load_and_sample").arg(fixture("diffusers/bare")).arg(&picture));
    let drawn = image::open(&picture).unwrap();
    assert_eq!((drawn.width(), drawn.height()), (4 * 34 + 2, 4 * 34 + 2));
}

/// Every sampler brings the pixels to the mean of the data and near its standard deviation; stochastic and
/// first-order samplers are up to a fifth off in thirty steps. Three standard errors of the mean of the 16,384
/// numbers are 0.0047. The seed is fixed, so the example always prints the same numbers.
#[test]
fn every_sampler_works_on_a_custom_denoiser() {
    let text = printed(&mut example("own_denoiser"));
    let rows: Vec<Vec<&str>> =
        text.lines().skip(1).map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows.len(), halfstep_sample::SamplerKind::all().len(), "{text}");
    for row in rows {
        let number = |column: usize| row[column].parse::<f64>().unwrap();
        assert!((number(2) - 0.5).abs() < 0.005, "{text}");
        assert!((number(3) - 0.2).abs() < 0.04, "{text}");
    }
}

#[test]
fn distil_a_teacher() {
    let dir = tempfile::tempdir().unwrap();
    let table = printed(example("distil").arg(dir.path().join("run")));
    assert_eq!(table.matches("| student |").count(), 2, "{table}");
    assert!(dir.path().join("run/students/0004/README.md").is_file());
}

/// Every kind of damage is farther from the digits than other digits are, each in its own measure.
#[test]
fn distances_between_sets_of_images() {
    let text = printed(&mut example("distances"));
    let rows: Vec<Vec<f64>> = text
        .lines()
        .skip(1)
        .map(|line| line[22..].split_whitespace().map(|word| word.parse().unwrap()).collect())
        .collect();
    let [digits, noisy, blurred, few] = &rows[..] else { panic!("{text}") };
    assert!([noisy, blurred, few].iter().all(|row| row[0] > 3.0 * digits[0]), "{text}");
    assert!(noisy[1] < 0.1 && blurred[1] < 0.5 && few[2] < 0.3, "{text}");
    assert!(digits[1] > 0.6 && digits[2] > 0.6, "{text}");
}

/// Two sizes of discs are learned without a configuration that names a dataset.
#[test]
fn a_dataset_of_ones_own() {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("run");
    let text = printed(example("own_dataset").arg(&run));
    assert!(text.contains("student 4: 60 steps"), "{text}");
    assert_eq!(text.matches("| student |").count(), 1, "{text}");
    let card = std::fs::read_to_string(run.join("students/0004/README.md")).unwrap();
    assert!(card.contains("discs") && card.contains("small"), "{card}");
}

/// The distilled student is nearer to its teacher than the teacher itself in as few steps.
#[test]
fn a_network_of_ones_own() {
    let text = printed(&mut example("own_network"));
    let distance = |model: &str| -> f64 {
        let line = text.lines().find(|line| line.starts_with(model)).expect(&text);
        line.split_whitespace().last().unwrap().parse().unwrap()
    };
    let (teacher, student) = (distance("teacher in 4 steps"), distance("student in 4 steps"));
    assert!(student < 0.5 * teacher, "{text}");
}

#[test]
fn the_predicted_image_at_every_step() {
    let text = printed(example("step_callback").arg(fixture("diffusers/bare")));
    let lines: Vec<Vec<&str>> =
        text.lines().map(|line| line.split_whitespace().collect()).collect();
    let (last, steps) = lines.split_last().unwrap();
    assert_eq!(last.join(" "), "16 images of [1, 8, 8]");
    let indices: Vec<usize> = steps.iter().map(|line| line[0].parse().unwrap()).collect();
    assert_eq!(indices, (0..10).collect::<Vec<_>>());
    assert!(steps.iter().all(|line| line[1].parse::<f64>().unwrap().is_finite()), "{text}");
}
