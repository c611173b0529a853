//! From a request and a model to plans.

use std::cell::OnceCell;
use std::path::PathBuf;
use std::sync::Arc;

use halfstep_core::TimePoint;
use halfstep_model::{ModelFiles, ModelFolder};

use super::request::SamplingRequest;
use super::{PlanError, SamplingPlan};
use crate::analytic::GammaTable;
use crate::grids::{DEFAULT_STEPS, GridKind};
use crate::methods::entry::SamplerOption;
use crate::registry::SamplerKind;
use crate::sampler::GridRule;

/// Makes plans for one model from one request: the request's own, and others with its options.
pub struct Planner<'a> {
    pub(super) request: &'a SamplingRequest,
    pub(super) model: &'a ModelFolder,
    pub(super) gamma: OnceCell<Arc<GammaTable>>,
}

impl<'a> Planner<'a> {
    /// Reads nothing yet.
    pub fn new(request: &'a SamplingRequest, model: &'a ModelFolder) -> Self {
        Self { request, model, gamma: OnceCell::new() }
    }

    /// The request's plan: [`SamplingRequest::resolve`].
    ///
    /// # Errors
    /// [`PlanError`].
    pub fn resolve(&self) -> Result<SamplingPlan, PlanError> {
        let kind = match self.request.sampler {
            Some(kind) => kind,
            None => SamplerKind::from_scheduler(&self.model.scheduler, &self.scheduler_path())?,
        };
        self.request.check_options(&[kind])?;
        match &self.model.halfstep.distilled {
            Some(_) => self.of_student(kind),
            None => self.in_steps(kind, self.num_steps(kind)?),
        }
    }

    /// This sampler in this many steps, with the request's options and kind of grid.
    ///
    /// # Errors
    /// [`PlanError`].
    pub fn in_steps(&self, kind: SamplerKind, num_steps: usize) -> Result<SamplingPlan, PlanError> {
        let grid = self.grid(kind, num_steps)?;
        self.build(kind, grid, num_steps)
    }

    /// This sampler on this grid, with the request's options.
    ///
    /// # Errors
    /// [`PlanError`].
    pub fn on_grid(
        &self,
        kind: SamplerKind,
        grid: Vec<TimePoint>,
    ) -> Result<SamplingPlan, PlanError> {
        let num_steps = grid.len().saturating_sub(1);
        self.build(kind, grid, num_steps)
    }

    /// A student takes DDIM's steps on its own grid, unless the request lets it do otherwise.
    fn of_student(&self, kind: SamplerKind) -> Result<SamplingPlan, PlanError> {
        let sampler = kind.name();
        if kind.takes(SamplerOption::Gamma) {
            return Err(PlanError::StudentGamma { sampler });
        }
        let plan = match (self.own_grid(kind), &self.model.halfstep.distilled) {
            (Some(grid), _) => self.on_grid(kind, grid)?,
            (None, Some(own)) if !self.request.off_grid => {
                let (num_steps, timesteps) = (own.num_steps, own.timesteps.clone());
                return Err(PlanError::StudentGrid { num_steps, timesteps });
            }
            (None, _) => self.in_steps(kind, self.num_steps(kind)?)?,
        };
        match plan.sampler.is_ddim() || self.request.off_grid {
            true => Ok(plan),
            false => Err(PlanError::StudentSampler { sampler }),
        }
    }

    /// A student's own grid, unless the request is for another one.
    fn own_grid(&self, kind: SamplerKind) -> Option<Vec<TimePoint>> {
        let (request, own) = (self.request, self.model.halfstep.distilled.as_ref()?);
        let follows_grids = kind.grid_rule().takes_any();
        let same_steps =
            [request.steps, request.calls].iter().flatten().all(|&n| n == own.num_steps);
        let same_kind = request.grid_kind.is_none_or(|kind| kind == GridKind::Trailing);
        let same_times = request.timesteps.as_ref().is_none_or(|times| *times == own.timesteps);
        let same = follows_grids && same_steps && same_kind && same_times;
        self.model.distilled_grid().filter(|_| same)
    }

    fn num_steps(&self, kind: SamplerKind) -> Result<usize, PlanError> {
        let request = self.request;
        if let Some(calls) = request.calls {
            return self.steps_for_calls(kind, calls);
        }
        Ok(match &request.timesteps {
            Some(times) => times.len(),
            None => request.steps.unwrap_or(DEFAULT_STEPS.min(self.model.schedule.len())),
        })
    }

    /// The most steps that take no more network calls.
    fn steps_for_calls(&self, kind: SamplerKind, budget: usize) -> Result<usize, PlanError> {
        if kind.grid_rule() == GridRule::Budget {
            return Ok(budget);
        }
        let calls = |steps: usize| -> Result<usize, PlanError> {
            Ok(self.in_steps(kind, steps)?.calls().unwrap_or(usize::MAX))
        };
        // One step of leading or linspace starts where there is no noise, and is refused; two are not.
        let least = if budget > 1 && calls(1).is_err() { 2 } else { 1 };
        if calls(least)? > budget {
            return Err(PlanError::TooFewCalls { calls: budget, sampler: kind.name() });
        }
        // The calls grow with the steps; more steps than the schedule has do not fit either.
        let (mut fits, mut too_many) = (least, budget + 1);
        while too_many - fits > 1 {
            let middle = fits.midpoint(too_many);
            match calls(middle) {
                Ok(count) if count <= budget => fits = middle,
                _ => too_many = middle,
            }
        }
        Ok(fits)
    }

    /// For messages about the scheduler config.
    pub(super) fn scheduler_path(&self) -> PathBuf {
        let Some(dir) = &self.request.model_dir else { return "scheduler_config.json".into() };
        let files = ModelFiles::read(dir).ok();
        files.and_then(|files| files.scheduler).unwrap_or_else(|| dir.clone())
    }
}

impl SamplingRequest {
    /// The sampler and grid for a model.
    ///
    /// # Errors
    /// [`PlanError`] for options that the sampler does not take, for grids that do not exist, for what a student
    /// was not distilled for, and for a Gamma table that is needed and missing.
    pub fn resolve(&self, model: &ModelFolder) -> Result<SamplingPlan, PlanError> {
        Planner::new(self, model).resolve()
    }
}
