//! Everything that the images of a drawing depend on.

use std::path::Path;

use halfstep_files::sha256;
use halfstep_model::{ModelFolder, ModelOutline, SelectedDevice};
use serde_json::{Value, json};

use super::args::Args;
use crate::analytic::GammaTable;
use crate::draw::RESULTS_VERSION;
use crate::output::images::Images;
use crate::output::kept::DrawingSettings;
use crate::plan::SamplingPlan;

/// The settings of `plan` on this model. Devices round differently. The batch size is no part of them: another one
/// changes images by rounding at most.
pub fn settings(
    args: &Args,
    model: &ModelFolder,
    plan: &SamplingPlan,
    classes: &[u32],
    start: Option<&Images>,
    device: &SelectedDevice,
) -> anyhow::Result<DrawingSettings> {
    let times: Vec<f64> = plan.grid.iter().map(|point| point.t).collect();
    let settings = DrawingSettings::default()
        .with("made by", RESULTS_VERSION)
        .with("model", ModelOutline::read(&args.model)?.sha256()?)
        .with("scheduler", sha256(json!(model.scheduler).to_string().as_bytes()))
        .with("sampler", plan.kind.name())
        .with("steps", plan.num_steps())
        .with("network calls", plan.calls())
        .with("times", sha256(json!(times).to_string().as_bytes()))
        .with("gamma", gamma(&args.model, plan)?)
        .with("seed", args.seed)
        .with("classes", classes)
        .with("noise", start.map(|noise| of_numbers(&noise.values)))
        .with("device", device.kind());
    Ok(with_flags(settings, args))
}

/// Adds the sampler's flags; what they leave out comes from the model. Every flag is named, so that a new one
/// has to be put where it belongs.
fn with_flags(settings: DrawingSettings, args: &Args) -> DrawingSettings {
    let Args {
        // Settings of their own.
        eta,
        variance,
        ode_variable,
        rtol,
        atol,
        last_clip,
        clip,
        threshold,
        compat,
        // In the settings as what they result in: model, sampler, steps and times, seed, classes, noise, device.
        model: _,
        noise: _,
        sampler: _,
        steps: _,
        nfe: _,
        grid_kind: _,
        timesteps: _,
        seed: _,
        class: _,
        device: _,
        force: _,
        // Which images are drawn and where they go: nothing that an image depends on.
        out: _,
        dir: _,
        npz: _,
        raw: _,
        overwrite: _,
        count: _,
        grid: _,
        scale: _,
        batch_size: _,
        // Of other work.
        compare: _,
        steps_list: _,
        student: _,
        reference_steps: _,
        estimate_gamma: _,
        gamma_samples: _,
        data_dir: _,
        completions: _,
    } = args;
    settings
        .with("eta", eta.filter(|eta| *eta > 0.0))
        .with("variance", variance.map(|variance| format!("{variance:?}")))
        .with("ODE variable", ode_variable.map(|variable| format!("{variable:?}")))
        .with("rtol", *rtol)
        .with("atol", *atol)
        .with("last clip", *last_clip)
        .with("clip", *clip)
        .with("threshold", *threshold)
        .with("compat", compat.map(|library| format!("{library:?}")))
}

/// The hash of Gamma's table where the sampler draws by it.
fn gamma(model: &Path, plan: &SamplingPlan) -> anyhow::Result<Value> {
    match plan.gamma {
        Some(_) => Ok(sha256(&std::fs::read(GammaTable::path(model))?).into()),
        None => Ok(Value::Null),
    }
}

fn of_numbers(values: &[f32]) -> String {
    let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    sha256(&bytes)
}
