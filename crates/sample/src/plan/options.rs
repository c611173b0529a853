//! The sampler of a plan, with its options.

use std::sync::Arc;

use halfstep_core::{NoiseLevel, TimePoint, X0Clip};

use super::planner::Planner;
use super::{PlanError, SamplingPlan};
use crate::analytic::GammaTable;
use crate::compat::{DiffusersForm, diffusers_ddim_targets};
use crate::error::SampleError;
use crate::methods::entry::SamplerOption;
use crate::methods::options::{AnalyticStatistics, SamplerOptions, Tolerance};
use crate::registry::SamplerKind;

impl Planner<'_> {
    /// `num_steps` as asked for: a grid that visits t = 0 and is to end there has a jump less.
    pub(super) fn build(
        &self,
        kind: SamplerKind,
        grid: Vec<TimePoint>,
        num_steps: usize,
    ) -> Result<SamplingPlan, PlanError> {
        let gamma =
            kind.takes(SamplerOption::Gamma).then(|| self.gamma(kind.name())).transpose()?;
        let options = self.options(kind, num_steps, gamma.as_ref())?;
        let sampler = match self.diffusers_form(kind) {
            Some(form) => {
                form.build(kind, &options, self.diffusers_targets(form, &grid, num_steps)?)
            }
            None => kind.build(&options)?,
        };
        Ok(SamplingPlan { kind, sampler, grid, gamma })
    }

    fn options(
        &self,
        kind: SamplerKind,
        num_steps: usize,
        gamma: Option<&Arc<GammaTable>>,
    ) -> Result<SamplerOptions, PlanError> {
        let (request, defaults) = (self.request, SamplerOptions::default());
        let variance = match request.variance {
            Some(variance) => variance,
            None if kind.takes(SamplerOption::Variance) => self
                .model
                .scheduler
                .variance(&self.scheduler_path())
                .map_err(PlanError::Variance)?,
            None => defaults.variance,
        };
        Ok(SamplerOptions {
            num_steps,
            eta: request.eta.unwrap_or(0.0),
            variance,
            clip: self.clip(kind),
            variable: request.ode_variable,
            tolerance: Tolerance {
                relative: request.rtol.unwrap_or(defaults.tolerance.relative),
                absolute: request.atol.unwrap_or(defaults.tolerance.absolute),
            },
            analytic: gamma.map(|table| self.statistics(table.clone())),
        })
    }

    fn diffusers_targets(
        &self,
        form: DiffusersForm,
        grid: &[TimePoint],
        num_steps: usize,
    ) -> Result<Vec<NoiseLevel>, PlanError> {
        let scheduler = &self.model.scheduler;
        if form != DiffusersForm::Ddim {
            // The scheduler that is to be equalled may have options that are not here.
            scheduler.dpm_solver(&self.scheduler_path())?;
            return Ok(Vec::new());
        }
        let times: Vec<usize> =
            grid[..grid.len() - 1].iter().map(|point| point.t as usize).collect();
        let to_one = scheduler.set_alpha_to_one;
        Ok(diffusers_ddim_targets(&self.model.schedule, &times, num_steps, to_one))
    }

    fn clip(&self, kind: SamplerKind) -> Option<X0Clip> {
        let (request, scheduler) = (self.request, &self.model.scheduler);
        let (own, own_max) = scheduler.thresholding();
        let bound = scheduler.clip_sample_range;
        match (request.threshold, request.clip, own) {
            // diffusers writes its default of 1, plain clipping, into configs that do not threshold.
            (Some(ratio), _, None) => Some(X0Clip::Dynamic { ratio, max: f64::INFINITY }),
            (Some(ratio), _, Some(_)) | (None, None, Some(ratio)) => {
                Some(X0Clip::Dynamic { ratio, max: own_max.unwrap_or(1.0) })
            }
            (None, Some(true), _) => Some(X0Clip::Static { bound }),
            (None, Some(false), _) => None,
            // diffusers' DPM-Solver schedulers have no `clip_sample`.
            (None, None, None) if self.diffusers_solver(kind).is_some() => None,
            (None, None, None) => scheduler.clip_sample.then_some(X0Clip::Static { bound }),
        }
    }

    fn statistics(&self, table: Arc<GammaTable>) -> AnalyticStatistics {
        AnalyticStatistics {
            posterior_data_variance: Arc::new(move |at| table.posterior_data_variance(at)),
            linear_betas: self.model.scheduler.has_linear_betas(),
            last_clip: self.request.last_clip,
        }
    }

    /// Read once: it is checked against a hash of the weights.
    pub(super) fn gamma(&self, sampler: &'static str) -> Result<Arc<GammaTable>, PlanError> {
        if let Some(table) = self.gamma.get() {
            return Ok(table.clone());
        }
        let dir = self.request.model_dir.as_deref();
        let dir = dir.ok_or(SampleError::NeedsGamma { sampler })?;
        let table = Arc::new(GammaTable::load(dir, &self.model.schedule)?);
        Ok(self.gamma.get_or_init(|| table).clone())
    }
}
