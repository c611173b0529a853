//! Every form that a picture can have is read, and wrong ones are refused. The PNGs are assembled here, chunk by
//! chunk; all others are the fuzzer's seeds, nearly all written by Pillow.

use std::path::PathBuf;

use image::{DynamicImage, GrayImage, ImageFormat, Luma, Rgb, RgbImage};

use super::{Colour, picture_sides, read_square};
use crate::DataError;
use crate::testing::write;

macro_rules! seed {
    ($name:literal) => {
        &include_bytes!(concat!("../../../../fuzz/seeds/picture/", $name))[..]
    };
}

fn read_bytes(bytes: &[u8], size: u32) -> Result<Vec<u8>, DataError> {
    let dir = tempfile::tempdir().unwrap();
    let path: PathBuf = write(dir.path(), "the picture.png", bytes);
    read_square(&path, size, Colour::Rgb)
}

#[track_caller]
fn refused(bytes: &[u8], reason: &str) {
    let message = read_bytes(bytes, 4).unwrap_err().to_string();
    assert!(message.contains("the picture.png"), "{message}");
    assert!(message.contains(reason), "{reason} is not in: {message}");
}

fn zlib(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// The kind of a chunk, and its content.
type Chunk<'a> = (&'a [u8; 4], &'a [u8]);

fn png_of(chunks: &[Chunk<'_>]) -> Vec<u8> {
    let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
    for (kind, body) in chunks {
        let mut crc = flate2::Crc::new();
        crc.update(*kind);
        crc.update(body);
        png.extend((body.len() as u32).to_be_bytes());
        png.extend(*kind);
        png.extend(*body);
        png.extend(crc.sum().to_be_bytes());
    }
    png
}

/// The header of a PNG; `form` is depth, colour type, compression, filter, interlace.
fn header(width: u32, height: u32, form: [u8; 5]) -> Vec<u8> {
    [&width.to_be_bytes()[..], &height.to_be_bytes(), &form].concat()
}

/// A 2x2 PNG of this form, with these chunks before its rows.
fn form(depth: u8, colour: u8, interlace: u8, chunks: &[Chunk<'_>], rows: &[u8]) -> Vec<u8> {
    let (header, rows) = (header(2, 2, [depth, colour, 0, 0, interlace]), zlib(rows));
    png_of(&[&[(b"IHDR", &header[..])], chunks, &[(b"IDAT", &rows), (b"IEND", &[])]].concat())
}

/// Checks that a PNG of 2x2 has these pixels, row by row.
#[track_caller]
fn shows(png: &[u8], pixels: [[u8; 3]; 4]) {
    let planes: Vec<u8> = (0..3).flat_map(|c| pixels.map(|pixel| pixel[c])).collect();
    assert_eq!(read_bytes(png, 2).unwrap(), planes);
}

fn grey(values: [u8; 4]) -> [[u8; 3]; 4] {
    values.map(|value| [value; 3])
}

/// Each row begins with its filter, which is 0 for none here and below.
#[test]
fn grey_pngs_of_every_depth() {
    shows(&form(1, 0, 0, &[], &[0, 0x40, 0, 0x80]), grey([0, 255, 255, 0]));
    shows(&form(2, 0, 0, &[], &[0, 0x10, 0, 0xb0]), grey([0, 85, 170, 255]));
    shows(&form(4, 0, 0, &[], &[0, 0x01, 0, 0xef]), grey([0, 17, 238, 255]));
    shows(&form(8, 0, 0, &[], &[0, 1, 2, 0, 3, 4]), grey([1, 2, 3, 4]));
    // 257 n in 16 bits is n in 8 bits.
    shows(&form(16, 0, 0, &[], &[0, 1, 1, 2, 2, 0, 3, 3, 4, 4]), grey([1, 2, 3, 4]));
}

#[test]
fn rgb_pngs_of_8_and_16_bits() {
    let rows = [0, 1, 2, 3, 4, 5, 6, 0, 7, 8, 9, 10, 11, 12];
    shows(&form(8, 2, 0, &[], &rows), [[1, 2, 3], [4, 5, 6], [7, 8, 9], [10, 11, 12]]);
    let rows = [&[0][..], &[9; 12], &[0], &[7; 12]].concat();
    shows(&form(16, 2, 0, &[], &rows), grey([9, 9, 7, 7]));
}

#[test]
fn palettes_are_resolved() {
    let palette: Chunk<'_> = (b"PLTE", &[255, 0, 0, 0, 0, 9]);
    let (red, blue, white) = ([255, 0, 0], [0, 0, 9], [255; 3]);
    shows(&form(1, 3, 0, &[palette], &[0, 0x40, 0, 0x80]), [red, blue, blue, red]);
    shows(&form(8, 3, 0, &[palette], &[0, 0, 1, 0, 1, 0]), [red, blue, blue, red]);
    let clear = [palette, (b"tRNS", &[0])];
    shows(&form(8, 3, 0, &clear, &[0, 0, 1, 0, 1, 0]), [white, blue, blue, white]);
}

#[test]
fn every_kind_of_transparency() {
    let rows = [0, 9, 0, 9, 255, 0, 0, 128, 255, 127];
    shows(&form(8, 4, 0, &[], &rows), grey([255, 9, 127, 255]));
    let rows = [&[0][..], &[0; 16], &[0], &[255; 16]].concat();
    shows(&form(16, 6, 0, &[], &rows), grey([255; 4]));
    let key: Chunk<'_> = (b"tRNS", &[0, 2]);
    shows(&form(8, 0, 0, &[key], &[0, 1, 2, 0, 2, 4]), grey([1, 255, 255, 4]));
}

/// Adam7 of 2x2: the first pixel, then the one beside it, then the row below.
#[test]
fn an_interlaced_png() {
    shows(&form(8, 0, 1, &[], &[0, 1, 0, 2, 0, 3, 4]), grey([1, 2, 3, 4]));
}

#[test]
fn an_animated_png_is_its_first_frame() {
    let frames: [Chunk<'_>; 2] = [
        (b"acTL", &[0, 0, 0, 2, 0, 0, 0, 0]),
        (b"fcTL", b"\0\0\0\0\0\0\0\x02\0\0\0\x02\0\0\0\0\0\0\0\0\0\x01\0\x01\0\0"),
    ];
    shows(&form(8, 0, 0, &frames, &[0, 1, 2, 0, 3, 4]), grey([1, 2, 3, 4]));
}

/// Each of one colour, within two roundings of what Pillow reads.
#[test]
fn every_form_of_jpeg() {
    for (name, bytes, expected) in [
        ("grey", seed!("grey.jpg"), [90; 3]),
        ("RGB", seed!("rgb.jpg"), [89, 30, 200]),
        ("subsampled", seed!("subsampled.jpg"), [89, 30, 200]),
        ("progressive", seed!("progressive.jpg"), [89, 30, 200]),
        ("restart markers", seed!("restarts.jpg"), [89, 30, 200]),
        ("CMYK", seed!("cmyk.jpg"), [159, 216, 53]),
    ] {
        let pixel = read_bytes(bytes, 1).unwrap();
        assert!(pixel.iter().zip(expected).all(|(a, b)| a.abs_diff(b) <= 2), "{name}: {pixel:?}");
    }
}

/// Each of one colour, within two roundings of what Pillow reads.
#[test]
fn every_form_of_webp_bmp_and_pnm() {
    let colour = [90, 30, 200];
    for (name, bytes, expected) in [
        ("lossy", seed!("lossy.webp"), [90, 30, 203]),
        ("lossless", seed!("lossless.webp"), colour),
        // Alpha is 10.
        ("transparent", seed!("alpha.webp"), [249, 246, 253]),
        ("the first frame", seed!("animated.webp"), [90, 30, 203]),
        ("BMP", seed!("rgb.bmp"), colour),
        ("BMP with a palette", seed!("palette.bmp"), [90; 3]),
        ("BMP of bits", seed!("bits.bmp"), [255; 3]),
        ("PBM", seed!("bits.pbm"), [255; 3]),
        ("PGM", seed!("grey.pgm"), [90; 3]),
        ("PPM", seed!("rgb.ppm"), colour),
        ("PAM, alpha is 128", seed!("alpha.pam"), [127; 3]),
    ] {
        let pixel = read_bytes(bytes, 1).unwrap();
        assert!(pixel.iter().zip(expected).all(|(a, b)| a.abs_diff(b) <= 2), "{name}: {pixel:?}");
    }
    // Its values go up to 15.
    shows(seed!("text.pgm"), grey([0, 85, 170, 255]));
}

#[test]
fn a_webp_bmp_or_pnm_cut_anywhere_is_refused() {
    for (name, whole) in [
        ("lossy", seed!("lossy.webp")),
        ("lossless", seed!("lossless.webp")),
        ("animated", seed!("animated.webp")),
        ("BMP with a palette", seed!("palette.bmp")),
        ("BMP of bits", seed!("bits.bmp")),
        ("PBM", seed!("bits.pbm")),
        ("PPM", seed!("rgb.ppm")),
        ("PAM", seed!("alpha.pam")),
    ] {
        for len in 0..whole.len() {
            assert!(read_bytes(&whole[..len], 4).is_err(), "{name}: {len} bytes");
        }
    }
}

/// A JPEG that is cut would be read as a whole one with a grey end.
#[test]
fn a_jpeg_cut_anywhere_is_refused() {
    for whole in [seed!("rgb.jpg"), seed!("progressive.jpg"), seed!("restarts.jpg")] {
        for len in 0..whole.len() {
            let reason = if len < 3 { "not a readable" } else { "the JPEG is cut short" };
            refused(&whole[..len], reason);
        }
        read_bytes(&[whole, b"what cameras append"].concat(), 4).unwrap();
    }
}

#[test]
fn sizes_that_cannot_be_are_refused() {
    for (width, height) in [(0, 2), (2, 0), (0, 0)] {
        let rows = zlib(&[0; 6]);
        let header = header(width, height, [8, 0, 0, 0, 0]);
        let bytes = png_of(&[(b"IHDR", &header), (b"IDAT", &rows), (b"IEND", &[])]);
        refused(&bytes, "not a readable");
    }
    let jpeg = seed!("rgb.jpg");
    let frame = jpeg.windows(2).position(|two| two == [0xff, 0xc0]).unwrap();
    for (width, height, reason) in [
        (0_u16, 7_u16, "not a readable"),
        (9, 0, "not a readable"),
        (65_535, 65_535, "claims 65535x65535 pixels in a file of 632 bytes"),
    ] {
        let mut bytes = jpeg.to_vec();
        bytes[frame + 5..][..2].copy_from_slice(&height.to_be_bytes());
        bytes[frame + 7..][..2].copy_from_slice(&width.to_be_bytes());
        refused(&bytes, reason);
    }
}

#[test]
fn a_size_that_the_file_cannot_hold_is_refused_before_memory_is_taken() {
    for side in [10_000, 0x7fff_ffff, u32::MAX] {
        let header = header(side, side, [8, 2, 0, 0, 0]);
        let bytes = png_of(&[(b"IHDR", &header), (b"IDAT", &zlib(&[0; 100])), (b"IEND", &[])]);
        let reason = if side == 10_000 { "claims 10000x10000 pixels in a file of" } else { "" };
        refused(&bytes, reason);
    }
}

#[test]
fn pictures_one_pixel_wide_or_high() {
    for (width, height) in [(1, 1), (1, 9), (9, 1), (1, 2000), (2000, 1)] {
        let line = GrayImage::from_fn(width, height, |x, y| Luma([if x + y < 3 { 0 } else { 77 }]));
        let mut bytes = std::io::Cursor::new(Vec::new());
        line.write_to(&mut bytes, ImageFormat::Png).unwrap();
        let middle = if width * height == 1 { 0 } else { 77 };
        for size in [1, 4] {
            let planes = read_bytes(bytes.get_ref(), size).unwrap();
            assert_eq!(planes, vec![middle; 3 * (size * size) as usize], "{width}x{height}");
        }
    }
}

/// A lossless WebP of 16x16 with an EXIF chunk, which only the extended form has.
fn webp_with_exif(plain: &[u8], exif: &[u8]) -> Vec<u8> {
    let image = &plain[12..]; // after RIFF, the size and WEBP
    let features = b"VP8X\x0a\0\0\0\x08\0\0\0\x0f\0\0\x0f\0\0";
    let chunk = [&b"EXIF"[..], &(exif.len() as u32).to_le_bytes(), exif].concat();
    let body = [&b"WEBP"[..], features, image, &chunk].concat();
    [&b"RIFF"[..], &(body.len() as u32).to_le_bytes(), &body].concat()
}

/// Nine by seven pixels, turned by a quarter.
#[test]
fn sides_are_those_of_the_turned_picture() {
    let dir = tempfile::tempdir().unwrap();
    for (name, bytes) in [("lossy.webp", seed!("turned.webp")), ("a.jpg", seed!("turned.jpg"))] {
        let path = write(dir.path(), name, bytes);
        assert_eq!(picture_sides(&path).unwrap(), [9, 7], "{name}");
    }
}

/// The left half black and the right half white, to be turned by a quarter to the right.
#[test]
fn exif_turns_a_picture() {
    let halves = RgbImage::from_fn(16, 16, |x, _| Rgb([if x < 8 { 0 } else { 255 }; 3]));
    let halves = DynamicImage::from(halves);
    // One entry: orientation (0x0112), a short, 6.
    let tiff = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0";
    let encode = |format| {
        let mut bytes = std::io::Cursor::new(Vec::new());
        halves.write_to(&mut bytes, format).unwrap();
        bytes.into_inner()
    };
    let (jpeg, png) = (encode(ImageFormat::Jpeg), encode(ImageFormat::Png));
    let webp = encode(ImageFormat::WebP);
    let segment = [b"\xff\xe1\0\x22Exif\0\0", &tiff[..]].concat();
    let chunk = &png_of(&[(b"eXIf", tiff)])[8..];
    let after_header = 8 + 25;
    for bytes in [
        [&jpeg[..2], &segment, &jpeg[2..]].concat(),
        [&png[..after_header], chunk, &png[after_header..]].concat(),
        webp_with_exif(&webp, tiff),
    ] {
        let red = &read_bytes(&bytes, 2).unwrap()[..4];
        // The filter reaches over the edge, and JPEG rounds. Only dark above bright counts.
        assert!(red[..2].iter().all(|&value| value < 50), "{red:?}");
        assert!(red[2..].iter().all(|&value| value > 205), "{red:?}");
    }
}

#[test]
fn damaged_chunks_are_refused() {
    let whole = form(8, 0, 0, &[], &[0, 1, 2, 0, 3, 4]);
    let body = |kind: &[u8; 4]| whole.windows(4).position(|four| four == kind).unwrap() + 4;
    for at in [0, body(b"IHDR"), body(b"IHDR") + 13, body(b"IDAT") + 3] {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        refused(&bytes, "not a readable");
    }
    // A palette picture without a palette, an index beyond it, a depth that does not exist.
    refused(&form(8, 3, 0, &[], &[0, 0, 0, 0, 0, 0]), "not a readable");
    refused(&form(3, 0, 0, &[], &[0, 0, 0, 0]), "not a readable");
    refused(&form(8, 7, 0, &[], &[0, 0, 0, 0]), "not a readable");
    refused(&form(8, 0, 0, &[], &[0, 1, 2]), "not a readable");
}
