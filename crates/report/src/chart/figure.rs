//! A chart with its heading and a caption.

use maud::{Markup, PreEscaped, html};

use crate::chart::ink::Ink;
use crate::chart::{Chart, SIZE};

/// A chart and its words.
#[derive(Clone, Debug)]
pub(crate) struct Figure {
    /// Above the chart.
    pub heading: &'static str,
    /// Below the chart, in plain sentences.
    pub caption: String,
    /// Colours and their meaning, where curves do not carry their names.
    pub legend: Vec<(Ink, &'static str)>,
    /// The number of values that have no place in the chart.
    pub left_out: usize,
    /// The picture.
    pub chart: Chart,
}

impl Figure {
    /// A figure without a legend that shows all values.
    pub fn new(heading: &'static str, caption: impl Into<String>, chart: Chart) -> Self {
        Self { heading, caption: caption.into(), legend: Vec::new(), left_out: 0, chart }
    }

    /// The figure as HTML; `None` if there is nothing to draw.
    pub fn markup(&self) -> Option<Markup> {
        let picture = match self.chart.svg() {
            Ok(svg) => plot(&self.alt(), &svg?),
            // Writing into a string does not fail. If it ever does, the rest of the page stays.
            Err(error) => html! { p.problem { "could not be drawn: " (error) } },
        };
        Some(html! {
            figure.chart {
                h3 { (self.heading) }
                @if !self.legend.is_empty() { (legend(&self.legend)) }
                (picture)
                figcaption {
                    (self.caption)
                    @if self.left_out > 0 {
                        " Not shown: " (self.left_out) " values that are not finite, or not above zero."
                    }
                }
            }
        })
    }

    /// For screen readers. The caption that follows describes the curves.
    fn alt(&self) -> String {
        let (x, y) = (self.chart.x.title, self.chart.y.title);
        format!("Chart: {}. Vertical: {y}. Horizontal: {x}.", self.heading)
    }
}

fn plot(alt: &str, inner: &str) -> Markup {
    html! {
        div.plot {
            svg viewBox={ "0 0 " (SIZE.0) " " (SIZE.1) } role="img" aria-label=(alt) {
                (PreEscaped(inner))
            }
        }
    }
}

fn legend(entries: &[(Ink, &'static str)]) -> Markup {
    html! {
        ul.legend {
            @for (ink, words) in entries {
                li {
                    span class={ "swatch " @if *ink == Ink::Second { "second" } @else { "first" } } {}
                    (words)
                }
            }
        }
    }
}
