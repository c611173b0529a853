//! One PNG or JPEG picture, brought to a square of bytes.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use image::imageops::{self, FilterType};
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageReader, Limits, Rgb, RgbImage, Rgba};

use crate::DataError;

/// The colours of a dataset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Colour {
    Grey,
    Rgb,
}

/// Memory that decoding one picture may take.
const LARGEST: u64 = 512 << 20;

/// Decoded bytes that a byte of a file can stand for: 1032 by deflate, times 24 for a one-bit
/// palette that becomes RGB, rounded up. A file that claims more lies, or is cut short.
const MOST_PER_BYTE: u64 = 32_768;

/// The central square of a picture, resized to `size` and turned into planes: `[3, size, size]` or
/// `[1, size, size]` bytes.
///
/// The format is told by content, not by name. The picture is turned as its EXIF says, 16-bit
/// samples are reduced to 8 bits, palettes resolved, transparency laid over white; the filter is
/// Lanczos with three lobes, widened when reducing so that nothing aliases. A picture that is
/// `size` x `size` already keeps its bytes. Grey is Rec. 709 luma.
///
/// # Errors
/// [`DataError::Io`], [`DataError::Picture`] or [`DataError::Malformed`], naming the file.
pub(crate) fn read(path: &Path, size: u32, colour: Colour) -> Result<Vec<u8>, DataError> {
    let square = over_white(central_square(decode(path)?));
    let square = if square.width() == size {
        square
    } else {
        imageops::resize(&square, size, size, FilterType::Lanczos3)
    };
    Ok(match colour {
        Colour::Rgb => {
            (0..3).flat_map(|channel| square.pixels().map(move |pixel| pixel[channel])).collect()
        }
        Colour::Grey => DynamicImage::ImageRgb8(square).into_luma8().into_raw(),
    })
}

fn decode(path: &Path) -> Result<DynamicImage, DataError> {
    let picture = |source| DataError::Picture { path: path.to_owned(), source };
    let file = File::open(path).map_err(DataError::io("open", path))?;
    let file_bytes = file.metadata().map_err(DataError::io("read", path))?.len();
    let mut reader = ImageReader::new(BufReader::new(file))
        .with_guessed_format()
        .map_err(DataError::io("read", path))?;
    let mut limits = Limits::default();
    limits.max_alloc = Some(LARGEST);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(picture)?;
    let claimed = decoder.total_bytes();
    if claimed > LARGEST.min(file_bytes.saturating_mul(MOST_PER_BYTE)) {
        let (width, height) = decoder.dimensions();
        let problem = format!("claims {width}x{height} pixels in a file of {file_bytes} bytes");
        let remedy = "replace it by a smaller picture or take it out of the folder";
        return Err(DataError::malformed(path, problem, remedy));
    }
    // Damaged EXIF is no reason to refuse a picture.
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let mut image = DynamicImage::from_decoder(decoder).map_err(picture)?;
    image.apply_orientation(orientation);
    Ok(image)
}

fn central_square(image: DynamicImage) -> DynamicImage {
    let (width, height) = (image.width(), image.height());
    let side = width.min(height);
    image.crop_imm((width - side) / 2, (height - side) / 2, side, side)
}

fn over_white(image: DynamicImage) -> RgbImage {
    if !image.color().has_alpha() {
        return image.into_rgb8();
    }
    let image = image.into_rgba8();
    RgbImage::from_fn(image.width(), image.height(), |x, y| {
        let Rgba([red, green, blue, alpha]) = *image.get_pixel(x, y);
        let blend = |value: u8| {
            let (value, alpha) = (u32::from(value), u32::from(alpha));
            ((value * alpha + 255 * (255 - alpha) + 127) / 255) as u8
        };
        Rgb([red, green, blue].map(blend))
    })
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use image::{GrayImage, ImageBuffer, ImageFormat, Luma, RgbaImage};

    use super::*;
    use crate::testing::write;

    /// Saves an image by the format of its name and reads it back.
    fn through(name: &str, image: impl Into<DynamicImage>, size: u32, colour: Colour) -> Vec<u8> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(name);
        image.into().save(&path).unwrap();
        read(&path, size, colour).unwrap()
    }

    fn gradient(width: u32, height: u32) -> RgbImage {
        RgbImage::from_fn(width, height, |x, y| Rgb([x as u8 * 20, y as u8 * 20, 7]))
    }

    fn png(image: impl Into<DynamicImage>) -> Vec<u8> {
        let mut bytes = std::io::Cursor::new(Vec::new());
        image.into().write_to(&mut bytes, ImageFormat::Png).unwrap();
        bytes.into_inner()
    }

    fn refused(bytes: &[u8]) -> String {
        let dir = tempfile::tempdir().unwrap();
        let path: PathBuf = write(dir.path(), "bad.png", bytes);
        let message = read(&path, 4, Colour::Rgb).unwrap_err().to_string();
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
        let planes = read(&path, 4, Colour::Rgb).unwrap();
        assert!(planes.iter().all(|byte| byte.abs_diff(90) <= 2), "{planes:?}");
    }

    #[test]
    fn a_palette_is_resolved() {
        // 2x2, 8-bit palette of two colours; image's encoder writes none, so chunk by chunk.
        let header = [&2_u32.to_be_bytes()[..], &2_u32.to_be_bytes(), &[8, 3, 0, 0, 0]].concat();
        let rows = zlib(&[0, 0, 1, 0, 1, 0]);
        let bytes = png_of(&[
            (b"IHDR", &header),
            (b"PLTE", &[255, 0, 0, 0, 0, 9]),
            (b"IDAT", &rows),
            (b"IEND", &[]),
        ]);
        let dir = tempfile::tempdir().unwrap();
        let path = write(dir.path(), "a.png", &bytes);
        let planes = read(&path, 2, Colour::Rgb).unwrap();
        assert_eq!(planes, [255, 0, 0, 255, 0, 0, 0, 0, 0, 9, 9, 0]);
    }

    fn zlib(bytes: &[u8]) -> Vec<u8> {
        use std::io::Write;
        let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn png_of(chunks: &[(&[u8; 4], &[u8])]) -> Vec<u8> {
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

    #[test]
    fn an_empty_file_text_and_another_format_are_refused() {
        assert!(refused(b"").contains("not a readable PNG or JPEG"));
        assert!(refused(b"not a picture").contains("not a readable PNG or JPEG"));
        assert!(refused(b"GIF89a\x01\0\x01\0\0\0\0;").contains("not a readable PNG or JPEG"));
    }

    #[test]
    fn a_png_cut_anywhere_is_refused_and_nothing_panics() {
        let whole = png(gradient(9, 9));
        // What comes after the last row, IDAT's checksum and IEND, a decoder need not miss.
        for len in 0..whole.len() - 24 {
            refused(&whole[..len]);
        }
    }

    #[test]
    fn no_damaged_byte_makes_it_panic() {
        let dir = tempfile::tempdir().unwrap();
        let mut jpeg = std::io::Cursor::new(Vec::new());
        gradient(9, 9).write_to(&mut jpeg, ImageFormat::Jpeg).unwrap();
        for whole in [png(gradient(9, 9)), jpeg.into_inner()] {
            for at in 0..whole.len() {
                let mut damaged = whole.clone();
                damaged[at] ^= 0x55;
                let path = write(dir.path(), "damaged", &damaged);
                let _ = read(&path, 4, Colour::Rgb);
            }
        }
    }

    #[test]
    fn a_size_that_the_file_cannot_hold_is_refused_before_memory_is_taken() {
        let header = [&10_000_u32.to_be_bytes()[..], &10_000_u32.to_be_bytes(), &[8, 2, 0, 0, 0]];
        let bytes = png_of(&[(b"IHDR", &header.concat()), (b"IDAT", &zlib(&[0; 100]))]);
        assert!(refused(&bytes).contains("claims 10000x10000 pixels in a file of"));
    }

    #[test]
    fn no_width_is_refused() {
        let header = [&0_u32.to_be_bytes()[..], &2_u32.to_be_bytes(), &[8, 2, 0, 0, 0]].concat();
        refused(&png_of(&[(b"IHDR", &header), (b"IDAT", &zlib(&[0; 2])), (b"IEND", &[])]));
    }
}
