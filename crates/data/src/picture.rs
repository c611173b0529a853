//! One PNG or JPEG picture, brought to a square of bytes.

use std::fs::File;
use std::io::{BufRead, BufReader, Seek};
use std::path::Path;

use image::imageops::{self, FilterType};
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits, Rgb, RgbImage, Rgba};

use crate::{DataError, jpeg};

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
    let mut file = BufReader::new(file);
    if is_cut_jpeg(&mut file).map_err(DataError::io("read", path))? {
        let remedy = "replace it by a whole one or take it out of the folder";
        return Err(DataError::malformed(path, "the JPEG is cut short", remedy));
    }
    let mut reader =
        ImageReader::new(file).with_guessed_format().map_err(DataError::io("read", path))?;
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

/// Leaves the file at its beginning.
fn is_cut_jpeg(file: &mut (impl BufRead + Seek)) -> std::io::Result<bool> {
    let format = ImageReader::new(&mut *file).with_guessed_format()?.format();
    file.rewind()?;
    if format != Some(ImageFormat::Jpeg) {
        return Ok(false);
    }
    let whole = jpeg::is_whole(file)?;
    file.rewind()?;
    Ok(!whole)
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
mod forms;
#[cfg(test)]
mod tests;
