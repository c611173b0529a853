//! What several targets need.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use tempfile::TempDir;

#[cfg(feature = "network")]
mod network;
#[cfg(feature = "network")]
pub use network::tiny_unet;

/// Kept until the process ends, and then left behind: best in memory, as `scripts/fuzz.sh` sees to.
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
