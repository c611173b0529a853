//! The grid of a plan.

use halfstep_core::{TimePoint, TimestepSpacing, optimal_trajectory};

use super::PlanError;
use super::planner::Planner;
use crate::compat::{DiffusersForm, diffusers_dpm_grid};
use crate::error::SampleError;
use crate::grids::{GridKind, GridLayout, listed_grid};
use crate::methods::entry::SamplerOption;
use crate::registry::SamplerKind;

impl Planner<'_> {
    fn layout(&self) -> GridLayout {
        let own = GridLayout::from_scheduler(&self.model.scheduler);
        GridLayout { kind: self.request.grid_kind.unwrap_or(own.kind), ..own }
    }

    /// The grid of a sampler in this many steps.
    pub(super) fn grid(
        &self,
        kind: SamplerKind,
        num_steps: usize,
    ) -> Result<Vec<TimePoint>, PlanError> {
        let (layout, schedule) = (self.layout(), &self.model.schedule);
        let rule = kind.grid_rule();
        let no_grid = |source| self.no_grid(num_steps, layout.kind, source);
        let grid = match (&self.request.timesteps, self.diffusers_solver(kind)) {
            (Some(times), _) if rule.takes_any() => {
                let listed = listed_grid(schedule, times).map_err(PlanError::Listed)?;
                layout.ended(schedule, listed).map_err(no_grid)?
            }
            (None, Some(form)) => return self.diffusers_grid(kind, form, num_steps),
            (None, None) if rule.takes_any() && layout.kind == GridKind::Optimal => {
                layout.ended(schedule, self.optimal_grid(num_steps)?).map_err(no_grid)?
            }
            _ => layout.grid(schedule, rule, num_steps).map_err(no_grid)?,
        };
        let limited = self.request.last_clip.is_some() && kind.takes(SamplerOption::Gamma);
        match limited && grid.iter().all(|at| at.t != 0.0) {
            true => Err(PlanError::LastClipUnused),
            false => Ok(grid),
        }
    }

    fn no_grid(&self, num_steps: usize, grid_kind: GridKind, source: SampleError) -> PlanError {
        let requested = self.request.steps == Some(num_steps);
        PlanError::NoGrid { num_steps, requested, grid_kind, source }
    }

    fn optimal_grid(&self, num_steps: usize) -> Result<Vec<TimePoint>, PlanError> {
        let (table, schedule) = (self.gamma("an optimal trajectory")?, &self.model.schedule);
        let times = optimal_trajectory(schedule, &table.eps_norm2, table.data_variance, num_steps);
        let requested = self.request.steps == Some(num_steps);
        let times =
            times.map_err(|source| PlanError::NoTrajectory { num_steps, requested, source })?;
        Ok(listed_grid(schedule, &times)?)
    }

    /// diffusers' form of a sampler, if that is wanted and diffusers has one.
    pub(super) fn diffusers_form(&self, kind: SamplerKind) -> Option<DiffusersForm> {
        DiffusersForm::from_sampler(kind).filter(|_| self.request.diffusers)
    }

    /// The same for a DPM-Solver, whose grid lies elsewhere. DDIM's form changes where a step goes.
    pub(super) fn diffusers_solver(&self, kind: SamplerKind) -> Option<DiffusersForm> {
        self.diffusers_form(kind).filter(|form| *form != DiffusersForm::Ddim)
    }

    fn diffusers_grid(
        &self,
        kind: SamplerKind,
        form: DiffusersForm,
        num_steps: usize,
    ) -> Result<Vec<TimePoint>, PlanError> {
        let (layout, scheduler) = (self.layout(), &self.model.scheduler);
        let linspace = self.request.grid_kind.is_none_or(|kind| kind == GridKind::Linspace);
        let spacing = match (form, layout.kind.spacing()) {
            (DiffusersForm::Multistep(..), Some(spacing)) => spacing,
            _ if linspace => TimestepSpacing::Linspace,
            _ => return Err(PlanError::LinspaceOnly { sampler: kind.name() }),
        };
        let clean = scheduler.final_sigma_is_zero();
        let offset = layout.steps_offset;
        diffusers_dpm_grid(&self.model.schedule, spacing, num_steps, offset, clean)
            .map_err(|source| self.no_grid(num_steps, spacing.into(), source))
    }
}
