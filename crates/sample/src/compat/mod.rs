//! diffusers' samplers, where they differ from the published methods: for the same images as a Python program.
//! Nothing here is used unless it is asked for.
//!
//! | diffusers | the method | effect |
//! |---|---|---|
//! | DDIM steps from t to `t - T // N` | to the next listed time | other images unless N divides T and the spacing is leading or trailing |
//! | multistep order 3 takes half of the second derivative, and begins with a step of order 1 | all of it, after a start of order 2 | order 2 instead of 3 |
//! | singlestep calls the network at the grid's own points | at one and two thirds in lambda | order 3 on grids uniform in lambda only; one call a step |
//! | zero terminal SNR starts DPM-Solver at `alpha^2 = 2^-24` | at alpha = 0 | differences in f32's last digits |
//! | DPM-Solver singlestep lists N + 1 times with linspace and leading and drops the last | lists N | another grid |
//! | multistep takes the published step, however long | holds the order back over long steps | other images on grids of few steps |

mod ddim;
mod multistep;
mod singlestep;

pub use ddim::DiffusersDdim;
pub use multistep::DiffusersMultistep;
pub use singlestep::DiffusersSinglestep;

use halfstep_core::{DiscreteSchedule, NoiseLevel, TimePoint, TimestepSpacing, dpm_timesteps};

use crate::error::SampleError;
use crate::methods::ddim::Ddim;
use crate::methods::exponential::{Correction, SolverForm};
use crate::methods::options::SamplerOptions;
use crate::registry::SamplerKind;
use crate::sampler::Sampler;

/// diffusers' form of each sampler that it has.
static FORMS: &[(&str, DiffusersForm)] = &[
    ("ddim", DiffusersForm::Ddim),
    ("dpm-solver++-1", DiffusersForm::Multistep(SolverForm::Data, 1)),
    ("dpm-solver++-2m", DiffusersForm::Multistep(SolverForm::Data, 2)),
    ("dpm-solver++-3m", DiffusersForm::Multistep(SolverForm::Data, 3)),
    ("dpm-solver++-2m-sde", DiffusersForm::Multistep(SolverForm::DataSde, 2)),
    ("dpm-solver++-2s", DiffusersForm::Singlestep(SolverForm::Data, 2)),
    ("dpm-solver++-3s", DiffusersForm::Singlestep(SolverForm::Data, 3)),
    ("dpm-solver-2", DiffusersForm::Singlestep(SolverForm::Noise, 2)),
    ("dpm-solver-3", DiffusersForm::Singlestep(SolverForm::Noise, 3)),
];

/// diffusers' form of a sampler.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum DiffusersForm {
    /// Its `DDIMScheduler`: a step goes elsewhere than to the next time of the grid.
    Ddim,
    /// Its `DPMSolverMultistepScheduler` of an order.
    Multistep(SolverForm, usize),
    /// Its `DPMSolverSinglestepScheduler` of an order: linspace grids only.
    Singlestep(SolverForm, usize),
}

impl DiffusersForm {
    /// That of a sampler, if diffusers has one.
    pub fn from_sampler(kind: SamplerKind) -> Option<Self> {
        FORMS.iter().find(|(name, _)| *name == kind.name()).map(|(_, form)| *form)
    }

    /// The samplers that have one, by name.
    pub fn names() -> Vec<&'static str> {
        FORMS.iter().map(|(name, _)| *name).collect()
    }

    /// Builds it under the sampler's own name. `targets` is where the steps of [`DiffusersForm::Ddim`] go
    /// ([`diffusers_ddim_targets`]).
    pub fn build(
        self,
        kind: SamplerKind,
        options: &SamplerOptions,
        targets: Vec<NoiseLevel>,
    ) -> Box<dyn Sampler> {
        let (name, clip, correction) = (kind.name(), options.clip, Correction::Midpoint);
        match self {
            Self::Ddim => {
                Box::new(DiffusersDdim { ddim: Ddim { eta: options.eta, clip }, targets })
            }
            Self::Multistep(form, order) => {
                let lower_order_final = true;
                Box::new(DiffusersMultistep {
                    name,
                    form,
                    order,
                    correction,
                    lower_order_final,
                    clip,
                })
            }
            Self::Singlestep(form, order) => {
                Box::new(DiffusersSinglestep { name, form, order, correction, clip })
            }
        }
    }
}

/// Where diffusers' DDIM of `num_steps` steps goes from each time: the level at `t - T // N`; below
/// 0 the clean image, or t = 0 without `set_alpha_to_one`.
pub fn diffusers_ddim_targets(
    schedule: &DiscreteSchedule,
    times: &[usize],
    num_steps: usize,
    set_alpha_to_one: bool,
) -> Vec<NoiseLevel> {
    let stride = schedule.len() / num_steps.max(1);
    let target = |&t: &usize| match t.checked_sub(stride) {
        Some(next) => schedule.at(next),
        None if set_alpha_to_one => NoiseLevel::CLEAN,
        None => schedule.at(0),
    };
    times.iter().map(target).collect()
}

/// The grid of diffusers' DPM-Solver schedulers: `final_sigmas_type` is `zero` (the clean image) or
/// `sigma_min` (t = 0).
///
/// # Errors
/// [`SampleError::Timesteps`] if the schedule does not have that many times.
pub fn diffusers_dpm_grid(
    schedule: &DiscreteSchedule,
    spacing: TimestepSpacing,
    num_steps: usize,
    steps_offset: usize,
    ends_clean: bool,
) -> Result<Vec<TimePoint>, SampleError> {
    let times = dpm_timesteps(spacing, num_steps, schedule.len(), steps_offset)?;
    let mut grid = schedule.points(&times);
    if let Some(start) = grid.first_mut().filter(|start| start.level.alpha() == 0.0) {
        start.level = NoiseLevel::from_alpha_bar(2_f64.powi(-24));
    }
    grid.push(if ends_clean { TimePoint::CLEAN } else { schedule.point(0) });
    Ok(grid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_of_a_sampler_of_the_list() {
        for name in DiffusersForm::names() {
            let kind: SamplerKind = name.parse().unwrap();
            let form = DiffusersForm::from_sampler(kind).unwrap();
            let sampler = form.build(kind, &SamplerOptions::default(), Vec::new());
            assert_eq!(sampler.name(), name);
            assert_eq!(
                sampler.is_stochastic(),
                kind.build(&SamplerOptions::default()).unwrap().is_stochastic()
            );
        }
    }
}
