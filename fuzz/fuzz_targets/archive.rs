//! Unpacking writes the wanted files into its folder and nothing else anywhere; every file that it reports as
//! arrived is right.
#![no_main]

use std::fs;
use std::io::Write;
use std::path::Path;

use arbitrary::Arbitrary;
use flate2::{Compression, write::GzEncoder};
use halfstep_data::{PublishedFile, fuzzing};
use halfstep_fuzz::{WANTED, file, names};
use libfuzzer_sys::fuzz_target;

#[derive(Arbitrary, Debug)]
enum Input {
    /// The bytes of the file.
    Raw(Vec<u8>),
    /// The bytes under the gzip.
    Tar(Vec<u8>),
    /// Entries with right checksums, which guessing does not find.
    Entries(Vec<Entry>),
}

#[derive(Arbitrary, Debug)]
struct Entry {
    place: Place,
    kind: u8,
    format: Format,
    /// Instead of the content's length.
    claims: Option<u64>,
    content: Content,
    link: Place,
}

#[derive(Arbitrary, Debug)]
enum Place {
    One,
    Two,
    Deep,
    Above,
    Absolute,
    AboveInLongName,
    Any(Vec<u8>),
}

#[derive(Arbitrary, Debug)]
enum Format {
    Old,
    Ustar,
    Gnu,
}

#[derive(Arbitrary, Debug)]
enum Content {
    Right,
    Any(Vec<u8>),
}

fuzz_target!(|input: Input| {
    let outer = tempfile::tempdir().expect("a temporary folder");
    let work = outer.path().join("work");
    fs::create_dir(&work).expect("a folder");
    let sentinel = outer.path().join("two.bin");
    fs::write(&sentinel, "untouched").expect("a file");
    let archive = file("input.tar.gz", &bytes(&input, outer.path()));

    let wanted: Vec<&'static PublishedFile> = WANTED.iter().collect();
    let arrived = fuzzing::archive(&archive, &wanted, &work);

    assert_eq!(names(outer.path()), ["two.bin", "work"]);
    assert_eq!(fs::read(&sentinel).expect("the sentinel"), b"untouched");
    for name in names(&work) {
        let path = work.join(&name);
        assert!(name == "one.bin" || name == "two.bin", "{name}");
        assert!(path.symlink_metadata().expect("an entry").is_file(), "{name}");
    }
    if let Ok(arrived) = arrived {
        assert_eq!(arrived.len(), 2);
        assert_eq!(fs::read(work.join("one.bin")).expect("one.bin"), b"");
        assert_eq!(fs::read(work.join("two.bin")).expect("two.bin"), b"abc");
    }
});

fn bytes(input: &Input, outer: &Path) -> Vec<u8> {
    match input {
        Input::Raw(bytes) => bytes.clone(),
        Input::Tar(bytes) => gzip(bytes),
        Input::Entries(entries) => {
            let mut tar = Vec::new();
            for entry in entries {
                push(entry, outer, &mut tar);
            }
            tar.extend([0; 1024]);
            gzip(&tar)
        }
    }
}

fn push(entry: &Entry, outer: &Path, tar: &mut Vec<u8>) {
    let content: &[u8] = match (&entry.content, &entry.place) {
        (Content::Any(bytes), _) => bytes,
        (Content::Right, Place::One) => b"",
        (Content::Right, _) => b"abc",
    };
    let mut header = match entry.format {
        Format::Old => tar::Header::new_old(),
        Format::Ustar => tar::Header::new_ustar(),
        Format::Gnu => tar::Header::new_gnu(),
    };
    if let Place::AboveInLongName = entry.place {
        let mut long = tar::Header::new_gnu();
        long.set_entry_type(tar::EntryType::GNULongName);
        let name = name(&Place::Above, outer);
        append(&mut long, &name, name.len() as u64, tar);
        header.set_entry_type(tar::EntryType::Regular);
    } else {
        header.set_entry_type(tar::EntryType::new(entry.kind));
    }
    let name = name(&entry.place, outer);
    set(&mut header.as_old_mut().name, &name);
    let link = self::name(&entry.link, outer);
    set(&mut header.as_old_mut().linkname, &link);
    append(&mut header, content, entry.claims.unwrap_or(content.len() as u64), tar);
}

fn append(header: &mut tar::Header, content: &[u8], claims: u64, tar: &mut Vec<u8>) {
    header.set_size(claims);
    header.set_cksum();
    tar.extend(header.as_bytes());
    tar.extend(content);
    tar.resize(tar.len().next_multiple_of(512), 0);
}

fn name(place: &Place, outer: &Path) -> Vec<u8> {
    match place {
        Place::One => b"one.bin".to_vec(),
        Place::Two => b"two.bin".to_vec(),
        Place::Deep => b"a/b/two.bin".to_vec(),
        Place::Above | Place::AboveInLongName => b"../two.bin".to_vec(),
        Place::Absolute => outer.join("two.bin").to_string_lossy().into_owned().into_bytes(),
        Place::Any(bytes) => bytes.clone(),
    }
}

fn set(field: &mut [u8], value: &[u8]) {
    let len = field.len().min(value.len());
    field[..len].copy_from_slice(&value[..len]);
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}
