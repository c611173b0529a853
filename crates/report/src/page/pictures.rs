//! Images in the page.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use maud::{Markup, html};

use crate::data::{ImageRow, PreviewImage};
use crate::number::count;

/// The number of previews that are shown of a stage: the last, and those at about a half, a quarter, ... of its steps.
/// Samples change most at the beginning.
const SHOWN: usize = 6;

/// An image, enlarged without blur.
pub(crate) fn image(png: &[u8], alt: &str) -> Markup {
    let source = format!("data:image/png;base64,{}", BASE64_STANDARD.encode(png));
    match size(png) {
        // Known sizes keep the page still while it loads.
        Some((width, height)) => {
            html! { img src=(source) alt=(alt) width=(width) height=(height); }
        }
        None => html! { img src=(source) alt=(alt); },
    }
}

/// Width and height of a PNG: its first chunk begins with them.
fn size(png: &[u8]) -> Option<(u32, u32)> {
    let header = png.strip_prefix(b"\x89PNG\r\n\x1a\n")?.get(4..16)?.strip_prefix(b"IHDR")?;
    let (width, height) = header.split_at_checked(4)?;
    Some((u32::from_be_bytes(width.try_into().ok()?), u32::from_be_bytes(height.try_into().ok()?)))
}

/// A row of images for each model.
pub(crate) fn rows(rows: &[ImageRow]) -> Option<Markup> {
    (!rows.is_empty()).then(|| {
        html! {
            p.note { "The images of a column start from the same noise." }
            div.rows {
                @for row in rows {
                    figure {
                        figcaption { strong { (row.label) } @if !row.note.is_empty() { " " (row.note) } }
                        (image(&row.png, &format!("A row of samples: {}", row.label)))
                    }
                }
            }
        }
    })
}

/// Grids drawn while the stages learned. Those of rounds are folded away: rounds begin with good samples.
pub(crate) fn previews(previews: &[PreviewImage]) -> Option<Markup> {
    let stages: Vec<&[PreviewImage]> = previews.chunk_by(|a, b| a.label == b.label).collect();
    let (first, rest) = stages.split_first()?;
    Some(html! {
        p.note {
            "Each grid is drawn in a few steps from the same noise. Shown are the last grid of a stage and those at \
             about a half, a quarter, ... of its steps."
        }
        (grids(first))
        @if !rest.is_empty() {
            details {
                summary { "Later stages" }
                @for stage in rest { (grids(stage)) }
            }
        }
    })
}

fn grids(stage: &[PreviewImage]) -> Markup {
    let label = stage.first().map_or("", |preview| &preview.label);
    html! {
        h3 { (label) }
        div.grids {
            @for preview in shown(stage) {
                figure {
                    (image(&preview.png, &format!("Samples, {label}, step {}", preview.step)))
                    figcaption { "step " (count(preview.step)) }
                }
            }
        }
    }
}

/// The previews nearest to the last step, a half of it, a quarter, ..., in the order of their steps.
fn shown(stage: &[PreviewImage]) -> Vec<&PreviewImage> {
    let last = stage.iter().map(|preview| preview.step).max().unwrap_or(0);
    let nearest = |halvings| {
        let wanted = last >> halvings;
        stage.iter().min_by_key(|preview| preview.step.abs_diff(wanted))
    };
    let mut shown: Vec<&PreviewImage> = (0..SHOWN).filter_map(nearest).collect();
    shown.sort_by_key(|preview| preview.step);
    shown.dedup_by_key(|preview| preview.step);
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_size_of_a_png_alone_is_read() {
        let png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x01\x02\0\0\0\x07\x08\x02";
        assert_eq!(size(png), Some((258, 7)));
        for cut in 0..24 {
            assert_eq!(size(&png[..cut]), None);
        }
        assert_eq!(size(b"GIF89a..................."), None);
    }

    #[test]
    fn few_previews_are_shown_of_many() {
        let preview = |step| PreviewImage { label: "teacher".to_owned(), step, png: Vec::new() };
        let many: Vec<PreviewImage> = (1..=1000).map(|k| preview(k * 100)).collect();
        let steps: Vec<u64> = shown(&many).iter().map(|preview| preview.step).collect();
        assert_eq!(steps, [3100, 6200, 12_500, 25_000, 50_000, 100_000]);
        assert_eq!(shown(&many[..1]).len(), 1);
        assert!(shown(&[]).is_empty());
    }
}
