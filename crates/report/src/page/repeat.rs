//! What is needed to repeat the run: commands and configuration.

use maud::{Markup, html};

/// Shell commands, each with its purpose.
pub(crate) fn commands(commands: &[(String, String)]) -> Option<Markup> {
    (!commands.is_empty()).then(|| {
        html! {
            @for (purpose, command) in commands {
                div.command { p { (purpose) } pre { code { (command) } } }
            }
        }
    })
}

/// Every setting, folded.
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
