//! The pictures of a folder and of all folders below it.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use super::{Entries, PassedOver};
use crate::DataError;
use crate::picture::format::READ;

/// Picture files, and what lay beside them.
#[derive(Clone, Debug)]
pub struct PictureFiles {
    /// In the order of their paths; never empty.
    pub paths: Vec<PathBuf>,
    /// The other entries of these folders.
    pub passed_over: PassedOver,
}

/// Finds the pictures of a folder and of all folders below it, under any name.
///
/// As in [`read_folder`](crate::read_folder), the first bytes of a file decide whether it is a picture, and the
/// same files are passed over. Links are followed, each folder once.
///
/// # Errors
/// [`DataError::Malformed`] for a picture of a format that is not read, for a file with the name of a picture
/// and other content, and for a folder without pictures; [`DataError::Io`] for a file that cannot be read and
/// for a link that leads nowhere.
pub fn find_pictures(dir: &Path) -> Result<PictureFiles, DataError> {
    let mut found = PictureFiles { paths: vec![], passed_over: PassedOver::default() };
    let (mut left, mut seen) = (vec![dir.to_path_buf()], HashSet::new());
    while let Some(dir) = left.pop() {
        let whole = dir.canonicalize().map_err(DataError::io("read the folder", &dir))?;
        if seen.insert(whole) {
            let entries = Entries::read(&dir, &mut found.passed_over)?;
            found.paths.extend(entries.pictures);
            left.extend(entries.folders);
        }
    }
    if found.paths.is_empty() {
        let problem = format!("no pictures ({READ}) in it");
        return Err(DataError::malformed(dir, problem, "name another folder, or put some there"));
    }
    found.paths.sort();
    Ok(found)
}
