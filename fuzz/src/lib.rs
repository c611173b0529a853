//! What several targets need.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use halfstep_data::PublishedFile;
use tempfile::TempDir;

#[cfg(feature = "network")]
mod network;
#[cfg(feature = "network")]
pub use network::tiny_unet;

/// Stays until the process ends and after it. `scripts/fuzz.sh` puts it into memory.
static FOLDER: LazyLock<TempDir> = LazyLock::new(|| TempDir::new().expect("a temporary folder"));

/// A folder of this process. Fuzzing is one input at a time, so one is enough for all.
pub fn folder() -> &'static Path {
    FOLDER.path()
}

/// A file of this name in the [`folder`] that holds just `bytes`.
pub fn file(name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder().join(name);
    fs::write(&path, bytes).expect("a temporary file");
    path
}

/// The files that archives are searched for. The first is empty, so that even an entry without content can
/// be right; the second is "abc", FIPS 180-2's example.
pub static WANTED: [PublishedFile; 2] = [
    PublishedFile {
        name: "one.bin",
        bytes: 0,
        sha256: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    },
    PublishedFile {
        name: "two.bin",
        bytes: 3,
        sha256: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    },
];

/// The names in a folder, sorted.
pub fn names(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).expect("a folder");
    let mut names: Vec<String> = entries
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}
