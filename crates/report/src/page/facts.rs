//! What is needed to do it again: facts, commands, configuration.

use maud::{Markup, html};

/// What -> how, as a list.
pub(crate) fn facts(facts: &[(String, String)]) -> Option<Markup> {
    (!facts.is_empty()).then(|| {
        html! { dl.facts { @for (what, how) in facts { div { dt { (what) } dd { (how) } } } } }
    })
}

/// Shell commands, each with what it does.
pub(crate) fn commands(commands: &[(String, String)]) -> Option<Markup> {
    (!commands.is_empty()).then(|| {
        html! {
            @for (what, command) in commands {
                div.command { p { (what) } pre { code { (command) } } }
            }
        }
    })
}

/// The resolved configuration, folded.
pub(crate) fn config(config: &str) -> Option<Markup> {
    (!config.trim().is_empty()).then(|| {
        html! {
            details {
                summary { "Every setting of this run, as TOML" }
                pre { code { (config.trim_end()) } }
            }
        }
    })
}
