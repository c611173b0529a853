//! Entries of a folder of pictures that are no pictures.

use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};

/// How many entries a message names.
const NAMED: usize = 3;

/// Folders that systems and other programs leave beside pictures, often with copies or parts of them inside.
const LEFT_BY_SYSTEMS: [&str; 8] = [
    "__MACOSX",
    "@eaDir",
    "@Recycle",
    "#recycle",
    "$RECYCLE.BIN",
    "System Volume Information",
    "lost+found",
    "__pycache__",
];

/// The entries of a folder of pictures that were passed over: files without a picture, names that begin with
/// a dot, and folders that systems leave behind (`__MACOSX`, `@eaDir` and the like).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PassedOver {
    files: usize,
    folders: usize,
    first: Vec<PathBuf>,
}

impl PassedOver {
    /// The number of files, without those inside folders that were passed over.
    pub fn files(&self) -> usize {
        self.files
    }

    /// The number of folders.
    pub fn folders(&self) -> usize {
        self.folders
    }

    /// Whether nothing was passed over.
    pub fn is_empty(&self) -> bool {
        self.files + self.folders == 0
    }

    pub(super) fn add(&mut self, path: &Path, is_folder: bool) {
        *(if is_folder { &mut self.folders } else { &mut self.files }) += 1;
        self.first.push(path.to_path_buf());
        // Sorted, because folders are read in any order.
        self.first.sort();
        self.first.truncate(NAMED);
    }
}

/// `1 folder and 2 files beside the pictures: pets/.git, pets/labels.csv, pets/notes.txt`
impl fmt::Display for PassedOver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = |count: usize, what: &str| match count {
            1 => format!("1 {what}"),
            _ => format!("{count} {what}s"),
        };
        let counts = match (self.folders, self.files) {
            (folders, 0) => count(folders, "folder"),
            (0, files) => count(files, "file"),
            (folders, files) => {
                format!("{} and {}", count(folders, "folder"), count(files, "file"))
            }
        };
        let first: Vec<String> = self.first.iter().map(|path| path.display().to_string()).collect();
        let more = if self.files + self.folders > first.len() { ", ..." } else { "" };
        write!(f, "{counts} beside the pictures: {}{more}", first.join(", "))
    }
}

/// Whether a file or folder of this name is passed over by its name alone.
pub(crate) fn is_hidden(name: &OsStr) -> bool {
    name.as_encoded_bytes().starts_with(b".")
}

/// Whether systems leave folders of this name behind.
pub(super) fn is_left_by_systems(name: &OsStr) -> bool {
    LEFT_BY_SYSTEMS.iter().any(|known| name.eq_ignore_ascii_case(known))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_has_counts_and_the_first_names() {
        let mut passed = PassedOver::default();
        assert!(passed.is_empty());
        passed.add("d.txt".as_ref(), false);
        assert_eq!(passed.to_string(), "1 file beside the pictures: d.txt");
        passed.add("c.csv".as_ref(), false);
        passed.add(".git".as_ref(), true);
        assert_eq!(
            passed.to_string(),
            "1 folder and 2 files beside the pictures: .git, c.csv, d.txt"
        );
        passed.add("a.json".as_ref(), false);
        assert!(passed.to_string().ends_with(": .git, a.json, c.csv, ..."), "{passed}");
        assert_eq!((passed.files(), passed.folders()), (3, 1));
    }
}
