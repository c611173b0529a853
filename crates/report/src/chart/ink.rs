//! Colours that follow the page's theme.
//!
//! Plotters knows RGB alone. Each ink has an RGB value that nothing else uses, and in the finished SVG a CSS variable
//! replaces it: one colour in the light theme, another in the dark one.

use plotters::style::RGBColor;

/// The colour that something is drawn with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ink {
    /// Words and numbers.
    Text,
    /// Numbers beside points: smaller than other text.
    Value,
    /// The x axis.
    Axis,
    /// Lines behind the curves.
    Grid,
    /// The first of two curves.
    First,
    /// The second of two curves.
    Second,
    /// A place in an ordered row of colours; below [`RAMP`].
    Ramp(u8),
}

/// The number of ordered colours: dark to bright in the light theme, bright to dark in the other.
pub(crate) const RAMP: u8 = 8;

impl Ink {
    /// The ink of one of `count` curves that have an order.
    pub fn in_order(index: usize, count: usize) -> Self {
        let last = f64::from(RAMP - 1);
        let place = index as f64 * last / (count.max(2) - 1) as f64;
        Self::Ramp(place.round().clamp(0.0, last) as u8)
    }

    /// The stand-in that plotters draws with.
    pub fn color(self) -> RGBColor {
        RGBColor(0xF7, 0x13, self.number())
    }

    fn number(self) -> u8 {
        match self {
            Self::Text => 0,
            Self::Value => 1,
            Self::Axis => 2,
            Self::Grid => 3,
            Self::First => 4,
            Self::Second => 5,
            Self::Ramp(place) => 6 + place,
        }
    }

    fn css(self) -> String {
        match self {
            Self::Text | Self::Axis => "var(--soft)".to_owned(),
            Self::Value => "var(--ink);font-size:.88em".to_owned(),
            Self::Grid => "var(--grid)".to_owned(),
            Self::First => "var(--first)".to_owned(),
            Self::Second => "var(--second)".to_owned(),
            Self::Ramp(place) => format!("var(--ramp-{place})"),
        }
    }

    fn all() -> impl Iterator<Item = Self> {
        [Self::Text, Self::Value, Self::Axis, Self::Grid, Self::First, Self::Second]
            .into_iter()
            .chain((0..RAMP).map(Self::Ramp))
    }
}

/// Replaces every stand-in. Words cannot be mistaken for one, because their quotation marks are escaped.
pub(crate) fn themed(mut svg: String) -> String {
    for ink in Ink::all() {
        let RGBColor(red, green, blue) = ink.color();
        for property in ["fill", "stroke"] {
            let stand_in = format!(r##"{property}="#{red:02X}{green:02X}{blue:02X}""##);
            svg = svg.replace(&stand_in, &format!(r#"style="{property}:{}""#, ink.css()));
        }
    }
    svg
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_ink_has_its_own_stand_in() {
        let mut numbers: Vec<u8> = Ink::all().map(Ink::number).collect();
        numbers.dedup();
        assert_eq!(numbers.len(), 6 + usize::from(RAMP));
    }

    #[test]
    fn ordered_curves_take_the_whole_row() {
        let place = |index, count| Ink::in_order(index, count);
        assert_eq!([place(0, 1), place(0, 4), place(3, 4)].map(Ink::number), [6, 6, 13]);
        assert_eq!(place(9, 10), Ink::Ramp(RAMP - 1));
    }

    #[test]
    fn stand_ins_become_variables() {
        let svg =
            r##"<line stroke="#F71304"/><text fill="#F71300">fill=&quot;#F71300&quot;</text>"##;
        let expected = r#"<line style="stroke:var(--first)"/><text style="fill:var(--soft)">fill=&quot;#F71300&quot;</text>"#;
        assert_eq!(themed(svg.to_owned()), expected);
    }
}
