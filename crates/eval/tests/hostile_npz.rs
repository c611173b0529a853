//! Damaged and malicious npz files: each is refused by name, and none makes the reader trust its claimed size.

use std::io::Write;
use std::path::{Path, PathBuf};

use halfstep_eval::{EvalError, FeatureStatistics, ImageSet, frechet_distance};

/// An npy file with this header and these bytes.
fn npy(header: &str, data: &[u8]) -> Vec<u8> {
    let mut file = b"\x93NUMPY\x01\x00".to_vec();
    let padded = format!("{header:<117}\n");
    file.extend((padded.len() as u16).to_le_bytes());
    file.extend(padded.as_bytes());
    file.extend(data);
    file
}

fn header(descr: &str, order: bool, shape: &str) -> String {
    let order = if order { "True" } else { "False" };
    format!("{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape}, }}")
}

/// A correct zip archive of uncompressed files.
fn zip(files: &[(&str, &[u8])]) -> Vec<u8> {
    let (mut archive, mut directory) = (Vec::new(), Vec::new());
    for (name, data) in files {
        let mut crc = flate2::Crc::new();
        crc.update(data);
        let mut common = Vec::new();
        for field in [20u16, 0, 0, 0, 0x21] {
            common.extend(field.to_le_bytes());
        }
        for field in [crc.sum(), data.len() as u32, data.len() as u32] {
            common.extend(field.to_le_bytes());
        }
        common.extend((name.len() as u16).to_le_bytes());
        common.extend(0u16.to_le_bytes());
        let offset = archive.len() as u32;
        archive.extend(b"PK\x03\x04");
        archive.extend(&common);
        archive.extend(name.as_bytes());
        archive.extend(*data);
        directory.extend(b"PK\x01\x02");
        directory.extend(20u16.to_le_bytes());
        directory.extend(&common);
        directory.extend([0; 10]);
        directory.extend(offset.to_le_bytes());
        directory.extend(name.as_bytes());
    }
    let (count, size, offset) = (files.len() as u16, directory.len() as u32, archive.len() as u32);
    archive.extend(&directory);
    archive.extend(b"PK\x05\x06\0\0\0\0");
    archive.extend(count.to_le_bytes());
    archive.extend(count.to_le_bytes());
    archive.extend(size.to_le_bytes());
    archive.extend(offset.to_le_bytes());
    archive.extend(0u16.to_le_bytes());
    archive
}

fn write(dir: &Path, bytes: &[u8]) -> PathBuf {
    let path = dir.join("a.npz");
    std::fs::File::create(&path).unwrap().write_all(bytes).unwrap();
    path
}

#[test]
fn a_correct_file_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let image = npy(&header("|u1", false, "(1, 1, 2, 3)"), &[1, 2, 3, 4, 5, 6]);
    let path = write(dir.path(), &zip(&[("arr_0.npy", &image)]));
    let images = ImageSet::from_npz(&path).unwrap();
    assert_eq!((images.len(), images.channels().unwrap()), (1, 3));
}

#[test]
fn malformed_images_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let pixels = [7u8; 64];
    let of = |header: String| zip(&[("arr_0.npy", &npy(&header, &pixels))]);
    let u8s = |shape: &str| of(header("|u1", false, shape));
    let whole = u8s("(1, 4, 4, 3)");
    let mut flipped = whole.clone();
    flipped[140] ^= 0x10; // a pixel, against its checksum
    for (bytes, words) in [
        (Vec::new(), "a.npz"),
        (b"PK".to_vec(), "a.npz"),
        (whole[..whole.len() / 2].to_vec(), "a.npz"),
        (flipped, "a.npz"),
        (
            npy(&header("|u1", false, "(1, 4, 4, 3)"), &pixels),
            "is an npy file, which holds one array",
        ),
        (b"\x89PNG\r\n\x1a\n".to_vec(), "neither a folder nor an npz file"),
        (zip(&[("other.npy", &pixels)]), "no array `arr_0`; it has `other`"),
        (zip(&[("arr_0.npy", &pixels)]), "a.npz"),
        (zip(&[("arr_0.npy", b"\x93NUMPY\x01\x00\xff\xff{")]), "a.npz"),
        (of("{'descr': '|u1'}".to_owned()), "a.npz"),
        (of("][".to_owned()), "a.npz"),
        (of(header("<f4", false, "(1, 4, 4, 1)")), "is float32, not uint8"),
        (of(header("|O", false, "(1, 4, 4, 1)")), "a.npz"),
        (of(header("|u1", true, "(1, 4, 4, 3)")), "row-major"),
        (u8s("()"), "[N, H, W, C] is needed"),
        (u8s("(64,)"), "[N, H, W, C] is needed"),
        (u8s("(1, 4, 4, 2)"), "1 or 3 channels"),
        (u8s("(1, 3, 4, 4)"), "channels come second (NCHW)"),
        (u8s("(4, 4, 4)"), "images[..., None]"),
        (u8s("(0, 4, 4, 3)"), "there are no images"),
        (u8s("(9, 4, 4, 3)"), "a.npz"),
        (u8s("(1, 0, 4, 3)"), "fewer values"),
        (u8s("(100000000000, 4, 4, 3)"), "16 GiB"),
        (u8s("(18446744073709551615, 18446744073709551615, 4, 3)"), "16 GiB"),
        (u8s("(-1, 4, 4, 3)"), "a.npz"),
    ] {
        let path = write(dir.path(), &bytes);
        let Err(error) = ImageSet::from_npz(&path) else { panic!("{words}: was taken") };
        let message = error.to_string();
        assert!(message.contains(words) && message.contains("a.npz"), "{words}: {message}");
    }
}

#[test]
fn malformed_statistics_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let numbers = |values: &[f64]| values.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>();
    let array = |kind: &str, shape: &str, values: &[f64]| {
        npy(&header(kind, false, shape), &numbers(values))
    };
    let (mu, sigma) = (array("<f8", "(2,)", &[1.0; 2]), array("<f8", "(2, 2)", &[1.0; 4]));
    let both = |mu: &[u8], sigma: &[u8]| zip(&[("mu.npy", mu), ("sigma.npy", sigma)]);
    let path = write(dir.path(), &both(&mu, &sigma));
    assert_eq!(FeatureStatistics::from_npz(&path).unwrap().mean, [1.0; 2]);
    // As some tools save them.
    let single = |shape: &str, values: &[f32]| {
        let bytes: Vec<u8> = values.iter().flat_map(|x| x.to_le_bytes()).collect();
        npy(&header("<f4", false, shape), &bytes)
    };
    let (mean, covariance) = ([0.1, 0.5], [1.0, 0.25, 0.25, 2.0]);
    let path = write(dir.path(), &both(&single("(2,)", &mean), &single("(2, 2)", &covariance)));
    let statistics = FeatureStatistics::from_npz(&path).unwrap();
    assert_eq!(statistics.mean, mean.map(f64::from));
    assert_eq!(statistics.covariance[(1, 1)], 2.0);
    for (bytes, words) in [
        (zip(&[("mu.npy", &mu)]), "no array `sigma`; it has `mu`"),
        (mu.clone(), "is an npy file"),
        (
            both(&array("<i8", "(2,)", &[1.0; 2]), &sigma),
            "`mu` is int64; float64 or float32 is needed",
        ),
        (both(&array("<f8", "(3,)", &[1.0; 3]), &sigma), "a.npz"),
        (both(&mu, &array("<f8", "(2, 2)", &[1.0, 0.0, f64::NAN, 1.0])), "NaN"),
        (both(&mu, &array("<f8", "(99999999, 99999999)", &[1.0])), "at most 16384"),
        (both(&mu, &array("<f8", "(2, 2)", &[1.0])), "a.npz"),
        (
            both(&mu, &array("<f8", "(2, 2)", &[1.0, 0.5, 0.25, 1.0])),
            "`sigma` is not a covariance matrix: entry [1, 0] is 0.25, and [0, 1] is 0.5",
        ),
    ] {
        let path = write(dir.path(), &bytes);
        let Err(error) = FeatureStatistics::from_npz(&path) else { panic!("{words}: was taken") };
        let message = error.to_string();
        assert!(message.contains(words) && message.contains("a.npz"), "{words}: {message}");
    }
}

/// Rounding in f32 may make a covariance slightly asymmetric.
#[test]
fn a_covariance_is_symmetric_as_far_as_f32_shows() {
    let of = |below: f64| FeatureStatistics::from_parts(vec![0.0; 2], &[1.0, 0.5, below, 1.0]);
    assert!(of(0.5 + 1e-7).is_ok());
    assert!(matches!(of(0.501), Err(EvalError::NotACovariance(_))));
}

/// A negated covariance is symmetric, but its distances are negative.
#[test]
fn a_clearly_negative_distance_is_an_error() {
    let of = |sign: f64| {
        let sigma = [2.0, 0.5, 0.5, 1.0].map(|value| sign * value);
        FeatureStatistics::from_parts(vec![0.0; 2], &sigma).unwrap()
    };
    assert!(frechet_distance(&of(1.0), &of(1.0)).unwrap() < 1e-12);
    for sides in [[of(-1.0), of(0.5)], [of(0.5), of(-1.0)]] {
        let error = frechet_distance(&sides[0], &sides[1]).unwrap_err();
        assert!(matches!(error, EvalError::NotACovariance(_)), "{error}");
        assert!(error.to_string().contains("would be -1.500e0"), "{error}");
    }
}
