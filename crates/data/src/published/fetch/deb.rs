//! Debian packages. The `ar` around them (deb(5)) is read here: three members of which one is wanted are less
//! code than a dependency. `lzma-rust2` decodes the xz inside.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::ops::Range;
use std::path::Path;

use lzma_rust2::XzReader;

use super::archive::{Arrived, Entry, unpack_tar};
use crate::DataError;
use crate::published::release::PublishedFile;

const MAGIC: &[u8; 8] = b"!<arch>\n";
/// Name 16, time 12, owner 6, group 6, mode 8, size 10 and an end of 2 bytes.
const HEADER: usize = 60;
const DATA: &str = "data.tar.xz";
/// Memory of the xz decoder. Packages made with xz's default need 9 MiB.
const MEMORY_KIB: u32 = 16 << 10;

/// Takes the wanted files out of the Debian package that came from `url`. Each is gzipped there, is verified
/// without gzip, and stays gzipped.
///
/// # Errors
/// As [`unpack_tar`]; [`DataError::Io`] if the package cannot be opened.
pub(crate) fn unpack(
    url: &str,
    package: &Path,
    wanted: &[&'static PublishedFile],
    work: &Path,
) -> Result<Vec<Arrived>, DataError> {
    let file = File::open(package).map_err(DataError::io("open", package))?;
    let damaged = |error: io::Error| DataError::download(url, format!("damaged package ({error})"));
    let data = member(BufReader::new(file), DATA).map_err(damaged)?;
    let xz = XzReader::new_mem_limit(BufReader::new(data), false, MEMORY_KIB);
    unpack_tar(url, xz, Entry::Gzipped, wanted, work)
}

/// The content of the member `name` of an `ar` archive.
fn member(mut archive: impl Read, name: &str) -> io::Result<impl Read> {
    let mut magic = [0; MAGIC.len()];
    archive.read_exact(&mut magic)?;
    if &magic != MAGIC {
        return Err(io::Error::other("not an ar archive"));
    }
    loop {
        let mut header = [0; HEADER];
        archive.read_exact(&mut header)?;
        let field = |range: Range<usize>| {
            std::str::from_utf8(&header[range]).unwrap_or_default().trim_end()
        };
        let size: u64 = field(48..58).parse().map_err(io::Error::other)?;
        // GNU's ar ends names with a slash.
        if field(0..16).trim_end_matches('/') == name {
            return Ok(archive.take(size));
        }
        // Members begin at even places.
        io::copy(&mut archive.by_ref().take(size + size % 2), &mut io::sink())?;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::testing::{gzip, names, published, write};

    /// Written by fuzz/make_seeds.py: `one.bin.gz` and `two.bin.gz` within folders, beside other files.
    const PACKAGE: &[u8] = include_bytes!("../../../../../fuzz/seeds/deb/whole.deb");

    fn unpacked(package: &[u8], wanted: &[(&'static str, &[u8])]) -> Result<Vec<String>, String> {
        let outer = tempfile::tempdir().unwrap();
        let path = write(outer.path(), "package", package);
        let work = outer.path().join("work");
        std::fs::create_dir(&work).unwrap();
        let wanted: Vec<&'static PublishedFile> = wanted
            .iter()
            .map(|(name, bytes)| &*Box::leak(Box::new(published(name, bytes))))
            .collect();
        let result = unpack("http://there", &path, &wanted, &work);
        assert_eq!(names(outer.path()), BTreeSet::from(["package".into(), "work".into()]));
        match result {
            Ok(arrived) => Ok(arrived
                .into_iter()
                .map(|(path, name)| {
                    assert!(std::fs::read(path).unwrap().starts_with(&[0x1f, 0x8b]));
                    name
                })
                .collect()),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn the_wanted_files_arrive_gzipped() {
        let names = unpacked(PACKAGE, &[("two.bin", b"abc"), ("one.bin", b"")]).unwrap();
        assert_eq!(names, ["one.bin.gz", "two.bin.gz"]);
    }

    #[test]
    fn a_wrong_or_an_absent_file_is_named() {
        let message = unpacked(PACKAGE, &[("two.bin", b"abd")]).unwrap_err();
        assert!(message.contains("http://there") && message.contains("two.bin has sha256"));
        let message = unpacked(PACKAGE, &[("three.bin", b"")]).unwrap_err();
        assert!(message.contains("there is no three.bin in the archive"), "{message}");
    }

    #[test]
    fn a_package_that_is_cut_anywhere_or_none_is_refused() {
        let wanted: [(&str, &[u8]); 2] = [("two.bin", b"abc"), ("one.bin", b"")];
        for len in 0..PACKAGE.len() / 2 {
            unpacked(&PACKAGE[..len], &wanted).unwrap_err();
        }
        let message = unpacked(&gzip(b"!<arch>"), &wanted).unwrap_err();
        assert!(message.contains("not an ar archive"), "{message}");
        let huge = format!("!<arch>\n{:<48}{:<10}`\n", "control.tar.xz", "9999999999");
        let message = unpacked(huge.as_bytes(), &wanted).unwrap_err();
        assert!(message.contains("damaged package"), "{message}");
        let negative = format!("!<arch>\n{:<48}{:<10}`\n", "control.tar.xz", "-1");
        unpacked(negative.as_bytes(), &wanted).unwrap_err();
    }
}
