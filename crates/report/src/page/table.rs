//! Tables and lists.

use maud::{Markup, html};

/// A table that scrolls within itself: words in the first column, numbers in the others. `None` without rows.
pub(crate) fn table(
    columns: &[&str],
    rows: impl IntoIterator<Item = (String, Vec<String>)>,
) -> Option<Markup> {
    let mut rows = rows.into_iter().peekable();
    let (first, numbers) = columns.split_first()?;
    rows.peek()?;
    Some(html! {
        div.scroll {
            table {
                thead {
                    tr {
                        th scope="col" { (first) }
                        @for column in numbers { th.number scope="col" { (column) } }
                    }
                }
                tbody {
                    @for (name, cells) in rows {
                        tr {
                            th scope="row" { (name) }
                            @for cell in cells { td.number { (cell) } }
                        }
                    }
                }
            }
        }
    })
}

/// Names with their values; `None` if there are none.
pub(crate) fn list(entries: &[(String, String)]) -> Option<Markup> {
    (!entries.is_empty()).then(|| {
        html! {
            dl.facts { @for (name, value) in entries { div { dt { (name) } dd { (value) } } } }
        }
    })
}
