//! Options and grids that do not go with a sampler.

use super::PlanError;
use super::request::SamplingRequest;
use crate::compat::DiffusersForm;
use crate::methods::entry::SamplerOption;
use crate::registry::SamplerKind;
use crate::sampler::GridRule;

impl SamplingRequest {
    /// Refuses an option that none of the samplers takes, and a grid that they do not step on: it is a mistake, not
    /// to be ignored.
    ///
    /// # Errors
    /// [`PlanError::NotTaken`], [`PlanError::NotInDiffusers`], [`PlanError::OwnTimes`], [`PlanError::OwnSteps`].
    pub fn check_options(&self, kinds: &[SamplerKind]) -> Result<(), PlanError> {
        for (option, others) in self.options_given() {
            let samplers: Vec<&'static str> = kinds.iter().map(|kind| kind.name()).collect();
            if !samplers.iter().any(|name| others.contains(name)) {
                return Err(PlanError::NotTaken { option, samplers, others });
            }
        }
        let spacing = self.grid_kind.is_none_or(|kind| kind.spacing().is_some());
        if self.diffusers && (self.timesteps.is_some() || !spacing) {
            return Err(PlanError::NotInDiffusers);
        }
        let grid = self.grid_kind.is_some() || self.timesteps.is_some();
        let steps = self.steps.is_some() || self.calls.is_some();
        match kinds {
            [kind] if kind.grid_rule() == GridRule::Budget && grid => {
                Err(PlanError::OwnTimes { sampler: kind.name() })
            }
            [kind] if kind.grid_rule() == GridRule::Own && (grid || steps) => {
                Err(PlanError::OwnSteps { sampler: kind.name() })
            }
            _ => Ok(()),
        }
    }

    /// The options that are given, by their fields, with the samplers that take them.
    fn options_given(&self) -> impl Iterator<Item = (&'static str, Vec<&'static str>)> {
        let that_take = SamplerKind::that_take;
        let options = [
            ("eta", self.eta.is_some(), that_take(SamplerOption::Eta)),
            ("variance", self.variance.is_some(), that_take(SamplerOption::Variance)),
            ("ode_variable", self.ode_variable.is_some(), that_take(SamplerOption::OdeVariable)),
            ("rtol", self.rtol.is_some(), that_take(SamplerOption::Tolerance)),
            ("atol", self.atol.is_some(), that_take(SamplerOption::Tolerance)),
            ("last_clip", self.last_clip.is_some(), that_take(SamplerOption::Gamma)),
            ("diffusers", self.diffusers, DiffusersForm::names()),
        ];
        options
            .into_iter()
            .filter(|(_, given, _)| *given)
            .map(|(option, _, takers)| (option, takers))
    }
}
