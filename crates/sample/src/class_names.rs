//! Classes by name or by number.

use halfstep_data::{DataError, Dataset, list_classes};
use halfstep_model::{ClassInput, ModelFolder};

use halfstep_core::nearest_name;

/// Classes that an error lists.
const LISTED: usize = 40;

/// A class that a model does not have, or a name of several classes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClassError {
    /// No class has this name.
    #[error(
        "the model has no class \"{asked}\"{}; its classes are {known}",
        did_you_mean(suggestion)
    )]
    Unknown {
        /// What was asked for.
        asked: String,
        /// The classes that there are, with their numbers.
        known: String,
        /// The most alike of them, if any is alike.
        suggestion: Option<String>,
    },
    /// A name, where classes have none.
    #[error("\"{asked}\" is not a number, and this model's classes have no names")]
    Unnamed {
        /// What was asked for.
        asked: String,
    },
    /// A number that is too large.
    #[error("{asked}: the model has classes 0 to {}", classes - 1)]
    OutOfRange {
        /// What was asked for.
        asked: String,
        /// How many classes there are.
        classes: usize,
    },
    /// Several classes have this name.
    #[error("several classes are called \"{asked}\": {known}")]
    Ambiguous {
        /// What was asked for.
        asked: String,
        /// The classes that there are, with their numbers.
        known: String,
    },
}

fn did_you_mean(suggestion: &Option<String>) -> String {
    suggestion.as_ref().map_or(String::new(), |name| format!(" (did you mean \"{name}\"?)"))
}

/// The classes of a model.
#[derive(Clone, Copy, Debug)]
pub struct ClassNames<'a> {
    names: &'a [String],
    /// How many classes there are; `None` if the model takes any number.
    count: Option<usize>,
}

impl<'a> ClassNames<'a> {
    /// Those of a class-conditional model; `None` for any other.
    pub fn from_model(model: &'a ModelFolder) -> Option<Self> {
        let count = match model.unet.config().class_input() {
            ClassInput::None => return None,
            ClassInput::Table(count) => Some(count),
            ClassInput::Number => None,
        };
        Some(Self { names: &model.halfstep.class_names, count })
    }

    /// The number of the class that is called `asked`.
    ///
    /// A name comes first. A number is then the class's number, except where classes are *named* by
    /// numbers: there `2` is the class whose name has this value (`2`, `02`) and no other.
    ///
    /// # Errors
    /// [`ClassError`].
    pub fn number(&self, asked: &str) -> Result<u32, ClassError> {
        let by_name = self.only(asked, |name| name == asked)?;
        let found = match (by_name, digits(asked)) {
            (None, Some(value)) => self.only(asked, |name| digits(name) == Some(value))?,
            (found, _) => found,
        };
        match found {
            Some(number) => Ok(number),
            None => self.plain_number(asked),
        }
    }

    /// The numbers of classes that are listed with commas between them, in one piece or several. A piece
    /// that is a class's name as it stands is not taken apart.
    ///
    /// # Errors
    /// [`ClassError`] for the first that is not known.
    pub fn numbers(&self, asked: &[String]) -> Result<Vec<u32>, ClassError> {
        let pieces = asked.iter().flat_map(|piece| match self.names.contains(piece) {
            true => vec![piece.as_str()],
            false => piece.split(',').map(str::trim).collect(),
        });
        pieces.map(|piece| self.number(piece)).collect()
    }

    /// `cat (3), dog (5)`; a class without a name is its number.
    pub fn describe(&self, numbers: &[u32]) -> String {
        let one = |&number: &u32| match self.names.get(number as usize) {
            Some(name) if *name != number.to_string() => format!("{name} ({number})"),
            _ => number.to_string(),
        };
        numbers.iter().map(one).collect::<Vec<_>>().join(", ")
    }

    /// The dataset with the labels that this model gives to its classes, by their names. Unlabelled data, and
    /// data for a model whose classes have no names, stays as it is.
    ///
    /// # Errors
    /// [`DataError::Dataset`] naming a class that the model does not know.
    pub fn label(&self, dataset: Dataset) -> Result<Dataset, DataError> {
        let same = self.names.is_empty() || dataset.class_names() == self.names;
        if same || dataset.labels().is_none() {
            Ok(dataset)
        } else {
            dataset.labelled_by(self.names)
        }
    }

    /// The only class whose name is as wanted, if any is.
    fn only(&self, asked: &str, wanted: impl Fn(&str) -> bool) -> Result<Option<u32>, ClassError> {
        let mut found = (0..).zip(self.names).filter(|(_, name)| wanted(name));
        match (found.next(), found.next()) {
            (first, None) => Ok(first.map(|(number, _)| number)),
            (_, Some(_)) => {
                Err(ClassError::Ambiguous { asked: asked.to_owned(), known: self.known() })
            }
        }
    }

    /// A class by its number. Where names are numbers, only one beyond the names.
    fn plain_number(&self, asked: &str) -> Result<u32, ClassError> {
        let number = asked.parse::<u32>().ok();
        let named_by_numbers = self.names.iter().any(|name| digits(name).is_some());
        let free = |number: u32| !named_by_numbers || number as usize >= self.names.len();
        match (number, self.count) {
            (Some(number), None) if free(number) => Ok(number),
            (Some(number), Some(count)) if free(number) && (number as usize) < count => Ok(number),
            (_, Some(classes)) if digits(asked).is_some() && !named_by_numbers => {
                Err(ClassError::OutOfRange { asked: asked.to_owned(), classes })
            }
            _ if self.names.is_empty() => Err(ClassError::Unnamed { asked: asked.to_owned() }),
            _ => {
                let suggestion = nearest_name(asked, self.names.iter().map(String::as_str));
                let suggestion = suggestion.map(str::to_owned);
                Err(ClassError::Unknown {
                    asked: asked.to_owned(),
                    known: self.known(),
                    suggestion,
                })
            }
        }
    }

    fn known(&self) -> String {
        list_classes(self.names, LISTED)
    }
}

/// The digits of a whole number without leading zeros; `None` for anything else.
fn digits(text: &str) -> Option<&str> {
    let whole = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    whole.then(|| text.trim_start_matches('0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(names: &[&str], count: Option<usize>, asked: &str) -> Result<u32, String> {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        ClassNames { names: &names, count }.number(asked).map_err(|error| error.to_string())
    }

    #[test]
    fn names_and_numbers() {
        let animals = ["cat", "dog", "T-shirt/top"];
        assert_eq!(ask(&animals, Some(3), "dog"), Ok(1));
        assert_eq!(ask(&animals, Some(3), "T-shirt/top"), Ok(2));
        assert_eq!(ask(&animals, Some(3), "2"), Ok(2));
        let message = ask(&animals, Some(3), "3").unwrap_err();
        assert!(message.contains("3: the model has classes 0 to 2"), "{message}");
        let message = ask(&animals, Some(3), "Dogs").unwrap_err();
        assert!(message.contains(
            "no class \"Dogs\" (did you mean \"dog\"?); its classes are 0 cat, 1 dog, 2"
        ));
        assert!(ask(&animals, Some(3), "").unwrap_err().contains("no class \"\""));
    }

    #[test]
    fn classes_named_by_numbers_are_their_names() {
        // As an earlier version numbered the folders 0, 1, 2, 10.
        let earlier = ["0", "1", "10", "2"];
        assert_eq!(ask(&earlier, Some(4), "2"), Ok(3));
        assert_eq!(ask(&earlier, Some(4), "10"), Ok(2));
        let from_one = ["1", "2", "3"];
        assert_eq!(ask(&from_one, Some(3), "1"), Ok(0));
        let message = ask(&from_one, Some(3), "0").unwrap_err();
        assert!(
            message.contains("no class \"0\"") && message.contains("0 1, 1 2, 2 3"),
            "{message}"
        );
        assert_eq!(ask(&["00", "01", "02"], Some(3), "2"), Ok(2));
        assert_eq!(ask(&["1", "01"], Some(2), "01"), Ok(1));
        assert!(ask(&["1", "01"], Some(2), "001").unwrap_err().contains("several classes"));
        assert!(ask(&["x", "x"], Some(2), "x").unwrap_err().contains("several classes"));
        // A table with room for more than the data had: those have no names.
        assert_eq!(ask(&from_one, Some(5), "4"), Ok(4));
        assert_eq!(ask(&from_one, Some(4), "3"), Ok(2));
    }

    #[test]
    fn classes_without_names_are_numbers() {
        assert_eq!(ask(&[], Some(3), "2"), Ok(2));
        assert_eq!(ask(&[], None, "4000000000"), Ok(4_000_000_000));
        assert!(ask(&[], Some(3), "99999999999999999999").unwrap_err().contains("0 to 2"));
        assert!(ask(&[], Some(3), "cat").unwrap_err().contains("no names"));
        assert!(ask(&[], None, "-1").unwrap_err().contains("not a number"));
    }

    #[test]
    fn lists_are_taken_apart_at_commas_that_are_in_no_name() {
        let names = ["cat", "dog", "cats, big"].map(String::from);
        let classes = ClassNames { names: &names, count: Some(3) };
        let numbers = |asked: &[&str]| {
            let asked: Vec<String> = asked.iter().map(ToString::to_string).collect();
            classes.numbers(&asked)
        };
        assert_eq!(numbers(&["cat,dog,2"]), Ok(vec![0, 1, 2]));
        assert_eq!(numbers(&["cats, big", "dog, cat"]), Ok(vec![2, 1, 0]));
        assert!(numbers(&["cat,"]).is_err());
        assert_eq!(classes.describe(&[1, 0]), "dog (1), cat (0)");
    }
}
