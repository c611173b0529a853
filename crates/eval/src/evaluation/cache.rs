//! A cache of what takes long to compute: sampled images, features, likelihoods.
//!
//! Results are kept in chunks. A chunk is a file named after everything that its content depends on. It is written
//! whole or not at all, so a stopped evaluation continues where it was, and nothing is computed twice. Each chunk
//! has a checksum; a damaged chunk is computed again.

use std::ops::Range;
use std::path::{Path, PathBuf};

use halfstep_data::hash::{hex, sha256};
use halfstep_sample::output::write_file;
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};
use sha2::{Digest, Sha256};

use crate::error::EvalError;

/// Images per chunk.
const CHUNK: usize = 500;

/// A folder of intermediate results. It may be deleted at any time.
#[derive(Clone, Debug)]
pub struct EvalCache {
    dir: PathBuf,
}

/// The content of a chunk: named arrays.
pub(crate) type ChunkArrays = Vec<(&'static str, ChunkArray)>;

/// A row-major array with one row per image.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ChunkArray {
    pub shape: Vec<usize>,
    pub values: ChunkValues,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum ChunkValues {
    Bytes(Vec<u8>),
    Numbers(Vec<f32>),
}

impl EvalCache {
    /// A cache in the folder `dir`, which need not exist yet.
    pub fn new(dir: PathBuf) -> Self {
        Self { dir }
    }

    /// The folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The chunk of images `which` for `key`, read from its file or computed by `make` and written.
    pub(crate) fn chunk(
        &self,
        key: &str,
        which: &Range<usize>,
        names: &[&'static str],
        make: impl FnOnce() -> Result<ChunkArrays, EvalError>,
    ) -> Result<ChunkArrays, EvalError> {
        let name = format!("{:08}-{:08}.safetensors", which.start, which.end);
        let path = self.dir.join(&sha256(key.as_bytes())[..32]).join(name);
        if let Some(arrays) = read(&path, key, which.len(), names) {
            return Ok(arrays);
        }
        let arrays = make()?;
        let bytes = serialized(&arrays, key).map_err(|error| EvalError::images(&path, error))?;
        write_file(&path, &bytes).map_err(EvalError::Cache)?;
        Ok(arrays)
    }
}

/// Images 0 to `count` in chunks.
pub(crate) fn chunks(count: usize) -> impl Iterator<Item = Range<usize>> {
    (0..count).step_by(CHUNK).map(move |first| first..(first + CHUNK).min(count))
}

fn serialized(arrays: &ChunkArrays, key: &str) -> Result<Vec<u8>, safetensors::SafeTensorError> {
    let bytes: Vec<Vec<u8>> = arrays
        .iter()
        .map(|(_, array)| match &array.values {
            ChunkValues::Bytes(bytes) => bytes.clone(),
            ChunkValues::Numbers(numbers) => numbers.iter().flat_map(|x| x.to_le_bytes()).collect(),
        })
        .collect();
    let views = arrays.iter().zip(&bytes).map(|((name, array), bytes)| {
        let dtype = match array.values {
            ChunkValues::Bytes(_) => Dtype::U8,
            ChunkValues::Numbers(_) => Dtype::F32,
        };
        Ok((*name, TensorView::new(dtype, array.shape.clone(), bytes)?))
    });
    let views: Vec<_> = views.collect::<Result<_, safetensors::SafeTensorError>>()?;
    let about = [("of".to_owned(), key.to_owned()), (CHECKSUM.to_owned(), checksum(&bytes))].into();
    safetensors::serialize(views, Some(about))
}

const CHECKSUM: &str = "sha256";

/// SHA-256 of the arrays' bytes, one array after another.
fn checksum(arrays: &[impl AsRef<[u8]>]) -> String {
    let mut hash = Sha256::new();
    for bytes in arrays {
        hash.update(bytes);
    }
    hex(&hash.finalize())
}

/// The content of a chunk's file; `None` if the file is missing, damaged or another chunk's.
fn read(path: &Path, key: &str, images: usize, names: &[&'static str]) -> Option<ChunkArrays> {
    let bytes = std::fs::read(path).ok()?;
    let file = SafeTensors::deserialize(&bytes).ok()?;
    let (_, header) = SafeTensors::read_metadata(&bytes).ok()?;
    let about = header.metadata().as_ref()?;
    let views: Option<Vec<_>> = names.iter().map(|name| file.tensor(name).ok()).collect();
    let views = views?;
    let data: Vec<&[u8]> = views.iter().map(TensorView::data).collect();
    if about.get("of")? != key || *about.get(CHECKSUM)? != checksum(&data) {
        return None;
    }
    let array = |(name, view): (&&'static str, &TensorView<'_>)| {
        let four = |bytes: &[u8]| f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        let values = match view.dtype() {
            Dtype::U8 => ChunkValues::Bytes(view.data().to_vec()),
            Dtype::F32 => ChunkValues::Numbers(view.data().chunks_exact(4).map(four).collect()),
            _ => return None,
        };
        let shape = view.shape().to_vec();
        (shape.first() == Some(&images)).then_some((*name, ChunkArray { shape, values }))
    };
    names.iter().zip(&views).map(array).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrays(of: u8) -> ChunkArrays {
        let bytes = ChunkArray { shape: vec![2, 3], values: ChunkValues::Bytes(vec![of; 6]) };
        let numbers = ChunkArray {
            shape: vec![2, 1],
            values: ChunkValues::Numbers(vec![0.5, f32::from(of)]),
        };
        vec![("bytes", bytes), ("numbers", numbers)]
    }

    #[test]
    fn a_chunk_is_computed_once_and_again_if_its_file_is_damaged() {
        let dir = tempfile::tempdir().unwrap();
        let cache = EvalCache::new(dir.path().to_path_buf());
        let names = ["bytes", "numbers"];
        let ask = |key: &str, of: u8| cache.chunk(key, &(0..2), &names, || Ok(arrays(of))).unwrap();
        assert_eq!(ask("a", 1), arrays(1));
        assert_eq!(ask("a", 2), arrays(1));
        assert_eq!(ask("b", 2), arrays(2));
        let folder = dir.path().join(&sha256(b"a")[..32]);
        let file = folder.join("00000000-00000002.safetensors");
        let whole = std::fs::read(&file).unwrap();
        std::fs::write(&file, &whole[..whole.len() - 1]).unwrap();
        assert_eq!(ask("a", 3), arrays(3));
        // One bit of the values; the file of another key.
        let mut flipped = std::fs::read(&file).unwrap();
        *flipped.last_mut().unwrap() ^= 1;
        std::fs::write(&file, &flipped).unwrap();
        assert_eq!(ask("a", 4), arrays(4));
        let other = dir.path().join(&sha256(b"b")[..32]).join("00000000-00000002.safetensors");
        std::fs::copy(other, &file).unwrap();
        assert_eq!(ask("a", 5), arrays(5));
        assert_eq!(ask("a", 6), arrays(5));
    }

    #[test]
    fn a_chunk_that_fails_is_not_written() {
        let dir = tempfile::tempdir().unwrap();
        let cache = EvalCache::new(dir.path().to_path_buf());
        let failed = cache.chunk("a", &(0..2), &[], || Err(EvalError::Stopped));
        assert!(failed.is_err() && std::fs::read_dir(dir.path()).unwrap().next().is_none());
    }

    #[test]
    fn chunks_cover_every_image_once() {
        let all: Vec<_> = chunks(1203).collect();
        assert_eq!(all, [0..500, 500..1000, 1000..1203]);
        assert_eq!(chunks(0).count(), 0);
    }
}
