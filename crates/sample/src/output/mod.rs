//! Files: pictures, raw safetensors, start noise. Each is written whole or not at all.

pub(crate) mod formats;
pub(crate) mod images;
pub mod kept;
pub mod picture;
pub(crate) mod places;

use std::io::Cursor;
use std::path::Path;

use image::codecs::jpeg::JpegEncoder;
use image::{DynamicImage, GrayAlphaImage, GrayImage, ImageFormat, RgbImage, RgbaImage};
use safetensors::tensor::{Dtype, SafeTensors};

use crate::error::SampleError;
use crate::output::formats::PictureFormat;
use crate::output::images::Images;
use crate::output::kept::{FileFormat, png_name};

pub use halfstep_files::{TEMPORARY, check_dir, check_file, write_file};

/// A picture as PNG.
///
/// # Errors
/// [`SampleError::File`].
pub fn write_png(path: &Path, picture: RgbImage) -> Result<(), SampleError> {
    write_png_image(path, &DynamicImage::ImageRgb8(picture))
}

/// A picture in the format of the file's ending: [`PictureFormat::of`].
///
/// # Errors
/// [`SampleError::File`].
pub fn write_picture(path: &Path, picture: RgbImage) -> Result<(), SampleError> {
    match PictureFormat::of(path)? {
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

/// One PNG per image, at its own size: `DIR/000000.png`, numbered from `first`.
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

/// Images as [`FileFormat::Raw`].
///
/// # Errors
/// [`SampleError::File`].
pub fn write_raw(path: &Path, images: &Images) -> Result<(), SampleError> {
    Ok(write_file(path, &FileFormat::Raw.whole(images))?)
}

/// Start noise: tensor `noise`, f32 `[B, C, H, W]`, of a safetensors file.
///
/// # Errors
/// [`SampleError::File`] if the file is malformed, or the noise not finite or not of `shape`.
pub fn read_noise(path: &Path, shape: [usize; 3]) -> Result<Images, SampleError> {
    let wrong = |problem: String| SampleError::file(path, problem);
    if path.exists() && !path.is_file() {
        return Err(wrong("is no file".to_owned())); // a device would be read for ever
    }
    let bytes = std::fs::read(path).map_err(|error| wrong(error.to_string()))?;
    let file = SafeTensors::deserialize(&bytes)
        .map_err(|error| wrong(format!("not a safetensors file: {error}")))?;
    let view = file.tensor("noise").map_err(|_| wrong("has no tensor `noise`".to_owned()))?;
    let &[n, c, h, w] = view.shape() else {
        return Err(wrong(format!("`noise` has shape {:?}; [B, C, H, W] is needed", view.shape())));
    };
    if view.dtype() != Dtype::F32 {
        return Err(wrong(format!("`noise` is {:?}; f32 is needed", view.dtype())));
    }
    if [c, h, w] != shape || n == 0 {
        return Err(wrong(format!(
            "`noise` has shape {:?}; the model draws [B, {}, {}, {}]",
            view.shape(),
            shape[0],
            shape[1],
            shape[2]
        )));
    }
    let values: Vec<f32> = view
        .data()
        .chunks_exact(4)
        .map(|four| f32::from_le_bytes([four[0], four[1], four[2], four[3]]))
        .collect();
    if values.iter().any(|value| !value.is_finite()) {
        return Err(wrong("`noise` holds NaN or infinity".to_owned()));
    }
    Ok(Images { values, shape: [n, c, h, w] })
}
