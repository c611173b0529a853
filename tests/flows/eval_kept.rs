//! What `eval` keeps between calls, and when it is used.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::eval::{eval, numbers, text};
use crate::support::{contents, output, program, times, tiny_model};

/// Whatever images depend on makes others; the batch size and a second call make none.
#[test]
fn what_is_kept_is_used_for_the_same_and_for_nothing_else() {
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
        assert!(made.iter().all(|file| now.contains(file)), "{args:?}: something was made again");
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
    // The same weights on the same times with the same sampler: the same images.
    draw(&["--model", student], 0);
}

/// The same numbers whether it was stopped or not, and nothing is drawn twice.
#[test]
fn what_was_stopped_goes_on_where_it_was() {
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

/// The same for likelihoods.
#[test]
fn what_is_kept_of_a_likelihood_is_used_for_the_same_and_for_nothing_else() {
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
        assert!(made.iter().all(|file| now.contains(file)), "{args:?}: something was made again");
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

/// Of a likelihood each batch is kept: what was measured of some images is not measured again with more, nor
/// what was measured of the network's errors.
#[test]
fn a_likelihood_goes_on_after_the_batches_that_are_kept() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    tiny_model(None, None).save(&at("model")).unwrap();
    let model = at("model");
    let mut gamma = program("sample");
    gamma.arg("--model").arg(&model).args(["--estimate-gamma", "digits", "--device", "cpu"]);
    output(gamma.args(["--gamma-samples", "10"]), 0);
    // Batches: of the images that are judged; and of 64 and of 256 that errors are measured on.
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
        assert!(begun.iter().all(|file| made.contains(file)), "{how}: something was made again");
        assert_eq!(made.len(), of_six, "{how}");
        assert!(said.contains("continuing after"), "{how}: {said}");
        assert_eq!(continued, measure(&format!("{how} whole"), "6").0, "{how}");
    }
}
