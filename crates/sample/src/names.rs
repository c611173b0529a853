//! Enums whose variants have a short name and a line about them.

/// Defines an enum whose variants are called by short names: `name`, `about`, `ALL`, `Display` and `FromStr`.
macro_rules! named {
    (
        $(#[$attribute:meta])*
        pub enum $type:ident: $kind:literal {
            $($(#[$of_variant:meta])* $variant:ident = $name:literal, $about:literal,)+
        }
    ) => {
        $(#[$attribute])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $type {
            $($(#[$of_variant])* $variant,)+
        }

        impl $type {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The short name.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }

            /// One line about it.
            pub fn about(self) -> &'static str {
                match self {
                    $(Self::$variant => $about,)+
                }
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.name())
            }
        }

        impl std::str::FromStr for $type {
            type Err = crate::names::UnknownName;

            fn from_str(name: &str) -> Result<Self, Self::Err> {
                let found = Self::ALL.iter().copied().find(|one| one.name() == name);
                found.ok_or_else(|| {
                    crate::names::UnknownName::new($kind, name, Self::ALL.iter().map(|one| one.name()))
                })
            }
        }
    };
}
pub(crate) use named;

/// A name that stands for nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no {kind} `{name}`; there are {known}")]
pub struct UnknownName {
    /// What was named, such as `sampler`.
    pub kind: &'static str,
    /// The name.
    pub name: String,
    /// The names that there are, with commas between them.
    pub known: String,
}

impl UnknownName {
    pub(crate) fn new<'a>(
        kind: &'static str,
        name: &str,
        known: impl Iterator<Item = &'a str>,
    ) -> Self {
        let known = known.collect::<Vec<_>>().join(", ");
        Self { kind, name: name.to_owned(), known }
    }
}
