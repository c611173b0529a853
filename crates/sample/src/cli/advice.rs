//! What to do about an error on the command line. Library errors carry fields; here they get flags and commands.

use std::path::Path;

use anyhow::anyhow;
use halfstep_core::counted;
use halfstep_model::ModelError;

use crate::analytic::{GammaError, GammaTable};
use crate::error::{NoSignal, SampleError};
use crate::output::kept::KeptError;
use crate::plan::PlanError;

/// The error with its remedy after it, if the flags of `sample` have one.
pub fn advised(error: anyhow::Error) -> anyhow::Error {
    match remedy(&error) {
        Some(remedy) => anyhow!("{error:#}; {remedy}"),
        None => error,
    }
}

/// The same as a sentence, for an error that is no reason to end.
pub fn advised_sentence(error: impl Into<anyhow::Error>) -> String {
    format!("{:#}", advised(error.into()))
}

fn remedy(error: &anyhow::Error) -> Option<String> {
    if let Some(error) = error.downcast_ref::<GammaError>() {
        return of_gamma(error);
    }
    let sample = error.downcast_ref::<SampleError>().or_else(|| match error.downcast_ref()? {
        KeptError::File(error) => Some(error),
        _ => None,
    });
    match (sample, error.downcast_ref::<ModelError>()) {
        (Some(SampleError::Model(error)), _) | (None, Some(error)) => of_model(error),
        (Some(error), _) => of_sample(error).map(str::to_owned),
        (None, None) => None,
    }
}

fn of_sample(error: &SampleError) -> Option<&'static str> {
    match error {
        SampleError::NoSignal(NoSignal::EpsPrediction) => Some(
            "start later, with --sampler ddim --grid-kind leading, or use a v- or x0-prediction model",
        ),
        SampleError::NoSignal(NoSignal::Method { .. }) => {
            Some("use --sampler dpm-solver++-2m, ddim or angular")
        }
        SampleError::NoSignal(NoSignal::Variable) => {
            Some("use --ode-variable data or phi, or --sampler dpm-solver++-2m")
        }
        SampleError::TooManySteps { .. } => {
            Some("raise --rtol and --atol, or use another --sampler")
        }
        SampleError::UnknownSolver { .. } => Some("choose a sampler with --sampler"),
        SampleError::Channels(_) => Some("use --raw"),
        _ => None,
    }
}

fn of_model(error: &ModelError) -> Option<String> {
    match error {
        ModelError::SolverOption { .. } => {
            Some("choose a solver with --sampler, without --compat".to_owned())
        }
        _ => None,
    }
}

fn of_gamma(error: &GammaError) -> Option<String> {
    let (path, samples) = match error {
        GammaError::Missing { path } => {
            let command = estimate_command(path, GammaTable::DEFAULT_SAMPLES);
            return Some(format!(
                "measure it once with `{command}`, where DATASET is the training data: digits, \
                 mnist, fashion_mnist, cifar10 or a folder of pictures"
            ));
        }
        GammaError::Malformed { path, .. } => (path, GammaTable::DEFAULT_SAMPLES),
        GammaError::Value { path, samples, .. } | GammaError::OtherWeights { path, samples } => {
            (path, *samples)
        }
        _ => return None,
    };
    Some(format!("measure it again with `{}`", estimate_command(path, samples)))
}

/// The command that estimates the table at `path` from `samples` images per time.
fn estimate_command(path: &Path, samples: usize) -> String {
    let model = path.parent().unwrap_or(Path::new(""));
    format!("sample --model {} --estimate-gamma DATASET --gamma-samples {samples}", model.display())
}

/// Why the flags and the model at `path` make no plan, by flags.
pub fn of_plan(error: PlanError, path: &Path) -> anyhow::Error {
    let model = path.display();
    match error {
        PlanError::NotTaken { option, .. } => {
            anyhow!("{}: {error}; remove one of them", flag(option))
        }
        PlanError::NotInDiffusers => anyhow!(
            "--compat diffusers: {error}; use --grid-kind leading, trailing or linspace, without --timesteps"
        ),
        PlanError::LinspaceOnly { .. } => {
            anyhow!("--compat diffusers: {error}; use --grid-kind linspace")
        }
        PlanError::OwnTimes { .. } => anyhow!("--grid-kind, --timesteps: {error}; remove them"),
        PlanError::OwnSteps { .. } => anyhow!(
            "--steps, --nfe, --grid-kind, --timesteps: {error}; set --rtol and --atol instead"
        ),
        PlanError::StudentGamma { sampler } => anyhow!("--sampler {sampler}: {model}: {error}"),
        PlanError::StudentGrid { .. } => anyhow!(
            "{model}: {error}. Remove --steps, --nfe, --grid-kind, --timesteps and --sampler, or add --force"
        ),
        PlanError::StudentSampler { sampler } => anyhow!(
            "{model}: {error}; remove --sampler {sampler}, --eta and --ode-variable, or add --force"
        ),
        PlanError::TooFewCalls { calls, .. } => {
            anyhow!("--nfe {calls}: {error}; allow more calls, or use another --sampler")
        }
        PlanError::Variance(source) => anyhow::Error::new(source)
            .context("the model's own variance cannot be used; add --variance"),
        PlanError::LastClipUnused => {
            anyhow!("--last-clip: {error}; remove it, or use --grid-kind leading or linspace")
        }
        PlanError::Listed(source) => anyhow::Error::new(source).context("--timesteps"),
        PlanError::NoGrid { num_steps, requested, grid_kind, source } => {
            let steps = steps(num_steps, requested);
            match source {
                SampleError::Start { .. } => anyhow!(
                    "{steps} with --grid-kind {grid_kind}: {source}; use --grid-kind trailing"
                ),
                SampleError::NoStep => anyhow!("{steps}: {source}; take more steps"),
                source => anyhow::Error::new(source).context(steps),
            }
        }
        PlanError::NoTrajectory { num_steps, requested, source } => {
            let steps = steps(num_steps, requested);
            anyhow::Error::new(source).context(format!("--grid-kind optimal, {steps}"))
        }
        PlanError::Gamma(error) => error.into(),
        PlanError::Model(error) => error.into(),
        PlanError::Sample(error) => error.into(),
    }
}

/// The flag of a request's field.
fn flag(option: &str) -> String {
    match option {
        "diffusers" => "--compat diffusers".to_owned(),
        option => format!("--{}", option.replace('_', "-")),
    }
}

/// A number of steps, by its flag if the flag gives it.
fn steps(num_steps: usize, requested: bool) -> String {
    if requested { format!("--steps {num_steps}") } else { counted(num_steps, "step") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_cannot_start_at_pure_noise_is_advised_what_to_use() {
        let reasons = [
            NoSignal::EpsPrediction,
            NoSignal::Method { sampler: "lms", infinite: "sigma / alpha" },
            NoSignal::Variable,
        ];
        for reason in reasons {
            let message = advised_sentence(SampleError::from(reason));
            assert!(message.contains("alpha = 0") && message.contains("--"), "{message}");
        }
    }

    #[test]
    fn a_context_stays_before_the_error_and_the_remedy_after_it() {
        let error = anyhow::Error::new(SampleError::Channels(5)).context("--dir");
        let message = advised(error).to_string();
        assert!(message.starts_with("--dir: images with 5 channels"), "{message}");
        assert!(message.ends_with("; use --raw"), "{message}");
    }

    #[test]
    fn a_table_that_is_missing_comes_with_the_command_that_makes_it() {
        let path = GammaTable::path(Path::new("runs/a"));
        let message = advised_sentence(GammaError::Missing { path });
        for words in ["is missing", "sample --model runs/a --estimate-gamma DATASET", "cifar10"] {
            assert!(message.contains(words), "{words}: {message}");
        }
    }

    #[test]
    fn fields_become_flags() {
        assert_eq!(flag("ode_variable"), "--ode-variable");
        assert_eq!(flag("diffusers"), "--compat diffusers");
    }
}
