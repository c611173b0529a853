//! Paths as people write them: `~`, and relative paths.

use std::ffi::OsStr;
use std::path::{Component, Path, PathBuf};

/// A path whose `~` cannot be replaced by a folder.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HomeError {
    /// Another user's home folder, or a name that begins with `~`.
    #[error(
        "{}: only ~ and ~/... can be used, for your own home folder; write the whole path, or ./{} for a name \
         that begins with ~",
        path.display(), path.display()
    )]
    NotYours {
        /// The path as it was given.
        path: PathBuf,
    },
    /// The system names no home folder.
    #[error("{}: the home folder is unknown (HOME is not set); write the whole path", path.display())]
    NoHome {
        /// The path as it was given.
        path: PathBuf,
    },
}

/// Replaces a leading `~` by the user's home folder. A shell does this only at the front of a word: inside one,
/// and in a configuration file, the `~` reaches the program.
///
/// Any other path, such as `./~`, stays as it is.
///
/// # Errors
/// [`HomeError`] for `~name`, and where there is no home folder.
pub fn expand_home(path: impl Into<PathBuf>) -> Result<PathBuf, HomeError> {
    expand(path.into(), std::env::home_dir())
}

fn expand(path: PathBuf, home: Option<PathBuf>) -> Result<PathBuf, HomeError> {
    let mut parts = path.components();
    let Some(Component::Normal(first)) = parts.next() else { return Ok(path) };
    if !first.as_encoded_bytes().starts_with(b"~") {
        return Ok(path);
    }
    if first != OsStr::new("~") {
        return Err(HomeError::NotYours { path });
    }
    match home.filter(|home| !home.as_os_str().is_empty()) {
        // Part by part: joining nothing would leave a slash at the end.
        Some(home) => Ok(home.components().chain(parts).collect()),
        None => Err(HomeError::NoHome { path }),
    }
}

/// ` (relative to /current/folder)` to print after a relative path; nothing for an absolute one.
pub fn relative_to(path: &Path) -> String {
    match std::env::current_dir() {
        Ok(current) if path.is_relative() => format!(" (relative to {})", current.display()),
        _ => String::new(),
    }
}

/// The way from `folder` to `path`, if `path` lies in it or is it. Links are followed in the part of the paths
/// that exists; neither needs to exist.
pub(crate) fn within(path: &Path, folder: &Path) -> Option<PathBuf> {
    let [path, folder] = [path, folder].map(|path| in_one_case(resolved(path)));
    path.strip_prefix(folder).ok().map(Path::to_path_buf)
}

/// Whether this system treats names that differ only in case as one.
const IGNORES_CASE: bool = cfg!(any(windows, target_os = "macos"));

/// The path in the form to compare: in lower case on systems that ignore case.
pub fn in_one_case(path: PathBuf) -> PathBuf {
    match IGNORES_CASE {
        true => path.to_string_lossy().to_lowercase().into(),
        false => path,
    }
}

/// The absolute path without links and `..`. The system resolves the part that exists; the rest is resolved by
/// its words.
pub fn resolved(path: &Path) -> PathBuf {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    let there =
        |front: &Path| front.canonicalize().map(|real| (real, front.components().count())).ok();
    let (mut real, known) = absolute.ancestors().find_map(there).unwrap_or_default();
    for part in absolute.components().skip(known) {
        match part {
            Component::ParentDir => drop(real.pop()),
            part => real.push(part),
        }
    }
    real
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at_home(path: &str) -> Result<PathBuf, HomeError> {
        expand(path.into(), Some("/home/me".into()))
    }

    #[test]
    fn a_tilde_at_the_front_is_the_home_folder() {
        for (path, expected) in [
            ("~", "/home/me"),
            ("~/", "/home/me"),
            ("~/runs/x", "/home/me/runs/x"),
            ("~//runs/../x", "/home/me/runs/../x"),
        ] {
            assert_eq!(at_home(path).unwrap().to_str(), Some(expected), "{path}");
        }
    }

    #[test]
    fn other_paths_are_left_alone() {
        for path in ["", "x", "./~", "a/~/b", "/~", "../~", "x~", "runs/x/"] {
            assert_eq!(at_home(path).unwrap().to_str(), Some(path));
        }
    }

    #[test]
    fn unknown_homes_are_refused_by_name() {
        let message = at_home("~bob/x").unwrap_err().to_string();
        assert!(message.contains("~bob/x: only ~") && message.contains("./~bob/x"), "{message}");
        for home in [None, Some(PathBuf::new())] {
            let message = expand("~/x".into(), home).unwrap_err().to_string();
            assert!(message.contains("~/x") && message.contains("HOME"), "{message}");
        }
    }

    #[test]
    fn only_a_relative_path_is_relative_to_something() {
        let current = std::env::current_dir().unwrap().display().to_string();
        assert_eq!(relative_to(Path::new("x")), format!(" (relative to {current})"));
        assert_eq!(relative_to(&std::env::current_dir().unwrap()), "");
    }

    #[test]
    fn what_lies_in_a_folder_is_found_there_by_any_name() {
        let dir = tempfile::tempdir().unwrap();
        let at = |path: &str| dir.path().join(path);
        std::fs::create_dir_all(at("data/cats")).unwrap();
        let way = |path: &str| within(&at(path), &at("data"));
        for (path, expected) in [
            ("data", ""),
            ("data/", ""),
            ("data/run", "run"),
            ("data/cats/new/run", "cats/new/run"),
            ("other/../data/run", "run"),
            ("data/new/../run", "run"),
            ("data/./run", "run"),
        ] {
            assert_eq!(way(path), Some(expected.into()), "{path}");
        }
        assert_eq!(way("DATA/run"), IGNORES_CASE.then(|| "run".into()));
        for path in ["", "data2", "data/../run", "data/new/../../run", "run"] {
            assert_eq!(way(path), None, "{path}");
        }
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink(at("data"), at("link")).unwrap();
            assert_eq!(way("link/run"), Some("run".into()));
            assert_eq!(within(&at("data/run"), &at("link")), Some("run".into()));
        }
    }
}
