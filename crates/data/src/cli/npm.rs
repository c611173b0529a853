//! The npm registry that this user has configured.

/// The variables that npm reads, in its order.
const VARIABLES: [&str; 2] = ["npm_config_registry", "NPM_CONFIG_REGISTRY"];

/// The registry of the environment, otherwise of `.npmrc` in the home folder; `None` if neither names one.
pub(super) fn registry() -> Option<String> {
    let variable = VARIABLES.into_iter().find_map(|name| std::env::var(name).ok());
    variable.or_else(|| {
        let settings = std::env::home_dir()?.join(".npmrc");
        registry_in(&std::fs::read_to_string(settings).ok()?)
    })
}

/// The last `registry = URL` of an `.npmrc`, as npm reads it.
fn registry_in(npmrc: &str) -> Option<String> {
    let settings = npmrc.lines().filter_map(|line| line.split_once('='));
    let mut registries = settings.filter(|(key, _)| key.trim() == "registry");
    registries.next_back().map(|(_, url)| url.trim().trim_matches('"').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_registry_of_a_scope_or_a_comment_does_not_count() {
        let npmrc = "@own:registry=https://own\n; registry=https://no\nregistry = https://a/npm/\n";
        assert_eq!(registry_in(npmrc).as_deref(), Some("https://a/npm/"));
        let twice = format!("{npmrc}registry=\"https://b\"");
        assert_eq!(registry_in(&twice).as_deref(), Some("https://b"));
        assert_eq!(registry_in("audit=false\n"), None);
    }
}
