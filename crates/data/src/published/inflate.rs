//! Files that may be gzipped, read into bounded memory. Decoding is flate2's; the bound and the test of the
//! first bytes are ours.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;

use crate::DataError;

const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// At most the first `limit` bytes of a file, without gzip if its first bytes are gzip's. The name does not
/// count.
///
/// # Errors
/// [`DataError::Io`] if the file cannot be read, [`DataError::Malformed`] if its gzip is cut short or damaged.
pub(crate) fn read(path: &Path, limit: u64) -> Result<Vec<u8>, DataError> {
    let mut file = File::open(path).map_err(DataError::io("open", path))?;
    let mut magic = Vec::new();
    (&mut file)
        .take(GZIP_MAGIC.len() as u64)
        .read_to_end(&mut magic)
        .and_then(|_| file.rewind())
        .map_err(DataError::io("read", path))?;
    if magic == GZIP_MAGIC {
        return gunzip(BufReader::new(file), limit).map_err(|error| {
            let problem = format!("not a whole gzip file ({error})");
            DataError::malformed(path, problem, "delete it, and it is fetched again")
        });
    }
    let mut contents = Vec::new();
    file.take(limit).read_to_end(&mut contents).map_err(DataError::io("read", path))?;
    Ok(contents)
}

/// At most the first `limit` bytes of gzipped bytes, all members of them.
///
/// # Errors
/// Those of the reader; an error if the gzip is cut short or damaged.
pub(super) fn gunzip(gzipped: impl BufRead, limit: u64) -> io::Result<Vec<u8>> {
    let mut contents = Vec::new();
    MultiGzDecoder::new(gzipped).take(limit).read_to_end(&mut contents)?;
    Ok(contents)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{gzip, write};

    #[test]
    fn raw_and_gzipped_read_the_same() {
        let dir = tempfile::tempdir().unwrap();
        for contents in [&b""[..], b"x", b"a longer text, a longer text"] {
            let raw = write(dir.path(), "raw", contents);
            let zipped = write(dir.path(), "zipped", &gzip(contents));
            assert_eq!(read(&raw, 1000).unwrap(), contents);
            assert_eq!(read(&zipped, 1000).unwrap(), contents);
        }
    }

    #[test]
    fn a_file_that_unpacks_to_more_than_allowed_is_not_unpacked_whole() {
        let dir = tempfile::tempdir().unwrap();
        let bomb = write(dir.path(), "bomb", &gzip(&vec![0; 10_000_000]));
        assert_eq!(read(&bomb, 100).unwrap(), vec![0; 100]);
    }

    #[test]
    fn gzip_cut_anywhere_is_an_error_that_names_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let whole = gzip(b"some bytes that are worth compressing, compressing, compressing");
        for len in GZIP_MAGIC.len()..whole.len() {
            let cut = write(dir.path(), "cut.gz", &whole[..len]);
            let message = read(&cut, 1000).unwrap_err().to_string();
            assert!(message.contains("cut.gz: not a whole gzip file"), "{len}: {message}");
        }
    }

    #[test]
    fn damaged_gzip_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let mut damaged = gzip(b"some bytes");
        let crc = damaged.len() - 8;
        damaged[crc] ^= 1;
        let path = write(dir.path(), "damaged.gz", &damaged);
        assert!(matches!(read(&path, 1000), Err(DataError::Malformed { .. })));
    }

    #[test]
    fn a_missing_file_and_a_folder_are_io_errors() {
        let dir = tempfile::tempdir().unwrap();
        for path in [dir.path().to_owned(), dir.path().join("none")] {
            assert!(matches!(read(&path, 10), Err(DataError::Io { .. })));
        }
    }
}
