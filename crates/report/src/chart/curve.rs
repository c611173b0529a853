//! Long curves, shortened to what a picture of them can show.

/// x and y.
pub(crate) type Point = (f64, f64);

/// Columns of a picture: more points than pixels are not visible.
const COLUMNS: usize = 360;

/// The smallest and the largest value in each column of the picture, so that spikes stay.
pub(crate) fn envelope(points: &[Point]) -> Vec<Point> {
    if points.len() <= 2 * COLUMNS {
        return points.to_vec();
    }
    let extremes = columns(points).flat_map(|column| {
        let by_value = |a: &&Point, b: &&Point| a.1.total_cmp(&b.1);
        let mut pair: Vec<Point> = column
            .iter()
            .min_by(by_value)
            .into_iter()
            .chain(column.iter().max_by(by_value))
            .copied()
            .collect();
        pair.sort_by(|a, b| a.0.total_cmp(&b.0));
        pair.dedup();
        pair
    });
    extremes.collect()
}

/// The mean in each column of the picture.
pub(crate) fn means(points: &[Point]) -> Vec<Point> {
    if points.len() <= COLUMNS {
        return points.to_vec();
    }
    columns(points).filter_map(mean).collect()
}

/// The mean of x and of y; `None` without points.
pub(crate) fn mean(points: &[Point]) -> Option<Point> {
    let count = points.len() as f64;
    let sum = points.iter().fold((0.0, 0.0), |sum, point| (sum.0 + point.0, sum.1 + point.1));
    (!points.is_empty()).then(|| (sum.0 / count, sum.1 / count))
}

/// The points, whose x must rise, in equal stretches of the x axis.
fn columns(points: &[Point]) -> impl Iterator<Item = &[Point]> {
    let low = points.first().map_or(0.0, |point| point.0);
    let width = points.last().map_or(0.0, |point| point.0) - low;
    let column = move |point: &Point| ((point.0 - low) / width * COLUMNS as f64) as usize;
    points.chunk_by(move |a, b| column(a) == column(b))
}

/// The trend: means, each averaged over the twentieth of the curve around it.
pub(crate) fn smoothed(points: &[Point]) -> Vec<Point> {
    let points = means(points);
    let half = (points.len() + 20) / 40;
    let around = |at: usize| {
        // Curves begin steep: an average of many points would lie above them there.
        let half = half.min(at / 4);
        let (from, to) = (at - half, (at + half + 1).min(points.len()));
        mean(&points[from..to]).map_or(0.0, |mean| mean.1)
    };
    points.iter().enumerate().map(|(at, point)| (point.0, around(at))).collect()
}

/// The last tenth of the points, at least one of them.
pub(crate) fn last_tenth<T>(points: &[T]) -> &[T] {
    &points[points.len() - points.len().div_ceil(10)..]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wave(count: usize) -> Vec<Point> {
        (0..count).map(|i| (i as f64, (i as f64 / 1000.0).sin() + 2.0)).collect()
    }

    #[test]
    fn long_curves_become_short_and_keep_their_spikes() {
        let mut points = wave(200_000);
        points[123_456].1 = 99.0;
        let short = envelope(&points);
        assert!(short.len() <= 2 * (COLUMNS + 1), "{}", short.len());
        assert!(short.contains(&(123_456.0, 99.0)));
        assert!(short.is_sorted_by_key(|point| point.0));
        assert!(means(&points).len() <= COLUMNS + 1);
    }

    #[test]
    fn short_curves_are_not_changed() {
        for count in [0, 1, 2, 300] {
            assert_eq!(envelope(&wave(count)), wave(count));
            assert_eq!(means(&wave(count)), wave(count));
        }
    }

    #[test]
    fn many_points_on_one_step_are_one_column() {
        let points = vec![(5.0, 1.0); 1000];
        assert_eq!(envelope(&points), [(5.0, 1.0)]);
        assert_eq!(means(&points), [(5.0, 1.0)]);
    }

    #[test]
    fn smoothing_leaves_straight_lines_straight_until_their_end() {
        let line: Vec<Point> = (0..300).map(|i| (f64::from(i), f64::from(2 * i))).collect();
        for (a, b) in smoothed(&line).iter().zip(&line).take(292) {
            assert!((a.1 - b.1).abs() < 1e-9, "{a:?} {b:?}");
        }
    }

    #[test]
    fn a_spike_does_not_swallow_what_comes_after_it() {
        let mut points = wave(20_000);
        points[100].1 = 1e60;
        assert!(smoothed(&points).iter().skip(20).all(|point| (0.9..3.1).contains(&point.1)));
    }

    #[test]
    fn the_last_tenth_has_a_point_if_there_is_one() {
        assert_eq!(last_tenth(&[1]), [1]);
        assert_eq!(last_tenth(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]), [10, 11]);
        assert!(last_tenth::<u8>(&[]).is_empty());
    }
}
