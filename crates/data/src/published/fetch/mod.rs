//! Downloading a published dataset: whole and verified, or not at all.

pub(crate) mod archive;
mod download;
mod workspace;

use std::fs;
use std::path::Path;

use self::archive::unpack;
use self::download::{Came, Download, Patience};
use self::workspace::Workspace;
use super::inflate;
use crate::{DataError, Packing, Progress, PublishedFile, Release};

/// No archive of ours is larger (CIFAR-10's is 170 MB): a server that sends more is wrong.
const LARGEST: u64 = 256 << 20;

/// Fetches into `dir` what it lacks of a release, from `base_url` (which is `release.base_url`
/// unless you have a mirror; without a slash at its end).
///
/// Everything arrives in `dir/.fetch/`, is verified against the published SHA-256, and is only then
/// renamed into place: no half-written file is ever seen under its name. Files that are there
/// already are neither checked nor touched. What was interrupted, even by a kill, goes on where it
/// stopped when this is called again; when all is there the work folder is gone.
///
/// # Errors
/// [`DataError::Busy`] if another process is fetching into `dir`; [`DataError::Download`] if the
/// server cannot be reached, refuses, stops half-way (it is asked again first, a few times) or
/// sends something else; [`DataError::Io`] if the disk refuses.
pub fn fetch(
    release: &Release,
    dir: &Path,
    base_url: &str,
    progress: Progress,
) -> Result<(), DataError> {
    fetch_with(Patience::USUAL, release, dir, base_url, progress)
}

fn fetch_with(
    patience: Patience,
    release: &Release,
    dir: &Path,
    base_url: &str,
    progress: Progress,
) -> Result<(), DataError> {
    if release.missing(dir).is_empty() {
        return Ok(());
    }
    let work = Workspace::open(dir)?;
    let source = Source { base_url, work: work.path(), patience, progress };
    // Asked again: another process may have had the folder until just now.
    let missing = release.missing(dir);
    match release.packing {
        Packing::Archive(_) if missing.is_empty() => {}
        Packing::Archive(name) => {
            let arrived = source.obtain(name, LARGEST, |url, archive| {
                unpack(url, archive, &missing, work.path())
            })?;
            for (from, name) in arrived {
                install(&from, &dir.join(name))?;
            }
        }
        Packing::Gzip => {
            for file in missing {
                let name = format!("{}.gz", file.name);
                // gzip never makes a file longer by more than a few bytes a block.
                let limit = file.bytes + file.bytes / 8 + 1024;
                source.obtain(&name, limit, |url, path| check_gzipped(url, path, file))?;
                install(&work.path().join(&name), &dir.join(&name))?;
            }
        }
        Packing::Plain => {
            for file in missing {
                let check = |url: &str, path: &Path| check_plain(url, path, file);
                source.obtain(file.name, file.bytes, check)?;
                install(&work.path().join(file.name), &dir.join(file.name))?;
            }
        }
    }
    work.finish();
    Ok(())
}

fn install(from: &Path, to: &Path) -> Result<(), DataError> {
    fs::rename(from, to).map_err(DataError::io("create", to))
}

fn check_gzipped(url: &str, path: &Path, file: &PublishedFile) -> Result<(), DataError> {
    let bytes = match inflate::read(path, file.bytes + 1) {
        Err(DataError::Malformed { problem, .. }) => {
            return Err(DataError::download(url, format!("{}.gz is {problem}", file.name)));
        }
        other => other?,
    };
    file.check(&bytes).map_err(|mismatch| DataError::download(url, file.explain(&mismatch)))
}

fn check_plain(url: &str, path: &Path, file: &PublishedFile) -> Result<(), DataError> {
    let bytes = fs::read(path).map_err(DataError::io("read", path))?;
    file.check(&bytes).map_err(|mismatch| DataError::download(url, file.explain(&mismatch)))
}

/// Where files come from, and where they wait until they are verified.
struct Source<'a> {
    base_url: &'a str,
    work: &'a Path,
    patience: Patience,
    progress: Progress,
}

impl Source<'_> {
    /// Downloads a file into the work folder and hands its address and path to `verify`, which says
    /// by a [`DataError::Download`] that it is wrong. A wrong file is removed. If it came in parts,
    /// or was here from an earlier try, it is fetched once more, from zero.
    fn obtain<T>(
        &self,
        name: &str,
        limit: u64,
        verify: impl Fn(&str, &Path) -> Result<T, DataError>,
    ) -> Result<T, DataError> {
        let url = &format!("{}/{name}", self.base_url);
        let path = &self.work.join(name);
        let (patience, progress) = (self.patience, self.progress);
        let mut again = false;
        loop {
            let came = if path.exists() {
                Came::InParts
            } else {
                Download { url, path, limit, patience, progress }.run()?
            };
            match verify(url, path) {
                Err(wrong @ DataError::Download { .. }) => {
                    fs::remove_file(path).map_err(DataError::io("remove", path))?;
                    if again || came == Came::Whole {
                        return Err(wrong);
                    }
                    again = true;
                }
                outcome => return outcome,
            }
        }
    }
}

#[cfg(test)]
mod tests;
