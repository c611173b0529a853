//! SHA-256 in hexadecimal.

pub use halfstep_files::{hex, sha256};
