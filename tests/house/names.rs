//! A public type name occurs once in the workspace.

use std::collections::BTreeMap;

use crate::sources::sources;

/// Names that every crate with a program has, each under its own `cli`.
const PER_PROGRAM: [&str; 1] = ["Args"];

#[test]
fn public_types_have_names_of_their_own() {
    let mut places: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for source in sources() {
        for (at, line) in source.code() {
            let Some(rest) = line.trim_start().strip_prefix("pub ") else { continue };
            let kinds = ["struct ", "enum ", "trait ", "type "];
            let Some(rest) = kinds.iter().find_map(|kind| rest.strip_prefix(kind)) else {
                continue;
            };
            let name: String =
                rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            // An associated type of a trait is no type of its own.
            if line.starts_with("pub ") && !PER_PROGRAM.contains(&name.as_str()) {
                places.entry(name).or_default().push(format!("{}:{at}", source.path.display()));
            }
        }
    }
    assert!(places.len() > 100, "only {} types found", places.len());
    let twice: Vec<String> = places
        .iter()
        .filter(|(_, places)| places.len() > 1)
        .map(|(name, places)| format!("{name}: {}", places.join(", ")))
        .collect();
    assert!(twice.is_empty(), "names of public types that occur twice:\n{}", twice.join("\n"));
}
