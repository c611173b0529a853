//! Bad files take no more memory than good ones. This is the only test of its program, because it measures
//! the memory of the whole program.
#![cfg(target_os = "linux")]

use std::fs::{self, File};
use std::io::{Read, Write, copy, repeat};
use std::path::Path;

use flate2::{Compression, write::GzEncoder};
use halfstep_data::{
    DataConfig, FilePacking, Origin, PublishedFile, Release, ReleaseSource, Split, fetch_from,
    read_folder, silent,
};

/// The size that the bombs unpack to or claim.
const HUGE: u64 = 512 << 20;

/// The most memory that this program has had so far, in bytes.
fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
}

/// Checks that `what` raises the peak by at most `allowed`.
#[track_caller]
fn takes_at_most<T>(allowed: u64, what: impl FnOnce() -> T) -> T {
    let before = peak();
    let result = what();
    let taken = peak() - before;
    assert!(taken <= allowed, "{taken} bytes instead of {allowed}");
    result
}

/// A gzip file of these bytes and then of `HUGE` letters.
fn bomb(path: &Path, before: &[u8], after: &[u8]) {
    let mut file = GzEncoder::new(File::create(path).unwrap(), Compression::fast());
    file.write_all(before).unwrap();
    copy(&mut repeat(b'a').take(HUGE), &mut file).unwrap();
    file.write_all(after).unwrap();
    file.finish().unwrap();
}

#[test]
fn bombs_and_lies_take_no_memory() {
    let dir = tempfile::tempdir().unwrap();
    gzip_bomb(&dir.path().join("mnist"));
    long_name_in_a_tar(&dir.path().join("tar"));
    large_claims(&dir.path().join("pictures"));
}

/// A file is unpacked to no more than the published length, 45 MiB, in a buffer that doubles.
fn gzip_bomb(dir: &Path) {
    fs::create_dir(dir).unwrap();
    for name in ["train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"] {
        fs::write(dir.join(format!("{name}-ubyte")), "").unwrap();
    }
    bomb(&dir.join("train-images-idx3-ubyte.gz"), b"", b"");
    let config = DataConfig::Mnist { dir: dir.to_owned(), split: Split::Train };
    let error = takes_at_most(3 * (45 << 20), || config.load().unwrap_err());
    assert!(error.to_string().contains("is longer than"), "{error}");
}

/// The archive is there already, so no server is asked for it. The file in it follows an extension header
/// with a name as long as the bomb.
fn long_name_in_a_tar(dir: &Path) {
    const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    static RELEASE: Release = Release {
        name: "tiny",
        title: "Tiny",
        sources: &[ReleaseSource {
            origin: Origin::Official,
            base_url: "http://127.0.0.1:1",
            packing: FilePacking::Archive("all.tar.gz"),
        }],
        files: &[PublishedFile { name: "empty", bytes: 0, sha256: EMPTY }],
    };
    let header = |kind, name, size| {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_path(name).unwrap();
        header.set_size(size);
        header.set_cksum();
        header
    };
    let long = header(tar::EntryType::GNULongName, "long", HUGE);
    let file = header(tar::EntryType::Regular, "empty", 0);
    fs::create_dir_all(dir.join(".fetch")).unwrap();
    bomb(&dir.join(".fetch/all.tar.gz"), long.as_bytes(), file.as_bytes());
    takes_at_most(8 << 20, || fetch_from(&RELEASE, Origin::Official, dir, &mut silent)).unwrap();
    assert!(dir.join("empty").exists());
}

/// 300 MB of pixels in a file of a few bytes.
fn large_claims(dir: &Path) {
    fs::create_dir(dir).unwrap();
    let header = b"\0\0\0\x0dIHDR\0\0\x27\x10\0\0\x27\x10\x08\x02\0\0\0";
    let mut crc = flate2::Crc::new();
    crc.update(&header[4..]);
    let data = b"\0\0\0\0IDAT\x35\xaf\x06\x1e";
    let png = [b"\x89PNG\r\n\x1a\n", &header[..], &crc.sum().to_be_bytes(), data].concat();
    fs::write(dir.join("a.png"), png).unwrap();
    let read = || read_folder(dir, 64, 3, &mut silent).unwrap_err();
    let error = takes_at_most(8 << 20, read);
    assert!(error.to_string().contains("claims 10000x10000 pixels"), "{error}");
}
