//! Whether two paths are one place, whatever their spelling.

use std::path::{Path, PathBuf};

use halfstep_data::{in_one_case, resolved};

/// A file or folder with the name of the setting that gives it.
pub type NamedPath<'a> = (&'a str, &'a Path);

/// The place of a file that need not exist: absolute, without `..`, links to folders followed. A link in
/// the place of the file itself is not, because a file that is written there replaces the link.
pub fn place(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    in_one_case(match (path.parent(), path.file_name()) {
        (Some(parent), Some(name)) => resolved(parent).join(name),
        _ => resolved(&path),
    })
}

/// Whether writing to `output` replaces the file that is read from `input`: a file that is read through a link
/// is the one that the link leads to.
pub fn writes_over(output: &Path, input: &Path) -> bool {
    let output = place(output);
    output == place(input) || output == in_one_case(resolved(input))
}

/// The first two of `files` that are in one place, or one within the other as if that were a folder.
pub fn clash<'a>(files: &[NamedPath<'a>]) -> Option<(NamedPath<'a>, NamedPath<'a>)> {
    let places: Vec<PathBuf> = files.iter().map(|(_, path)| place(path)).collect();
    let pairs = (0..files.len()).flat_map(|b| (0..b).map(move |a| (a, b)));
    let mut pairs = pairs
        .filter(|&(a, b)| places[a].starts_with(&places[b]) || places[b].starts_with(&places[a]));
    pairs.next().map(|(a, b)| (files[a], files[b]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_has_many_spellings() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("a")).unwrap();
        let place_of = |path: &str| place(&dir.path().join(path));
        for other in ["./x", "a/../x", "a/./../x", "new/../x", "a/../new/../x", "x/"] {
            assert_eq!(place_of(other), place_of("x"), "{other}");
        }
        assert_ne!(place_of("a/x"), place_of("x"));
        let here = std::env::current_dir().unwrap().canonicalize().unwrap();
        assert_eq!(place(Path::new("x")), place(&here.join("x")));
    }

    #[cfg(unix)]
    #[test]
    fn a_linked_folder_is_the_folder_and_a_linked_file_is_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        std::fs::create_dir(at("a")).unwrap();
        std::fs::write(at("file"), "").unwrap();
        std::os::unix::fs::symlink(at("a"), at("link")).unwrap();
        std::os::unix::fs::symlink(at("file"), at("other")).unwrap();
        assert_eq!(place(&at("link/x")), place(&at("a/x")));
        assert_ne!(place(&at("other")), place(&at("file")));

        // A file that is read through a link is the one that the link leads to.
        for output in ["file", "other", "a/../file"] {
            assert!(writes_over(&at(output), &at("other")), "{output}");
        }
        assert!(!writes_over(&at("other"), &at("file")), "the link is replaced");
        assert!(!writes_over(&at("new"), &at("other")) && writes_over(&at("new"), &at("new")));
    }

    #[test]
    fn two_files_in_one_place_clash_and_so_does_a_file_with_what_is_in_it() {
        let named = |paths: [&'static str; 3]| paths.map(|path| ("--out", Path::new(path)));
        assert_eq!(clash(&named(["a", "b", "ab"])), None);
        assert_eq!(clash(&named(["a", "b", "./a"])).unwrap().1.1, Path::new("./a"));
        assert_eq!(clash(&named(["a", "b/c", "b"])).unwrap().0.1, Path::new("b/c"));
    }
}
