//! Grids and tables of images as one picture.

use std::convert::Infallible;

use embedded_graphics::mono_font::ascii::FONT_9X15;
use embedded_graphics::mono_font::{MonoFont, MonoTextStyle};
use embedded_graphics::pixelcolor::{Rgb888, RgbColor};
use embedded_graphics::prelude::{DrawTarget, Drawable, OriginDimensions, Pixel, Point, Size};
use embedded_graphics::text::{Baseline, Text};
use image::{Rgb, RgbImage};

use crate::error::SampleError;
use crate::output::formats::PictureFormat;
use crate::output::images::Images;

/// Pixels between tiles and around them, which are not enlarged, and their colour: as torchvision's
/// `make_grid` has it.
const GAP: u32 = 2;
const BETWEEN: Rgb<u8> = Rgb([0, 0, 0]);
/// The background of images with an alpha channel.
const BEHIND: u32 = 255;
/// Small images are enlarged by the smallest whole factor that makes them at least this tall.
const COMFORTABLE_HEIGHT: usize = 64;

/// The whole factor by which images of this height are enlarged.
pub fn comfortable_scale(height: usize) -> u32 {
    COMFORTABLE_HEIGHT.div_ceil(height.max(1)).max(1) as u32
}

/// The smallest number of columns that makes a grid of `count` images not taller than wide.
pub fn square_columns(count: usize) -> usize {
    let root = count.isqrt();
    (root + usize::from(root * root < count)).max(1)
}

/// A picture takes 3 bytes a pixel: 1.5 GB.
const MOST_PIXELS: u64 = 1 << 29;

/// Checks, before anything is drawn, that a grid of images of `[height, width]` can be a picture of this
/// format.
///
/// # Errors
/// [`SampleError::GridTooLarge`].
pub fn check_grid(
    [height, width]: [usize; 2],
    [columns, rows]: [usize; 2],
    scale: u32,
    format: PictureFormat,
) -> Result<(), SampleError> {
    let side = |images: usize, pixels: usize| {
        let cell = (pixels as u64).saturating_mul(scale.into()).saturating_add(GAP.into());
        (images as u64).saturating_mul(cell).saturating_add(GAP.into())
    };
    let (width, height) = (side(columns, width), side(rows, height));
    match fits([width, height], format) {
        true => Ok(()),
        false => Err(SampleError::GridTooLarge { columns, rows, width, height }),
    }
}

fn fits([width, height]: [u64; 2], format: PictureFormat) -> bool {
    let longest = u64::from(format.longest_side());
    width.max(height) <= longest && width.saturating_mul(height) <= MOST_PIXELS
}

/// A grid, filled row by row, `columns` wide; images enlarged `scale` times by repeating pixels.
///
/// # Errors
/// [`SampleError::Channels`] unless the images have 1 to 4 channels.
pub fn grid(images: &Images, columns: usize, scale: u32) -> Result<RgbImage, SampleError> {
    let rows = images.len().div_ceil(columns.max(1));
    let tiles: Vec<Option<usize>> =
        (0..rows * columns).map(|k| (k < images.len()).then_some(k)).collect();
    compose(&[images], &tiles.iter().map(|k| k.map(|k| (0, k))).collect::<Vec<_>>(), columns, scale)
}

/// One row per set of images, all images alike in size: for comparing models on the same noises.
///
/// # Errors
/// [`SampleError::Channels`] unless the images have 1 to 4 channels.
pub fn rows(sets: &[&Images], scale: u32) -> Result<RgbImage, SampleError> {
    let columns = sets.iter().map(|set| set.len()).max().unwrap_or(0);
    let tiles: Vec<_> = sets
        .iter()
        .enumerate()
        .flat_map(|(row, set)| (0..columns).map(move |k| (k < set.len()).then_some((row, k))))
        .collect();
    compose(sets, &tiles, columns, scale)
}

/// A cell of a [`table`].
#[derive(Clone, Debug, Default)]
pub struct TableCell<'a> {
    /// Up to four are shown, two by two.
    pub images: Option<&'a Images>,
    /// Over the images, or in their place.
    pub caption: String,
}

/// A table of labelled rows and columns. All images are alike in size.
///
/// # Errors
/// [`SampleError::Channels`] unless the images have 1 to 4 channels.
pub fn table(
    rows: &[(&str, Vec<TableCell<'_>>)],
    columns: &[String],
    scale: u32,
) -> Result<RgbImage, SampleError> {
    let four = |images: &Images| grid(&images.first(4), 2, scale);
    let first = rows.iter().flat_map(|(_, cells)| cells).find_map(|cell| cell.images);
    let (cell_w, cell_h) = match first {
        Some(images) => four(images)?.dimensions(),
        None => (1, 1),
    };
    let (left, top) = table_margins(rows.iter().map(|(label, _)| *label));
    let (width, height) = (cell_w + TABLE_GAP, cell_h + TABLE_GAP);
    let mut canvas = Canvas(RgbImage::from_pixel(
        left + columns.len() as u32 * width,
        top + rows.len() as u32 * height,
        Rgb([24, 24, 24]),
    ));
    for (column, label) in columns.iter().enumerate() {
        canvas.write(label, left + column as u32 * width, LETTER.1 / 2);
    }
    for (row, (label, cells)) in rows.iter().enumerate() {
        let y = top + row as u32 * height;
        let middle = y + cell_h.saturating_sub(LETTER.1) / 2;
        canvas.write(label, LETTER.0, middle);
        for (column, cell) in cells.iter().enumerate() {
            let x = left + column as u32 * width;
            match cell.images {
                Some(images) => {
                    image::imageops::replace(&mut canvas.0, &four(images)?, x.into(), y.into());
                    canvas.write(&cell.caption, x + 2, y + 2);
                }
                None => canvas.write(&cell.caption, x, middle),
            }
        }
    }
    Ok(canvas.0)
}

/// Checks, before anything is drawn, that a [`table`] can be a picture of this format. A cell shows `shown`
/// images of `[height, width]`.
///
/// # Errors
/// [`SampleError::TableTooLarge`].
pub fn check_table(
    [height, width]: [usize; 2],
    shown: usize,
    labels: &[&str],
    columns: usize,
    scale: u32,
    format: PictureFormat,
) -> Result<(), SampleError> {
    let side = |images: usize, pixels: usize| {
        let image = (pixels as u64).saturating_mul(scale.into()).saturating_add(GAP.into());
        (images as u64).saturating_mul(image).saturating_add((GAP + TABLE_GAP).into())
    };
    let (left, top) = table_margins(labels.iter().copied());
    let cell = [side(2, width), side(shown.min(4).div_ceil(2), height)];
    let of = |cell: u64, count: usize, margin: u32| {
        cell.saturating_mul(count as u64).saturating_add(margin.into())
    };
    let rows = labels.len();
    let (width, height) = (of(cell[0], columns, left), of(cell[1], rows, top));
    match fits([width, height], format) {
        true => Ok(()),
        false => Err(SampleError::TableTooLarge { columns, rows, width, height }),
    }
}

/// Pixels left of a table's cells, where the rows' labels stand, and above them.
fn table_margins<'a>(labels: impl Iterator<Item = &'a str>) -> (u32, u32) {
    let longest = labels.map(str::len).max().unwrap_or(0) as u32;
    ((longest + 2) * LETTER.0, 2 * LETTER.1)
}

/// Pixels between the cells of a table.
const TABLE_GAP: u32 = 8;
/// Width and height of a letter.
const LETTER: (u32, u32) = (FONT.character_size.width, FONT.character_size.height);
const FONT: &MonoFont<'static> = &FONT_9X15;

/// Where embedded-graphics writes.
struct Canvas(RgbImage);

impl Canvas {
    /// `text` with its upper left corner at (x, y).
    fn write(&mut self, text: &str, x: u32, y: u32) {
        let style = MonoTextStyle::new(FONT, Rgb888::new(224, 224, 224));
        let at = Point::new(x as i32, y as i32);
        match Text::with_baseline(text, at, style, Baseline::Top).draw(self) {
            Ok(_) => {}
            Err(never) => match never {},
        }
    }
}

impl OriginDimensions for Canvas {
    fn size(&self) -> Size {
        Size::new(self.0.width(), self.0.height())
    }
}

impl DrawTarget for Canvas {
    type Color = Rgb888;
    type Error = Infallible;

    fn draw_iter<I: IntoIterator<Item = Pixel<Rgb888>>>(
        &mut self,
        pixels: I,
    ) -> Result<(), Infallible> {
        for Pixel(at, color) in pixels {
            if let (Ok(x), Ok(y)) = (u32::try_from(at.x), u32::try_from(at.y))
                && let Some(pixel) = self.0.get_pixel_mut_checked(x, y)
            {
                *pixel = Rgb([color.r(), color.g(), color.b()]);
            }
        }
        Ok(())
    }
}

fn compose(
    sets: &[&Images],
    tiles: &[Option<(usize, usize)>],
    columns: usize,
    scale: u32,
) -> Result<RgbImage, SampleError> {
    let [_, channels, height, width] = sets.first().map_or([0, 3, 1, 1], |set| set.shape);
    check_channels(channels)?;
    let (cell_w, cell_h) = (width as u32 * scale + GAP, height as u32 * scale + GAP);
    let columns = columns.max(1) as u32;
    let rows = (tiles.len() as u32).div_ceil(columns);
    let mut canvas = RgbImage::from_pixel(columns * cell_w + GAP, rows * cell_h + GAP, BETWEEN);
    let pixels: Vec<Vec<u8>> = sets.iter().map(|set| set.to_pixels()).collect();
    for (at, tile) in tiles.iter().enumerate() {
        let Some((set, k)) = *tile else { continue };
        let left = at as u32 % columns * cell_w + GAP;
        let top = at as u32 / columns * cell_h + GAP;
        let image = &pixels[set][k * height * width * channels..][..height * width * channels];
        for y in 0..height as u32 * scale {
            for x in 0..width as u32 * scale {
                let from = ((y / scale) as usize * width + (x / scale) as usize) * channels;
                let color = visible(&image[from..from + channels]);
                canvas.put_pixel(left + x, top + y, color);
            }
        }
    }
    Ok(canvas)
}

/// Grey, grey and alpha, RGB or RGBA can be shown.
///
/// # Errors
/// [`SampleError::Channels`] for other numbers of channels.
pub fn check_channels(channels: usize) -> Result<(), SampleError> {
    if (1..=4).contains(&channels) { Ok(()) } else { Err(SampleError::Channels(channels)) }
}

/// A pixel as it looks over white.
fn visible(pixel: &[u8]) -> Rgb<u8> {
    let over = |value: u8, alpha: u8| {
        let (value, alpha) = (u32::from(value), u32::from(alpha));
        ((value * alpha + BEHIND * (255 - alpha) + 127) / 255) as u8
    };
    match *pixel {
        [grey] => Rgb([grey; 3]),
        [grey, alpha] => Rgb([over(grey, alpha); 3]),
        [red, green, blue] => Rgb([red, green, blue]),
        [red, green, blue, alpha] => Rgb([over(red, alpha), over(green, alpha), over(blue, alpha)]),
        _ => unreachable!("check_channels was asked"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn images(count: usize, channels: usize) -> Images {
        Images { values: vec![1.0; count * channels * 4], shape: [count, channels, 2, 2] }
    }

    #[test]
    fn the_grid_has_the_size_of_its_tiles_and_gaps() {
        let picture = grid(&images(5, 1), 3, 4).unwrap();
        assert_eq!(picture.dimensions(), (3 * 10 + 2, 2 * 10 + 2));
        assert_eq!(picture.get_pixel(2, 2).0, [255; 3]);
        assert_eq!(picture.get_pixel(0, 0).0, [0; 3]);
        assert_eq!(picture.get_pixel(23, 13).0, [0; 3], "the sixth cell is empty");
    }

    #[test]
    fn a_grid_too_large_for_its_format_or_memory_is_refused() {
        let check = |grid, scale, format| check_grid([8, 8], grid, scale, format);
        check([100, 100], 8, PictureFormat::Png).unwrap();
        check([1000, 1], 64, PictureFormat::Png).unwrap();
        assert!(check([1000, 1], 64, PictureFormat::Jpeg).is_err(), "65535 pixels at most");
        let error = check([65_536, 65_536], 8, PictureFormat::Png).unwrap_err().to_string();
        assert!(error.contains("65536x65536") && error.contains("4325378x4325378"), "{error}");
    }

    #[test]
    fn grids_are_not_taller_than_wide() {
        assert_eq!([0, 1, 2, 4, 5, 9, 10].map(square_columns), [1, 1, 2, 2, 3, 3, 4]);
    }

    #[test]
    fn one_to_four_channels_are_shown() {
        for channels in 1..=4 {
            assert_eq!(grid(&images(1, channels), 1, 1).unwrap().get_pixel(2, 2).0, [255; 3]);
        }
        assert!(matches!(grid(&images(1, 5), 1, 1), Err(SampleError::Channels(5))));
    }

    #[test]
    fn white_is_seen_through_an_alpha_channel() {
        assert_eq!(visible(&[100, 0]).0, [255; 3]);
        assert_eq!(visible(&[100, 255]).0, [100; 3]);
        assert_eq!(visible(&[0, 100, 255, 128]).0, [127, 177, 255]);
    }

    #[test]
    fn a_table_has_its_cells_and_letters() {
        let four = images(4, 1);
        let shown = || TableCell { images: Some(&four), caption: String::new() };
        let rows = [("ab", vec![shown(), TableCell::default()]), ("c", vec![shown(), shown()])];
        let columns = ["4 steps".to_owned(), "8 steps".to_owned()];
        let picture = table(&rows, &columns, 8).unwrap();
        let (cell, left, top) = (2 * 18 + 2, 4 * 9, 30);
        assert_eq!(picture.dimensions(), (left + 2 * (cell + 8), top + 2 * (cell + 8)));
        assert_eq!(picture.get_pixel(left + 2, top + 2).0, [255; 3]);
        let second = left + cell + 8;
        assert_eq!(picture.get_pixel(second + 2, top + 2).0, [24; 3], "an empty cell");
        let label =
            (0..left).any(|x| (top..top + cell).any(|y| picture.get_pixel(x, y).0 == [224; 3]));
        assert!(label, "the row has a label");
    }

    #[test]
    fn the_size_of_a_table_is_known_before_and_refused_if_it_is_too_large() {
        for count in [1, 2, 3, 4] {
            let images = images(count, 1);
            let cell = || TableCell { images: Some(&images), caption: String::new() };
            let columns = ["4".to_owned(), "8".to_owned(), "16".to_owned()];
            let rows = [("a label", vec![cell(), cell(), cell()])];
            let (width, height) = table(&rows, &columns, 8).unwrap().dimensions();
            // As many columns as make it too large for a JPEG.
            let many = 65_535 / ((width - 81) as usize / 3) + 1;
            let check =
                |columns, format| check_table([2, 2], count, &["a label"], columns, 8, format);
            check(many, PictureFormat::Png).unwrap();
            let error = check(many, PictureFormat::Jpeg).unwrap_err();
            let SampleError::TableTooLarge { width: all, height: tall, .. } = error else {
                panic!("{error}")
            };
            let cells = u64::from(width - 81) / 3 * many as u64;
            assert_eq!((all, tall), (81 + cells, height.into()), "{count} images");
        }
    }

    #[test]
    fn small_images_are_enlarged_by_whole_factors() {
        assert_eq!([8, 28, 32, 64, 256].map(comfortable_scale), [8, 3, 2, 1, 1]);
    }
}
