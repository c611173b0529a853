//! One picture as a viewer shows it, or as a square of bytes.

pub(crate) mod format;
mod jpeg;

use std::fs::File;
use std::io::{BufReader, Read, Seek};
use std::path::Path;

use image::imageops::{self, FilterType};
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits, Rgb, RgbImage, Rgba};

use crate::DataError;
use format::{Content, READ, TELLING};

/// The colours of a dataset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colour {
    /// One channel: Rec. 709 luma.
    Grey,
    /// Three channels.
    Rgb,
}

impl Colour {
    /// The colours of 1 or 3 channels; `None` for another number.
    pub fn from_channels(channels: usize) -> Option<Self> {
        match channels {
            1 => Some(Self::Grey),
            3 => Some(Self::Rgb),
            _ => None,
        }
    }
}

/// The most memory for decoding one picture.
const LARGEST: u64 = 512 << 20;

/// Decoded bytes that a byte of a file can stand for: 1032 by deflate, times 24 for a one-bit
/// palette that becomes RGB, rounded up. A file that claims more is wrong or cut short.
const MOST_PER_BYTE: u64 = 32_768;

/// A WebP of one colour has the same few bytes at any size: its claim is believed up to here.
const BELIEVED_OF_WEBP: u64 = 64 << 20;

/// The whole picture as a viewer shows it: EXIF rotation applied, 16-bit samples reduced to 8 bits, palettes
/// resolved, transparency laid over white. Of an animation it is the first frame.
///
/// The content decides the format (PNG, JPEG, WebP, BMP, PNM), not the name.
///
/// # Errors
/// [`DataError::Io`], [`DataError::Picture`] or [`DataError::Malformed`], naming the file.
pub fn read_picture(path: &Path) -> Result<RgbImage, DataError> {
    Ok(over_white(decode(path)?))
}

/// Height and width of the picture that [`read_picture`] returns, from the file's header alone.
///
/// # Errors
/// As [`read_picture`], except for errors after the header.
pub fn picture_sides(path: &Path) -> Result<[usize; 2], DataError> {
    // A cut header gives the error of reading the whole picture.
    let whole = |error| decode(path).err().unwrap_or(error);
    let mut decoder = Opened::new(path)?.decoder(path).map_err(whole)?;
    let (width, height) = decoder.dimensions();
    let (width, height) = (width as usize, height as usize);
    Ok(match orientation(&mut decoder) {
        Orientation::Rotate90
        | Orientation::Rotate270
        | Orientation::Rotate90FlipH
        | Orientation::Rotate270FlipH => [width, height],
        _ => [height, width],
    })
}

/// The central square of [`read_picture`], resized to `size` and turned into planes: `[3, size, size]` or
/// `[1, size, size]` bytes. Training reads pictures in this way.
///
/// The filter is Lanczos with three lobes, widened when reducing so that nothing aliases. A picture of `size` x
/// `size` keeps its bytes.
///
/// # Errors
/// As [`read_picture`].
pub fn read_square(path: &Path, size: u32, colour: Colour) -> Result<Vec<u8>, DataError> {
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

/// The content of a file, from its first bytes.
pub(crate) fn content_of(path: &Path) -> Result<Content, DataError> {
    let mut file = File::open(path).map_err(DataError::io("open", path))?;
    Ok(Content::from_head(&head(&mut file).map_err(DataError::io("read", path))?))
}

/// The error for a picture of a format that is not read.
pub(crate) fn not_read(path: &Path, format: &str) -> DataError {
    let problem = format!("{format} pictures are not read");
    DataError::malformed(path, problem, "convert it to PNG or JPEG, or take it out of the folder")
}

/// The error for a file that should hold a picture and does not.
pub(crate) fn no_picture(path: &Path) -> DataError {
    let problem = format!("not a readable picture: its content is not {READ}");
    DataError::malformed(path, problem, "replace it, convert it or take it out of the folder")
}

fn head(file: &mut impl Read) -> std::io::Result<Vec<u8>> {
    let mut head = Vec::with_capacity(TELLING);
    file.take(TELLING as u64).read_to_end(&mut head)?;
    Ok(head)
}

fn decode(path: &Path) -> Result<DynamicImage, DataError> {
    let mut opened = Opened::new(path)?;
    if opened.is_cut().map_err(DataError::io("read", path))? {
        let problem = format!("the {} is cut short", opened.name());
        let remedy = "replace it by a whole one or take it out of the folder";
        return Err(DataError::malformed(path, problem, remedy));
    }
    let (file_bytes, most) = (opened.bytes, opened.most_decoded());
    let mut decoder = opened.decoder(path)?;
    if decoder.total_bytes() > most {
        let (width, height) = decoder.dimensions();
        let problem = format!("claims {width}x{height} pixels in a file of {file_bytes} bytes");
        let remedy = "replace it by a smaller picture or take it out of the folder";
        return Err(DataError::malformed(path, problem, remedy));
    }
    let orientation = orientation(&mut decoder);
    let image = DynamicImage::from_decoder(decoder);
    let mut image = image.map_err(|source| DataError::Picture { path: path.to_owned(), source })?;
    image.apply_orientation(orientation);
    Ok(image)
}

/// The EXIF orientation; none if the EXIF is damaged, which is no reason to refuse a picture.
fn orientation(decoder: &mut impl ImageDecoder) -> Orientation {
    decoder.orientation().unwrap_or(Orientation::NoTransforms)
}

/// A picture file at its beginning, of a format that is read.
struct Opened {
    file: BufReader<File>,
    format: ImageFormat,
    /// The file's length.
    bytes: u64,
}

impl Opened {
    fn new(path: &Path) -> Result<Self, DataError> {
        let file = File::open(path).map_err(DataError::io("open", path))?;
        let bytes = file.metadata().map_err(DataError::io("read", path))?.len();
        let mut file = BufReader::new(file);
        let content = Content::from_head(&head(&mut file).map_err(DataError::io("read", path))?);
        file.rewind().map_err(DataError::io("read", path))?;
        match content {
            Content::Readable(format) => Ok(Self { file, format, bytes }),
            Content::Unreadable(format) => Err(not_read(path, format)),
            Content::NoPicture => Err(no_picture(path)),
        }
    }

    fn name(&self) -> &'static str {
        match self.format {
            ImageFormat::Png => "PNG",
            ImageFormat::Jpeg => "JPEG",
            ImageFormat::WebP => "WebP",
            ImageFormat::Bmp => "BMP",
            _ => "PNM",
        }
    }

    /// Whether the end is missing, for formats whose decoders may not notice. Leaves the file at its beginning.
    fn is_cut(&mut self) -> std::io::Result<bool> {
        let is_cut = match self.format {
            ImageFormat::Jpeg => !jpeg::is_whole(&mut self.file)?,
            ImageFormat::WebP => self.bytes < length_of_riff(&head(&mut self.file)?),
            _ => false,
        };
        self.file.rewind()?;
        Ok(is_cut)
    }

    /// The most decoded bytes that the file may claim.
    fn most_decoded(&self) -> u64 {
        let most = self.bytes.saturating_mul(MOST_PER_BYTE);
        let believed = if self.format == ImageFormat::WebP { BELIEVED_OF_WEBP } else { 0 };
        most.max(believed).min(LARGEST)
    }

    fn decoder(self, path: &Path) -> Result<impl ImageDecoder, DataError> {
        let mut reader = ImageReader::with_format(self.file, self.format);
        let mut limits = Limits::default();
        limits.max_alloc = Some(LARGEST);
        reader.limits(limits);
        reader.into_decoder().map_err(|source| DataError::Picture { path: path.to_owned(), source })
    }
}

/// The length of a RIFF file in its header: the number after `RIFF` counts the bytes that follow it.
fn length_of_riff(head: &[u8]) -> u64 {
    let length = head.get(4..8).map_or([0; 4], |four| [four[0], four[1], four[2], four[3]]);
    8 + u64::from(u32::from_le_bytes(length))
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
