//! `--likelihood`: bits per dimension of a model.

use anyhow::{Context, bail};
use halfstep_core::counted;
use halfstep_data::{DataConfig, Dataset, Split};
use halfstep_model::ModelOutline;
use halfstep_sample::GammaTable;
use halfstep_sample::cli::load_dataset;

use super::advice::advise;
use super::args::{Args, LikelihoodMethod};
use super::session::Session;
use super::{inputs, output};
use crate::likelihood::ModelLikelihood;

/// Default number of images.
const DEFAULT_COUNT: usize = 100;
/// Default steps of the two methods.
const BOUND_STEPS: usize = 128;
const ODE_STEPS: usize = 64;

pub(super) fn run(session: &Session<'_>, method: LikelihoodMethod) -> anyhow::Result<()> {
    let args = session.args;
    let dir = args.model.as_deref().context("--model is missing")?;
    let name = args.reference.as_deref().context("--reference is missing")?;
    let outline = ModelOutline::read(dir)?;
    let model = session.load(dir, &outline)?;
    ModelLikelihood::check_model(dir, &model).map_err(advise)?;
    let data = likelihood_data(args, name, method)?;
    let likelihood = ModelLikelihood::new(
        dir,
        &model,
        outline.sha256()?,
        load_dataset(&data.judged, false)?,
        data.calibration,
        session.context,
    )
    .map_err(advise)?;
    let most = likelihood.dataset().len().saturating_sub(data.kept_back).max(1);
    let count = match args.count.map(|count| count as usize) {
        Some(count) if count > most => {
            bail!("--count {count}: the dataset has {}", counted(most, "image"))
        }
        count => count.unwrap_or(DEFAULT_COUNT.min(most)),
    };
    let steps = args.steps.map(|steps| steps as usize);
    let estimates = match method {
        LikelihoodMethod::Bound => {
            let steps = steps.unwrap_or(BOUND_STEPS.min(model.schedule.len()));
            let table = GammaTable::load(dir, &model.schedule)?;
            likelihood.bounds(&table, steps, count).map_err(advise)?
        }
        LikelihoodMethod::Ode => {
            vec![likelihood.density(steps.unwrap_or(ODE_STEPS), count).map_err(advise)?]
        }
    };
    let table = output::likelihood_table(likelihood.dataset().name(), &estimates);
    halfstep_terminal::answer!("{}", table.trim_end());
    output::write_json(args.json.as_deref(), &output::likelihood_json(&estimates).to_string())
}

/// The images of a likelihood.
struct LikelihoodData {
    /// The dataset whose likelihood is computed.
    judged: DataConfig,
    /// Where the bound measures the network's errors, if that is another split.
    calibration: Option<Dataset>,
    /// Last images of `judged` that the bound measures errors on, so that they are not judged.
    kept_back: usize,
}

/// `--reference` and `--split`, by default the images that were held back from training.
fn likelihood_data(
    args: &Args,
    name: &str,
    method: LikelihoodMethod,
) -> anyhow::Result<LikelihoodData> {
    let Some(mut judged) = inputs::dataset(args, name)? else {
        let known = DataConfig::NAMES.join(", ");
        bail!("--reference {name}: a likelihood needs one of {known}");
    };
    if args.split.is_none() {
        judged = judged.clone().of_split(Split::Test).unwrap_or(judged);
    }
    let (calibration, kept_back) = match (method, judged.split()) {
        (LikelihoodMethod::Bound, Some(Split::Test)) => (judged.clone().of_split(Split::Train), 0),
        (LikelihoodMethod::Bound, _) => (None, ModelLikelihood::CALIBRATION_IMAGES),
        (LikelihoodMethod::Ode, _) => (None, 0),
    };
    let calibration = calibration.map(|train| load_dataset(&train, false)).transpose()?;
    Ok(LikelihoodData { judged, calibration, kept_back })
}
