//! The source files of the workspace.

use std::path::{Path, PathBuf};

/// A source file of a library crate.
pub struct Source {
    /// The crate's folder: `train`.
    pub package: String,
    /// Its module path within the crate: `["stage", "train"]`; empty for `lib.rs`.
    pub module: Vec<String>,
    /// Relative to the workspace: `crates/train/src/stage/train.rs`.
    pub path: PathBuf,
    /// Its text without tests.
    pub text: String,
}

impl Source {
    /// Whether it belongs to the command line: a `cli` module, or a crate that only programs use.
    pub fn is_command_line(&self) -> bool {
        self.module.first().is_some_and(|first| first == "cli")
            || ["terminal", "halfstep"].contains(&self.package.as_str())
    }

    /// The lines with their numbers, comments and doc comments left out.
    pub fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines = self.text.lines().enumerate().map(|(at, line)| (at + 1, line));
        lines.filter(|(_, line)| !line.trim_start().starts_with("//"))
    }
}

/// The workspace's folder.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests lie in the workspace")
}

/// Every source file of every crate but programs' `main.rs`.
pub fn sources() -> Vec<Source> {
    let mut found = Vec::new();
    for package in std::fs::read_dir(root().join("crates")).unwrap() {
        let package = package.unwrap();
        let name = package.file_name().to_string_lossy().into_owned();
        collect(&name, &package.path().join("src"), &[], &mut found);
    }
    assert!(found.len() > 200, "only {} files found", found.len());
    found
}

fn collect(package: &str, folder: &Path, module: &[String], found: &mut Vec<Source>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let stem = path.file_stem().unwrap().to_string_lossy().into_owned();
        let below = [module, std::slice::from_ref(&stem)].concat();
        if path.is_dir() {
            collect(package, &path, &below, found);
        } else if path.extension().is_some_and(|ending| ending == "rs")
            && !["main", "tests", "fuzzing"].contains(&stem.as_str())
        {
            let module = match stem.as_str() {
                "mod" | "lib" => module.to_vec(),
                _ => below,
            };
            let text = std::fs::read_to_string(&path).unwrap();
            let text = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default().to_owned();
            let path = path.strip_prefix(root()).unwrap().to_path_buf();
            found.push(Source { package: package.to_owned(), module, path, text });
        }
    }
}
