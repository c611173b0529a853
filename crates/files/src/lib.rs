//! Files and folders that are written whole or not at all, and checks of what lies on the disk.
//!
//! [`write_file`] and [`write_atomically`] fill a temporary sibling and rename it, so a reader never sees
//! half of a file or folder. [`write_checksums`] and [`verify_checksums`] notice what changed afterwards.
//! [`read_text`] reads what editors of every system write. [`check_room`] asks for room before the work.
//!
//! ```
//! let runs = std::env::temp_dir().join("halfstep-files-example");
//! halfstep_files::write_atomically(&runs.join("first"), |folder| {
//!     halfstep_files::write_file(&folder.join("note.txt"), b"whole or not at all")?;
//!     halfstep_files::write_checksums(folder)
//! })?;
//! halfstep_files::verify_checksums(&runs.join("first"))?;
//! # Ok::<(), halfstep_files::FileError>(())
//! ```

mod checksums;
mod disk;
mod error;
mod file;
mod folder;
mod hash;
mod size;
mod text;

pub use checksums::{has_checksums, verify_checksums, write_checksums};
pub use disk::check_room;
pub use error::FileError;
pub use file::{TEMPORARY, check_dir, check_file, write_file, write_file_through};
pub use folder::{recover_folder, write_atomically};
pub use hash::{files_sha256, hex, sha256};
pub use size::human_bytes;
pub use text::read_text;
