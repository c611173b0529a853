//! What took long to make, kept: drawn images, and what networks say of images.
//!
//! A chunk is a file named after all that its content depends on. It appears whole or not at all, so
//! that whatever was stopped goes on where it was, and what was measured once is there the next time. It
//! carries a checksum: what the disk did to it is noticed, and the chunk is made again.

use std::ops::Range;
use std::path::{Path, PathBuf};

use anyhow::Context;
use etcetera::BaseStrategy;
use halfstep_data::hash::{hex, sha256};
use halfstep_sample::output::{check_dir, write_file};
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};
use sha2::{Digest, Sha256};

/// Images of a chunk.
pub const CHUNK: usize = 500;

/// A folder of chunks.
pub struct Cache {
    dir: PathBuf,
}

/// The content of a chunk: named tensors.
pub type Arrays = Vec<(&'static str, Array)>;

/// Bytes or numbers, row-major, a row an image.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    pub shape: Vec<usize>,
    pub values: Values,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    Bytes(Vec<u8>),
    Numbers(Vec<f32>),
}

impl Cache {
    /// In `dir`, or by default in the user's cache folder.
    pub fn open(dir: Option<&Path>) -> anyhow::Result<Self> {
        let dir = match dir {
            Some(dir) => dir.to_path_buf(),
            None => default_dir().context(
                "no folder for what is kept between calls: this system names none; add --cache DIR",
            )?,
        };
        check_dir(&dir).context("--cache")?;
        Ok(Self { dir })
    }

    /// Where it is.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The chunk of images `which` of what `key` describes, from its file or made now.
    pub fn chunk(
        &self,
        key: &str,
        which: &Range<usize>,
        names: &[&'static str],
        make: impl FnOnce() -> anyhow::Result<Arrays>,
    ) -> anyhow::Result<Arrays> {
        let name = format!("{:08}-{:08}.safetensors", which.start, which.end);
        let path = self.dir.join(&sha256(key.as_bytes())[..32]).join(name);
        if let Some(arrays) = read(&path, key, which.len(), names) {
            return Ok(arrays);
        }
        let arrays = make()?;
        write_file(&path, &serialized(&arrays, key)?)
            .context("cannot keep what was made; free some space, or add --cache DIR")?;
        Ok(arrays)
    }
}

/// `halfstep/eval` in the user's cache folder.
fn default_dir() -> Option<PathBuf> {
    let places = etcetera::choose_base_strategy().ok()?;
    Some(places.cache_dir().join("halfstep").join("eval"))
}

/// Images 0 to `count` in parts.
pub fn chunks(count: usize) -> impl Iterator<Item = Range<usize>> {
    (0..count).step_by(CHUNK).map(move |first| first..(first + CHUNK).min(count))
}

fn serialized(arrays: &Arrays, key: &str) -> anyhow::Result<Vec<u8>> {
    let bytes: Vec<Vec<u8>> = arrays
        .iter()
        .map(|(_, array)| match &array.values {
            Values::Bytes(bytes) => bytes.clone(),
            Values::Numbers(numbers) => numbers.iter().flat_map(|x| x.to_le_bytes()).collect(),
        })
        .collect();
    let views = arrays.iter().zip(&bytes).map(|((name, array), bytes)| {
        let dtype = match array.values {
            Values::Bytes(_) => Dtype::U8,
            Values::Numbers(_) => Dtype::F32,
        };
        Ok((*name, TensorView::new(dtype, array.shape.clone(), bytes)?))
    });
    let views: Vec<_> = views.collect::<Result<_, safetensors::SafeTensorError>>()?;
    let about = [("of".to_owned(), key.to_owned()), (CHECKSUM.to_owned(), checksum(&bytes))].into();
    Ok(safetensors::serialize(views, Some(about))?)
}

const CHECKSUM: &str = "sha256";

/// Of the arrays' bytes, one array after another.
fn checksum(arrays: &[impl AsRef<[u8]>]) -> String {
    let mut hash = Sha256::new();
    for bytes in arrays {
        hash.update(bytes);
    }
    hex(&hash.finalize())
}

/// `None` for what is not there, or is not what was written: it is made again.
fn read(path: &Path, key: &str, images: usize, names: &[&'static str]) -> Option<Arrays> {
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
            Dtype::U8 => Values::Bytes(view.data().to_vec()),
            Dtype::F32 => Values::Numbers(view.data().chunks_exact(4).map(four).collect()),
            _ => return None,
        };
        let shape = view.shape().to_vec();
        (shape.first() == Some(&images)).then_some((*name, Array { shape, values }))
    };
    names.iter().zip(&views).map(array).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrays(of: u8) -> Arrays {
        let bytes = Array { shape: vec![2, 3], values: Values::Bytes(vec![of; 6]) };
        let numbers =
            Array { shape: vec![2, 1], values: Values::Numbers(vec![0.5, f32::from(of)]) };
        vec![("bytes", bytes), ("numbers", numbers)]
    }

    #[test]
    fn a_chunk_is_made_once_and_again_if_its_file_is_damaged() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::open(Some(dir.path())).unwrap();
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
    fn what_is_not_made_is_not_kept() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::open(Some(dir.path())).unwrap();
        let failed = cache.chunk("a", &(0..2), &[], || anyhow::bail!("stopped"));
        assert!(failed.is_err() && std::fs::read_dir(dir.path()).unwrap().next().is_none());
    }

    #[test]
    fn chunks_cover_every_image_once() {
        let all: Vec<_> = chunks(1203).collect();
        assert_eq!(all, [0..500, 500..1000, 1000..1203]);
        assert_eq!(chunks(0).count(), 0);
    }
}
