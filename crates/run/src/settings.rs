//! The settings of a run that its results are shown with.

use std::collections::BTreeMap;
use std::path::Path;

use halfstep_files::read_text;
use serde::Deserialize;

use crate::error::RunError;
use crate::layout::CONFIG;
use crate::stage::{Stage, halvings};

/// Name, seed and stages of a run, read from its `config.toml`. All other settings are skipped.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct RunSettings {
    /// The run's name.
    pub name: String,
    /// The seed of everything random.
    #[serde(default)]
    pub seed: u64,
    teacher: TeacherSettings,
    distill: DistillSettings,
    #[serde(skip)]
    text: String,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
struct TeacherSettings {
    #[serde(default)]
    train_steps: u64,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
struct DistillSettings {
    teacher_steps: usize,
    student_steps: usize,
    train_steps: u64,
    last_train_steps: Option<u64>,
    /// By the student's steps, as text: the name of a TOML table.
    #[serde(default)]
    rounds: BTreeMap<String, RoundSettings>,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
struct RoundSettings {
    train_steps: Option<u64>,
}

impl RunSettings {
    /// Reads the settings of a run folder.
    ///
    /// # Errors
    /// [`RunError::NotRunFolder`] if there are none, [`RunError::Settings`] if they do not parse.
    pub fn read(run: &Path) -> Result<Self, RunError> {
        let path = run.join(CONFIG);
        if !path.is_file() {
            return Err(RunError::NotRunFolder { path: run.to_path_buf() });
        }
        let text = read_text(&path).map_err(RunError::read(&path))?;
        match toml::from_str::<Self>(&text) {
            Ok(settings) => Ok(Self { text, ..settings }),
            Err(error) => Err(RunError::Settings { path, reason: error.to_string() }),
        }
    }

    /// The whole file, with every setting.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Sampling steps of the teacher.
    pub fn teacher_steps(&self) -> usize {
        self.distill.teacher_steps
    }

    /// Sampling steps of each student, in the order of the rounds.
    pub fn student_steps(&self) -> Vec<usize> {
        let least = self.distill.student_steps.max(1);
        halvings(self.distill.teacher_steps).take_while(|&steps| steps >= least).collect()
    }

    /// The teacher and the rounds.
    pub fn stages(&self) -> Vec<Stage> {
        Stage::all(&self.student_steps())
    }

    /// Optimiser steps of a stage. `[distill.rounds.N]` overrides those of the round to N steps. The rounds to 2 and
    /// 1 steps otherwise have `last_train_steps`, by default twice as many as the other rounds.
    pub fn train_steps(&self, stage: Stage) -> u64 {
        let Stage::Round { num_steps, .. } = stage else { return self.teacher.train_steps };
        let distill = &self.distill;
        let own = distill.rounds.get(&num_steps.to_string()).and_then(|round| round.train_steps);
        own.unwrap_or_else(|| match num_steps {
            1 | 2 => distill.last_train_steps.unwrap_or(distill.train_steps.saturating_mul(2)),
            _ => distill.train_steps,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "name = 'digits'\nseed = 3\nunknown = [1]\n[teacher]\ntrain_steps = 1500\n\
                        [distill]\nteacher_steps = 16\nstudent_steps = 1\ntrain_steps = 400\n";

    fn settings(more: &str) -> RunSettings {
        toml::from_str(&format!("{TEXT}{more}")).unwrap()
    }

    fn steps(settings: &RunSettings) -> Vec<u64> {
        settings.stages().into_iter().map(|stage| settings.train_steps(stage)).collect()
    }

    #[test]
    fn stages_and_their_steps_follow_from_the_settings() {
        let usual = settings("");
        assert_eq!((usual.name.as_str(), usual.seed), ("digits", 3));
        assert_eq!(usual.student_steps(), [8, 4, 2, 1]);
        assert_eq!(steps(&usual), [1500, 400, 400, 800, 800]);
        let own = settings(
            "last_train_steps = 900\n[distill.rounds.4]\ntrain_steps = 50\n[distill.rounds.2]\n",
        );
        assert_eq!(steps(&own), [1500, 400, 50, 900, 900]);
    }

    #[test]
    fn a_folder_without_settings_is_no_run_folder() {
        let dir = tempfile::tempdir().unwrap();
        let message = RunSettings::read(dir.path()).unwrap_err().to_string();
        assert!(message.contains("no run folder"), "{message}");
        std::fs::write(dir.path().join(CONFIG), "name = ").unwrap();
        let message = RunSettings::read(dir.path()).unwrap_err().to_string();
        assert!(message.contains("config.toml") && message.contains("damaged"), "{message}");
    }
}
