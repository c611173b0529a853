//! The parts of a run: the teacher, then one round per halving of its sampling steps.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A part of a run, which ends with a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Stage {
    /// The teacher learns from images.
    Teacher,
    /// A student learns to match in `num_steps` sampling steps what the previous model does in twice as many.
    Round {
        /// The round's number, from 1.
        index: usize,
        /// Sampling steps of the student.
        num_steps: usize,
    },
}

/// Half of `teacher_steps`, half of that, and so on, as long as halving gives a whole number. 0 gives endless zeros.
pub fn halvings(teacher_steps: usize) -> impl Iterator<Item = usize> {
    let half = |steps: usize| steps.is_multiple_of(2).then_some(steps / 2);
    std::iter::successors(half(teacher_steps), move |&steps| half(steps))
}

impl Stage {
    /// The teacher, then the rounds whose students have these sampling steps.
    pub fn all(rounds: &[usize]) -> Vec<Self> {
        let students = rounds.iter().enumerate();
        let rounds = students.map(|(i, &num_steps)| Self::Round { index: i + 1, num_steps });
        std::iter::once(Self::Teacher).chain(rounds).collect()
    }

    /// The stage's number: 0 for the teacher, then 1, 2, ...
    pub fn index(self) -> usize {
        match self {
            Self::Teacher => 0,
            Self::Round { index, .. } => index,
        }
    }

    /// Sampling steps of the student; `None` for the teacher.
    pub fn num_steps(self) -> Option<usize> {
        match self {
            Self::Teacher => None,
            Self::Round { num_steps, .. } => Some(num_steps),
        }
    }

    /// The model's folder inside the run folder: `teacher`, `students/0032`.
    pub fn folder(self) -> String {
        match self {
            Self::Teacher => "teacher".to_owned(),
            Self::Round { num_steps, .. } => format!("students/{num_steps:04}"),
        }
    }

    /// [`folder`](Self::folder) as one name, for files about the stage: `teacher`, `students_0032`.
    pub fn flat_name(self) -> String {
        self.folder().replace('/', "_")
    }

    /// The seed of everything random in this stage. Stages must not share streams: a round would
    /// see the very noises its teacher learned from.
    pub fn seed(self, run_seed: u64) -> u64 {
        // The golden-ratio constant of SplitMix64 spreads neighbouring stages over all bits.
        run_seed.wrapping_add((self.index() as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15))
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Teacher => f.write_str("teacher"),
            Self::Round { num_steps, .. } => write!(f, "student {num_steps}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_have_their_own_folders_and_seeds() {
        let stages = Stage::all(&[32, 16]);
        let folders: Vec<String> = stages.iter().map(|stage| stage.folder()).collect();
        assert_eq!(folders, ["teacher", "students/0032", "students/0016"]);
        assert_eq!(stages[1].flat_name(), "students_0032");
        let mut seeds: Vec<u64> = stages.iter().map(|stage| stage.seed(5)).collect();
        seeds.dedup();
        assert_eq!(seeds.len(), 3);
        assert_eq!(seeds[0], 5);
    }

    #[test]
    fn halving_ends_at_an_odd_number() {
        assert_eq!(halvings(64).collect::<Vec<_>>(), [32, 16, 8, 4, 2, 1]);
        assert_eq!(halvings(24).collect::<Vec<_>>(), [12, 6, 3]);
        assert_eq!(halvings(1).next(), None);
    }
}
