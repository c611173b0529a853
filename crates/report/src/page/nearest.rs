//! The memorisation check: samples beside the training images nearest to them.

use halfstep_run::median;
use maud::{Markup, html};

use crate::data::NearestImages;
use crate::number::{short, significant};
use crate::page::pictures::image;

/// A sample this many times nearer to a training image than training images are to each other deserves a look.
const SUSPICIOUS: f64 = 3.0;

/// The picture, the distances, and how to read them.
pub(crate) fn nearest(nearest: &NearestImages) -> Markup {
    let distances = &nearest.distances;
    html! {
        figure.pair {
            (image(&nearest.png, "Two rows: samples, and below each the training image nearest to it"))
            figcaption {
                "Above: samples. Below each: the training image nearest to it, by " (nearest.metric) "."
            }
        }
        @if !distances.is_empty() {
            p {
                "Distances, left to right: "
                @for (i, distance) in distances.iter().enumerate() {
                    @if i > 0 { ", " }
                    @if is_suspicious(*distance, nearest.typical) { strong { (significant(*distance, 2)) } }
                    @else { (significant(*distance, 2)) }
                }
                "."
            }
        }
        p { (reading(distances, nearest.typical)) }
    }
}

fn is_suspicious(distance: f64, typical: Option<f64>) -> bool {
    typical.is_some_and(|typical| distance * SUSPICIOUS < typical)
}

fn reading(distances: &[f64], typical: Option<f64>) -> String {
    let (Some(own), Some(typical)) =
        (median(distances), typical.filter(|typical| typical.is_finite()))
    else {
        return "The typical distance between training images is not known, so these distances cannot be judged."
            .to_owned();
    };
    let suspicious = distances.iter().filter(|&&d| is_suspicious(d, Some(typical))).count();
    let verdict = match suspicious {
        0 => "No sample is nearer than a third of that, so none of them looks copied. A few samples prove little, \
              and blurred samples are near to everything."
            .to_owned(),
        n => format!(
            "{n} of {} (in bold) {} nearer than a third of that: compare with the training image below.",
            distances.len(),
            if n == 1 { "is" } else { "are" },
        ),
    };
    format!(
        "The median distance is {}. A training image is typically {} from the nearest other training image; a sample \
         far nearer than that would be a copy. {verdict}",
        short(own),
        short(typical)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_far_nearer_than_usual_is_counted() {
        let text = reading(&[0.30, 0.28, 0.01], Some(0.30));
        assert!(
            text.contains("The median distance is 0.280") && text.contains("1 of 3 (in bold) is"),
            "{text}"
        );
        assert!(reading(&[0.30, 0.28], Some(0.30)).contains("none of them looks copied"));
    }

    #[test]
    fn nothing_is_claimed_without_a_typical_distance() {
        for (distances, typical) in [
            (&[0.3][..], None),
            (&[], Some(0.3)),
            (&[f64::NAN], Some(0.3)),
            (&[0.3], Some(f64::NAN)),
        ] {
            assert!(reading(distances, typical).contains("cannot be judged"));
        }
    }
}
