//! Downloading a published dataset: whole and verified, or not at all.

pub(crate) mod archive;
pub(crate) mod deb;
mod download;
mod sprites;
mod workspace;

use std::fs;
use std::path::{Path, PathBuf};

use self::archive::Arrived;
use self::download::{Came, Download, Patience};
use self::workspace::Workspace;
use super::inflate;
use super::origin::Origin;
use super::release::{FilePacking, PublishedFile, Release, ReleaseSource};
use crate::DataError;
use crate::progress::{LoadEvent, LoadProgress};

/// The most bytes of a downloaded archive (CIFAR-10's has 170 MB). A server that sends more is wrong.
const LARGEST: u64 = 256 << 20;

/// The outcome of a fetch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FetchReport {
    /// Files that were downloaded and verified.
    pub fetched: Vec<&'static str>,
    /// Files that were there already. They are neither checked nor touched; [`Release::verified`] checks them.
    pub kept: Vec<&'static str>,
}

/// Fetches into `dir` the missing files of a release, from its usual address of this origin.
///
/// # Errors
/// [`DataError::NoOrigin`] if the release has no such origin; otherwise as [`fetch_at`].
pub fn fetch_from(
    release: &Release,
    origin: Origin,
    dir: &Path,
    progress: &mut LoadProgress<'_>,
) -> Result<FetchReport, DataError> {
    let source = source_of(release, origin)?;
    fetch_with(Patience::USUAL, release, source, source.base_url, dir, progress)
}

/// Fetches into `dir` the missing files of a release, from another address with the layout of this origin: a
/// mirror of the official server, an npm registry, a Debian mirror. `base_url` has no slash at its end.
///
/// Everything arrives in `dir/.fetch/`, is verified against the published SHA-256, and is only then renamed
/// into place: no half-written file is ever seen under its name. What an interrupted fetch left, even a killed
/// one, the next fetch continues. When all is there the work folder is removed.
///
/// # Errors
/// [`DataError::NoOrigin`] if the release has no such origin; [`DataError::Busy`] if another process is
/// fetching into `dir`; [`DataError::Download`] if the server cannot be reached, refuses, stops half-way (it is
/// asked again first, a few times) or sends something else; [`DataError::Io`] if the disk refuses.
pub fn fetch_at(
    release: &Release,
    origin: Origin,
    base_url: &str,
    dir: &Path,
    progress: &mut LoadProgress<'_>,
) -> Result<FetchReport, DataError> {
    let source = source_of(release, origin)?;
    fetch_with(Patience::USUAL, release, source, base_url, dir, progress)
}

impl Release {
    /// Fetches what is missing in `dir` from the official address.
    ///
    /// # Errors
    /// [`DataError::Busy`] if another process is doing so; [`DataError::Unavailable`] if that fails.
    pub fn ensure(&self, dir: &Path, progress: &mut LoadProgress<'_>) -> Result<(), DataError> {
        let fetched = fetch_from(self, Origin::Official, dir, progress);
        fetched.map(drop).map_err(|error| self.unavailable(dir, error))
    }

    /// What a failed fetch means for who wants to read the files.
    fn unavailable(&self, dir: &Path, error: DataError) -> DataError {
        match error {
            DataError::Busy { .. } => error,
            error => DataError::Unavailable {
                release: self.name,
                title: self.title,
                dir: dir.to_owned(),
                missing: self.missing(dir).iter().map(|file| file.name.to_owned()).collect(),
                others: self.origins().into_iter().skip(1).collect(),
                source: Box::new(error),
            },
        }
    }
}

fn source_of(release: &Release, origin: Origin) -> Result<&'static ReleaseSource, DataError> {
    release.source(origin).ok_or_else(|| DataError::NoOrigin {
        title: release.title,
        origin,
        known: release.origins(),
    })
}

fn fetch_with(
    patience: Patience,
    release: &Release,
    source: &ReleaseSource,
    base_url: &str,
    dir: &Path,
    progress: &mut LoadProgress<'_>,
) -> Result<FetchReport, DataError> {
    let report = |fetched: &[&PublishedFile]| {
        let (fetched, kept) = release.files.iter().partition(|file| fetched.contains(file));
        let names = |files: Vec<&PublishedFile>| files.iter().map(|file| file.name).collect();
        FetchReport { fetched: names(fetched), kept: names(kept) }
    };
    if release.missing(dir).is_empty() {
        return Ok(report(&[]));
    }
    let work = Workspace::open(dir)?;
    // Asked again: another process may have had the folder until just now.
    let missing = release.missing(dir);
    let fetch = Fetch { base_url, packing: source.packing, work: work.path(), dir, patience };
    if !missing.is_empty() {
        fetch.bring(release, &missing, progress)?;
    }
    work.finish();
    Ok(report(&missing))
}

/// Where files come from, where they wait until they are verified, and where they go.
struct Fetch<'a> {
    base_url: &'a str,
    packing: FilePacking,
    work: &'a Path,
    dir: &'a Path,
    patience: Patience,
}

impl Fetch<'_> {
    /// Downloads, verifies and installs the missing files.
    fn bring(
        &self,
        release: &Release,
        missing: &[&'static PublishedFile],
        progress: &mut LoadProgress<'_>,
    ) -> Result<(), DataError> {
        let work = self.work;
        match self.packing {
            FilePacking::Archive(path) => self.unpacked(path, progress, |url, archive| {
                archive::unpack(url, archive, missing, work)
            }),
            FilePacking::Deb(path) => self
                .unpacked(path, progress, |url, package| deb::unpack(url, package, missing, work)),
            FilePacking::CifarSprites(path) => self.unpacked(path, progress, |url, package| {
                sprites::unpack(url, package, release, missing, work)
            }),
            FilePacking::Plain => missing.iter().try_for_each(|file| {
                self.single(file.name, file.name, file.bytes, progress, |url, path| {
                    check_plain(url, path, file)
                })
            }),
            FilePacking::PlainAt(path) => missing.iter().try_for_each(|file| {
                self.single(path, file.name, file.bytes, progress, |url, path| {
                    check_plain(url, path, file)
                })
            }),
            FilePacking::Gzip => missing.iter().try_for_each(|file| {
                let name = format!("{}.gz", file.name);
                self.single(&name, &name, file.gzipped_limit(), progress, |url, path| {
                    check_gzipped(url, path, file)
                })
            }),
        }
    }

    /// Downloads an archive and installs the files that `unpack` takes out of it.
    fn unpacked(
        &self,
        path: &str,
        progress: &mut LoadProgress<'_>,
        unpack: impl Fn(&str, &Path) -> Result<Vec<Arrived>, DataError>,
    ) -> Result<(), DataError> {
        for (from, name) in self.obtain(path, LARGEST, progress, unpack)?.1 {
            install(&from, &self.dir.join(name))?;
        }
        Ok(())
    }

    /// Downloads one file and installs it under `name`.
    fn single(
        &self,
        path: &str,
        name: &str,
        limit: u64,
        progress: &mut LoadProgress<'_>,
        check: impl Fn(&str, &Path) -> Result<(), DataError>,
    ) -> Result<(), DataError> {
        let (from, ()) = self.obtain(path, limit, progress, check)?;
        install(&from, &self.dir.join(name))
    }

    /// Downloads a file into the work folder and hands its address and place to `verify`, which returns a
    /// [`DataError::Download`] for a wrong file. A wrong file is removed. If it came in parts, or was here from
    /// an earlier try, it is fetched once more, from zero.
    fn obtain<T>(
        &self,
        path: &str,
        limit: u64,
        progress: &mut LoadProgress<'_>,
        verify: impl Fn(&str, &Path) -> Result<T, DataError>,
    ) -> Result<(PathBuf, T), DataError> {
        let url = &format!("{}/{path}", self.base_url);
        let place = self.work.join(path.rsplit('/').next().unwrap_or(path));
        let download = Download { url, path: &place, limit, patience: self.patience };
        let mut again = false;
        loop {
            let came = if place.exists() {
                Came::InParts
            } else {
                let came = download.run(progress);
                progress(LoadEvent::Ended);
                came?
            };
            match verify(url, &place) {
                Err(wrong @ DataError::Download { .. }) => {
                    fs::remove_file(&place).map_err(DataError::io("remove", &place))?;
                    if again || came == Came::Whole {
                        return Err(wrong);
                    }
                    again = true;
                }
                outcome => return Ok((place, outcome?)),
            }
        }
    }
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

#[cfg(test)]
mod tests;
