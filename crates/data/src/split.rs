//! The two parts of a published dataset.

use serde::{Deserialize, Serialize};

/// A part of a published dataset.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Split {
    /// The images to learn from.
    #[default]
    Train,
    /// The images held back.
    Test,
}

impl Split {
    /// The name in a configuration file: `train` or `test`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Test => "test",
        }
    }
}
