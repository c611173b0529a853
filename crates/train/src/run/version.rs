//! The name of this program in `report/run.json`.

/// The version of Burn, as pinned in the workspace's manifest.
const BURN: &str = "0.22.1";

/// The name and version of this program, and the version of Burn.
pub(crate) fn program() -> String {
    format!("halfstep {}, Burn {BURN}", env!("CARGO_PKG_VERSION"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn burns_version_is_the_locked_one() {
        let lock = include_str!("../../../../Cargo.lock");
        assert!(lock.contains(&format!("name = \"burn\"\nversion = \"{BURN}\"\n")));
    }
}
