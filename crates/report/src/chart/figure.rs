//! A chart with its heading and a sentence that says what is seen.

use maud::{Markup, PreEscaped, html};

use crate::chart::ink::Ink;
use crate::chart::{Chart, SIZE};

/// A chart and its words.
#[derive(Clone, Debug)]
pub(crate) struct Figure {
    /// Over it.
    pub heading: String,
    /// Below it: what is seen, in plain sentences.
    pub caption: String,
    /// Colours and what they stand for, where curves do not carry their names.
    pub legend: Vec<(Ink, &'static str)>,
    /// Values that have no place in it.
    pub left_out: usize,
    /// The picture.
    pub chart: Chart,
}

impl Figure {
    /// The figure; nothing if there is nothing to draw.
    pub fn markup(&self) -> Option<Markup> {
        let picture = match self.chart.svg() {
            Ok(svg) => plot(&self.alt(), &svg?),
            // Writing into a string does not fail; if it ever does, the rest of the page stays.
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
                        " Left out are " (self.left_out) " values that have no place on these axes: not finite, or \
                        not above zero."
                    }
                }
            }
        })
    }

    /// For those who do not see it. The caption that follows says what the curves do.
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
