//! Mean and variance of a dataset's pixels.

use halfstep_data::Dataset;

/// The mean image and the variance about it, of all images or within each class.
pub(crate) struct PixelMoments {
    /// `[classes, C H W]`, or one row; values in `[-1, 1]`.
    means: Vec<Vec<f64>>,
    /// Mean over pixels of the variance, about each image's own class.
    pub variance: f64,
}

impl PixelMoments {
    /// Those of the images as floats in `[-1, 1]`; `by_class` for a network that takes the class, if
    /// the images have any.
    pub fn new(dataset: &Dataset, by_class: bool) -> Self {
        let labels = dataset.labels().filter(|_| by_class);
        let classes = labels.and(dataset.num_classes()).unwrap_or(1);
        let pixels: usize = dataset.shape().iter().product();
        // Sums of bytes are exact in u64; one pass, and nothing cancels before the division.
        let mut sums = vec![vec![0_u64; pixels]; classes];
        let mut counts = vec![0_u64; classes];
        let mut squares = 0_u64;
        for i in 0..dataset.len() {
            let class = labels.map_or(0, |labels| labels[i] as usize);
            counts[class] += 1;
            for (sum, &byte) in sums[class].iter_mut().zip(dataset.image(i)) {
                *sum += u64::from(byte);
                squares += u64::from(byte).pow(2);
            }
        }
        let mean_bytes = |(sums, &count): (&Vec<u64>, &u64)| -> Vec<f64> {
            sums.iter().map(|&sum| sum as f64 / count.max(1) as f64).collect()
        };
        let means: Vec<Vec<f64>> = sums.iter().zip(&counts).map(mean_bytes).collect();
        let explained = means
            .iter()
            .zip(&counts)
            .map(|(mean, &count)| count as f64 * mean.iter().map(|byte| byte * byte).sum::<f64>());
        let spread = (squares as f64 - explained.sum::<f64>()).max(0.0);
        let variance = spread / (dataset.len() * pixels) as f64 / 127.5_f64.powi(2);
        let to_unit = |mean: Vec<f64>| mean.into_iter().map(|byte| byte / 127.5 - 1.0).collect();
        Self { means: means.into_iter().map(to_unit).collect(), variance }
    }

    /// The mean image of a class, `[C H W]`; the mean of all images if classes are not distinguished.
    pub fn mean(&self, class: Option<u32>) -> &[f64] {
        let class = class.map_or(0, |class| class as usize);
        &self.means[class.min(self.means.len() - 1)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Images of two pixels, two classes.
    fn dataset() -> Dataset {
        let pixels = vec![0, 10, 20, 10, 100, 255, 110, 255];
        Dataset::new("four", [1, 1, 2], pixels, Some(vec![0, 0, 1, 1]), Some(2)).unwrap()
    }

    #[test]
    fn over_all_images() {
        let moments = PixelMoments::new(&dataset(), false);
        let unit = |bytes: [f64; 2]| bytes.map(|byte| byte / 127.5 - 1.0);
        assert_eq!(moments.mean(None), unit([57.5, 132.5]));
        let var = |bytes: [f64; 4], mean: f64| {
            bytes.map(|byte| (byte - mean).powi(2)).iter().sum::<f64>() / 4.0
        };
        let bytes = (var([0., 20., 100., 110.], 57.5) + var([10., 10., 255., 255.], 132.5)) / 2.0;
        assert!((moments.variance - bytes / 127.5_f64.powi(2)).abs() < 1e-15);
    }

    #[test]
    fn within_classes() {
        let moments = PixelMoments::new(&dataset(), true);
        assert_eq!(moments.mean(Some(0)), [10.0, 10.0].map(|byte| byte / 127.5 - 1.0));
        assert_eq!(moments.mean(Some(1)), [105.0, 255.0].map(|byte| byte / 127.5 - 1.0));
        let bytes = (100.0 + 0.0 + 25.0 + 0.0) / 4.0;
        assert!((moments.variance - bytes / 127.5_f64.powi(2)).abs() < 1e-15);
    }
}
