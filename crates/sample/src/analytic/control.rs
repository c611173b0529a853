//! A mean by Monte Carlo, with less noise.

/// Mean and standard error of a quantity of which there are n >= 3 draws, each with a control: a
/// number drawn with it whose expectation is 0.
///
/// What the controls explain of the quantity's spread, by linear regression, is taken out
/// (control variates, Glasserman, "Monte Carlo Methods in Financial Engineering", 2003, section
/// 4.1). The mean's expectation stays the quantity's, up to O(1/n); the standard error is that of
/// a regression line at 0.
pub(crate) fn controlled_mean(draws: &[[f64; 2]]) -> (f64, f64) {
    let n = draws.len() as f64;
    let [mean, control] = [0, 1].map(|i| draws.iter().map(|draw| draw[i]).sum::<f64>() / n);
    let products = |i: usize, j: usize| {
        let centred = |draw: &[f64; 2]| [draw[0] - mean, draw[1] - control];
        draws.iter().map(centred).map(|draw| draw[i] * draw[j]).sum::<f64>()
    };
    let spread = products(1, 1);
    if spread == 0.0 {
        return (mean, (products(0, 0) / (n - 1.0) / n).sqrt());
    }
    let slope = products(0, 1) / spread;
    let left = (products(0, 0) - slope * products(0, 1)).max(0.0);
    let error = left / (n - 2.0) * (1.0 / n + control * control / spread);
    (mean - slope * control, error.sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;
    use halfstep_core::rng::{Purpose, Stream};

    #[test]
    fn what_the_control_explains_is_gone() {
        let draws = [0.5, 1.0, 2.5, 4.0].map(|control| [3.0 + 2.0 * control, control]);
        let (mean, error) = controlled_mean(&draws);
        assert!((mean - 3.0).abs() < 1e-14 && error < 1e-7, "{mean} {error}");
    }

    #[test]
    fn an_empty_control_leaves_the_mean() {
        let draws = [1.0, 2.0, 3.0, 4.0].map(|value| [value, 0.0]);
        let (mean, error) = controlled_mean(&draws);
        assert!((mean - 2.5).abs() < 1e-15);
        assert!((error - (5.0_f64 / 3.0 / 4.0).sqrt()).abs() < 1e-15, "{error}");
    }

    /// Over many small experiments, the mean is off by its standard error, in the mean of squares;
    /// with n = 12 that mean is Student's variance of 10 degrees, 1.25.
    #[test]
    fn the_error_is_of_the_right_size() {
        let mut stream = Stream::new(1, Purpose::Evaluation, 0);
        let mut normal = || f64::from(stream.normal());
        let experiments = 4000;
        let squares = (0..experiments).map(|_| {
            let draws: Vec<[f64; 2]> = (0..12)
                .map(|_| normal())
                .collect::<Vec<_>>()
                .into_iter()
                .map(|control| [7.0 + 0.8 * control + 0.5 * normal(), control])
                .collect();
            let (mean, error) = controlled_mean(&draws);
            ((mean - 7.0) / error).powi(2)
        });
        let mean = squares.sum::<f64>() / f64::from(experiments);
        assert!((mean - 1.25).abs() < 0.15, "{mean}");
    }
}
