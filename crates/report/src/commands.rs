//! The shell commands that the page shows. No other file of this crate names a program or its flags.

use std::path::{Path, PathBuf};

use halfstep_run::{RunSettings, Stage};

/// The program and flag that measure quality against sampling steps.
pub(crate) const SWEEP: &str = "eval --sweep";

/// Purpose and command. The commands name the run folder as the caller does.
pub(crate) fn commands(run: &Path, settings: &RunSettings) -> Vec<(String, String)> {
    // Without a slash at the end; a folder such as `.` by its full name.
    let run: PathBuf = match run.file_name() {
        Some(_) => run.components().collect(),
        None => run.canonicalize().unwrap_or_else(|_| run.to_path_buf()),
    };
    let run = quoted(&run.display().to_string());
    let last = settings.stages().last().copied().unwrap_or(Stage::Teacher);
    let mut commands = vec![
        (
            "Repeat the whole run. The same kind of CPU gives the same weights:",
            format!("cargo run -p train -- --config {run}/config.toml --out {run}-again"),
        ),
        (
            "Draw 64 images with the last model:",
            format!("cargo run -p sample -- --model {run}/{} --out grid.png", last.folder()),
        ),
    ];
    if last != Stage::Teacher {
        commands.push((
            "Compare the last student with other samplers on the teacher:",
            format!(
                "cargo run -p sample -- --model {run}/teacher --compare ddim,dpm-solver++-2m,heun \\\n  --student {run}/{} --count 64 --out compare.png",
                last.folder()
            ),
        ));
    }
    commands.extend([
        (
            "Measure quality against sampling steps, and add it to this page:",
            format!("cargo run -p {} {run}", SWEEP.replacen(' ', " -- ", 1)),
        ),
        (
            "Continue this run if it was stopped:",
            format!("cargo run -p train -- --config {run}/config.toml --out {run}"),
        ),
        ("Write this page again:", format!("cargo run -p train -- --report {run}")),
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
