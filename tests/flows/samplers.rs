//! `sample` with every sampler: from the command line to files.

use std::path::{Path, PathBuf};

use halfstep_core::PredictionType;
use halfstep_sample::{GridRule, SamplerKind, SamplerOption};
use safetensors::SafeTensors;

use crate::support::{failure, fixture, output as run, program, tiny_model};

/// Samplers that cannot start at pure noise.
const DIVIDE_BY_ALPHA: [&str; 5] =
    ["dpm-solver-1", "dpm-solver-2", "dpm-solver-3", "dpm-solver-fast", "lms"];

fn save(dir: &Path, student_steps: Option<usize>) -> PathBuf {
    let folder = dir.join(student_steps.map_or("teacher".to_owned(), |n| format!("student{n}")));
    tiny_model(None, student_steps).save(&folder).unwrap();
    folder
}

fn raw(path: &Path) -> Vec<f32> {
    let bytes = std::fs::read(path).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let data = file.tensor("samples").unwrap().data().to_vec();
    data.chunks_exact(4).map(|four| f32::from_le_bytes(four.try_into().unwrap())).collect()
}

/// What `sample --model MODEL EXTRA` draws.
fn draw(model: &Path, extra: &[&str]) -> Vec<f32> {
    let out = model.with_extension("raw.safetensors");
    let mut command = program("sample");
    command.arg("--model").arg(model).args(["--count", "2"]).args(extra).arg("--raw").arg(&out);
    run(&mut command, 0);
    raw(&out)
}

fn distance(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

/// Pictures of the tiny model's own size, for Gamma.
fn pictures(dir: &Path) -> PathBuf {
    let folder = dir.join("pictures");
    std::fs::create_dir(&folder).unwrap();
    for k in 0..12_u32 {
        let pixel = |x: u32, y: u32| image::Luma([((x * 31 + y * 17 + k * 41) % 256) as u8]);
        image::GrayImage::from_fn(8, 8, pixel).save(folder.join(format!("{k}.png"))).unwrap();
    }
    folder
}

fn estimate_gamma(model: &Path, data: &Path) {
    let mut command = program("sample");
    command.arg("--model").arg(model).arg("--estimate-gamma").arg(data);
    run(command.args(["--gamma-samples", "12"]), 0);
}

/// Every sampler draws on every kind of grid, and deterministic ones agree once the steps are many;
/// from pure noise, unless it says that it cannot.
#[test]
fn every_sampler_draws() {
    let dir = tempfile::tempdir().unwrap();
    let model = save(dir.path(), None);
    estimate_gamma(&model, &pictures(dir.path()));
    let exact = draw(&model, &["--sampler", "rk45", "--rtol", "1e-5", "--atol", "1e-5"]);
    for &kind in SamplerKind::all() {
        let own = kind.grid_rule() == GridRule::Own;
        let mut extra = vec!["--sampler", kind.name()];
        if !own {
            extra.extend(["--steps", "60"]);
        }
        if DIVIDE_BY_ALPHA.contains(&kind.name()) {
            let mut command = program("sample");
            let message = failure(command.arg("--model").arg(&model).args(&extra));
            assert!(
                message.contains("alpha = 0") && message.contains("dpm-solver++-2m"),
                "{message}"
            );
            continue;
        }
        let images = draw(&model, &extra);
        assert!(images.iter().all(|x| x.is_finite()), "{kind}");
        if kind.entry().order.is_some() || own {
            // The tiny network is rough: DDIM's 60 steps leave a few hundredths.
            assert!(distance(&images, &exact) < 0.1, "{kind}: {}", distance(&images, &exact));
        }
    }
}

#[test]
fn grids_are_what_was_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let model = save(dir.path(), None);
    let trailing = draw(&model, &["--steps", "4"]);
    assert_eq!(draw(&model, &["--timesteps", "63,47,31,15"]), trailing);
    assert_eq!(draw(&model, &["--spacing", "trailing", "--steps", "4"]), trailing);
    assert!(distance(&draw(&model, &["--grid-kind", "uniform", "--steps", "4"]), &trailing) < 1e-5);
    for kind in ["leading", "linspace", "lambda", "phi", "karras"] {
        let other = draw(&model, &["--grid-kind", kind, "--steps", "4"]);
        // The cosine schedule is uniform in phi as it is.
        let same = kind == "phi";
        assert_eq!(distance(&other, &trailing) < 1e-4, same, "{kind}");
    }
    let heun = draw(&model, &["--sampler", "heun", "--steps", "5"]);
    assert_eq!(draw(&model, &["--sampler", "heun", "--nfe", "9"]), heun);
    assert_eq!(draw(&model, &["--sampler", "heun", "--nfe", "10"]), heun);
    let leading = ["--grid-kind", "leading", "--sampler", "heun"];
    let five = draw(&model, &[&leading[..], &["--steps", "5"]].concat());
    assert_eq!(draw(&model, &[&leading[..], &["--nfe", "9"]].concat()), five);
}

#[test]
fn flags_that_do_not_fit_are_refused_with_those_that_would() {
    let dir = tempfile::tempdir().unwrap();
    let model = save(dir.path(), None);
    let cases: [(&str, &[&str]); 16] = [
        ("(it applies to ddim)", &["--sampler", "heun", "--eta", "0.5"]),
        ("applies to euler, heun, rk4, rk23, rk45)", &["--ode-variable", "phi"]),
        ("applies to rk23, rk45)", &["--rtol", "0.1"]),
        ("applies to analytic-ddpm, analytic-ddim)", &["--last-clip", "1"]),
        ("--compat", &["--sampler", "rk4", "--compat", "diffusers"]),
        ("chooses its own steps", &["--sampler", "rk45", "--steps", "5"]),
        ("places its own times", &["--sampler", "dpm-solver-fast", "--grid-kind", "phi"]),
        ("times are 0 to 63", &["--timesteps", "64,3"]),
        ("5 follows 3", &["--timesteps", "3,5"]),
        ("--timesteps: the first step is at t = 5 (of 0 to 63)", &["--timesteps", "5,3"]),
        ("--steps 1 with --grid-kind leading: ", &["--steps", "1", "--grid-kind", "leading"]),
        ("first step is at t = 0 (of 0 to 63)", &["--steps", "1", "--grid-kind", "linspace"]),
        ("--estimate-gamma", &["--sampler", "analytic-ddim"]),
        ("--estimate-gamma", &["--grid-kind", "optimal", "--steps", "4"]),
        ("leading, trailing or linspace", &["--compat", "diffusers", "--grid-kind", "phi"]),
        ("--ode-variable data or phi", &["--sampler", "heun", "--ode-variable", "karras"]),
    ];
    let out = dir.path().join("grid.png");
    for (needle, arguments) in cases {
        let mut command = program("sample");
        command.arg("--model").arg(&model).args(arguments).arg("--out").arg(&out);
        let message = failure(&mut command);
        assert!(message.contains(needle), "{needle}: {message}");
        assert!(!out.exists());
    }
}

/// A solver's grid has a step where the noise is, where DDIM's of the same kind has none.
#[test]
fn one_step_of_a_solver_starts_at_the_noise() {
    let dir = tempfile::tempdir().unwrap();
    let model = save(dir.path(), None);
    let solver = ["--sampler", "dpm-solver++-2m", "--steps", "1", "--grid-kind"];
    let one = |kind: &str| draw(&model, &[&solver[..], &[kind]].concat());
    assert_eq!(one("linspace"), one("trailing"));
}

/// PNDM's folder lists leading times and ends at t = 0: one step would be none, and the images the
/// noise that they started from.
#[test]
fn a_folder_whose_only_step_is_at_the_end_draws_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("grid.png");
    let mut command = program("sample");
    command.arg("--model").arg(fixture("diffusers/pndm_from_0")).arg("--out").arg(&out);
    let message = failure(command.args(["--steps", "1"]));
    assert!(message.contains("--steps 1") && message.contains("--grid-kind trailing"), "{message}");
    assert!(!out.exists());
    let mut command = program("sample");
    command.arg("--model").arg(fixture("diffusers/pndm_from_0")).arg("--out").arg(&out);
    let told = run(command.args(["--steps", "2", "--count", "1"]), 0).stderr;
    let told = String::from_utf8(told).unwrap();
    assert!(told.contains("in 1 step of ddim") && told.contains("the last of 2 steps"), "{told}");
}

/// A missing table is not the fault of the steps, nor a wrong list of times.
#[test]
fn errors_name_the_flag_that_was_given() {
    let dir = tempfile::tempdir().unwrap();
    let model = save(dir.path(), None);
    let error = |arguments: &[&str]| {
        let message = failure(
            program("sample").arg("--model").arg(&model).args(["--device", "cpu"]).args(arguments),
        );
        message.lines().find(|line| line.starts_with("error: ")).unwrap().to_owned()
    };
    assert!(error(&["--steps", "65"]).starts_with("error: --steps 65: "));
    assert!(error(&["--timesteps", "64,3"]).starts_with("error: --timesteps: "));
    let missing = error(&["--sampler", "analytic-ddim", "--steps", "4"]);
    assert!(missing.contains("gamma.json is missing") && !missing.contains("--steps"), "{missing}");
}

/// Where T / N is not whole, diffusers' DDIM goes elsewhere than the next listed time.
#[test]
fn compatibility_must_be_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let model = save(dir.path(), None);
    let both = |steps: &str| {
        let ours = draw(&model, &["--steps", steps]);
        (draw(&model, &["--steps", steps, "--compat", "diffusers"]), ours)
    };
    let (compat, ours) = both("8");
    assert_eq!(compat, ours, "the same where N divides T");
    let (compat, ours) = both("7");
    assert!(distance(&compat, &ours) > 1e-3);
    let third = ["--sampler", "dpm-solver++-3m", "--steps", "20"];
    let compat = draw(&model, &[&third[..], &["--compat", "diffusers"]].concat());
    assert!(distance(&compat, &draw(&model, &third)) > 1e-4);
}

#[test]
fn clipping_and_thresholding_keep_the_range() {
    let dir = tempfile::tempdir().unwrap();
    let model = save(dir.path(), None);
    for sampler in ["ddim", "dpm-solver++-2m", "heun", "rk45"] {
        let mut base = vec!["--sampler", sampler];
        if sampler != "rk45" {
            base.extend(["--steps", "6"]);
        }
        let free = draw(&model, &base);
        assert!(free.iter().any(|x| x.abs() > 1.0), "{sampler}: nothing to clip");
        for limit in [["--clip", "true"], ["--threshold", "0.9"]] {
            let kept = draw(&model, &[&base[..], &limit].concat());
            assert!(kept.iter().all(|x| x.abs() <= 1.0), "{sampler} {limit:?}");
        }
    }
}

#[test]
fn a_comparison_is_a_picture_and_a_table() {
    let dir = tempfile::tempdir().unwrap();
    let (model, student) = (save(dir.path(), None), save(dir.path(), Some(4)));
    let out = dir.path().join("compare.png");
    let compare = |extra: &[&str]| {
        let mut command = program("sample");
        command.arg("--model").arg(&model).args(["--compare", "ddim,dpm-solver-2,ddpm,rk23"]);
        command.args(["--steps-list", "4,8", "--count", "4", "--reference-steps", "32"]);
        command.args(extra).arg("--out").arg(&out);
        command
    };
    let got = run(compare(&[]).arg("--student").arg(&student), 0);
    let table = String::from_utf8(got.stdout).unwrap();
    let lines = |start: &str| table.lines().filter(|line| line.starts_with(start)).count();
    assert_eq!((lines("| ddim |"), lines("| ddpm |"), lines("| rk23 |")), (2, 2, 1), "{table}");
    assert_eq!(lines("| student student4 | 4 | 4 |"), 1, "{table}");
    assert!(table.contains("| dpm-solver-2 | 4 | - | - | refused (1) |"), "{table}");
    assert!(table.contains("(1) the grid starts at zero signal"), "{table}");
    // The tiny network as its own student: DDIM's row at 4 steps is the same walk.
    let distance = |start: &str| {
        let line = table.lines().find(|line| line.starts_with(start)).unwrap();
        line.trim_end_matches(" |").rsplit("| ").next().unwrap().to_owned()
    };
    assert_eq!(distance("| ddim | 4 |"), distance("| student student4 |"));

    let picture = image::open(&out).unwrap().into_rgb8();
    assert!(picture.width() > 2 * 128 && picture.height() > 5 * 128, "{:?}", picture.dimensions());

    let needle = |extra: &[&str], needle: &str| {
        let message = failure(&mut compare(extra));
        assert!(message.contains(needle), "{needle}: {message}");
    };
    needle(&["--student", model.to_str().unwrap()], "is not a distilled student");
}

/// A model that is to end at t = 0, on grids that visit it and that do not.
#[test]
fn a_model_may_end_at_the_first_training_time() {
    let dir = tempfile::tempdir().unwrap();
    let mut model = tiny_model(None, None);
    model.scheduler.set_alpha_to_one = false;
    let folder = dir.path().join("model");
    model.save(&folder).unwrap();
    for kind in SamplerKind::all() {
        if kind.takes(SamplerOption::Gamma) {
            continue;
        }
        for grid in ["leading", "linspace"] {
            let any = kind.grid_rule() == GridRule::Any;
            let mut extra = vec!["--sampler", kind.name()];
            if any {
                extra.extend(["--steps", "20", "--grid-kind", grid]);
            }
            // Linspace starts at pure noise, which some refuse; no start makes NaN.
            if (any && grid == "leading") || !DIVIDE_BY_ALPHA.contains(&kind.name()) {
                assert!(draw(&folder, &extra).iter().all(|x| x.is_finite()), "{kind} {grid}");
            }
        }
    }
    let four = draw(&folder, &["--steps", "4"]);
    assert_eq!(draw(&folder, &["--timesteps", "63,47,31,15"]), four);
}

/// A student takes DDIM's steps under any of its names, and nothing else unless forced.
#[test]
fn a_student_takes_the_steps_it_was_distilled_for() {
    let dir = tempfile::tempdir().unwrap();
    let student = save(dir.path(), Some(4));
    let own = draw(&student, &[]);
    for name in ["ddim", "angular", "dpm-solver++-1", "euler"] {
        assert!(distance(&draw(&student, &["--sampler", name]), &own) < 1e-5, "{name}");
    }
    assert_eq!(draw(&student, &["--nfe", "4"]), own);
    let others = [
        &["--sampler", "heun"][..],
        &["--sampler", "dpm-solver++-2m"],
        &["--sampler", "dpm-solver++-3m"],
        &["--sampler", "rk45"],
        &["--sampler", "rk4"],
        &["--sampler", "euler", "--ode-variable", "phi"],
        &["--sampler", "analytic-ddim"],
        &["--eta", "1"],
    ];
    for extra in others {
        let message = failure(program("sample").arg("--model").arg(&student).args(extra));
        assert!(message.contains("is a student"), "{extra:?}: {message}");
    }
    draw(&student, &["--sampler", "heun", "--force"]);
}

/// An eps-model at zero terminal SNR has nothing to say about the first step.
#[test]
fn an_eps_model_is_refused_at_pure_noise() {
    let dir = tempfile::tempdir().unwrap();
    let mut model = tiny_model(None, None);
    model.scheduler.prediction_type = PredictionType::Epsilon;
    let folder = dir.path().join("model");
    model.save(&folder).unwrap();
    let message = failure(program("sample").arg("--model").arg(&folder));
    assert!(message.contains("eps-prediction") && message.contains("leading"), "{message}");
    draw(&folder, &["--grid-kind", "leading", "--steps", "8"]);
}
