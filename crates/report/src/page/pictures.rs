//! Images within the page.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use maud::{Markup, html};

use crate::data::{ImageRow, PreviewImage};
use crate::number::count;

/// Previews of a stage that are shown: the last, and those at about a half, a quarter, ... of its
/// steps. Samples change most at the beginning.
const SHOWN: usize = 6;

/// An image that is enlarged without being blurred.
pub(crate) fn image(png: &[u8], alt: &str) -> Markup {
    let source = format!("data:image/png;base64,{}", BASE64_STANDARD.encode(png));
    match size(png) {
        // Known sizes keep the page still while it is read in.
        Some((width, height)) => {
            html! { img src=(source) alt=(alt) width=(width) height=(height); }
        }
        None => html! { img src=(source) alt=(alt); },
    }
}

/// Width and height, which the first chunk of every PNG begins with.
fn size(png: &[u8]) -> Option<(u32, u32)> {
    let header = png.strip_prefix(b"\x89PNG\r\n\x1a\n")?.get(4..16)?.strip_prefix(b"IHDR")?;
    let (width, height) = header.split_at_checked(4)?;
    Some((u32::from_be_bytes(width.try_into().ok()?), u32::from_be_bytes(height.try_into().ok()?)))
}

/// A row of images for each model.
pub(crate) fn rows(rows: &[ImageRow]) -> Option<Markup> {
    (!rows.is_empty()).then(|| {
        html! {
            p.note { "Each column begins with one noise." }
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

/// Grids drawn while the stages learned. Rounds begin with good samples and are folded away.
pub(crate) fn previews(previews: &[PreviewImage]) -> Option<Markup> {
    let stages: Vec<&[PreviewImage]> = previews.chunk_by(|a, b| a.label == b.label).collect();
    let (first, rest) = stages.split_first()?;
    Some(html! {
        p.note {
            "Drawn in a few steps from the same noises each time. Shown are the last grid of a stage and those at \
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

/// The nearest to the last step halved again and again, in the order of their steps.
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
    fn the_size_is_read_from_a_png_and_from_nothing_else() {
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
