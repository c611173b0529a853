//! Configuration files: TOML, overrides, and suggestions for misspelt keys.

use std::path::Path;

use halfstep_core::ScheduleConfig;
use halfstep_core::nearest_name;
use halfstep_data::{DataConfig, expand_home};
use halfstep_model::{Precision, read_text};
use serde::{Deserialize, Serialize};
use toml::{Table, Value};

use crate::config::resolved::ResolvedConfig;
use crate::config::whole_numbers::with_whole_numbers;
use crate::config::{DistillConfig, LogConfig, ModelConfig, TeacherConfig, TrainConfig};
use crate::error::TrainError;
use crate::learner::NonFinite;

/// A configuration file, read and checked: a named run and its images.
#[derive(Clone, Debug)]
pub struct Job {
    /// The name of the run in its plan, report and model cards.
    pub name: String,
    /// The licence in the model cards: an identifier of the Hugging Face Hub, such as `mit`.
    pub license: Option<String>,
    /// Where the images come from; `None` if the caller provides them.
    pub data: Option<DataConfig>,
    /// How the networks are trained.
    pub config: ResolvedConfig,
}

impl Job {
    /// A job whose images the caller provides.
    pub fn new(name: impl Into<String>, config: ResolvedConfig) -> Self {
        Self { name: name.into(), license: None, data: None, config }
    }

    /// Reads and checks a configuration file, then applies `overrides` of the form `a.b=c`.
    ///
    /// # Errors
    /// [`TrainError::File`] if the file cannot be read; [`TrainError::Parse`] with line and column or the
    /// override, and a suggestion for a misspelt key; [`TrainError::Config`] for a value that is out of range
    /// or contradicts another.
    pub fn load(path: &Path, overrides: &[String]) -> Result<Self, TrainError> {
        let text = read_text(path).map_err(|error| TrainError::file(path, error))?;
        Self::parse(&path.display().to_string(), &text, overrides)
    }

    /// As [`Job::load`], from a text; `origin` names the text in errors.
    ///
    /// # Errors
    /// Those of [`Job::load`].
    pub fn parse(origin: &str, text: &str, overrides: &[String]) -> Result<Self, TrainError> {
        JobFile::parse(origin, text, overrides)?.resolve()
    }

    /// The configuration of the images.
    ///
    /// # Errors
    /// [`TrainError::Config`] if there is none, because the caller provides the images.
    pub fn data(&self) -> Result<&DataConfig, TrainError> {
        self.data.as_ref().ok_or_else(|| TrainError::config("data", "is missing"))
    }

    /// The configuration file with every default written out, as text.
    ///
    /// # Errors
    /// [`TrainError::Config`] for a setting that TOML cannot hold.
    pub fn to_toml(&self) -> Result<String, TrainError> {
        toml::to_string(&self.file())
            .map_err(|error| TrainError::config("config", error.to_string()))
    }

    /// The configuration file with every default written out.
    pub(crate) fn file(&self) -> JobFile {
        let TrainConfig { seed, precision, non_finite, model, schedule, teacher, distill, log } =
            self.config.settings.clone();
        JobFile {
            name: self.name.clone(),
            seed,
            precision,
            non_finite,
            license: self.license.clone(),
            data: self.data.clone(),
            model,
            schedule,
            teacher,
            distill,
            log,
        }
    }
}

/// The format of a configuration file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct JobFile {
    pub name: String,
    #[serde(default)]
    pub seed: u64,
    #[serde(default)]
    pub precision: Precision,
    #[serde(default)]
    pub non_finite: NonFinite,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub license: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<DataConfig>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<ModelConfig>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schedule: Option<ScheduleConfig>,
    pub teacher: TeacherConfig,
    pub distill: DistillConfig,
    #[serde(default)]
    pub log: LogConfig,
}

impl JobFile {
    /// Parses a text and applies the overrides; checks syntax, names and types only.
    fn parse(origin: &str, text: &str, overrides: &[String]) -> Result<Self, TrainError> {
        let parse_error = |origin: &str, error: toml::de::Error| TrainError::Parse {
            origin: origin.to_owned(),
            problem: with_suggestion(&error.to_string()),
        };
        if overrides.is_empty() {
            return deserialize(text).map_err(|error| parse_error(origin, error));
        }
        let mut table: Table = toml::from_str(text).map_err(|error| parse_error(origin, error))?;
        for assignment in overrides {
            set(&mut table, assignment)?;
        }
        let merged = format!(
            "{origin} with the overrides {} (line numbers are those of the merged settings)",
            overrides.join(", ")
        );
        // Parsed again as a text, so that errors name a line.
        let text = toml::to_string(&table).unwrap_or_default();
        deserialize(&text).map_err(|error| parse_error(&merged, error))
    }

    /// Checks every setting and resolves the configuration.
    fn resolve(self) -> Result<Job, TrainError> {
        check_name(&self)?;
        let Self { name, seed, precision, non_finite, license, data, .. } = self;
        let Self { model, schedule, mut teacher, distill, log, .. } = self;
        let expanded = |field: &'static str, path: &Path| {
            expand_home(path).map_err(|error| TrainError::config(field, format!("is {error}")))
        };
        let data = match data.as_ref().and_then(DataConfig::dir) {
            Some(dir) => {
                let dir = expanded("data.dir", dir)?;
                data.map(|data| data.in_dir(&dir))
            }
            None => data,
        };
        if let Some(from) = &teacher.from {
            teacher.from = Some(expanded("teacher.from", from)?);
        }
        let settings =
            TrainConfig { seed, precision, non_finite, model, schedule, teacher, distill, log };
        Ok(Job { name, license, data, config: settings.resolve()? })
    }
}

fn check_name(file: &JobFile) -> Result<(), TrainError> {
    let fine = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let JobFile { name, license, .. } = file;
    if let Some(license) =
        license.as_ref().filter(|text| text.is_empty() || !text.chars().all(fine))
    {
        let problem =
            format!("is \"{license}\"; an identifier such as \"mit\" or \"cc-by-4.0\" is expected");
        return Err(TrainError::config("license", problem));
    }
    if name.is_empty() || name.starts_with('.') || !name.chars().all(fine) {
        let problem = format!(
            "is \"{name}\"; it names a folder, so only letters, digits, '-', '_' and '.' are allowed"
        );
        return Err(TrainError::config("name", problem));
    }
    Ok(())
}

/// Parses a configuration. A whole number may be written as a float, such as `2e3`: a text that fails is parsed
/// again with such floats replaced. The error is that of the original text, unless its only fault is such a
/// float.
fn deserialize(text: &str) -> Result<JobFile, toml::de::Error> {
    let original_error = match toml::from_str::<JobFile>(text) {
        Ok(config) => return Ok(config),
        Err(error) => error,
    };
    let Some(text) = with_whole_numbers(text) else { return Err(original_error) };
    let is_float = original_error.message().starts_with("invalid type: floating point");
    toml::from_str(&text).map_err(|error| if is_float { error } else { original_error })
}

/// Applies one override `a.b=c`. The value is TOML; a value that is not valid TOML is taken as a string.
fn set(table: &mut Table, assignment: &str) -> Result<(), TrainError> {
    let wrong = |problem: &str| TrainError::Parse {
        origin: format!("override `{assignment}`"),
        problem: problem.to_owned(),
    };
    let (path, value) = assignment
        .split_once('=')
        .ok_or_else(|| wrong("expected KEY=VALUE, such as teacher.train_steps=100"))?;
    let value = parse_value(value.trim());
    let mut keys: Vec<&str> = path.trim().split('.').collect();
    if keys.iter().any(|key| key.is_empty()) {
        return Err(wrong("the key has an empty part"));
    }
    let last = keys.pop().ok_or_else(|| wrong("the key is empty"))?;
    let mut table = table;
    for key in keys {
        let entry = table.entry(key).or_insert_with(|| Value::Table(Table::new()));
        table = entry.as_table_mut().ok_or_else(|| wrong(&format!("`{key}` is not a section")))?;
    }
    table.insert(last.to_owned(), value);
    Ok(())
}

fn parse_value(text: &str) -> Value {
    toml::from_str::<Table>(&format!("value = {text}"))
        .ok()
        .and_then(|mut table| table.remove("value"))
        .unwrap_or_else(|| Value::String(text.to_owned()))
}

/// Adds help to serde's messages: "did you mean" to "unknown field `x`, expected one of `a`, `b`", and an
/// example to "invalid type: floating point `2.5`, expected u64".
fn with_suggestion(message: &str) -> String {
    let wants_integer =
        ["expected u64", "expected usize"].iter().any(|words| message.contains(words));
    if wants_integer && message.contains("invalid") {
        return format!("{}\na whole number is needed, such as 2000 or 2e3", message.trim_end());
    }
    let mut quoted = message
        .lines()
        .find(|line| line.contains("unknown field") || line.contains("unknown variant"))
        .unwrap_or_default()
        .split('`')
        .skip(1)
        .step_by(2);
    let nearest = quoted.next().and_then(|unknown| nearest_name(unknown, quoted));
    match nearest {
        Some(known) => format!("{}\ndid you mean `{known}`?", message.trim_end()),
        None => message.to_owned(),
    }
}

#[cfg(test)]
const DIGITS: &str = include_str!("../../../../configs/digits.toml");

/// `configs/digits.toml` with these overrides.
#[cfg(test)]
pub(crate) fn digits_job(settings: &[&str]) -> Result<Job, TrainError> {
    let settings: Vec<String> = settings.iter().map(ToString::to_string).collect();
    Job::parse("digits.toml", DIGITS, &settings)
}

/// The training part of [`digits_job`].
#[cfg(test)]
pub(crate) fn digits(settings: &[&str]) -> Result<ResolvedConfig, TrainError> {
    Ok(digits_job(settings)?.config)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str, overrides: &[&str]) -> String {
        let overrides: Vec<String> = overrides.iter().map(ToString::to_string).collect();
        Job::parse("test.toml", text, &overrides).expect_err("must be refused").to_string()
    }

    #[test]
    fn shipped_configs_are_valid_and_resolve_to_themselves() {
        let shipped = [
            DIGITS,
            include_str!("../../../../configs/cifar.toml"),
            include_str!("../../../../configs/cifar-cpu.toml"),
            include_str!("../../../../configs/cifar-gpu.toml"),
            include_str!("../../../../configs/cifar-small.toml"),
            include_str!("../../../../configs/mnist.toml"),
            include_str!("../../../../configs/mnist-gpu.toml"),
            include_str!("../../../../configs/fashion.toml"),
        ];
        for text in shipped {
            let file = Job::parse("shipped", text, &[]).unwrap().file();
            let resolved = toml::to_string(&file).unwrap();
            assert_eq!(Job::parse("resolved", &resolved, &[]).unwrap().file(), file);
        }
    }

    #[test]
    fn a_misspelt_key_gets_a_suggestion_and_a_line() {
        let text = DIGITS.replace("train_steps", "train_stepz");
        let message = refused(&text, &[]);
        assert!(message.contains("did you mean `train_steps`?"), "{message}");
        assert!(message.contains("line"), "{message}");
    }

    #[test]
    fn overrides_reach_every_depth() {
        let overrides =
            ["seed=7", "teacher.ema.decay=0.5", "log.every=3", "distill.weighting={kind=\"x0\"}"];
        let config = digits(&overrides).unwrap();
        assert_eq!((config.seed, config.teacher.ema.decay, config.log.every), (7, 0.5, 3));
        assert_eq!(config.distill.weighting.name(), "x0");
    }

    #[test]
    fn whole_numbers_may_be_written_as_floats() {
        let overrides = ["teacher.train_steps=2e3", "seed=7.0", "teacher.learning_rate=1"];
        let config = digits(&overrides).unwrap();
        let read = (config.teacher.train_steps, config.seed, config.teacher.learning_rate);
        assert_eq!(read, (2000, 7, 1.0));
        assert_eq!(
            digits(&["distill.rounds.4.train_steps=5e2"]).unwrap().round(4).train_steps,
            500
        );
        let text = DIGITS.replace("student_steps = 4", "student_steps = 4.0");
        let read = Job::parse("file", &text, &[]).unwrap();
        assert_eq!(read.config.settings, digits(&[]).unwrap().settings);
        for wrong in ["2.5", "-5", "-2e3", "1e40", "nan", "2e3x"] {
            let message = refused(DIGITS, &[&format!("teacher.train_steps={wrong}")]);
            assert!(message.contains("train_steps = "), "{wrong}: {message}");
            assert!(message.contains("such as 2000 or 2e3"), "{wrong}: {message}");
        }
    }

    /// The float is valid, so the error must be about the misspelt key.
    #[test]
    fn a_mistake_after_a_whole_float_is_the_one_reported() {
        let mut lines: Vec<&str> = DIGITS.lines().collect();
        let at = lines.iter().position(|line| line.starts_with("train_steps = ")).unwrap();
        lines[at] = "train_steps = 2e3\nwarmup_stepz = 5";
        let message = refused(&lines.join("\n"), &[]);
        assert!(message.contains("`warmup_stepz`"), "{message}");
        assert!(message.contains("did you mean `warmup_steps`?"), "{message}");
        // Lines of the file count from 1.
        assert!(message.contains(&format!("line {}", at + 2)), "{message}");
        let message = refused(&lines.join("\n").replace("2e3", "2.5"), &[]);
        assert!(message.contains("train_steps = 2.5"), "{message}");
    }

    #[test]
    fn a_tilde_in_a_path_is_the_home_folder() {
        let home = std::env::home_dir().expect("tests have a home");
        let job = digits_job(&["data={kind=\"mnist\", dir=\"~/mnist\"}"]).unwrap();
        assert_eq!(job.data().unwrap().dir(), Some(home.join("mnist").as_path()));
        let message = refused(DIGITS, &["data={kind=\"mnist\", dir=\"~bob/mnist\"}"]);
        assert!(message.contains("`data.dir` is ~bob/mnist: only ~"), "{message}");
        let message = refused(DIGITS, &["teacher.from=~bob/teacher"]);
        assert!(message.contains("`teacher.from` is ~bob/teacher: only ~"), "{message}");
    }

    #[test]
    fn wrong_values_are_refused_by_name() {
        let cases = [
            ("seed", "seed=maybe"),
            ("precision", "precision=f64"),
            ("distill.teacher_steps", "distill.teacher_steps=48"),
            ("distill.student_steps", "distill.student_steps=3"),
            ("distill.weighting", "distill.weighting={kind=\"min_snr_gamma\", gamma=5.0}"),
            ("distill.weighting", "distill.weighting={kind=\"snr\"}"),
            ("teacher.prediction_type", "teacher.prediction_type=epsilon"),
            ("teacher.accumulate", "teacher.accumulate=7"),
            ("teacher.batch_size", "teacher.batch_size=0"),
            ("teacher.learning_rate", "teacher.learning_rate=-1.0"),
            ("teacher.ema.decay", "teacher.ema.decay=1.5"),
            ("distill.ema.decay", "distill.ema={decay=1.5}"),
            ("distill.ema.min_decay", "distill.ema={min_decay=-0.5}"),
            ("name", "name=../escape"),
            ("teacher.optimizer", "teacher.optimizer.eps=0.0"),
            ("override `seed`", "seed"),
            ("unknown field `sedd`", "sedd=1"),
        ];
        for (needle, assignment) in cases {
            let message = refused(DIGITS, &[assignment]);
            assert!(message.contains(needle), "{assignment}: {message}");
        }
    }
}
