//! The private parsers for the targets in `fuzz/`. Only `RUSTFLAGS` with `cfg fuzzing` builds this module.

use std::path::{Path, PathBuf};

use crate::picture::{self, Colour};
use crate::published::fetch::{archive, deb};
use crate::published::{cifar, idx, inflate};
use crate::{DataError, PublishedFile};

/// The idx parser.
///
/// # Errors
/// The problem with the bytes.
pub fn idx<const RANK: usize>(bytes: &[u8]) -> Result<([usize; RANK], &[u8]), String> {
    idx::parse(bytes)
}

/// The pixels and the labels of a file of CIFAR-10.
///
/// # Errors
/// The problem with the bytes.
pub fn cifar(bytes: &[u8]) -> Result<(Vec<u8>, Vec<u32>), String> {
    let (mut pixels, mut labels) = (vec![], vec![]);
    cifar::parse(bytes, &mut pixels, &mut labels)?;
    Ok((pixels, labels))
}

/// At most `limit` bytes of a file that may be gzipped.
///
/// # Errors
/// Those of reading a dataset.
pub fn gzip(path: &Path, limit: u64) -> Result<Vec<u8>, DataError> {
    inflate::read(path, limit)
}

/// One picture as `[1, size, size]` or, with `rgb`, `[3, size, size]` bytes.
///
/// # Errors
/// Those of reading a folder of pictures.
pub fn picture(path: &Path, size: u32, rgb: bool) -> Result<Vec<u8>, DataError> {
    picture::read_square(path, size, if rgb { Colour::Rgb } else { Colour::Grey })
}

/// Unpacks the wanted files of a gzipped tar archive into `work`: where they lie, and their names.
///
/// # Errors
/// Those of fetching a dataset.
pub fn archive(
    path: &Path,
    wanted: &[&'static PublishedFile],
    work: &Path,
) -> Result<Vec<(PathBuf, String)>, DataError> {
    archive::unpack("the archive", path, wanted, work)
}

/// Unpacks the wanted files of a Debian package into `work`: where they lie, and their names.
///
/// # Errors
/// Those of fetching a dataset.
pub fn deb(
    path: &Path,
    wanted: &[&'static PublishedFile],
    work: &Path,
) -> Result<Vec<(PathBuf, String)>, DataError> {
    deb::unpack("the package", path, wanted, work)
}
