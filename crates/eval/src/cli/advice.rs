//! Which flag or command mends an error.

use halfstep_core::counted;

use crate::error::{ComparedSide, EvalError, UnsuitableModel};
use crate::features::FeatureKind;
use crate::metrics::{MetricNames, MissingScore};

/// The error, in a sentence that names the flag at fault and what to do. An error without such a flag stays as it
/// is.
pub(super) fn advise(error: EvalError) -> anyhow::Error {
    match sentence(&error) {
        Some(sentence) => anyhow::Error::msg(sentence),
        None => error.into(),
    }
}

fn sentence(error: &EvalError) -> Option<String> {
    Some(match error {
        EvalError::Unsuitable { dir, problem } => {
            return unsuitable(&dir.display().to_string(), problem);
        }
        EvalError::SizesDiffer { resizable, .. } => {
            let help = match resizable {
                true => "; --as-trained reads the pictures of a folder at the size of the others",
                false => "",
            };
            format!("--reference: {error}{help}")
        }
        EvalError::TooFewImages { needed, side, found } => format!(
            "a distance takes at least {needed} images of each side; {} has {}",
            side_name(*side),
            counted(*found, "image")
        ),
        EvalError::StatisticsOfPixels => {
            format!("--reference: {error}; add --inception or --features")
        }
        EvalError::StatisticsDimension { .. } => format!("--reference: {error}"),
        EvalError::Cache(source) => format!(
            "cannot store an intermediate result; free some space, or choose another folder with --cache DIR: \
             {source}"
        ),
        _ => return None,
    })
}

fn unsuitable(dir: &str, problem: &UnsuitableModel) -> Option<String> {
    Some(match problem {
        UnsuitableModel::NoSampleSize | UnsuitableModel::Channels(_) => return None,
        UnsuitableModel::AnyClass => format!(
            "{dir}: takes any number for a class; sample it with `sample --class --npz` and give the file to \
             --samples"
        ),
        UnsuitableModel::Scheduler => format!(
            "{dir}: its scheduler config asks for more than plain DDIM (clipping, thresholding, other timesteps \
             or another solver); sample it with `sample --model {dir} --npz FILE`, which follows the config, and \
             give the file to --samples"
        ),
        UnsuitableModel::StudentSampler { sampler } => {
            format!("--sampler {sampler}: {dir} is a student, distilled for ddim; leave it out")
        }
        UnsuitableModel::StudentSteps { steps, own } => {
            format!(
                "--steps {steps}: {dir} is a student of {}; leave it out",
                counted(*own, "step")
            )
        }
        UnsuitableModel::OwnTimesteps { sampler } => format!(
            "--sampler {sampler}: chooses its own timesteps; sample with `sample --sampler {sampler} --npz FILE` \
             and give the file to --samples"
        ),
        UnsuitableModel::Steps { steps, problem } => format!("--steps {steps}: {problem}"),
        UnsuitableModel::StudentLikelihood => format!(
            "--likelihood: {dir} is a student, which knows only the timesteps of its own grid; name its teacher"
        ),
        UnsuitableModel::EpsilonOfNoise => format!("--model: {problem}"),
        UnsuitableModel::ImageShape { .. } | UnsuitableModel::NoClasses { .. } => {
            format!("--reference: {problem}")
        }
    })
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
            "no {}, {} and {}: they take images, and --reference has statistics",
            kernel.title, precision.title, recall.title
        ),
        MissingScore::PrecisionRecall { needed, side, found } => format!(
            "no {} and {}: they take at least {needed} images of each side; {} has {}",
            precision.title,
            recall.title,
            side_name(side),
            counted(found, "image")
        ),
        MissingScore::InceptionScore { needed, found } => format!(
            "no Inception score: it takes at least {needed} generated images; there are {found}"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_score_is_named_with_the_side_that_lacks_images() {
        let (side, found) = (ComparedSide::Real, 3);
        let few = MissingScore::PrecisionRecall { needed: 4, side, found };
        assert_eq!(
            missing_score(FeatureKind::Pixels, few),
            "no precision by pixels and recall by pixels: they take at least 4 images of each side; \
             --reference has 3 images"
        );
        assert_eq!(
            missing_score(FeatureKind::Inception, MissingScore::NeedsRealImages),
            "no KID, precision and recall: they take images, and --reference has statistics"
        );
        let few = MissingScore::InceptionScore { needed: 10, found: 9 };
        assert!(missing_score(FeatureKind::Inception, few).contains("there are 9"));
    }

    #[test]
    fn errors_name_the_flag_and_stops_stay_stops() {
        let few = |side| advise(EvalError::TooFewImages { needed: 2, side, found: 1 }).to_string();
        assert!(few(ComparedSide::Real).ends_with("--reference has 1 image"));
        assert!(few(ComparedSide::Generated).ends_with("the generated side has 1 image"));
        let problem = UnsuitableModel::StudentSteps { steps: 8, own: 4 };
        let student = advise(EvalError::Unsuitable { dir: "m".into(), problem }).to_string();
        assert_eq!(student, "--steps 8: m is a student of 4 steps; leave it out");
        let stopped = advise(EvalError::Stopped);
        assert!(matches!(stopped.downcast_ref(), Some(EvalError::Stopped)));
    }
}
