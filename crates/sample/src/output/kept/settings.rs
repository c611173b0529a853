//! The settings of a drawing, as names and values.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Longer values, such as hashes and lists, are cut in messages.
const SHOWN: usize = 40;
/// To this many characters.
const CUT: usize = 12;

/// Everything that the images of a drawing depend on, but for their number. Image k of two drawings with
/// equal settings is the same.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DrawingSettings(Map<String, Value>);

impl DrawingSettings {
    /// Adds a setting. A null is the same as no setting.
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        match value.into() {
            Value::Null => {}
            value => drop(self.0.insert(name.to_owned(), value)),
        }
        self
    }

    /// The differences of `new`: `seed: 0 -> 1, eta: (not set) -> 0.5`. `None` if there are none.
    pub fn difference(&self, new: &Self) -> Option<String> {
        let names = self.0.keys().chain(new.0.keys().filter(|name| !self.0.contains_key(*name)));
        let changes: Vec<String> = names
            .filter(|name| self.0.get(*name) != new.0.get(*name))
            .map(|name| {
                format!("{name}: {} -> {}", shown(self.0.get(name)), shown(new.0.get(name)))
            })
            .collect();
        (!changes.is_empty()).then(|| changes.join(", "))
    }
}

fn shown(value: Option<&Value>) -> String {
    let text = match value {
        None => return "(not set)".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
    };
    match text.char_indices().nth(SHOWN) {
        None => text,
        Some(_) => text.chars().take(CUT).chain("...".chars()).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_named_and_long_values_cut() {
        let old = DrawingSettings::default().with("seed", 0).with("model", "ab".repeat(32));
        let same = DrawingSettings::default().with("model", "ab".repeat(32)).with("seed", 0);
        assert_eq!(old.difference(&same), None, "the order is of no matter");
        let new = old.clone().with("seed", 1).with("eta", 0.5).with("clip", Value::Null);
        assert_eq!(old.difference(&new).unwrap(), "seed: 0 -> 1, eta: (not set) -> 0.5");
        let other = old.clone().with("model", "cd".repeat(32));
        assert_eq!(old.difference(&other).unwrap(), "model: abababababab... -> cdcdcdcdcdcd...");
    }
}
