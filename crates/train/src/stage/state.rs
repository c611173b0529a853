//! A saved state: everything a stage needs to continue after the step at which it was saved.

use std::path::Path;

use halfstep_model::{
    ModelError, Precision, SelectedDevice, UNet, UNetConfig, first_not_finite, flat_params,
    load_weights, read_text, save_weights, with_flat_params,
};
use halfstep_run::Stage;
use serde::{Deserialize, Serialize};

use crate::error::TrainError;
use crate::learner::Learner;
use crate::learner::ema::Ema;
use crate::learner::loss_scale::LossScale;
use crate::learner::optimizer::{AdamMoments, AdamW};
use crate::learner::packing::Packing;
use crate::monitor::window::Window;
use crate::stage::recipe::Recipe;
use crate::stage::saved_states::SavedStates;

const FORMAT: u32 = 2;
const COUNTERS: &str = "state.json";
const MODEL: &str = "model.safetensors";
const EMA: &str = "ema.safetensors";
const FIRST: &str = "exp_avg.safetensors";
const SECOND: &str = "exp_avg_sq.safetensors";

/// `state.json`: counters, and which other files the state has.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Counters {
    format: u32,
    /// The stage of the run.
    pub stage: Stage,
    /// Optimiser steps taken in the stage.
    pub step: u64,
    /// Seconds of training, over all starts of the program.
    pub seconds: f64,
    /// The steps since the last line of metrics.
    pub window: Window,
    has_ema: bool,
    has_moments: bool,
    /// The loss scale, if there is one: its factor, and the finite steps since the factor changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    loss_scale: Option<[f32; 2]>,
}

impl Counters {
    /// Reads the counters of a saved state.
    pub fn read(state: &Path) -> Result<Self, TrainError> {
        let path = state.join(COUNTERS);
        let text = read_text(&path).map_err(|error| TrainError::file(&path, error))?;
        let counters: Self = serde_json::from_str(&text).map_err(|error| {
            TrainError::file(
                &path,
                format!("is damaged ({error}); delete the folder to restart this stage"),
            )
        })?;
        if counters.format != FORMAT {
            let problem = format!("has format {}; this version reads {FORMAT}", counters.format);
            return Err(TrainError::file(&path, problem));
        }
        Ok(counters)
    }
}

/// Refuses a network that holds NaN or infinity, which even a finite gradient can cause. `part` names the
/// network in the error.
pub(crate) fn refuse_not_finite(part: &'static str, unet: &UNet) -> Result<(), TrainError> {
    match first_not_finite(unet)? {
        Some(tensor) => Err(TrainError::NotFinite { part, tensor }),
        None => Ok(()),
    }
}

/// Saves a learner atomically. Refuses values that are not finite, because such a state could not be loaded
/// again.
pub(crate) fn save(
    states: &SavedStates,
    learner: &Learner<UNet>,
    stage: Stage,
    seconds: f64,
    window: &Window,
) -> Result<(), TrainError> {
    use burn::module::Module;
    let unet = learner.network.clone().valid();
    let (_, moments) = learner.optimizer.history();
    let counters = Counters {
        format: FORMAT,
        stage,
        step: learner.step,
        seconds,
        window: window.clone(),
        has_ema: learner.ema.is_some(),
        has_moments: moments.is_some(),
        loss_scale: learner.loss_scale.as_ref().map(LossScale::read).transpose()?,
    };
    // Moments and averages have the shapes of the parameters, so each list is saved as a file of weights.
    let network = |values| with_flat_params(unet.clone(), learner.packing.split(values));
    let mut files = vec![(MODEL, unet.clone())];
    files.extend(learner.ema.iter().map(|ema| (EMA, network(ema.values()))));
    if let Some(AdamMoments { first, second }) = moments {
        files.extend([(FIRST, network(first)), (SECOND, network(second))]);
    }
    for (name, unet) in &files {
        refuse_not_finite(name, unet)?;
    }
    states.save(stage, learner.step, |folder| {
        for (name, unet) in &files {
            save_weights(unet, &folder.join(name))?;
        }
        let path = folder.join(COUNTERS);
        let text = serde_json::to_string_pretty(&counters).unwrap_or_default();
        std::fs::write(&path, text).map_err(ModelError::io(&path))
    })
}

/// Loads a learner onto an autodiff device.
pub(crate) fn load(
    state: &Path,
    counters: &Counters,
    unet: &UNetConfig,
    recipe: &Recipe<'_>,
    precision: Precision,
    device: &SelectedDevice,
) -> Result<Learner<UNet>, TrainError> {
    let plain = device.device.clone();
    let fresh = UNet::zeroed(unet, &plain.clone().autodiff())?;
    let packing = Packing::new(&fresh, device);
    let read = |name: &str| -> Result<UNet, TrainError> {
        load_weights(UNet::zeroed(unet, &plain)?, &state.join(name)).map_err(|error| {
            if matches!(error, ModelError::Device { .. }) {
                return error.into();
            }
            let problem =
                format!("is damaged ({error}); delete {} to restart this stage", state.display());
            TrainError::file(&state.join(name), problem)
        })
    };
    let list = |name: &str| Ok::<_, TrainError>(packing.join(flat_params(&read(name)?)));
    let moments = counters
        .has_moments
        .then(|| Ok::<_, TrainError>(AdamMoments { first: list(FIRST)?, second: list(SECOND)? }))
        .transpose()?;
    let ema = match (recipe.ema, counters.has_ema) {
        (Some(schedule), true) => Some(Ema::new(schedule, list(EMA)?)),
        (None, _) => None,
        (Some(_), false) => {
            let problem = "was saved without a moving average, which this stage now uses; delete it to restart the \
                           stage";
            return Err(TrainError::file(state, problem));
        }
    };
    let values = flat_params(&read(MODEL)?);
    Ok(Learner {
        network: with_flat_params(fresh, values),
        optimizer: AdamW::resumed(recipe.optimizer, counters.step, moments),
        ema,
        packing,
        step: counters.step,
        precision,
        loss_scale: match counters.loss_scale {
            Some(values) => Some(LossScale::restored(values, &plain)),
            None => LossScale::needed_by(precision, &plain),
        },
        non_finite: recipe.non_finite,
    })
}
