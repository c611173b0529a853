//! SHA-256 in hexadecimal.

use std::fmt::Write;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::error::FileError;

/// Bytes, such as a digest's, in lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The SHA-256 of `bytes`, in lower-case hexadecimal.
pub fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// The SHA-256, in lower-case hexadecimal, of `first` followed by the content of the files.
///
/// # Errors
/// [`FileError::Io`] if a file cannot be read.
pub fn files_sha256<P: AsRef<Path>>(first: &[u8], files: &[P]) -> Result<String, FileError> {
    let (mut hasher, mut buffer) = (Sha256::new(), vec![0; 1 << 16]);
    hasher.update(first);
    for path in files {
        let path = path.as_ref();
        let mut file = File::open(path).map_err(FileError::io(path))?;
        loop {
            match file.read(&mut buffer).map_err(FileError::io(path))? {
                0 => break,
                count => hasher.update(&buffer[..count]),
            }
        }
    }
    Ok(hex(&hasher.finalize()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// FIPS 180-2, appendix B.1.
    #[test]
    fn the_standards_own_example() {
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(sha256(b"abc"), expected);
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("bc");
        std::fs::write(&file, b"bc").unwrap();
        assert_eq!(files_sha256(b"a", &[file]).unwrap(), expected);
    }
}
