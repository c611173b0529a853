//! Documents name files that exist.

use crate::sources::root;

/// Documents whose paths are checked; paths in them may start at any of the folders in `STARTS`.
const DOCUMENTS: [&str; 3] = ["ARCHITECTURE.md", "CONTRIBUTING.md", "README.md"];
const STARTS: [&str; 2] = ["", "crates/"];

#[test]
fn every_file_that_a_document_names_exists() {
    let mut missing = Vec::new();
    for document in DOCUMENTS {
        let text = std::fs::read_to_string(root().join(document)).unwrap();
        let quoted = text.split('`').skip(1).step_by(2);
        let paths = quoted.filter(|path| path.contains('/') && !path.contains(char::is_whitespace));
        for path in paths
            .filter(|path| [".rs", ".sh", ".py", ".toml"].iter().any(|end| path.ends_with(end)))
        {
            for path in expanded(path) {
                if !STARTS.iter().any(|start| root().join(start).join(&path).exists()) {
                    missing.push(format!("{document}: {path}"));
                }
            }
        }
    }
    assert!(missing.is_empty(), "documents name files that are not there:\n{}", missing.join("\n"));
}

/// `a/{b,c}.rs` as `a/b.rs` and `a/c.rs`; a pattern with `*` is its folder.
fn expanded(path: &str) -> Vec<String> {
    if let Some((folder, _)) = path.split_once('*') {
        return vec![folder.rsplit_once('/').map_or(folder, |(folder, _)| folder).to_owned()];
    }
    let Some((before, rest)) = path.split_once('{') else { return vec![path.to_owned()] };
    let Some((list, after)) = rest.split_once('}') else { return vec![path.to_owned()] };
    list.split(',').flat_map(|item| expanded(&format!("{before}{item}{after}"))).collect()
}
