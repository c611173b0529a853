//! Libraries know no command line.

use crate::sources::{Source, sources};

/// Crates that only the command line needs.
const COMMAND_LINE: [&str; 5] =
    ["clap", "clap_complete", "indicatif", "anyhow", "halfstep_terminal"];

/// What prints.
const PRINTS: [&str; 6] = ["println!(", "eprintln!(", "print!(", "eprint!(", "say!(", "answer!("];

/// Documents that show their readers which command to run: the report and the model card.
const SHOW_COMMANDS: [&str; 2] =
    ["crates/report/src/commands.rs", "crates/train/src/evaluate/card.rs"];

#[test]
fn no_library_names_a_flag() {
    let mut found = Vec::new();
    let is_checked = |source: &&Source| {
        !source.is_command_line() && !SHOW_COMMANDS.iter().any(|shown| source.path.ends_with(shown))
    };
    for source in sources().iter().filter(is_checked) {
        // `var(--ink)` is a variable of CSS.
        for (at, line) in source.code().filter(|(_, line)| !line.contains("var(--")) {
            let strings = line.split('"').skip(1).step_by(2);
            let words =
                strings.flat_map(|text| text.split(|c: char| !(c.is_alphanumeric() || c == '-')));
            for word in words.filter(|word| is_flag(word)) {
                found.push(format!("{}:{at}: {word}", source.path.display()));
            }
        }
    }
    assert!(found.is_empty(), "strings of libraries name flags:\n{}", found.join("\n"));
}

/// `--steps`, but not Markdown's `---`.
fn is_flag(word: &str) -> bool {
    word.strip_prefix("--").is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_lowercase()))
}

#[test]
fn no_library_prints_or_reads_arguments() {
    let mut found = Vec::new();
    for source in sources().iter().filter(|source| !source.is_command_line()) {
        for (at, line) in source.code() {
            let imports = |name: &&&str| line.contains(&format!("{name}::"));
            let used = COMMAND_LINE.iter().find(imports);
            let used = used.or_else(|| PRINTS.iter().find(|call| line.contains(**call)));
            if let Some(what) = used {
                found.push(format!("{}:{at}: {what}", source.path.display()));
            }
        }
    }
    assert!(found.is_empty(), "libraries use what belongs to cli:\n{}", found.join("\n"));
}
