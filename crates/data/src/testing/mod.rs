//! Files, published files and a server for the tests of several modules.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};

use flate2::{Compression, write::GzEncoder};

use halfstep_files::sha256;

use crate::{FilePacking, Origin, PublishedFile, Release, ReleaseSource};

mod server;
pub(crate) use server::{Reply, Server};

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn write(dir: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let path = dir.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, bytes).unwrap();
    path
}

/// The names in a folder.
pub(crate) fn names(dir: &Path) -> BTreeSet<String> {
    let entries = std::fs::read_dir(dir).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// One entry of a tar archive, under any name and of any claimed size.
pub(crate) fn tar_entry(name: &str, kind: tar::EntryType, claims: u64, bytes: &[u8]) -> Vec<u8> {
    let mut header = tar::Header::new_gnu();
    header.set_size(claims);
    header.set_mode(0o600);
    header.set_entry_type(kind);
    // Header::set_path refuses "..", which an attacker would not.
    header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
    header.set_cksum();
    let mut entry = [&header.as_bytes()[..], bytes].concat();
    entry.resize(entry.len().next_multiple_of(512), 0);
    entry
}

/// A gzipped tar archive of plain files.
pub(crate) fn tarball(files: &[(&str, &[u8])]) -> Vec<u8> {
    let regular = tar::EntryType::Regular;
    let entries =
        files.iter().map(|(name, bytes)| tar_entry(name, regular, bytes.len() as u64, bytes));
    gzip(&entries.chain([vec![0; 1024]]).collect::<Vec<_>>().concat())
}

/// A published file of these bytes.
pub(crate) fn published(name: &'static str, bytes: &[u8]) -> PublishedFile {
    PublishedFile { name, bytes: bytes.len() as u64, sha256: sha256(bytes).leak() }
}

/// A release of these files. It is never freed, like the real ones.
pub(crate) fn release(packing: FilePacking, files: &[(&'static str, &[u8])]) -> Release {
    let files = files.iter().map(|(name, bytes)| published(name, bytes));
    let source =
        ReleaseSource { origin: Origin::Official, base_url: "http://127.0.0.1:1", packing };
    Release {
        name: "tiny",
        title: "Tiny",
        files: files.collect::<Vec<_>>().leak(),
        sources: vec![source].leak(),
    }
}
