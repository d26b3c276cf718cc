//! The error of options that are written as names on the command line and in files.

/// A name that is none of the known ones.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown {option} {name:?}, expected one of {expected}")]
pub struct UnknownName {
    /// What was named: `filter`, `dtype` or `layout`.
    pub option: &'static str,
    /// The name as given.
    pub name: String,
    /// The names that exist, separated by commas.
    pub expected: &'static str,
}

/// `Display` and `FromStr` of an enum by fixed lower-case names.
macro_rules! named {
    ($type:ident, $option:literal, $expected:literal, { $($variant:ident => $name:literal),+ $(,)? }) => {
        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(match self {
                    $(Self::$variant => $name,)+
                })
            }
        }

        impl std::str::FromStr for $type {
            type Err = $crate::UnknownName;

            fn from_str(name: &str) -> Result<Self, Self::Err> {
                match name {
                    $($name => Ok(Self::$variant),)+
                    _ => Err($crate::UnknownName { option: $option, name: name.to_owned(), expected: $expected }),
                }
            }
        }
    };
}
pub(crate) use named;
