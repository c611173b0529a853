//! Files: PNG, npz, raw safetensors, start noise. Each is written whole or not at all.

use std::io::{Cursor, Write};
use std::path::Path;

use image::{DynamicImage, GrayAlphaImage, GrayImage, ImageFormat, RgbImage, RgbaImage};
use npyz::WriterBuilder;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};

use crate::error::SampleError;
use crate::images::Images;

/// How the names of our temporary files begin.
pub const TEMPORARY: &str = ".halfstep-";

/// Writes `bytes` to a temporary sibling and renames it.
///
/// # Errors
/// [`SampleError::File`] naming `path`; nothing is left behind.
pub fn write_file(path: &Path, bytes: &[u8]) -> Result<(), SampleError> {
    let parent =
        path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let write = || -> std::io::Result<()> {
        std::fs::create_dir_all(parent)?;
        let mut file = temporary(parent)?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?; // the bytes before the name
        file.persist(path)?;
        Ok(())
    };
    write().map_err(|error| SampleError::file(path, format!("cannot write: {error}")))
}

/// Checks, before any work, that [`write_file`] can write `path`. Leaves nothing behind.
///
/// # Errors
/// [`SampleError::File`] naming `path`.
pub fn check_file(path: &Path) -> Result<(), SampleError> {
    if path.is_dir() {
        return Err(SampleError::file(path, "is a folder; name a file"));
    }
    check_folder(path, path.parent().unwrap_or(Path::new("")))
}

/// Checks, before any work, that files can be written into `dir`, which need not exist yet. Leaves
/// nothing behind.
///
/// # Errors
/// [`SampleError::File`] naming `dir`.
pub fn check_dir(dir: &Path) -> Result<(), SampleError> {
    check_folder(dir, dir)
}

/// Opens a temporary file in the nearest folder above that exists, on behalf of `output`.
fn check_folder(output: &Path, dir: &Path) -> Result<(), SampleError> {
    let existing = dir.ancestors().find(|folder| folder.exists()).unwrap_or(Path::new("."));
    if !existing.is_dir() {
        let problem = format!("cannot write: {} is a file, not a folder", existing.display());
        return Err(SampleError::file(output, problem));
    }
    temporary(existing)
        .map(drop)
        .map_err(|error| SampleError::file(output, format!("cannot write: {error}")))
}

/// A temporary file with the permissions that any new file gets, not the private ones of tempfile.
fn temporary(parent: &Path) -> std::io::Result<tempfile::NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(TEMPORARY);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(std::fs::Permissions::from_mode(0o666)); // less the umask
    }
    builder.tempfile_in(parent)
}

/// A picture as PNG.
///
/// # Errors
/// [`SampleError::File`].
pub fn write_png(path: &Path, picture: RgbImage) -> Result<(), SampleError> {
    write_png_image(path, &DynamicImage::ImageRgb8(picture))
}

fn write_png_image(path: &Path, picture: &DynamicImage) -> Result<(), SampleError> {
    let mut bytes = Cursor::new(Vec::new());
    picture
        .write_to(&mut bytes, ImageFormat::Png)
        .map_err(|error| SampleError::file(path, error))?;
    write_file(path, bytes.get_ref())
}

/// One PNG an image, at its own size: `DIR/000000.png`, numbered from `first`.
///
/// # Errors
/// [`SampleError::File`], [`SampleError::Channels`].
pub fn write_png_files(dir: &Path, images: &Images, first: u64) -> Result<(), SampleError> {
    let [n, c, h, w] = images.shape;
    let pixels = images.to_pixels();
    let each = c * h * w;
    for k in 0..n {
        let path = dir.join(format!("{:06}.png", first + k as u64));
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

/// uint8 `[N, H, W, C]` as the only array, `arr_0`, of an npz: what the field's scoring tools read.
///
/// # Errors
/// [`SampleError::File`].
pub fn write_npz(path: &Path, images: &Images) -> Result<(), SampleError> {
    let [n, c, h, w] = images.shape;
    let write = || -> std::io::Result<Vec<u8>> {
        let mut bytes = Cursor::new(Vec::new());
        let mut npz = npyz::npz::NpzWriter::new(&mut bytes);
        let mut array = npz
            .array::<u8>("arr_0", Default::default())?
            .default_dtype()
            .shape(&[n as u64, h as u64, w as u64, c as u64])
            .begin_nd()?;
        array.extend(images.to_pixels())?;
        array.finish()?;
        drop(npz);
        Ok(bytes.into_inner())
    };
    let bytes =
        write().map_err(|error| SampleError::file(path, format!("cannot write: {error}")))?;
    write_file(path, &bytes)
}

/// f32 `[B, C, H, W]` as tensor `samples` of a safetensors file, as the sampler left them.
///
/// # Errors
/// [`SampleError::File`].
pub fn write_raw(path: &Path, images: &Images) -> Result<(), SampleError> {
    let bytes: Vec<u8> = images.values.iter().flat_map(|value| value.to_le_bytes()).collect();
    let file = TensorView::new(Dtype::F32, images.shape.to_vec(), &bytes)
        .and_then(|view| safetensors::serialize([("samples", view)], None))
        .map_err(|error| SampleError::file(path, error))?;
    write_file(path, &file)
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
