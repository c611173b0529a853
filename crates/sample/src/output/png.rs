//! Pictures as PNG and JPEG files.

use std::io::Cursor;
use std::path::Path;

use halfstep_files::write_file;
use image::codecs::jpeg::JpegEncoder;
use image::{DynamicImage, GrayAlphaImage, GrayImage, ImageFormat, RgbImage, RgbaImage};

use super::formats::PictureFormat;
use super::images::Images;
use crate::error::SampleError;

/// Writes a picture as PNG.
///
/// # Errors
/// [`SampleError::File`].
pub fn write_png(path: &Path, picture: RgbImage) -> Result<(), SampleError> {
    write_png_image(path, &DynamicImage::ImageRgb8(picture))
}

/// Writes a picture in the format of the file's ending: PNG or JPEG.
///
/// # Errors
/// [`SampleError::File`].
pub fn write_picture(path: &Path, picture: RgbImage) -> Result<(), SampleError> {
    match PictureFormat::from_path(path)? {
        PictureFormat::Png => write_png(path, picture),
        PictureFormat::Jpeg => {
            let mut bytes = Vec::new();
            let encoder = JpegEncoder::new_with_quality(&mut bytes, JPEG_QUALITY);
            picture.write_with_encoder(encoder).map_err(|error| SampleError::file(path, error))?;
            Ok(write_file(path, &bytes)?)
        }
    }
}

/// Small images enlarged have sharp edges, which lower qualities smear.
const JPEG_QUALITY: u8 = 95;

fn write_png_image(path: &Path, picture: &DynamicImage) -> Result<(), SampleError> {
    let mut bytes = Cursor::new(Vec::new());
    picture
        .write_to(&mut bytes, ImageFormat::Png)
        .map_err(|error| SampleError::file(path, error))?;
    Ok(write_file(path, bytes.get_ref())?)
}

/// Writes one PNG per image, at its own size: `DIR/000000.png`, numbered from `first`.
///
/// # Errors
/// [`SampleError::File`], [`SampleError::Channels`].
pub fn write_png_files(dir: &Path, images: &Images, first: u64) -> Result<(), SampleError> {
    let [n, c, h, w] = images.shape;
    let pixels = images.to_pixels();
    let each = c * h * w;
    for k in 0..n {
        let path = dir.join(png_name(first + k as u64));
        let bytes = pixels[k * each..(k + 1) * each].to_vec();
        let (width, height) = (w as u32, h as u32);
        let picture = match c {
            1 => GrayImage::from_raw(width, height, bytes).map(DynamicImage::ImageLuma8),
            2 => GrayAlphaImage::from_raw(width, height, bytes).map(DynamicImage::ImageLumaA8),
            3 => RgbImage::from_raw(width, height, bytes).map(DynamicImage::ImageRgb8),
            4 => RgbaImage::from_raw(width, height, bytes).map(DynamicImage::ImageRgba8),
            _ => return Err(SampleError::Channels(c)),
        };
        let picture = picture.ok_or_else(|| SampleError::file(&path, "image of a wrong size"))?;
        write_png_image(&path, &picture)?;
    }
    Ok(())
}

/// The file of image `number`: `000000.png`.
pub(crate) fn png_name(number: u64) -> String {
    format!("{number:06}.png")
}
