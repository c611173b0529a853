//! The lines and words of a chart.
//!
//! The page's style sheet sets the size of text, larger on a narrow screen. Room is left for the largest.

use std::io;

use plotters::coord::Shift;
use plotters::coord::cartesian::Cartesian2d;
use plotters::coord::ranged1d::Ranged;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::chart::axis::Axis;
use crate::chart::curve::Point;
use crate::chart::ink::Ink;
use crate::chart::{Curve, Look};
use crate::number::{significant, tick};

/// The largest text of the style sheet, in units of the picture.
pub(crate) const TEXT: i32 = 66;

/// The error of plotters.
pub(crate) type DrawError = DrawingAreaErrorKind<io::Error>;

/// A picture, and the plane of two axes in it.
pub(crate) struct ChartCanvas<'a, 'b> {
    /// The whole picture.
    pub root: &'a DrawingArea<SVGBackend<'b>, Shift>,
    /// The area of the curves.
    pub plane: ChartContext<'a, SVGBackend<'b>, Cartesian2d<Axis, Axis>>,
}

impl ChartCanvas<'_, '_> {
    /// Draws horizontal lines with their values, the x axis with a notch at each tick, and both titles. Beside the
    /// horizontal lines a vertical axis is not needed.
    pub fn axes(&mut self, x_title: &str, y_title: &str) -> Result<(), DrawError> {
        self.mesh()?;
        let ((left, right), (_, bottom)) = self.pixels();
        let axis = self.plane.plotting_area().as_coord_spec().x_spec();
        self.line(Ink::Axis, vec![(left, bottom), (right, bottom)])?;
        for value in axis.ticks() {
            let at = axis.map(value, (left, right));
            self.line(Ink::Axis, vec![(at, bottom), (at, bottom + TEXT / 5)])?;
        }
        self.words(y_title, Ink::Text, (HPos::Left, VPos::Top), (0, TEXT / 4))?;
        let below = ((left + right) / 2, bottom + TEXT * 7 / 4);
        self.words(x_title, Ink::Text, (HPos::Center, VPos::Top), below)
    }

    fn mesh(&mut self) -> Result<(), DrawError> {
        self.plane
            .configure_mesh()
            .disable_x_mesh()
            .set_all_tick_mark_size(TEXT / 5)
            .bold_line_style(Ink::Grid.color())
            .light_line_style(TRANSPARENT)
            .axis_style(TRANSPARENT)
            .label_style(style(Ink::Text))
            .x_label_formatter(&|value| tick(*value))
            .y_label_formatter(&|value| tick(*value))
            .draw()
    }

    /// Draws vertical lines with words above them. If there is no room for all words, the first and the last are
    /// written.
    pub fn marks(&self, marks: &[(f64, String)]) -> Result<(), DrawError> {
        let ((left, right), (top, bottom)) = self.pixels();
        let axis = self.plane.plotting_area().as_coord_spec().x_spec();
        let mut at: Vec<i32> = marks.iter().map(|mark| axis.map(&mark.0, (left, right))).collect();
        at.push(right);
        let fits = |pair: &[i32], words: &str| width(words) < pair[1] - pair[0];
        let all = at.windows(2).zip(marks).all(|(pair, mark)| fits(pair, &mark.1));
        for (i, (pair, (_, words))) in at.windows(2).zip(marks).enumerate() {
            self.line(Ink::Grid, vec![(pair[0], top - TEXT / 2), (pair[0], bottom)])?;
            let at_end = i == 0 || i + 1 == marks.len();
            if all || (at_end && fits(pair, words)) {
                let beside = (pair[0] + TEXT / 6, top);
                self.words(words, Ink::Value, (HPos::Left, VPos::Bottom), beside)?;
            }
        }
        Ok(())
    }

    /// Draws a curve through points that all have a place on the axes. A single point is a dot whatever its look: a
    /// line through it would not be visible.
    pub fn curve(&self, curve: &Curve, points: &[Point]) -> Result<(), DrawError> {
        let area = self.plane.plotting_area();
        let stroke = match curve.look {
            Look::Pale => curve.ink.color().mix(0.35).stroke_width(1),
            _ => curve.ink.color().stroke_width(2),
        };
        area.draw(&PathElement::new(points.to_vec(), stroke))?;
        let fill = curve.ink.color().filled();
        for &point in points {
            match curve.look {
                Look::Pale | Look::Line if points.len() > 1 => {}
                Look::TrianglesAndValues => area.draw(&TriangleMarker::new(point, 24, fill))?,
                _ => area.draw(&Circle::new(point, 16, fill))?,
            }
        }
        Ok(())
    }

    /// Writes the values beside the points. Distances fall with more steps, and a falling curve leaves room above to
    /// the right and below to the left.
    pub fn values(&self, look: Look, points: &[Point]) -> Result<(), DrawError> {
        let (v_pos, (right, down)) = match look {
            Look::DotsAndValues => (VPos::Top, (-TEXT * 2 / 3, TEXT / 2)),
            Look::TrianglesAndValues => (VPos::Bottom, (TEXT * 2 / 3, -TEXT / 3)),
            _ => return Ok(()),
        };
        for point in points {
            let (x, y) = self.plane.backend_coord(point);
            let at = (x + right, y + down);
            self.words(&significant(point.1, 2), Ink::Value, (HPos::Center, v_pos), at)?;
        }
        Ok(())
    }

    /// Writes names beside the ends of curves, apart from each other, each with a line to its curve.
    pub fn names(&self, mut names: Vec<(Point, &str, Ink)>) -> Result<(), DrawError> {
        let ((_, right), (top, bottom)) = self.pixels();
        names.sort_by_key(|(end, ..)| self.plane.backend_coord(end).1);
        let wanted: Vec<i32> =
            names.iter().map(|(end, ..)| self.plane.backend_coord(end).1).collect();
        // Half a letter above the axis, whose last number stands there.
        let places = apart(&wanted, TEXT, top, bottom - TEXT / 2);
        for ((end, name, ink), at) in names.iter().zip(places) {
            let end = self.plane.backend_coord(end);
            let elbow = (right + TEXT / 2, at);
            self.line(*ink, vec![end, (right, end.1), elbow])?;
            self.words(name, Ink::Text, (HPos::Left, VPos::Center), (elbow.0 + TEXT / 5, at))?;
        }
        Ok(())
    }

    fn line(&self, ink: Ink, points: Vec<(i32, i32)>) -> Result<(), DrawError> {
        self.root.draw(&PathElement::new(points, ink.color()))
    }

    fn words(
        &self,
        words: &str,
        ink: Ink,
        (h_pos, v_pos): (HPos, VPos),
        at: (i32, i32),
    ) -> Result<(), DrawError> {
        self.root.draw_text(words, &style(ink).pos(Pos::new(h_pos, v_pos)), at)
    }

    /// Left and right, top and bottom of the area of the curves.
    fn pixels(&self) -> ((i32, i32), (i32, i32)) {
        let (x, y) = self.plane.plotting_area().get_pixel_range();
        ((x.start, x.end), (y.start, y.end))
    }
}

/// The width of words at the largest size. The widest digits of a common font are 0.64 of its size (DejaVu Sans).
pub(crate) fn width(words: &str) -> i32 {
    words.chars().count() as i32 * TEXT * 64 / 100
}

fn style(ink: Ink) -> TextStyle<'static> {
    ("sans-serif", TEXT).into_font().color(&ink.color())
}

/// The places nearest to the wanted ones, which rise, that are `gap` apart and lie between `low` and `high`.
///
/// Without the gaps this is isotonic regression: neighbours out of order share their mean.
fn apart(wanted: &[i32], gap: i32, low: i32, high: i32) -> Vec<i32> {
    let mut pools: Vec<(i32, i32)> = Vec::new(); // sum, count
    for (&at, i) in wanted.iter().zip(0..) {
        pools.push((at - i * gap, 1));
        while let [.., before, last] = pools[..]
            && before.0 / before.1 > last.0 / last.1
        {
            pools.truncate(pools.len() - 2);
            pools.push((before.0 + last.0, before.1 + last.1));
        }
    }
    let high = (high - gap * (wanted.len() as i32 - 1)).max(low);
    let means = pools.iter().flat_map(|&(sum, count)| (0..count).map(move |_| sum / count));
    means.zip(0..).map(|(mean, i)| mean.clamp(low, high) + i * gap).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_room_stay_beside_their_curves() {
        assert_eq!(apart(&[100, 300, 500], 66, 0, 1000), [100, 300, 500]);
        assert!(apart(&[], 66, 0, 1000).is_empty());
    }

    #[test]
    fn names_that_would_overlap_share_the_way() {
        assert_eq!(apart(&[500, 500], 66, 0, 1000), [467, 533]);
        assert_eq!(apart(&[100, 500, 510, 520, 900], 66, 0, 1000), [100, 444, 510, 576, 900]);
    }

    #[test]
    fn names_stay_within_the_picture_and_apart() {
        let places = apart(&[0, 0, 990, 1000, 1000], 66, 0, 1000);
        assert!(places.windows(2).all(|pair| pair[1] - pair[0] >= 66), "{places:?}");
        assert!(places.iter().all(|at| (0..=1000).contains(at)), "{places:?}");
    }
}
