//! A chart as SVG: curves over two axes.

pub(crate) mod axis;
mod canvas;
pub(crate) mod curve;
pub(crate) mod figure;
pub(crate) mod ink;

use axis::{Axis, Scale};
use canvas::{ChartCanvas, DrawError, TEXT, width};
use curve::Point;
use ink::{Ink, themed};
use plotters::prelude::*;

/// Width and height of every chart. Plotters draws at whole numbers: this many of them make a smooth curve.
pub(crate) const SIZE: (u32, u32) = (1920, 1200);

/// Curves over two axes.
#[derive(Clone, Debug)]
pub(crate) struct Chart {
    /// The horizontal axis.
    pub x: AxisSpec,
    /// The vertical axis.
    pub y: AxisSpec,
    /// The curves, drawn from first to last.
    pub curves: Vec<Curve>,
    /// Vertical lines with words to the right of them.
    pub marks: Vec<(f64, String)>,
}

/// An axis to be fitted to the curves.
#[derive(Clone, Debug)]
pub(crate) struct AxisSpec {
    /// The quantity, with its unit.
    pub title: &'static str,
    /// How values are spread along the axis.
    pub scale: Scale,
    /// Ticks at these values instead of round ones.
    pub ticks: Option<Vec<f64>>,
}

impl AxisSpec {
    /// An axis with round ticks.
    pub fn new(title: &'static str, scale: Scale) -> Self {
        Self { title, scale, ticks: None }
    }

    /// The same with ticks at these values alone.
    pub fn with_ticks(self, ticks: Vec<f64>) -> Self {
        Self { ticks: Some(ticks), ..self }
    }
}

/// A curve. Its points are in the order of their x.
#[derive(Clone, Debug)]
pub(crate) struct Curve {
    /// Written at the end of the curve.
    pub name: Option<String>,
    /// Its colour.
    pub ink: Ink,
    /// Its shape.
    pub look: Look,
    /// Its points; those that have no place on the axes are left out.
    pub points: Vec<Point>,
}

impl Curve {
    /// A line without a name.
    pub fn line(ink: Ink, points: Vec<Point>) -> Self {
        Self { name: None, ink, look: Look::Line, points }
    }

    /// The same in another shape.
    pub fn with_look(self, look: Look) -> Self {
        Self { look, ..self }
    }

    /// The same with a name.
    pub fn with_name(self, name: impl Into<String>) -> Self {
        Self { name: Some(name.into()), ..self }
    }
}

/// The shape of a curve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    /// A pale line, behind a smooth one.
    Pale,
    /// A line.
    Line,
    /// A line with a dot at each point.
    Dots,
    /// Dots with their values written below them.
    DotsAndValues,
    /// Triangles with their values written above them.
    TrianglesAndValues,
}

impl Look {
    /// Whether values are written beside the points.
    fn has_values(self) -> bool {
        matches!(self, Self::DotsAndValues | Self::TrianglesAndValues)
    }
}

impl Chart {
    /// A chart without marks.
    pub fn new(x: AxisSpec, y: AxisSpec, curves: Vec<Curve>) -> Self {
        Self { x, y, curves, marks: Vec::new() }
    }

    /// The elements of the picture, without the `svg` around them; `None` if there is nothing to draw.
    ///
    /// # Errors
    /// Those of plotters.
    pub fn svg(&self) -> Result<Option<String>, DrawError> {
        let x = self.axis(&self.x, |point| point.0);
        let (Some(x), Some(y)) = (x, self.axis(&self.y, |point| point.1)) else {
            return Ok(None);
        };
        let mut svg = String::new();
        self.draw(x, y, &mut svg)?;
        // The page writes the opening tag itself, and closes it.
        let inner = svg.split_once('>').map_or("", |(_, rest)| rest);
        Ok(Some(themed(inner.trim_end().trim_end_matches("</svg>").to_owned())))
    }

    fn draw(&self, x: Axis, y: Axis, svg: &mut String) -> Result<(), DrawError> {
        let root = SVGBackend::with_string(svg, SIZE).into_drawing_area();
        let plane = ChartBuilder::on(&root)
            .margin_top(if self.marks.is_empty() { 2 * TEXT } else { 5 * TEXT / 2 })
            .margin_right(self.right_margin(&x))
            .x_label_area_size(3 * TEXT)
            .y_label_area_size(left_margin(&y))
            .build_cartesian_2d(x, y)?;
        let mut canvas = ChartCanvas { root: &root, plane };
        canvas.axes(self.x.title, self.y.title)?;
        canvas.marks(&self.marks)?;
        let mut names = Vec::new();
        for curve in &self.curves {
            let points: Vec<Point> =
                curve.points.iter().copied().filter(|point| self.takes(point)).collect();
            canvas.curve(curve, &points)?;
            canvas.values(curve.look, &points)?;
            if let (Some(name), Some(&end)) = (&curve.name, points.last()) {
                names.push((end, name.as_str(), curve.ink));
            }
        }
        canvas.names(names)?;
        root.present()
    }

    fn takes(&self, point: &Point) -> bool {
        self.x.scale.takes(point.0) && self.y.scale.takes(point.1)
    }

    fn axis(&self, spec: &AxisSpec, coordinate: impl Fn(&Point) -> f64) -> Option<Axis> {
        let points = self.curves.iter().flat_map(|curve| &curve.points);
        let values = points.filter(|point| self.takes(point)).map(coordinate);
        let with_values = self.curves.iter().any(|curve| curve.look.has_values());
        let room = if with_values { 0.15 } else { 0.05 };
        let axis = Axis::fit(spec.scale, values, room)?;
        Some(match &spec.ticks {
            Some(ticks) => axis.with_ticks(ticks),
            None => axis,
        })
    }

    /// Room for the names, or for half of the last tick's number.
    fn right_margin(&self, x: &Axis) -> i32 {
        let names = self.curves.iter().filter_map(|curve| curve.name.as_deref());
        let longest = names.map(width).max().map_or(0, |width| width + TEXT);
        let tick = x.labels().next_back().map_or(0, |label| width(&label) / 2);
        longest.max(tick) + TEXT / 4
    }
}

fn left_margin(y: &Axis) -> i32 {
    let widest = y.labels().map(|label| width(&label)).max().unwrap_or(0);
    widest + TEXT / 2
}
