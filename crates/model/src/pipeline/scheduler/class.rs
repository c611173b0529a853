//! diffusers' scheduler classes: which are known, their defaults, and the solver of each.

use std::path::Path;

use serde_json::{Value, json};

use crate::error::ModelError;
use crate::pipeline::scheduler::{SchedulerConfig, wrong};

/// diffusers' schedulers of variance-preserving diffusion in discrete time. They describe the noise schedule
/// alike; the others (VE, flow matching, EDM) give the same fields another meaning.
const KNOWN_CLASSES: [&str; 8] = [
    "DDIMScheduler",
    "DDPMScheduler",
    "DPMSolverMultistepScheduler",
    "DPMSolverSinglestepScheduler",
    "PNDMScheduler",
    "EulerDiscreteScheduler",
    "DEISMultistepScheduler",
    "UniPCMultistepScheduler",
];

/// Checks that a class is known.
///
/// # Errors
/// [`ModelError::Folder`] naming `path` and the known classes.
pub(crate) fn check_class(class: &str, path: &Path) -> Result<(), ModelError> {
    if KNOWN_CLASSES.contains(&class) {
        return Ok(());
    }
    let known = KNOWN_CLASSES.join(", ");
    Err(wrong(path, format!("`_class_name` is \"{class}\"; supported are {known}")))
}

/// The defaults of a class that differ from those of `DDIMScheduler`: no solver clips, most spread their times
/// from end to end, PNDM ends at t = 0.
pub(crate) fn class_defaults(class: &str) -> Vec<(String, Value)> {
    let mut defaults = match class {
        "DDIMScheduler" | "DDPMScheduler" | "" => Vec::new(),
        "PNDMScheduler" => vec![("set_alpha_to_one", json!(false))],
        _ => vec![("timestep_spacing", json!("linspace"))],
    };
    if !matches!(class, "DDIMScheduler" | "DDPMScheduler" | "") {
        defaults.push(("clip_sample", json!(false)));
    }
    defaults.into_iter().map(|(field, value)| (field.to_owned(), value)).collect()
}

/// A solver of the DPM-Solver family, as a scheduler config describes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DpmSolver {
    /// The order: 1, 2 or 3.
    pub order: u32,
    /// Whether it integrates x0 (DPM-Solver++) or eps (DPM-Solver).
    pub in_x0: bool,
    /// Whether it uses earlier times, or calls between two times.
    pub multistep: bool,
    /// Whether it adds noise in every step.
    pub stochastic: bool,
}

impl SchedulerConfig {
    /// The solver that the file describes; `None` if its class is no DPM-Solver.
    ///
    /// # Errors
    /// [`ModelError::SolverOption`] naming `path` and the option that is not supported.
    pub fn dpm_solver(&self, path: &Path) -> Result<Option<DpmSolver>, ModelError> {
        let multistep = match self.class_name.as_str() {
            "DPMSolverMultistepScheduler" => true,
            "DPMSolverSinglestepScheduler" => false,
            _ => return Ok(None),
        };
        self.refuse_solver_options(multistep, path)?;
        let algorithm = self.text("algorithm_type", "dpmsolver++");
        let (in_x0, stochastic) = match algorithm {
            "dpmsolver++" => (true, false),
            "dpmsolver" => (false, false),
            "sde-dpmsolver++" => (true, true),
            other => {
                let supported = "dpmsolver++, dpmsolver or sde-dpmsolver++";
                return Err(refused(path, "algorithm_type", other, supported));
            }
        };
        let order = self.other.get("solver_order").and_then(Value::as_u64).unwrap_or(2);
        match u32::try_from(order) {
            Ok(order @ 1..=3) => Ok(Some(DpmSolver { order, in_x0, multistep, stochastic })),
            _ => Err(refused(path, "solver_order", &order.to_string(), "1, 2 or 3")),
        }
    }

    /// Refuses options that turn the solver into another method.
    fn refuse_solver_options(&self, multistep: bool, path: &Path) -> Result<(), ModelError> {
        for (field, default, supported) in [
            ("use_karras_sigmas", false, false),
            ("use_exponential_sigmas", false, false),
            ("use_beta_sigmas", false, false),
            ("use_lu_lambdas", false, false),
            ("euler_at_final", false, false),
            // diffusers' singlestep scheduler has another default here than its multistep one.
            ("lower_order_final", multistep, true),
        ] {
            let value = self.other.get(field).and_then(Value::as_bool).unwrap_or(default);
            let overridden =
                field == "lower_order_final" && self.lowers_the_order_anyway(multistep);
            if value != supported && !overridden {
                let supported = if supported { "true" } else { "false" };
                return Err(refused(path, field, &value.to_string(), supported));
            }
        }
        // Its default, minus infinity, was read as null.
        if let Some(least) = self.other.get("lambda_min_clipped").and_then(Value::as_f64) {
            return Err(refused(path, "lambda_min_clipped", &least.to_string(), "-Infinity"));
        }
        match self.text("solver_type", "midpoint") {
            "midpoint" => Ok(()),
            other => Err(refused(path, "solver_type", other, "midpoint")),
        }
    }

    /// diffusers' singlestep scheduler sets `lower_order_final` to true by itself where it ends at the
    /// clean image.
    fn lowers_the_order_anyway(&self, multistep: bool) -> bool {
        !multistep && self.final_sigma_is_zero()
    }

    fn text<'a>(&'a self, field: &str, default: &'a str) -> &'a str {
        self.other.get(field).and_then(Value::as_str).unwrap_or(default)
    }
}

fn refused(path: &Path, field: &'static str, value: &str, supported: &'static str) -> ModelError {
    ModelError::SolverOption { path: path.to_path_buf(), field, value: value.to_owned(), supported }
}

/// Refuses fields that give a scheduler of a known class another meaning.
///
/// # Errors
/// [`ModelError::Folder`] naming `path` and the field.
pub(crate) fn refuse_other_diffusions(
    config: &SchedulerConfig,
    path: &Path,
) -> Result<(), ModelError> {
    let is = |field: &str, value: Value| config.other.get(field) == Some(&value);
    let problem = match () {
        () if is("use_flow_sigmas", json!(true)) => {
            "`use_flow_sigmas` is true: flow matching is not supported"
        }
        () if is("timestep_type", json!("continuous")) => {
            "`timestep_type` is \"continuous\": only discrete times are supported"
        }
        () if is("predict_epsilon", json!(false)) => {
            "`predict_epsilon` is false, which diffusers no longer reads; write \"prediction_type\": \"sample\" in its place"
        }
        () => return Ok(()),
    };
    Err(wrong(path, problem.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<SchedulerConfig, ModelError> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), json).unwrap();
        SchedulerConfig::read(file.path())
    }

    #[test]
    fn what_a_file_leaves_out_is_its_classs() {
        for (class, spacing, clip, to_one) in [
            ("DDIMScheduler", "leading", true, true),
            ("DDPMScheduler", "leading", true, true),
            ("PNDMScheduler", "leading", false, false),
            ("DPMSolverMultistepScheduler", "linspace", false, true),
            ("UniPCMultistepScheduler", "linspace", false, true),
        ] {
            let config = read(&format!(r#"{{"_class_name": "{class}"}}"#)).unwrap();
            assert_eq!(serde_json::to_value(config.timestep_spacing).unwrap(), spacing, "{class}");
            assert_eq!((config.clip_sample, config.set_alpha_to_one), (clip, to_one), "{class}");
        }
        let given = read(r#"{"_class_name": "PNDMScheduler", "set_alpha_to_one": true}"#).unwrap();
        assert!(given.set_alpha_to_one);
    }

    #[test]
    fn a_wrong_field_is_named() {
        for (json, words) in [
            (r#"{"prediction_type": "flow_prediction"}"#, ["prediction_type", "flow_prediction"]),
            (r#"{"timestep_spacing": "even"}"#, ["timestep_spacing", "linspace"]),
            (r#"{"beta_start": "low"}"#, ["beta_start", "low"]),
            (r#"{"use_flow_sigmas": true}"#, ["use_flow_sigmas", "not supported"]),
            (r#"{"timestep_type": "continuous"}"#, ["timestep_type", "discrete"]),
            (r#"{"predict_epsilon": false}"#, ["predict_epsilon", "prediction_type"]),
            (r#"{"_class_name": "ScoreSdeVeScheduler"}"#, ["_class_name", "ScoreSdeVe"]),
        ] {
            let error = read(json).unwrap_err().to_string();
            assert!(words.iter().all(|word| error.contains(word)), "{json}: {error}");
        }
    }

    #[test]
    fn the_solver_is_the_files() {
        let class = r#""_class_name": "DPMSolverMultistepScheduler""#;
        let solver = |rest: &str| {
            let config = read(&format!("{{{class}{rest}}}")).unwrap();
            config.dpm_solver(Path::new("a.json")).map_err(|error| error.to_string())
        };
        let second = DpmSolver { order: 2, in_x0: true, multistep: true, stochastic: false };
        assert_eq!(solver("").unwrap(), Some(second));
        let noisy = solver(r#", "algorithm_type": "sde-dpmsolver++", "solver_order": 1"#);
        assert_eq!(noisy.unwrap(), Some(DpmSolver { order: 1, stochastic: true, ..second }));
        assert_eq!(SchedulerConfig::ddpm().dpm_solver(Path::new("a.json")).unwrap(), None);
        for (rest, word) in [
            (r#", "solver_order": 4"#, "solver_order"),
            (r#", "solver_type": "heun""#, "solver_type"),
            (r#", "algorithm_type": "sde-dpmsolver""#, "algorithm_type"),
            (r#", "lambda_min_clipped": -5.1"#, "lambda_min_clipped"),
            (r#", "use_karras_sigmas": true"#, "use_karras_sigmas"),
            (r#", "euler_at_final": true"#, "euler_at_final"),
            (r#", "lower_order_final": false"#, "lower_order_final"),
        ] {
            let error = solver(rest).unwrap_err();
            assert!(error.contains(word) && error.contains("a.json"), "{error}");
        }
    }

    /// diffusers writes its default of `lower_order_final`, false, into singlestep files.
    #[test]
    fn a_singlestep_file_as_diffusers_writes_it_is_read() {
        let class = r#""_class_name": "DPMSolverSinglestepScheduler", "lower_order_final": false"#;
        let solver = |rest: &str| {
            let config = read(&format!("{{{class}{rest}}}")).unwrap();
            config.dpm_solver(Path::new("a.json")).map_err(|error| error.to_string())
        };
        let second = DpmSolver { order: 2, in_x0: true, multistep: false, stochastic: false };
        assert_eq!(solver(r#", "final_sigmas_type": "zero""#).unwrap(), Some(second));
        assert_eq!(solver("").unwrap(), Some(second));
        let error = solver(r#", "final_sigmas_type": "sigma_min""#).unwrap_err();
        assert!(error.contains("lower_order_final"), "{error}");
    }
}
