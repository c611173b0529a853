//! Multistep solvers on a digits teacher with DDPM's linear betas, on every grid.

use std::path::{Path, PathBuf};

use halfstep_sample::Images;
use safetensors::SafeTensors;

use crate::support::{output as run, program, root};

const STEPS: [&str; 5] = ["5", "10", "15", "20", "50"];

/// Order 3 takes another part of the second derivative over short steps than diffusers' does: up to 0.5 %
/// further in 15 steps and more, nearer in others.
const AS_NEAR: f64 = 1.01;

/// The shipped digits job, its teacher alone, at 1000 linear betas, which do not reach pure noise.
fn teacher(dir: &Path) -> PathBuf {
    let out = dir.join("run");
    let mut train = program("train");
    train.arg("--config").arg(root().join("configs/digits.toml")).arg("--out").arg(&out);
    for set in [
        "schedule.name=linear",
        "schedule.train_timesteps=1000",
        "schedule.zero_terminal_snr=false",
        "teacher.train_steps=600",
        "distill.teacher_steps=2",
        "distill.student_steps=1",
        "distill.train_steps=1",
        "distill.agreement_images=1",
        "log.preview_every=0",
    ] {
        train.args(["--set", set]);
    }
    run(&mut train, 0);
    out.join("teacher")
}

struct Drawing {
    model: PathBuf,
    converged: Images,
}

impl Drawing {
    fn new(model: PathBuf) -> Self {
        let converged =
            images(&model, &["--sampler", "heun", "--steps", "250", "--grid-kind", "trailing"]);
        Self { model, converged }
    }

    /// Mean squared differences to the converged images of the same noises, for each of [`STEPS`].
    fn distances(&self, flags: &[&str]) -> Vec<f64> {
        let distance = |steps: &str| {
            let drawn = images(&self.model, &[flags, &["--steps", steps]].concat());
            drawn.mean_squared_difference(&self.converged)
        };
        STEPS.map(distance).to_vec()
    }
}

fn images(model: &Path, flags: &[&str]) -> Images {
    let raw = model.with_extension("raw.safetensors");
    let mut command = program("sample");
    command.arg("--model").arg(model).args(["--count", "64"]);
    run(command.args(flags).arg("--raw").arg(&raw), 0);
    let bytes = std::fs::read(&raw).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let data = file.tensor("samples").unwrap().data().to_vec();
    let four = |bytes: &[u8]| f32::from_le_bytes(bytes.try_into().unwrap());
    Images { values: data.chunks_exact(4).map(four).collect(), shape: [64, 1, 8, 8] }
}

fn row(distances: &[f64]) -> String {
    distances.iter().map(|distance| format!("{distance:.2e}")).collect::<Vec<_>>().join(" | ")
}

#[test]
fn solvers_are_nearer_than_ddim_and_diffusers_on_every_grid() {
    let dir = tempfile::tempdir().unwrap();
    let drawing = Drawing::new(teacher(dir.path()));
    for kind in ["leading", "trailing", "linspace", "lambda", "karras", "phi"] {
        let on = |flags: &[&str]| drawing.distances(&[&["--grid-kind", kind], flags].concat());
        let ddim = on(&["--sampler", "ddim"]);
        println!("| {kind} | ddim | {} |", row(&ddim));
        for name in ["dpm-solver++-2m", "dpm-solver++-3m"] {
            let ours = on(&["--sampler", name]);
            println!("| {kind} | {name} | {} |", row(&ours));
            assert!(ours.is_sorted_by(|a, b| a >= b), "{name} on {kind} is not falling: {ours:?}");
            let nearer = |ours: &[f64], theirs: &[f64], factor: f64| {
                ours.iter().zip(theirs).all(|(ours, theirs)| *ours <= factor * theirs)
            };
            assert!(nearer(&ours, &ddim, 1.0), "{name} on {kind}: {ours:?}, DDIM {ddim:?}");
            if ["leading", "trailing", "linspace"].contains(&kind) {
                let theirs = on(&["--sampler", name, "--compat", "diffusers"]);
                println!("| {kind} | {name}, diffusers | {} |", row(&theirs));
                let near = nearer(&ours, &theirs, AS_NEAR);
                assert!(near, "{name} on {kind}: {ours:?}, as in diffusers {theirs:?}");
            }
        }
    }
}
