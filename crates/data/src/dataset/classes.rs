//! The classes of a dataset and their numbers.

use std::fmt::Write as _;
use std::sync::OnceLock;

use super::Dataset;
use crate::DataError;

/// Lists classes with their numbers for people: `0 cat, 1 dog`, or `0 to 9` where every class has its own
/// number as its name. Of more than `most` classes it lists the first and counts the others. It quotes a
/// name that would be misread.
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

/// A class's name, quoted if it holds a comma, a quote, or what no terminal shows.
fn quoted(name: &str) -> String {
    let plain = |c: char| !c.is_control() && !",\"`".contains(c);
    match !name.is_empty() && name.trim() == name && name.chars().all(plain) {
        true => name.to_owned(),
        false => format!("{name:?}"),
    }
}

impl Dataset {
    /// These images with the class numbers that they had when `sha256` was their identity: today's, or those
    /// of [`Dataset::earlier_order`].
    #[must_use]
    pub fn known_as(self, sha256: &str) -> Self {
        match self.earlier(sha256) {
            Some((names, order)) => self.reordered(names, order, sha256),
            None => self,
        }
    }

    /// The classes' names in the order of their bytes (`10` before `2`), if `sha256` was the identity of these
    /// images in that order; `None` if it was not, or if that order is today's. Earlier versions numbered the
    /// class folders in that order.
    pub fn earlier_order(&self, sha256: &str) -> Option<Vec<String>> {
        self.earlier(sha256).map(|(names, _)| names)
    }

    /// The same images with the labels of a model whose classes are called `names`, in the order of their
    /// numbers.
    ///
    /// # Errors
    /// [`DataError::Dataset`] naming a class that is not among `names`, or if there are no classes.
    pub fn labelled_by(mut self, names: &[String]) -> Result<Self, DataError> {
        let numbers = match numbers(&self.class_names, names) {
            Ok(numbers) => numbers,
            Err(name) => {
                let (name, known) = (quoted(name), list_classes(names, 40));
                let problem = format!("the model has no class {name}; its classes are {known}");
                return Err(DataError::Dataset { name: self.name, problem });
            }
        };
        let Some(labels) = &mut self.labels else {
            let problem = "has no classes, but the model needs them".to_owned();
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

    /// The earlier order whose identity is `sha256`: the classes' names, and the images class after class.
    fn earlier(&self, sha256: &str) -> Option<(Vec<String>, Order)> {
        let mut names = self.class_names.clone();
        names.sort_unstable();
        if names == self.class_names || self.sha256() == sha256 {
            return None;
        }
        let order = self.in_order(&names)?;
        let images = order.iter().map(|&(_, i)| self.image(i));
        let labels = order.iter().map(|&(label, _)| label);
        (self.hash_of(images, labels) == sha256).then_some((names, order))
    }

    /// The images class after class, numbered in the order of `names`.
    fn in_order(&self, names: &[String]) -> Option<Order> {
        let numbers = numbers(&self.class_names, names).ok()?;
        let labels = self.labels.as_deref()?.iter().map(|&label| numbers[label as usize]);
        let mut order: Order = labels.zip(0..).collect();
        order.sort_by_key(|&(label, _)| label); // stable: within a class as before
        Some(order)
    }

    /// The images in this order with its labels; `sha256` is their identity in it.
    fn reordered(self, names: Vec<String>, order: Order, sha256: &str) -> Self {
        Self {
            pixels: order.iter().flat_map(|&(_, i)| self.image(i)).copied().collect(),
            labels: Some(order.iter().map(|&(label, _)| label).collect()),
            class_names: names,
            sha256: OnceLock::from(sha256.to_owned()),
            ..self
        }
    }
}

/// Labels, and the positions of their images in a dataset.
type Order = Vec<(u32, usize)>;

/// The number of each of `classes` among `names`.
///
/// # Errors
/// The first class that is not among them.
fn numbers<'a>(classes: &'a [String], names: &[String]) -> Result<Vec<u32>, &'a str> {
    let number = |class: &'a String| {
        let found = names.iter().position(|name| name == class);
        found.map(|number| number as u32).ok_or(class.as_str())
    };
    classes.iter().map(number).collect()
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
        assert_eq!((found.sha256(), found.hashed().as_str()), (earlier.sha256(), earlier.sha256()));
        assert_eq!(found.class_names(), ["1", "10", "2"]);
        for sha256 in [counted().sha256(), "1234"] {
            assert_eq!(counted().known_as(sha256).sha256(), counted().sha256());
        }
        assert_eq!(counted().earlier_order(earlier.sha256()), Some(names(&["1", "10", "2"])));
        assert_eq!(counted().earlier_order(counted().sha256()), None);
        let plain = || Dataset::new("x", [1, 1, 1], vec![1, 2], None, None).unwrap();
        assert_eq!(plain().known_as("1234").sha256(), plain().sha256());
    }

    /// Earlier versions numbered these alike; images that are not class after class are no order of theirs.
    #[test]
    fn names_in_the_order_of_their_bytes_have_no_earlier_order() {
        let of = |pixels: Vec<u8>, labels: Vec<u32>| {
            Dataset::new("x", [1, 1, 1], pixels, Some(labels), Some(2)).unwrap()
        };
        let (mixed, sorted) = (of(vec![1, 0], vec![1, 0]), of(vec![0, 1], vec![0, 1]));
        assert_eq!(mixed.earlier_order(sorted.sha256()), None);
        assert_eq!(mixed.clone().known_as(sorted.sha256()).sha256(), mixed.sha256());
    }

    #[test]
    fn what_a_model_needs_and_a_dataset_lacks_is_said() {
        let plain = Dataset::new("x", [1, 1, 1], vec![1], None, None).unwrap();
        let message = plain.labelled_by(&names(&["1"])).unwrap_err().to_string();
        assert!(message.contains("has no classes, but the model needs them"), "{message}");
    }

    #[test]
    fn labels_follow_the_names_of_a_model() {
        let found = counted().labelled_by(&names(&["10", "2", "other", "1"])).unwrap();
        assert_eq!((found.labels(), found.num_classes()), (Some(&[3, 1, 1, 0][..]), Some(4)));
        assert_eq!(found.image(3), [100], "the images stay where they are");
        let message = counted().labelled_by(&names(&["1", "2"])).unwrap_err().to_string();
        assert!(
            message.contains("the model has no class 10; its classes are 0 1, 1 2"),
            "{message}"
        );
    }
}
