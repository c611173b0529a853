//! The list of samplers, by name.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use halfstep_model::{DpmSolver, SchedulerConfig};

use crate::error::SampleError;
use crate::methods::entry::{SamplerEntry, SamplerOption};
use crate::methods::options::SamplerOptions;
use crate::methods::{
    adaptive, analytic_dpm, ancestral, angular, ddim, dpm_multistep, dpm_singlestep, euler, heun,
    lms, rk4,
};
use crate::names::UnknownName;
use crate::sampler::{GridRule, Sampler};

/// In the order of the help text; the first is the default.
static ALL: &[SamplerKind] = &[
    SamplerKind(&ddim::ENTRY),
    SamplerKind(&angular::ENTRY),
    SamplerKind(&ancestral::ENTRY),
    SamplerKind(&analytic_dpm::DDPM),
    SamplerKind(&analytic_dpm::DDIM),
    SamplerKind(&dpm_multistep::FIRST),
    SamplerKind(&dpm_multistep::SECOND),
    SamplerKind(&dpm_multistep::THIRD),
    SamplerKind(&dpm_multistep::SECOND_SDE),
    SamplerKind(&dpm_singlestep::SECOND_DATA),
    SamplerKind(&dpm_singlestep::THIRD_DATA),
    SamplerKind(&dpm_singlestep::FIRST),
    SamplerKind(&dpm_singlestep::SECOND),
    SamplerKind(&dpm_singlestep::THIRD),
    SamplerKind(&dpm_singlestep::FAST),
    SamplerKind(&euler::ENTRY),
    SamplerKind(&heun::ENTRY),
    SamplerKind(&rk4::ENTRY),
    SamplerKind(&lms::ENTRY),
    SamplerKind(&adaptive::RK23),
    SamplerKind(&adaptive::RK45),
];

/// A sampler of the list, which a name chooses: `"dpm-solver++-2m".parse::<SamplerKind>()`.
#[derive(Clone, Copy)]
pub struct SamplerKind(&'static SamplerEntry);

impl SamplerKind {
    /// All of them.
    pub fn all() -> &'static [Self] {
        ALL
    }

    /// Its entry in the list.
    pub fn entry(self) -> &'static SamplerEntry {
        self.0
    }

    /// Its short name, such as `ddim`.
    pub fn name(self) -> &'static str {
        self.0.name
    }

    /// One line about it, with the source.
    pub fn about(self) -> &'static str {
        self.0.about
    }

    /// Which grids it steps on.
    pub fn grid_rule(self) -> GridRule {
        self.0.grid
    }

    /// Whether it takes the option.
    pub fn takes(self, option: SamplerOption) -> bool {
        self.0.takes.contains(&option)
    }

    /// The names of those that take the option.
    pub fn that_take(option: SamplerOption) -> Vec<&'static str> {
        Self::all().iter().filter(|kind| kind.takes(option)).map(|kind| kind.name()).collect()
    }

    /// Builds the sampler.
    ///
    /// # Errors
    /// [`SampleError::NeedsGamma`] if the options lack the statistics that Analytic-DPM needs.
    pub fn build(self, options: &SamplerOptions) -> Result<Box<dyn Sampler>, SampleError> {
        (self.0.build)(options)
    }

    /// The solver that a scheduler config of a DPM-Solver class chooses; DDIM for the others, as
    /// diffusers' `DDIMPipeline` takes them. Errors name `path`, the file of the config.
    ///
    /// # Errors
    /// [`SampleError::UnknownSolver`] if the solver is not here, [`SampleError::Model`] for an option that is not
    /// supported.
    pub fn from_scheduler(scheduler: &SchedulerConfig, path: &Path) -> Result<Self, SampleError> {
        let Some(solver) = scheduler.dpm_solver(path)? else { return Ok(Self::default()) };
        let entry = match (solver.stochastic, solver.multistep, solver.in_x0, solver.order) {
            (false, _, true, 1) => &dpm_multistep::FIRST,
            (false, _, false, 1) => &dpm_singlestep::FIRST,
            (false, true, true, 2) => &dpm_multistep::SECOND,
            (false, true, true, 3) => &dpm_multistep::THIRD,
            (true, true, true, 2) => &dpm_multistep::SECOND_SDE,
            (false, false, true, 2) => &dpm_singlestep::SECOND_DATA,
            (false, false, true, 3) => &dpm_singlestep::THIRD_DATA,
            (false, false, false, 2) => &dpm_singlestep::SECOND,
            (false, false, false, 3) => &dpm_singlestep::THIRD,
            _ => return Err(not_here(solver, path)),
        };
        Ok(Self(entry))
    }
}

fn not_here(solver: DpmSolver, path: &Path) -> SampleError {
    let steps = if solver.multistep { "multistep" } else { "singlestep" };
    let noise = if solver.stochastic { "sde-" } else { "" };
    let plus = if solver.in_x0 { "++" } else { "" };
    let solver = format!("{noise}dpmsolver{plus} of order {}, {steps}", solver.order);
    SampleError::UnknownSolver { path: path.to_path_buf(), solver }
}

impl Default for SamplerKind {
    /// DDIM.
    fn default() -> Self {
        ALL[0]
    }
}

impl PartialEq for SamplerKind {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name()
    }
}

impl Eq for SamplerKind {}

impl fmt::Display for SamplerKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Debug for SamplerKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SamplerKind({})", self.name())
    }
}

impl FromStr for SamplerKind {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let found = ALL.iter().copied().find(|kind| kind.name() == name);
        found.ok_or_else(|| UnknownName::new("sampler", name, ALL.iter().map(|kind| kind.name())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entrys_name_and_grid_rule_are_its_samplers() {
        let analytic = crate::AnalyticStatistics {
            posterior_data_variance: std::sync::Arc::new(|_| 0.1),
            linear_betas: false,
            last_clip: None,
        };
        let options = SamplerOptions { analytic: Some(analytic), ..SamplerOptions::default() };
        for kind in SamplerKind::all() {
            let sampler = kind.build(&options).unwrap();
            assert_eq!((sampler.name(), sampler.grid_rule()), (kind.name(), kind.grid_rule()));
        }
    }

    #[test]
    fn a_name_that_is_no_samplers_is_refused_with_those_that_are() {
        let error = "dpm".parse::<SamplerKind>().unwrap_err().to_string();
        assert!(error.contains("no sampler `dpm`") && error.contains("ddim, angular"), "{error}");
    }

    fn kind(json: &str) -> Result<&'static str, String> {
        let config: SchedulerConfig = serde_json::from_str(json).unwrap();
        let kind = SamplerKind::from_scheduler(&config, Path::new("a.json"));
        kind.map(SamplerKind::name).map_err(|error| error.to_string())
    }

    #[test]
    fn a_solvers_config_chooses_the_solver_and_the_others_ddim() {
        let multi = |rest: &str| {
            kind(&format!(r#"{{"_class_name": "DPMSolverMultistepScheduler"{rest}}}"#))
        };
        assert_eq!(kind(r#"{"_class_name": "DDPMScheduler"}"#).unwrap(), "ddim");
        assert_eq!(multi("").unwrap(), "dpm-solver++-2m");
        assert_eq!(multi(r#", "solver_order": 3"#).unwrap(), "dpm-solver++-3m");
        let sde = r#", "algorithm_type": "sde-dpmsolver++""#;
        assert_eq!(multi(sde).unwrap(), "dpm-solver++-2m-sde");
        let single = |rest: &str| {
            kind(&format!(r#"{{"_class_name": "DPMSolverSinglestepScheduler"{rest}}}"#))
        };
        assert_eq!(single("").unwrap(), "dpm-solver++-2s");
        assert_eq!(single(r#", "solver_order": 3"#).unwrap(), "dpm-solver++-3s");
        assert_eq!(single(r#", "algorithm_type": "dpmsolver""#).unwrap(), "dpm-solver-2");
        let none = multi(r#", "algorithm_type": "dpmsolver""#).unwrap_err();
        assert!(none.contains("not supported") && none.contains("a.json"), "{none}");
    }
}
