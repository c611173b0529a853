//! The shell commands that the page shows. They alone name programs and their flags.

use std::path::{Path, PathBuf};

use halfstep_run::{RunSettings, Stage};

/// How quality is measured against steps.
pub(crate) const SWEEP: &str = "eval --sweep";

/// What a command does, and the command. The run is named as `run`, wherever the page is read.
pub(crate) fn commands(run: &Path, settings: &RunSettings) -> Vec<(String, String)> {
    // Without a slash at its end; a folder such as `.` by its full name.
    let run: PathBuf = match run.file_name() {
        Some(_) => run.components().collect(),
        None => run.canonicalize().unwrap_or_else(|_| run.to_path_buf()),
    };
    let run = quoted(&run.display().to_string());
    let last = settings.stages().last().copied().unwrap_or(Stage::Teacher);
    let mut commands = vec![
        (
            "The whole run again, to the same weights on the same kind of CPU:",
            format!("cargo run -p train -- --config {run}/config.toml --out {run}-again"),
        ),
        (
            "64 images of the last model:",
            format!("cargo run -p sample -- --model {run}/{} --out grid.png", last.folder()),
        ),
    ];
    if last != Stage::Teacher {
        commands.push((
            "Which sampler does as well on the teacher:",
            format!(
                "cargo run -p sample -- --model {run}/teacher --compare ddim,dpm-solver++-2m,heun \\\n  --student {run}/{} --count 64 --out compare.png",
                last.folder()
            ),
        ));
    }
    commands.extend([
        (
            "Quality against steps, into this page:",
            format!("cargo run -p {} {run}", SWEEP.replacen(' ', " -- ", 1)),
        ),
        (
            "This run, if it was stopped:",
            format!("cargo run -p train -- --config {run}/config.toml --out {run}"),
        ),
        ("This page again:", format!("cargo run -p train -- --report {run}")),
    ]);
    commands.into_iter().map(|(purpose, command)| (purpose.to_owned(), command)).collect()
}

/// A path as one word of a shell.
fn quoted(path: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
    match !path.is_empty() && path.chars().all(plain) {
        true => path.to_owned(),
        false => format!("'{}'", path.replace('\'', r"'\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_one_word_to_a_shell() {
        assert_eq!(quoted("runs/digits"), "runs/digits");
        assert_eq!(quoted("my runs/it's"), r"'my runs/it'\''s'");
        assert_eq!(quoted(""), "''");
    }
}
