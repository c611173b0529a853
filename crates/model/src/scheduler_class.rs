//! diffusers' scheduler classes: which are known, what each leaves unsaid, which solver each is.

use std::path::Path;

use serde_json::{Value, json};

use crate::error::ModelError;
use crate::scheduler::{SchedulerConfig, wrong};

/// diffusers' schedulers of variance-preserving diffusion in discrete time. They describe the noise
/// schedule alike; the others (VE, flow matching, EDM) mean something else by the same fields.
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

/// # Errors
/// [`ModelError::Folder`] naming `path` and those that are supported.
pub(crate) fn check_class(class: &str, path: &Path) -> Result<(), ModelError> {
    if KNOWN_CLASSES.contains(&class) {
        return Ok(());
    }
    let known = KNOWN_CLASSES.join(", ");
    Err(wrong(path, format!("`_class_name` is \"{class}\"; supported are {known}")))
}

/// What a class means by a field that its file leaves out, where it is not what `DDIMScheduler`
/// means: no solver clips, most spread their times from end to end, PNDM ends at t = 0.
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

/// A solver of the DPM-Solver family, as a scheduler config chooses it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DpmSolver {
    /// 1, 2 or 3.
    pub order: u32,
    /// In x0 (DPM-Solver++) or in eps (DPM-Solver).
    pub in_x0: bool,
    /// From several times, or from calls between two.
    pub multistep: bool,
    /// With noise in every step.
    pub stochastic: bool,
}

impl SchedulerConfig {
    /// The solver that the file chooses, if it is of a DPM-Solver class.
    ///
    /// # Errors
    /// [`ModelError::Folder`] naming `path` and the option that is not supported.
    pub fn dpm_solver(&self, path: &Path) -> Result<Option<DpmSolver>, ModelError> {
        let multistep = match self.class_name.as_str() {
            "DPMSolverMultistepScheduler" => true,
            "DPMSolverSinglestepScheduler" => false,
            _ => return Ok(None),
        };
        let text = |field: &str, default: &'static str| -> String {
            self.other.get(field).and_then(Value::as_str).unwrap_or(default).to_owned()
        };
        let algorithm = text("algorithm_type", "dpmsolver++");
        let solver = text("solver_type", "midpoint");
        let order = self.other.get("solver_order").and_then(Value::as_u64).unwrap_or(2);
        let unsupported = [
            "use_karras_sigmas",
            "use_exponential_sigmas",
            "use_beta_sigmas",
            "use_lu_lambdas",
            "use_flow_sigmas",
        ];
        let refused = |field: &str, value: &str, supported: &str| {
            let problem = format!(
                "`{field}` is {value}; only {supported} is supported. --sampler chooses a solver whatever \
                 this file says"
            );
            Err(wrong(path, problem))
        };
        if let Some(field) =
            unsupported.into_iter().find(|&field| self.other.get(field) == Some(&Value::Bool(true)))
        {
            return refused(field, "true", "false");
        }
        // Its default, minus infinity, is null by now.
        if let Some(least) = self.other.get("lambda_min_clipped").and_then(Value::as_f64) {
            return refused("lambda_min_clipped", &least.to_string(), "-Infinity");
        }
        if solver != "midpoint" {
            return refused("solver_type", &format!("\"{solver}\""), "\"midpoint\"");
        }
        let (in_x0, stochastic) = match algorithm.as_str() {
            "dpmsolver++" => (true, false),
            "dpmsolver" => (false, false),
            "sde-dpmsolver++" => (true, true),
            other => {
                let supported = "dpmsolver++, dpmsolver or sde-dpmsolver++";
                return refused("algorithm_type", &format!("\"{other}\""), supported);
            }
        };
        match u32::try_from(order) {
            Ok(order @ 1..=3) => Ok(Some(DpmSolver { order, in_x0, multistep, stochastic })),
            _ => refused("solver_order", &order.to_string(), "1, 2 or 3"),
        }
    }
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
        let said = read(r#"{"_class_name": "PNDMScheduler", "set_alpha_to_one": true}"#).unwrap();
        assert!(said.set_alpha_to_one);
    }

    #[test]
    fn a_wrong_field_is_named() {
        for (json, words) in [
            (r#"{"prediction_type": "flow_prediction"}"#, ["prediction_type", "flow_prediction"]),
            (r#"{"timestep_spacing": "even"}"#, ["timestep_spacing", "linspace"]),
            (r#"{"beta_start": "low"}"#, ["beta_start", "low"]),
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
        ] {
            let error = solver(rest).unwrap_err();
            assert!(error.contains(word) && error.contains("a.json"), "{error}");
        }
    }
}
