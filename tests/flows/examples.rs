//! The examples of the library crates: they run, and say what they are there to show.

use std::process::Command;

use crate::support::{example, fixture, output};

fn said(command: &mut Command) -> String {
    let output = output(command, 0);
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_mathematics() {
    let text = said(&mut example("forward_process"));
    assert!(text.contains("1023   0.0000   1.0000"), "{text}");
}

#[test]
fn the_kernels() {
    let text = said(&mut example("fused_norm"));
    assert!(text.contains("largest difference") && text.contains("chained: "), "{text}");
}

#[test]
fn the_data() {
    let text = said(&mut example("batches"));
    assert!(text.contains("digits: 1797 images of 1x8x8"), "{text}");
}

#[test]
fn the_network() {
    let text = said(&mut example("unet"));
    assert!(text.contains("it predicts 0.0000"), "{text}");
    let text = said(example("unet").arg(fixture("diffusers/adm")));
    assert!(text.contains("predicts v_prediction"), "{text}");
}

#[test]
fn load_and_sample() {
    let dir = tempfile::tempdir().unwrap();
    let picture = dir.path().join("a.png");
    said(example("load_and_sample").arg(fixture("diffusers/bare")).arg(&picture));
    let drawn = image::open(&picture).unwrap();
    assert_eq!((drawn.width(), drawn.height()), (4 * 34 + 2, 4 * 34 + 2));
}

/// Every sampler brings pixels to the mean of the data, and near its deviation: the stochastic and
/// first-order ones are a fifth off in thirty steps. Three standard errors of the mean of the 16,384
/// numbers are 0.0047; the start is of a seed, so the example prints the same every time.
#[test]
fn every_sampler_on_a_denoiser_of_ones_own() {
    let text = said(&mut example("own_denoiser"));
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
    let table = said(example("distil").arg(dir.path().join("run")));
    assert_eq!(table.matches("| student |").count(), 2, "{table}");
    assert!(dir.path().join("run/students/0004/README.md").is_file());
}

/// Every kind of damage is further away than other digits are, each in its own way.
#[test]
fn distances_between_sets_of_images() {
    let text = said(&mut example("distances"));
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
