//! A checked configuration, with everything derived from it.

use std::ops::Deref;
use std::sync::Arc;

use halfstep_core::DiscreteSchedule;
use halfstep_data::list_classes;
use halfstep_model::UNetConfig;

use crate::config::TrainConfig;
use crate::config::pretrained::Pretrained;
use crate::error::TrainError;
use halfstep_run::Stage;

/// A checked [`TrainConfig`] with every default filled in, and what is derived from it. It dereferences to its
/// settings.
#[derive(Clone, Debug)]
pub struct ResolvedConfig {
    /// The settings, with every default filled in.
    pub settings: TrainConfig,
    /// The noise levels of every stage.
    pub schedule: DiscreteSchedule,
    /// The pretrained teacher, if the run has one.
    pub(crate) pretrained: Option<Arc<Pretrained>>,
    /// The teacher, then the rounds.
    pub stages: Vec<Stage>,
}

impl Deref for ResolvedConfig {
    type Target = TrainConfig;

    fn deref(&self) -> &TrainConfig {
        &self.settings
    }
}

impl TrainConfig {
    /// Checks every setting, reads the pretrained teacher's folder (except its weights) and fills in the
    /// defaults that depend on other settings.
    ///
    /// # Errors
    /// [`TrainError::Config`] naming the setting, its value and what is accepted;
    /// [`TrainError::Pretrained`] naming the file or field of the teacher's folder that is missing or not
    /// supported.
    pub fn resolve(self) -> Result<ResolvedConfig, TrainError> {
        self.check_network_source()?;
        let pretrained = self.teacher.from.clone().map(Pretrained::read).transpose()?;
        let schedule = self.noise_schedule(pretrained.as_ref())?;
        let settings = self.with_defaults(pretrained.as_ref(), &schedule);
        settings.check(&schedule)?;
        let stages = Stage::all(&settings.rounds());
        Ok(ResolvedConfig { settings, schedule, pretrained: pretrained.map(Arc::new), stages })
    }
}

impl ResolvedConfig {
    /// The UNet for images of `shape` `[C, H, W]`. A class-conditional network has `num_classes` classes.
    ///
    /// # Errors
    /// [`TrainError::Config`] naming the setting that does not fit.
    pub fn network(
        &self,
        shape: [usize; 3],
        num_classes: Option<usize>,
    ) -> Result<UNetConfig, TrainError> {
        match (&self.pretrained, &self.model) {
            (Some(pretrained), _) => pretrained.network(shape, num_classes),
            (None, Some(model)) => model.network(shape, num_classes),
            (None, None) => Err(TrainError::no_network()),
        }
    }

    /// Whether the run adapts a pretrained network to its own prediction type or schedule.
    pub fn adapts(&self) -> bool {
        self.pretrained.is_some() && self.teacher.train_steps > 0
    }

    /// Notes for the user about the pretrained teacher's folder, one line each.
    pub fn pretrained_notes(&self) -> Vec<String> {
        let Some(pretrained) = &self.pretrained else { return Vec::new() };
        let path = pretrained.path.display();
        pretrained.outline.notes.iter().map(|note| format!("{path} {note}")).collect()
    }

    /// Optimiser steps of a stage.
    pub fn stage_steps(&self, stage: Stage) -> u64 {
        match stage {
            Stage::Teacher => self.teacher.train_steps,
            Stage::Round { num_steps, .. } => self.round(num_steps).train_steps,
        }
    }

    /// Refuses images whose class numbers differ from those of the pretrained teacher.
    ///
    /// # Errors
    /// [`TrainError::Config`] naming the class and both numbers.
    pub fn check_classes(&self, names: &[String]) -> Result<(), TrainError> {
        let Some(pretrained) = &self.pretrained else { return Ok(()) };
        let known = &pretrained.outline.halfstep.class_names;
        let Some((name, theirs, ours)) = first_moved(known, names) else { return Ok(()) };
        let problem = format!(
            "is {}, which gives class \"{name}\" the number {theirs}; the data gives it {ours}. Rename the class \
             folders so that they sort in the teacher's order: {}",
            pretrained.path.display(),
            list_classes(known, 100)
        );
        Err(TrainError::config("teacher.from", problem))
    }
}

/// The first class of `names` with another number in `known`: its name, its number in `known`, its number in
/// `names`.
fn first_moved<'a>(known: &[String], names: &'a [String]) -> Option<(&'a str, usize, usize)> {
    names.iter().enumerate().find_map(|(ours, name)| {
        let theirs = known.iter().position(|other| other == name)?;
        (theirs != ours).then_some((name.as_str(), theirs, ours))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_configuration_is_valid() {
        let config = TrainConfig::default().resolve().unwrap();
        assert_eq!(config.stages.len(), 5);
        config.network([3, 32, 32], None).unwrap();
    }

    #[test]
    fn a_class_with_another_number_is_found() {
        let names = |of: &[&str]| of.iter().map(ToString::to_string).collect::<Vec<_>>();
        let (earlier, now) = (names(&["0", "1", "10", "2"]), names(&["0", "1", "2", "10"]));
        assert_eq!(first_moved(&earlier, &now), Some(("2", 3, 2)));
        assert_eq!(first_moved(&now, &now), None);
        // Fewer classes, other classes and a teacher without class names do not conflict.
        assert_eq!(first_moved(&now, &names(&["0", "1"])), None);
        assert_eq!(first_moved(&now, &names(&["cat", "dog"])), None);
        assert_eq!(first_moved(&[], &now), None);
    }
}
