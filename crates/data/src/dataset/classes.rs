//! The classes of a dataset: which number means which.

use std::fmt::Write as _;
use std::sync::OnceLock;

use super::Dataset;
use crate::DataError;

/// Classes with their numbers, for people: `0 cat, 1 dog`. `0 to 9` where every class is called by its own
/// number; of more than `most` classes the first are listed and the others counted. A name that would
/// be misread is quoted.
pub fn list_classes(names: &[String], most: usize) -> String {
    let own_number = |(number, name): (usize, &String)| *name == number.to_string();
    if names.len() > 1 && names.iter().enumerate().all(own_number) {
        return format!("0 to {}", names.len() - 1);
    }
    let mut text = String::new();
    for (number, name) in names.iter().enumerate().take(most) {
        let comma = if number == 0 { "" } else { ", " };
        // Writing to a String cannot fail.
        let _ = write!(text, "{comma}{number} {}", quoted(name));
    }
    if names.len() > most {
        let _ = write!(text, " and {} more", names.len() - most);
    }
    text
}

/// A class's name as it is, or quoted where it holds a comma, a quote, or what no terminal shows.
fn quoted(name: &str) -> String {
    let plain = |c: char| !c.is_control() && !",\"`".contains(c);
    match !name.is_empty() && name.trim() == name && name.chars().all(plain) {
        true => name.to_owned(),
        false => format!("{name:?}"),
    }
}

impl Dataset {
    /// These images as they were numbered when `sha256` was their identity: as they are, or with the
    /// classes in the order of their names' bytes (`10` before `2`), which earlier versions gave to the
    /// classes of a folder.
    #[must_use]
    pub fn known_as(self, sha256: &str) -> Self {
        if self.sha256() == sha256 {
            return self;
        }
        let mut names = self.class_names.clone();
        names.sort_unstable();
        match self.in_order(&names) {
            Some(earlier) if earlier.sha256() == sha256 => earlier,
            _ => self,
        }
    }

    /// The same images with the labels that a model gives them which calls its classes by `names`, in the
    /// order of their numbers.
    ///
    /// # Errors
    /// [`DataError::Dataset`] naming a class that is not among `names`, or if there are no classes.
    pub fn labelled_by(mut self, names: &[String]) -> Result<Self, DataError> {
        let number = |name: &String| names.iter().position(|other| other == name);
        let mut numbers = Vec::new();
        for name in &self.class_names {
            let Some(number) = number(name) else {
                let (name, known) = (quoted(name), list_classes(names, 40));
                let problem = format!("the model knows no class {name}; its classes are {known}");
                return Err(DataError::Dataset { name: self.name, problem });
            };
            numbers.push(number as u32);
        }
        let Some(labels) = &mut self.labels else {
            let problem = "has no classes, and the model is told them".to_owned();
            return Err(DataError::Dataset { name: self.name, problem });
        };
        for label in labels {
            *label = numbers[*label as usize];
        }
        self.num_classes = Some(names.len());
        self.class_names = names.to_vec();
        self.sha256 = OnceLock::new(); // labels are part of the identity
        Ok(self)
    }

    /// Numbered in the order of `names`, the images class after class; `None` unless these are its names.
    fn in_order(&self, names: &[String]) -> Option<Self> {
        if names.len() != self.class_names.len() {
            return None;
        }
        let relabelled = self.clone().labelled_by(names).ok()?;
        let labels = relabelled.labels.as_deref()?;
        let mut order: Vec<usize> = (0..self.len()).collect();
        order.sort_by_key(|&i| labels[i]); // stable: within a class as before
        Some(Self {
            pixels: order.iter().flat_map(|&i| self.image(i)).copied().collect(),
            labels: Some(order.iter().map(|&i| labels[i]).collect()),
            sha256: OnceLock::new(),
            ..relabelled
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(of: &[&str]) -> Vec<String> {
        of.iter().map(ToString::to_string).collect()
    }

    /// Three classes of one, two and one images.
    fn counted() -> Dataset {
        let labels = Some(vec![0, 1, 1, 2]);
        let data = Dataset::new("x", [1, 1, 1], vec![1, 20, 21, 100], labels, Some(3)).unwrap();
        data.with_class_names(names(&["1", "2", "10"])).unwrap()
    }

    #[test]
    fn classes_are_listed_with_their_numbers() {
        assert_eq!(list_classes(&names(&["cat", "dog"]), 9), "0 cat, 1 dog");
        assert_eq!(list_classes(&names(&["0", "1", "2"]), 1), "0 to 2");
        assert_eq!(list_classes(&names(&["1", "2"]), 9), "0 1, 1 2");
        assert_eq!(list_classes(&names(&["a", "b", "c"]), 2), "0 a, 1 b and 1 more");
        let odd = ["a, b", "`x`", "\u{1b}[31m", " c", ""];
        let listed = "0 \"a, b\", 1 \"`x`\", 2 \"\\u{1b}[31m\", 3 \" c\", 4 \"\"";
        assert_eq!(list_classes(&names(&odd), 9), listed);
    }

    #[test]
    fn what_an_earlier_version_read_is_recognised() {
        let labels = Some(vec![0, 1, 2, 2]);
        let earlier = Dataset::new("x", [1, 1, 1], vec![1, 100, 20, 21], labels, Some(3)).unwrap();
        let found = counted().known_as(earlier.sha256());
        assert_eq!(found.sha256(), earlier.sha256());
        assert_eq!(found.class_names(), ["1", "10", "2"]);
        for sha256 in [counted().sha256(), "1234"] {
            assert_eq!(counted().known_as(sha256).sha256(), counted().sha256());
        }
        let plain = || Dataset::new("x", [1, 1, 1], vec![1, 2], None, None).unwrap();
        assert_eq!(plain().known_as("1234").sha256(), plain().sha256());
    }

    #[test]
    fn labels_follow_the_names_of_a_model() {
        let found = counted().labelled_by(&names(&["10", "2", "other", "1"])).unwrap();
        assert_eq!((found.labels(), found.num_classes()), (Some(&[3, 1, 1, 0][..]), Some(4)));
        assert_eq!(found.image(3), [100], "the images stay where they are");
        let message = counted().labelled_by(&names(&["1", "2"])).unwrap_err().to_string();
        assert!(message.contains("no class 10; its classes are 0 1, 1 2"), "{message}");
    }
}
