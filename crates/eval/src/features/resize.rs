//! Bilinear interpolation, equal to PyTorch's.

/// Resizes one plane of `height * width` values to `to_height * to_width` values, row-major.
///
/// Equals `torch.nn.functional.interpolate(mode="bilinear", align_corners=False)` in f32, operation by
/// operation. It does not smooth when the picture gets smaller.
///
/// # Panics
/// If `plane` does not have `height * width` values, or a side is 0.
pub fn resize_bilinear(
    plane: &[f32],
    [height, width]: [usize; 2],
    [to_height, to_width]: [usize; 2],
) -> Vec<f32> {
    assert!(plane.len() == height * width && !plane.is_empty(), "a plane of {height}x{width}");
    let rows: Vec<Neighbours> =
        (0..to_height).map(|y| Neighbours::new(y, to_height, height)).collect();
    let columns: Vec<Neighbours> =
        (0..to_width).map(|x| Neighbours::new(x, to_width, width)).collect();
    let mut resized = Vec::with_capacity(to_height * to_width);
    for row in &rows {
        let (upper, lower) = (&plane[row.low * width..], &plane[row.high * width..]);
        resized.extend(columns.iter().map(|column| {
            let across = |line: &[f32]| {
                (1.0 - column.part) * line[column.low] + column.part * line[column.high]
            };
            (1.0 - row.part) * across(upper) + row.part * across(lower)
        }));
    }
    resized
}

/// The two neighbours of a resized pixel along one axis, and its place between them.
struct Neighbours {
    low: usize,
    high: usize,
    part: f32,
}

impl Neighbours {
    fn new(at: usize, to: usize, from: usize) -> Self {
        let scale = from as f32 / to as f32;
        let position = ((at as f32 + 0.5) * scale - 0.5).max(0.0);
        let low = (position as usize).min(from - 1);
        Self { low, high: (low + 1).min(from - 1), part: position - low as f32 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_size_changes_nothing_and_a_constant_stays_one() {
        let plane = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6];
        assert_eq!(resize_bilinear(&plane, [2, 3], [2, 3]), plane);
        assert!(resize_bilinear(&[0.5], [1, 1], [5, 4]).iter().all(|&value| value == 0.5));
    }

    /// Doubling the width puts pixels at quarters between neighbours and repeats the edges.
    #[test]
    fn doubling_is_by_quarters() {
        let wide = resize_bilinear(&[0.0, 1.0], [1, 2], [1, 4]);
        assert_eq!(wide, [0.0, 0.25, 0.75, 1.0]);
    }
}
