//! The sampler that a model's own scheduler config asks for.

use std::path::Path;

use halfstep_model::{DpmSolver, ModelError, SchedulerConfig};

use crate::error::SampleError;
use crate::methods::{dpm_multistep, dpm_singlestep};
use crate::registry::SamplerKind;

impl SamplerKind {
    /// The solver that a scheduler config of a DPM-Solver class chooses; DDIM for the others, as
    /// diffusers' `DDIMPipeline` takes them.
    ///
    /// # Errors
    /// [`SampleError::Model`] naming `path` and the option, if the solver is not here.
    pub fn of_scheduler(scheduler: &SchedulerConfig, path: &Path) -> Result<Self, SampleError> {
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
            _ => return Err(not_here(solver, path).into()),
        };
        Ok(Self(entry))
    }
}

fn not_here(solver: DpmSolver, path: &Path) -> ModelError {
    let steps = if solver.multistep { "multistep" } else { "singlestep" };
    let noise = if solver.stochastic { "sde-" } else { "" };
    let plus = if solver.in_x0 { "++" } else { "" };
    ModelError::Folder {
        path: path.to_path_buf(),
        problem: format!(
            "asks for {noise}dpmsolver{plus} of order {}, {steps}, which is not supported; choose one of \
             those that are with --sampler",
            solver.order
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(json: &str) -> Result<&'static str, String> {
        let config: SchedulerConfig = serde_json::from_str(json).unwrap();
        let kind = SamplerKind::of_scheduler(&config, Path::new("a.json"));
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
        assert!(none.contains("--sampler") && none.contains("a.json"), "{none}");
    }
}
