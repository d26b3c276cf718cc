//! Options that take one of a few names, each with one list of them.
//!
//! [`choices!`](crate::choices) declares an enum together with the name and the description of each value, which is its
//! documentation and its help. Everything else is derived from that: `Display` and `FromStr`, the errors, the possible
//! values of a flag with their help, and the lists that the Python package checks its arguments with. The crate depends
//! on nothing, so that every layer may use it.
//!
//! Names on the wire are those of the values in the `.proto` file; a test holds both lists equal, and the daemon maps
//! one to the other by name. The native module of the Python package hands the contract's names to Python, and tests
//! compare its `Literal`s, help and error texts with them.
//!
//! [`Mistakes`] collects what is wrong with a whole set of options, so that a user sees all of it at once.

#![forbid(unsafe_code)]

mod mistakes;

use std::{error::Error, fmt, str::FromStr};

pub use mistakes::Mistakes;

/// An option that is one of a few names. Implemented by [`choices!`](crate::choices).
pub trait Choice: Copy + Eq + fmt::Display + FromStr<Err = UnknownChoice> + Send + Sync + 'static {
    /// The name of the option, as configuration, wire and errors spell it: `on_bad_sample`.
    const OPTION: &'static str;
    /// Every value, in the order in which they are listed to people.
    const ALL: &'static [Self];

    /// The name of the value, the same in flags, files, Python and fields of a job.
    fn as_str(self) -> &'static str;

    /// One or two sentences on the value, without a final stop.
    fn about(self) -> &'static str;

    /// The names of all values, in order.
    fn names() -> Vec<&'static str> {
        Self::ALL.iter().map(|value| value.as_str()).collect()
    }
}

/// A text that is not one of an option's names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownChoice {
    /// The name of the option.
    pub option: &'static str,
    /// The text as given.
    pub given: String,
    /// The names that the option has.
    pub names: Vec<&'static str>,
}

impl UnknownChoice {
    /// The error of `C` for a text.
    pub fn of<C: Choice>(given: &str) -> Self {
        Self { option: C::OPTION, given: given.to_owned(), names: C::names() }
    }
}

impl fmt::Display for UnknownChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} must be {}, not '{}'", self.option, alternatives(&self.names), self.given)
    }
}

impl Error for UnknownChoice {}

/// `a, b or c`, for messages and help.
pub fn alternatives(names: &[impl AsRef<str>]) -> String {
    let names: Vec<&str> = names.iter().map(AsRef::as_ref).collect();
    match names.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => names.concat(),
    }
}

/// Declares an enum whose values have names, with [`Choice`], `Display` and `FromStr`, and with `Default` where one is
/// given.
///
/// ```
/// bandwise_choice::choices! {
///     /// The size of a shirt.
///     #[derive(Clone, Copy, Debug, PartialEq, Eq)]
///     pub enum Size: "size" = Large {
///         /// Fits children.
///         Small = "small",
///         /// Fits adults.
///         Large = "large",
///     }
/// }
/// assert_eq!(Size::default().to_string(), "large");
/// assert_eq!("tiny".parse::<Size>().unwrap_err().to_string(), "size must be small or large, not 'tiny'");
/// ```
#[macro_export]
macro_rules! choices {
    (
        $(#[$meta:meta])*
        $vis:vis enum $type:ident: $option:literal $(= $default:ident)? {
            $($(#[doc = $about:literal])+ $variant:ident = $name:literal),+ $(,)?
        }
    ) => {
        $(#[$meta])*
        $vis enum $type {
            $($(#[doc = $about])+ $variant,)+
        }

        impl $crate::Choice for $type {
            const OPTION: &'static str = $option;
            const ALL: &'static [Self] = &[$(Self::$variant),+];

            fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }

            fn about(self) -> &'static str {
                match self {
                    $(Self::$variant => concat!($($about),+),)+
                }
                .trim()
                .trim_end_matches('.')
            }
        }

        impl ::std::fmt::Display for $type {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.pad($crate::Choice::as_str(*self))
            }
        }

        impl ::std::str::FromStr for $type {
            type Err = $crate::UnknownChoice;

            fn from_str(text: &str) -> ::std::result::Result<Self, Self::Err> {
                match text {
                    $($name => Ok(Self::$variant),)+
                    _ => Err($crate::UnknownChoice::of::<Self>(text)),
                }
            }
        }

        $(
            impl ::std::default::Default for $type {
                fn default() -> Self {
                    Self::$default
                }
            }
        )?
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    choices! {
        /// A colour.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        enum Colour: "colour" = Green {
            /// Of a rose,
            /// or of anger.
            Red = "red",
            /// Of grass.
            Green = "green",
        }
    }

    #[test]
    fn names_are_read_as_they_are_written() {
        for &colour in Colour::ALL {
            assert_eq!(colour.to_string().parse(), Ok(colour));
        }
        assert_eq!(Colour::names(), ["red", "green"]);
        assert_eq!(Colour::default(), Colour::Green);
        assert_eq!(format!("{:>5}", Colour::Red), "  red");
    }

    #[test]
    fn descriptions_are_those_of_the_documentation() {
        assert_eq!(Colour::Red.about(), "Of a rose, or of anger");
    }

    #[test]
    fn other_texts_are_answered_with_the_names() {
        for text in ["Red", "", "blue", "red "] {
            let error = text.parse::<Colour>().unwrap_err();
            assert_eq!(error.to_string(), format!("colour must be red or green, not '{text}'"));
        }
    }

    #[test]
    fn alternatives_read_like_a_sentence() {
        assert_eq!(alternatives(&["a"; 0]), "");
        assert_eq!(alternatives(&["a"]), "a");
        assert_eq!(alternatives(&["a", "b", "c"]), "a, b or c");
    }
}
