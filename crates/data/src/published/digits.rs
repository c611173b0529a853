//! The UCI handwritten digits, embedded: 1797 grey images of 8x8 (E. Alpaydin, C. Kaynak, "Optical
//! recognition of handwritten digits", 1998, <https://doi.org/10.24432/C50P49>, CC BY 4.0).
//! `assets/README.md` names the origin of the copy.

use std::io::Read;

use flate2::read::GzDecoder;

use crate::{DataError, Dataset};

const CSV_GZ: &[u8] = include_bytes!("../../assets/digits.csv.gz");
const NAME: &str = "digits.csv.gz (embedded in the program)";
const SIDE: usize = 8;
const BRIGHTEST: u32 = 16;

/// The digits, in the file's order.
///
/// # Errors
/// None, unless the program file is damaged.
pub(crate) fn load() -> Result<Dataset, DataError> {
    let malformed = |problem| DataError::malformed(NAME, problem, "build the program again");
    let mut csv = String::new();
    GzDecoder::new(CSV_GZ)
        .read_to_string(&mut csv)
        .map_err(|error| malformed(error.to_string()))?;
    let (pixels, labels) = parse(&csv).map_err(malformed)?;
    Dataset::new("digits", [1, SIDE, SIDE], pixels, Some(labels), Some(10))
}

/// Each line is an image: 64 pixels from 0 to 16, row by row, and the label. Pixels are scaled to
/// `round(255 v / 16)`.
fn parse(csv: &str) -> Result<(Vec<u8>, Vec<u32>), String> {
    let mut pixels = Vec::new();
    let mut labels = Vec::new();
    for (i, line) in csv.lines().enumerate() {
        let fields: Result<Vec<u32>, _> = line.split(',').map(str::parse).collect();
        let fields = fields.map_err(|error| format!("line {}: {error}", i + 1))?;
        let Some((&label, image)) =
            fields.split_last().filter(|(_, image)| image.len() == SIDE * SIDE)
        else {
            return Err(format!("line {}: {} numbers instead of 65", i + 1, fields.len()));
        };
        if let Some(value) = image.iter().find(|&&value| value > BRIGHTEST) {
            return Err(format!("line {}: a pixel of {value}, above {BRIGHTEST}", i + 1));
        }
        // Half of 16 added before the division rounds to nearest.
        pixels.extend(image.iter().map(|value| ((255 * value + 8) / BRIGHTEST) as u8));
        labels.push(label);
    }
    Ok((pixels, labels))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash;

    #[test]
    fn the_asset_is_the_one_its_readme_describes() {
        let expected = "09f66e6debdee2cd2b5ae59e0d6abbb73fc2b0e0185d2e1957e9ebb51e23aa22";
        assert_eq!(hash::sha256(CSV_GZ), expected);
        assert!(include_str!("../../assets/README.md").contains(expected));
    }

    /// Counts as in scikit-learn's documentation of `load_digits`.
    #[test]
    fn the_embedded_digits_are_all_there() {
        let digits = load().unwrap();
        assert_eq!((digits.len(), digits.shape()), (1797, [1, 8, 8]));
        let mut counts = [0; 10];
        for &label in digits.labels().unwrap() {
            counts[label as usize] += 1;
        }
        assert_eq!(counts, [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]);
        assert!(!digits.allows_flip());
        let expected = "23a60a09a289645bd8c33a13bbcf3218b1c38755526128717f1f3584a2e63fc0";
        assert_eq!(digits.sha256(), expected);
    }

    #[test]
    fn the_first_image_is_a_zero() {
        let digits = load().unwrap();
        let first: Vec<u8> = digits
            .image(0)
            .iter()
            .map(|&byte| (byte as f32 / 255.0 * 16.0).round() as u8)
            .collect();
        let rows = [[0, 0, 5, 13, 9, 1, 0, 0], [0, 0, 13, 15, 10, 15, 5, 0]];
        assert_eq!(first[..16], rows.concat());
        assert_eq!(digits.labels().unwrap()[..5], [0, 1, 2, 3, 4]);
    }

    fn line(pixel: u32) -> String {
        format!("{pixel},").repeat(64) + "7"
    }

    #[test]
    fn grey_values_are_scaled_to_nearest() {
        for value in 0..=16 {
            let (pixels, labels) = parse(&line(value)).unwrap();
            assert_eq!(pixels, vec![(f64::from(value) * 255.0 / 16.0).round() as u8; 64]);
            assert_eq!(labels, [7]);
        }
    }

    #[test]
    fn malformed_lines_are_named() {
        assert!(parse("1,2,3").unwrap_err().contains("line 1: 3 numbers instead of 65"));
        assert!(
            parse(&format!("{}\n{}", line(0), line(17)))
                .unwrap_err()
                .contains("line 2: a pixel of 17")
        );
        assert!(parse("a").unwrap_err().contains("line 1: invalid digit"));
        assert!(parse("\n").unwrap_err().contains("line 1"));
    }
}
