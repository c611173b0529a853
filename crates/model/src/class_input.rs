//! Class labels: what a network takes, and whether given labels fit.

/// The class labels that a network takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClassInput {
    /// No labels: the network is unconditional.
    None,
    /// One of this many classes, numbered from 0.
    Table(usize),
    /// Any number.
    Number,
}

/// Class labels that do not fit a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LabelError {
    /// Labels for an unconditional network.
    #[error("the model is unconditional and takes no class")]
    Unconditional,
    /// No labels for a class-conditional network.
    #[error("the model is class-conditional and needs a class for every image")]
    Missing,
    /// A label beyond the last class.
    #[error("class {label} does not exist; the last class of the model is {last}")]
    OutOfRange {
        /// The label.
        label: u32,
        /// The largest label that the network takes.
        last: usize,
    },
}

impl ClassInput {
    /// Checks the labels of a batch; `None` is a batch without labels.
    ///
    /// # Errors
    /// [`LabelError`] if labels are given to an unconditional network, missing for a conditional one, or
    /// out of range.
    pub fn check(self, labels: Option<&[u32]>) -> Result<(), LabelError> {
        match (self, labels) {
            (Self::None, Some(_)) => Err(LabelError::Unconditional),
            (Self::Table(_) | Self::Number, None) => Err(LabelError::Missing),
            (Self::Table(classes), Some(labels)) => {
                match labels.iter().find(|&&label| label as usize >= classes) {
                    Some(&label) => {
                        Err(LabelError::OutOfRange { label, last: classes.saturating_sub(1) })
                    }
                    None => Ok(()),
                }
            }
            (Self::None, None) | (Self::Number, Some(_)) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_must_fit_the_network() {
        let table = ClassInput::Table(3);
        for (input, labels) in
            [(ClassInput::None, None), (table, Some(&[2, 0][..])), (ClassInput::Number, Some(&[9]))]
        {
            input.check(labels).unwrap();
        }
        assert_eq!(ClassInput::None.check(Some(&[0])), Err(LabelError::Unconditional));
        assert_eq!(table.check(None), Err(LabelError::Missing));
        assert_eq!(ClassInput::Number.check(None), Err(LabelError::Missing));
        let beyond = LabelError::OutOfRange { label: 3, last: 2 };
        assert_eq!(table.check(Some(&[0, 3])), Err(beyond));
    }
}
