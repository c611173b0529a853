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

    /// The string literals with the numbers of the lines that they begin on.
    pub fn strings(&self) -> Vec<(usize, String)> {
        let text = self.text.as_bytes();
        let (mut at, mut line, mut found) = (0, 1, Vec::new());
        while at < text.len() {
            let rest = &text[at..];
            let length = if rest.starts_with(b"//") {
                rest.iter().position(|&byte| byte == b'\n').unwrap_or(rest.len())
            } else if rest.starts_with(b"'\"'") || rest.starts_with(b"b'\"'") {
                rest.iter().position(|&byte| byte == b'"').unwrap_or(0) + 2
            } else if let Some(hashes) = raw_string(rest) {
                let end = format!("\"{}", "#".repeat(hashes));
                let inner = &self.text[at + hashes + 2..];
                let length = inner.find(&end).unwrap_or(inner.len());
                found.push((line, inner[..length].to_owned()));
                hashes + 2 + length + end.len()
            } else if rest[0] == b'"' {
                let mut end = 1;
                while end < rest.len() && rest[end] != b'"' {
                    end += if rest[end] == b'\\' { 2 } else { 1 };
                }
                found.push((line, self.text[at + 1..at + end].to_owned()));
                end + 1
            } else {
                1
            };
            let passed = &rest[..length.min(rest.len())];
            line += passed.iter().filter(|&&byte| byte == b'\n').count();
            at += length;
        }
        found
    }

    /// The paths that `use` statements import, groups written out: `super::begin`, `super::end`.
    pub fn imports(&self) -> Vec<String> {
        let code: String = self.code().map(|(_, line)| format!("{line}\n")).collect();
        let statements = code.split("use ").skip(1).filter_map(|rest| rest.split(';').next());
        statements.flat_map(written_out).collect()
    }
}

/// The number of `#` of a raw string that begins here.
fn raw_string(text: &[u8]) -> Option<usize> {
    let rest = text.strip_prefix(b"r")?;
    let hashes = rest.iter().take_while(|&&byte| byte == b'#').count();
    (rest.get(hashes) == Some(&b'"')).then_some(hashes)
}

/// `a::{b, c::{d}}` as `a::b` and `a::c::d`.
fn written_out(path: &str) -> Vec<String> {
    let Some((before, rest)) = path.split_once('{') else { return vec![path.trim().to_owned()] };
    let inner = rest.rsplit_once('}').map_or(rest, |(inner, _)| inner);
    let (mut depth, mut items) = (0, vec![String::new()]);
    for letter in inner.chars() {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        match (letter, items.last_mut()) {
            (',', _) if depth == 0 => items.push(String::new()),
            (letter, Some(item)) => item.push(letter),
            _ => {}
        }
    }
    let items = items.iter().flat_map(|item| written_out(item));
    items.map(|item| format!("{}{item}", before.trim())).collect()
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
