//! The cache of `eval`: what is kept between calls, and when it is used.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::eval::{eval, numbers, text};
use crate::support::{contents, output, program, times, tiny_model};

/// Everything that images depend on leads to new samples; the batch size and a second call do not.
#[test]
fn cached_samples_are_used_for_the_same_settings_only() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    tiny_model(None, None).save(&at("model")).unwrap();
    tiny_model(None, Some(4)).save(&at("student")).unwrap();
    tiny_model(Some(3), None).save(&at("classes")).unwrap();
    let (model, student, classes) = (at("model"), at("student"), at("classes"));
    let (model, student, classes) = (text(&model), text(&student), text(&classes));
    let cache = at("cache");
    let mut made = Vec::new();
    let mut draw = |args: &[&str], new: usize| {
        let args = [args, &["--reference", "digits", "--count", "6"]].concat();
        output(&mut eval(&cache, &args), 0);
        let now = times(&cache);
        assert!(
            made.iter().all(|file| now.contains(file)),
            "{args:?}: a cached result was computed again"
        );
        assert_eq!(now.len(), made.len() + new, "{args:?}");
        made = now;
    };
    draw(&["--model", model, "--steps", "4"], 1);
    draw(&["--model", model, "--steps", "4"], 0);
    draw(&["--model", model, "--steps", "4", "--batch-size", "2"], 0);
    draw(&["--model", model, "--steps", "4", "--seed", "1"], 1);
    draw(&["--model", model, "--steps", "5"], 1);
    draw(&["--model", model, "--steps", "4", "--sampler", "euler"], 1);
    draw(&["--model", classes, "--steps", "4"], 1);
    // Equal weights, times and sampler give equal images.
    draw(&["--model", student], 0);
}

/// A stopped measurement ends with the same numbers, and nothing is sampled twice.
#[test]
fn a_stopped_measurement_continues() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    tiny_model(None, None).save(&at("model")).unwrap();
    let model = at("model");
    let args =
        ["--model", text(&model), "--steps", "30", "--count", "2000", "--reference", "digits"];
    let (whole, ..) = numbers(&mut eval(&at("whole"), &args), &at("a.json"));

    let chunks = |cache: &Path| -> Vec<PathBuf> {
        if !cache.exists() {
            return Vec::new();
        }
        let files = contents(cache).into_iter().map(|(path, _)| path);
        files.filter(|path| path.extension().is_some_and(|end| end == "safetensors")).collect()
    };
    let cache = at("stopped");
    let mut command = eval(&cache, &args);
    let mut child = command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let begun = Instant::now();
    while chunks(&cache).is_empty() && begun.elapsed() < Duration::from_secs(600) {
        std::thread::sleep(Duration::from_millis(5));
    }
    output(Command::new("kill").args(["-INT", &child.id().to_string()]), 0);
    let status = child.wait().unwrap();
    let made = chunks(&cache).len();
    // Fast machines may have finished before the signal.
    assert!(status.code() == Some(130) && made <= 4 || status.success(), "{status:?}, {made}");
    let (continued, ..) = numbers(&mut eval(&cache, &args), &at("b.json"));
    assert_eq!(continued, whole);
    assert_eq!(chunks(&cache).len(), 4);
}

#[test]
fn cached_likelihoods_are_used_for_the_same_settings_only() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    tiny_model(None, None).save(&at("model")).unwrap();
    tiny_model(Some(10), None).save(&at("classes")).unwrap();
    let (model, classes, cache) = (at("model"), at("classes"), at("cache"));
    let mut made = Vec::new();
    let mut measure = |args: &[&str], new: usize| {
        let usual = ["--likelihood", "ode", "--reference", "digits"];
        output(&mut eval(&cache, &[&usual, args].concat()), 0);
        let now = times(&cache);
        assert!(
            made.iter().all(|file| now.contains(file)),
            "{args:?}: a cached result was computed again"
        );
        assert_eq!(now.len(), made.len() + new, "{args:?}");
        made = now;
    };
    let (model, classes) = (text(&model), text(&classes));
    measure(&["--model", model, "--count", "4", "--steps", "3"], 1);
    measure(&["--model", model, "--count", "4", "--steps", "3"], 0);
    measure(&["--model", model, "--count", "4", "--steps", "4"], 1);
    measure(&["--model", model, "--count", "4", "--steps", "3", "--seed", "1"], 1);
    measure(&["--model", classes, "--count", "4", "--steps", "3"], 1);
}

/// Each batch of a likelihood is kept, and so are the network's errors: a measurement of more images continues.
#[test]
fn a_likelihood_continues_after_the_cached_batches() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    tiny_model(None, None).save(&at("model")).unwrap();
    let model = at("model");
    let mut gamma = program("sample");
    gamma.arg("--model").arg(&model).args(["--estimate-gamma", "digits", "--device", "cpu"]);
    output(gamma.args(["--gamma-samples", "10"]), 0);
    // Batches of the evaluated images, and of the 64 and 256 images on which errors are measured.
    for (how, of_four, of_six) in [("ode", 2, 3), ("bound", 4 + 32 + 128, 6 + 32 + 128)] {
        let measure = |cache: &str, count: &str| {
            let args = ["--model", text(&model), "--likelihood", how, "--reference", "digits"];
            let args =
                [&args[..], &["--steps", "3", "--batch-size", "2", "--count", count]].concat();
            let (numbers, _, said) = numbers(&mut eval(&at(cache), &args), &at("a.json"));
            (numbers, said, times(&at(cache)))
        };
        let cache = format!("{how} begun");
        let (.., begun) = measure(&cache, "4");
        assert_eq!(begun.len(), of_four, "{how}");
        let (continued, said, made) = measure(&cache, "6");
        assert!(
            begun.iter().all(|file| made.contains(file)),
            "{how}: a cached result was computed again"
        );
        assert_eq!(made.len(), of_six, "{how}");
        assert!(said.contains("continuing after"), "{how}: {said}");
        assert_eq!(continued, measure(&format!("{how} whole"), "6").0, "{how}");
    }
}
