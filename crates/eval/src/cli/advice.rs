//! Which flag or command mends an error.

use std::path::Path;

use anyhow::anyhow;
use halfstep_core::counted;
use halfstep_sample::cli::gamma_remedy;
use halfstep_sample::{NoSignal, PlanError, SampleError};

use crate::error::{ComparedSide, EvalError, UnsuitableModel};
use crate::features::FeatureKind;
use crate::metrics::{MetricNames, MissingScore};

/// The error with the flag at fault before it and what to do after it, where there are such.
pub(super) fn advise(error: EvalError) -> anyhow::Error {
    match flag(&error) {
        Some(flag) => anyhow!("{flag}: {:#}", with_remedy(error)),
        None => with_remedy(error),
    }
}

/// The error with what to do after it, if anything helps.
pub(super) fn with_remedy(error: EvalError) -> anyhow::Error {
    match (remedy(&error), error) {
        (Some(remedy), error) => anyhow!("{:#}; {remedy}", anyhow::Error::new(error)),
        (None, EvalError::TooFewImages { needed, side, found }) => {
            let (name, images) = (side_name(side), counted(found, "image"));
            anyhow!("a distance needs at least {needed} images on each side; {name} has {images}")
        }
        // Its own type, by which the remedy for a missing dataset is found.
        (None, EvalError::Data(error)) => error.into(),
        (None, error) => error.into(),
    }
}

/// The flag at fault.
fn flag(error: &EvalError) -> Option<String> {
    match error {
        EvalError::Unsuitable { problem, .. } => match problem {
            UnsuitableModel::Steps { steps, .. } => Some(format!("--steps {steps}")),
            UnsuitableModel::StudentLikelihood => Some("--likelihood".to_owned()),
            UnsuitableModel::EpsilonOfNoise => Some("--model".to_owned()),
            UnsuitableModel::ImageShape { .. } | UnsuitableModel::NoClasses { .. } => {
                Some("--reference".to_owned())
            }
            UnsuitableModel::NoSampleSize
            | UnsuitableModel::AnyClass
            | UnsuitableModel::Scheduler
            | UnsuitableModel::Channels(_) => None,
        },
        EvalError::Plan { sampler, steps, source, .. } => match &**source {
            PlanError::StudentSampler { .. }
            | PlanError::StudentGamma { .. }
            | PlanError::OwnTimes { .. }
            | PlanError::OwnSteps { .. } => sampler.map(|sampler| format!("--sampler {sampler}")),
            PlanError::StudentGrid { .. } | PlanError::NoGrid { .. } => {
                steps.map(|steps| format!("--steps {steps}"))
            }
            _ => None,
        },
        EvalError::SizesDiffer { .. }
        | EvalError::StatisticsOfPixels
        | EvalError::StatisticsDimension { .. } => Some("--reference".to_owned()),
        _ => None,
    }
}

/// What to do.
fn remedy(error: &EvalError) -> Option<String> {
    match error {
        EvalError::Unsuitable { dir, problem } => unsuitable_remedy(dir, problem),
        EvalError::Plan { dir, source, .. } => plan_remedy(dir, source),
        EvalError::Gamma(error) => gamma_remedy(error),
        EvalError::Sample(SampleError::NoSignal(reason)) => Some(signal_remedy(*reason).to_owned()),
        EvalError::SizesDiffer { resizable: true, .. } => {
            Some("--as-trained reads the pictures of a folder at the size of the others".to_owned())
        }
        EvalError::StatisticsOfPixels => Some("add --inception or --features".to_owned()),
        EvalError::Cache(_) => {
            Some("free some space, or choose another folder with --cache DIR".to_owned())
        }
        _ => None,
    }
}

fn unsuitable_remedy(dir: &Path, problem: &UnsuitableModel) -> Option<String> {
    match problem {
        UnsuitableModel::AnyClass => Some(sample_beforehand(dir, " --class NUMBER,...")),
        UnsuitableModel::Scheduler => Some(sample_beforehand(dir, "")),
        UnsuitableModel::StudentLikelihood => Some("use its teacher".to_owned()),
        _ => None,
    }
}

fn plan_remedy(dir: &Path, problem: &PlanError) -> Option<String> {
    match problem {
        PlanError::StudentSampler { .. }
        | PlanError::StudentGamma { .. }
        | PlanError::StudentGrid { .. } => Some("remove the flag".to_owned()),
        PlanError::OwnTimes { sampler } | PlanError::OwnSteps { sampler } => {
            Some(sample_beforehand(dir, &format!(" --sampler {sampler}")))
        }
        _ => None,
    }
}

/// The command that samples a model as the program `sample` can and `eval` cannot.
fn sample_beforehand(dir: &Path, flags: &str) -> String {
    let dir = dir.display();
    format!(
        "sample it with `sample --model {dir}{flags} --npz FILE` and give the file to --samples"
    )
}

fn signal_remedy(reason: NoSignal) -> &'static str {
    match reason {
        NoSignal::EpsPrediction => {
            "sample it with `sample --sampler ddim --grid-kind leading --npz FILE` and give the file to --samples, or \
             use a v- or x0-prediction model"
        }
        NoSignal::Method { .. } | NoSignal::Variable => {
            "choose another sampler, such as ddim or dpm-solver++-2m"
        }
    }
}

fn side_name(side: ComparedSide) -> &'static str {
    match side {
        ComparedSide::Generated => "the generated side",
        ComparedSide::Real => "--reference",
    }
}

/// Which scores are missing, and why.
pub(super) fn missing_score(kind: FeatureKind, missing: MissingScore) -> String {
    let MetricNames { kernel, precision, recall, .. } = MetricNames::new(kind);
    match missing {
        MissingScore::NeedsRealImages => format!(
            "no {}, {} and {}: they need images, and --reference has statistics",
            kernel.title, precision.title, recall.title
        ),
        MissingScore::PrecisionRecall { needed, side, found } => format!(
            "no {} and {}: they need at least {needed} images on each side; {} has {}",
            precision.title,
            recall.title,
            side_name(side),
            counted(found, "image")
        ),
        MissingScore::InceptionScore { needed, found } => format!(
            "no Inception score: it needs at least {needed} generated images; there are {found}"
        ),
    }
}

#[cfg(test)]
mod tests {
    use halfstep_sample::GammaError;

    use super::*;

    #[test]
    fn a_missing_score_is_named_with_the_side_that_lacks_images() {
        let (side, found) = (ComparedSide::Real, 3);
        let few = MissingScore::PrecisionRecall { needed: 4, side, found };
        assert_eq!(
            missing_score(FeatureKind::Pixels, few),
            "no precision by pixels and recall by pixels: they need at least 4 images on each side; \
             --reference has 3 images"
        );
        assert_eq!(
            missing_score(FeatureKind::Inception, MissingScore::NeedsRealImages),
            "no KID, precision and recall: they need images, and --reference has statistics"
        );
        let few = MissingScore::InceptionScore { needed: 10, found: 9 };
        assert!(missing_score(FeatureKind::Inception, few).contains("there are 9"));
    }

    #[test]
    fn errors_name_the_flag_and_stops_stay_stops() {
        let few = |side| advise(EvalError::TooFewImages { needed: 2, side, found: 1 }).to_string();
        assert!(few(ComparedSide::Real).ends_with("--reference has 1 image"));
        assert!(few(ComparedSide::Generated).ends_with("the generated side has 1 image"));
        let source = PlanError::StudentGrid { num_steps: 4, timesteps: vec![15, 11, 7, 3] };
        let source = Box::new(source);
        let student = EvalError::Plan { dir: "m".into(), sampler: None, steps: Some(8), source };
        let student = advise(student).to_string();
        assert!(student.starts_with("--steps 8: m cannot be sampled"), "{student}");
        assert!(student.contains("4 steps") && student.ends_with("; remove the flag"), "{student}");
        let stopped = advise(EvalError::Stopped);
        assert!(matches!(stopped.downcast_ref(), Some(EvalError::Stopped)));
    }

    #[test]
    fn a_missing_table_comes_with_the_command_that_makes_it() {
        let missing = GammaError::Missing { path: "m/gamma.json".into() };
        let message = with_remedy(EvalError::from(missing)).to_string();
        for words in ["is missing", "`sample --model m --estimate-gamma DATASET"] {
            assert!(message.contains(words), "{words}: {message}");
        }
    }
}
