use std::path::PathBuf;

use image::{GrayImage, ImageBuffer, ImageFormat, Luma, RgbaImage};

use super::*;
use crate::testing::write;

/// Saves an image by the format of its name and reads it back.
fn through(name: &str, image: impl Into<DynamicImage>, size: u32, colour: Colour) -> Vec<u8> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(name);
    image.into().save(&path).unwrap();
    read_square(&path, size, colour).unwrap()
}

fn gradient(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| Rgb([x as u8 * 20, y as u8 * 20, 7]))
}

fn refused(bytes: &[u8]) -> String {
    let dir = tempfile::tempdir().unwrap();
    let path: PathBuf = write(dir.path(), "bad.png", bytes);
    let message = read_square(&path, 4, Colour::Rgb).unwrap_err().to_string();
    assert!(message.contains("bad.png"), "{message}");
    message
}

#[test]
fn a_picture_of_the_right_size_keeps_its_bytes_as_planes() {
    let planes = through("a.png", gradient(2, 2), 2, Colour::Rgb);
    assert_eq!(planes, [0, 20, 0, 20, 0, 0, 20, 20, 7, 7, 7, 7]);
}

#[test]
fn the_central_square_is_taken() {
    let wide = through("a.png", gradient(6, 2), 2, Colour::Rgb);
    assert_eq!(wide[..4], [40, 60, 40, 60]);
    let tall = through("a.png", gradient(2, 7), 2, Colour::Rgb);
    assert_eq!(tall[4..8], [40, 40, 60, 60]);
}

#[test]
fn reducing_does_not_alias() {
    let checkers =
        GrayImage::from_fn(64, 64, |x, y| Luma([if (x + y) % 2 == 0 { 255 } else { 0 }]));
    let reduced = through("a.png", checkers, 8, Colour::Grey);
    // The mean, 127.5; the filter's own response at this frequency is below 2 per cent.
    assert!(reduced.iter().all(|byte| byte.abs_diff(127) <= 5), "{reduced:?}");
}

#[test]
fn a_plain_colour_stays_plain_at_any_size() {
    for size in [1, 3, 16, 50] {
        let plain = RgbImage::from_pixel(16, 16, Rgb([10, 200, 30]));
        let planes = through("a.png", plain, size, Colour::Rgb);
        let area = (size * size) as usize;
        let expected = [vec![10; area], vec![200; area], vec![30; area]].concat();
        assert_eq!(planes, expected);
    }
}

#[test]
fn transparency_is_laid_over_white() {
    let pixels = [[10, 20, 30, 255], [10, 20, 30, 0], [0, 255, 0, 128], [0, 0, 0, 127]];
    let image = RgbaImage::from_raw(2, 2, pixels.concat()).unwrap();
    let planes = through("a.png", image, 2, Colour::Rgb);
    assert_eq!(planes, [10, 255, 127, 128, 20, 255, 255, 128, 30, 255, 127, 128]);
}

#[test]
fn sixteen_bits_become_eight() {
    let image = ImageBuffer::<Luma<u16>, _>::from_raw(2, 1, vec![0_u16, 65535]).unwrap();
    assert_eq!(through("a.png", image, 1, Colour::Grey).len(), 1);
    let image = ImageBuffer::<Luma<u16>, _>::from_pixel(1, 1, Luma([0x8080_u16]));
    assert_eq!(through("a.png", image, 1, Colour::Rgb), [0x80; 3]);
}

#[test]
fn grey_in_is_grey_out_and_colour_becomes_luma() {
    for grey in [0, 1, 77, 128, 254, 255] {
        let image = GrayImage::from_pixel(1, 1, Luma([grey]));
        assert_eq!(through("a.png", image.clone(), 1, Colour::Grey), [grey]);
        assert_eq!(through("a.png", image, 1, Colour::Rgb), [grey; 3]);
    }
    // 0.7152 of 255 is 182.4.
    let green = RgbImage::from_pixel(1, 1, Rgb([0, 255, 0]));
    assert_eq!(through("a.png", green, 1, Colour::Grey), [182]);
}

/// JPEG's own loss on a plain colour is a rounding or two.
#[test]
fn jpeg_is_read_even_under_a_png_name() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.png");
    let plain = RgbImage::from_pixel(16, 16, Rgb([90, 90, 90]));
    plain.save_with_format(&path, ImageFormat::Jpeg).unwrap();
    let planes = read_square(&path, 4, Colour::Rgb).unwrap();
    assert!(planes.iter().all(|byte| byte.abs_diff(90) <= 2), "{planes:?}");
}

#[test]
fn an_empty_file_text_and_another_format_are_refused() {
    assert!(refused(b"").contains("not a readable picture"));
    assert!(refused(b"not a picture").contains("its content is not PNG, JPEG, WebP, BMP or PNM"));
    assert!(refused(b"GIF89a\x01\0\x01\0\0\0\0;").contains("GIF pictures are not read"));
}

fn encoded(image: impl Into<DynamicImage>, format: ImageFormat) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    image.into().write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

#[test]
fn a_picture_cut_anywhere_is_refused_and_nothing_panics() {
    // A PNG decoder need not miss what follows the last row: IDAT's checksum and IEND.
    for (format, not_missed) in [
        (ImageFormat::Png, 24),
        (ImageFormat::WebP, 0),
        (ImageFormat::Bmp, 0),
        (ImageFormat::Pnm, 0),
    ] {
        let whole = encoded(gradient(9, 9), format);
        for len in 0..whole.len() - not_missed {
            refused(&whole[..len]);
        }
    }
}

/// The picture in its own size as a viewer shows it, and the size in its header alone.
#[test]
fn a_whole_picture_is_turned_and_laid_over_white() {
    let dir = tempfile::tempdir().unwrap();
    let picture = RgbaImage::from_fn(3, 2, |x, y| Rgba([x as u8, y as u8, 0, 255 * (1 - y as u8)]));
    // Turned by a quarter to the right: one entry, orientation (0x0112), a short, 6.
    let exif = b"eXIfII*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0";
    let mut crc = flate2::Crc::new();
    crc.update(exif);
    let length = (exif.len() as u32 - 4).to_be_bytes();
    let chunk = [&length[..], exif, &crc.sum().to_be_bytes()].concat();
    let upright = encoded(picture, ImageFormat::Png);
    let turned = [&upright[..33], &chunk, &upright[33..]].concat();
    let path = write(dir.path(), "turned.jpg", &turned);
    let seen = read_picture(&path).unwrap();
    assert_eq!((seen.width(), seen.height()), (2, 3));
    let white = Rgb([255; 3]);
    let rows: Vec<Rgb<u8>> = seen.pixels().copied().collect();
    assert_eq!(rows, [white, Rgb([0; 3]), white, Rgb([1, 0, 0]), white, Rgb([2, 0, 0])]);
    assert_eq!(picture_sides(&path).unwrap(), [3, 2]);
    assert_eq!(picture_sides(&write(dir.path(), "upright", &upright)).unwrap(), [2, 3]);
}

/// A picture of fewer bytes than deflate could reach for its size.
#[test]
fn a_large_webp_of_one_colour_is_read() {
    let plain = encoded(RgbImage::from_pixel(1500, 1500, Rgb([7; 3])), ImageFormat::WebP);
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(read_square(&write(dir.path(), "a", &plain), 1, Colour::Grey).unwrap(), [7]);
}

#[test]
fn no_damaged_byte_makes_it_panic() {
    let dir = tempfile::tempdir().unwrap();
    for format in
        [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::WebP, ImageFormat::Bmp, ImageFormat::Pnm]
    {
        let whole = encoded(gradient(9, 9), format);
        for at in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[at] ^= 0x55;
            let path = write(dir.path(), "damaged", &damaged);
            let _ = read_square(&path, 4, Colour::Rgb);
        }
    }
}
