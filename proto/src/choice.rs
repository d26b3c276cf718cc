//! The enums of the contract, by the names that options have everywhere else.
//!
//! A value's name is that of the `.proto` file without the enum's prefix, in lower case: `BAD_SAMPLE_ZERO` is `zero`. So
//! the file is the one list of what the wire can say; tests compare it with the lists of the daemon.

use bandwise_choice::Choice;

use crate::v1;

/// An enum of the contract whose values are the choices of an option.
pub trait WireChoice: Copy + TryFrom<i32> + Into<i32> + 'static {
    /// The name of the option.
    const OPTION: &'static str;
    /// The prefix of all names in the `.proto` file, like `BAD_SAMPLE_`.
    const PREFIX: &'static str;

    /// The name in the `.proto` file.
    fn proto_name(self) -> &'static str;

    /// The value with this name; `None` for any other text.
    fn named(name: &str) -> Option<Self> {
        Self::all().find(|value| value.name() == name)
    }

    /// The name, in lower case.
    fn name(self) -> String {
        let name = self.proto_name();
        name.strip_prefix(Self::PREFIX).unwrap_or(name).to_ascii_lowercase()
    }

    /// All values that an option can have: neither the unspecified one nor those of other tensors than images.
    fn all() -> impl Iterator<Item = Self> {
        (1..).map_while(|number| Self::try_from(number).ok()).filter(|value| value.is_option())
    }

    /// Whether a job may have this value.
    fn is_option(self) -> bool {
        true
    }

    /// All names, in the order of the `.proto` file.
    fn names() -> Vec<String> {
        Self::all().map(Self::name).collect()
    }

    /// The value of the contract for a value of the daemon or of a command; `None` where the contract has no such name.
    fn of(choice: impl Choice) -> Option<Self> {
        Self::named(choice.as_str())
    }
}

macro_rules! wire_choices {
    ($($type:ident($option:literal, $prefix:literal) $(except $other:ident)?;)+) => {
        $(
            impl WireChoice for v1::$type {
                const OPTION: &'static str = $option;
                const PREFIX: &'static str = $prefix;

                fn proto_name(self) -> &'static str {
                    self.as_str_name()
                }

                fn is_option(self) -> bool {
                    true $(&& self != Self::$other)?
                }
            }
        )+
    };
}

wire_choices! {
    Dtype("dtype", "DTYPE_") except I64;
    Layout("layout", "LAYOUT_");
    Fidelity("fidelity", "FIDELITY_");
    LowFrequency("low_frequency", "LOW_FREQUENCY_");
    Order("order", "ORDER_");
    Tail("tail", "TAIL_");
    BadSample("on_bad_sample", "BAD_SAMPLE_");
    Unreadable("on_unreadable", "UNREADABLE_");
    Priority("priority", "PRIORITY_");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_file_without_the_prefix() {
        assert_eq!(v1::BadSample::names(), ["substitute", "zero", "fail"]);
        assert_eq!(v1::Dtype::names(), ["u8", "f16", "bf16", "f32"], "labels are no images");
        assert_eq!(v1::LowFrequency::named("fourier"), Some(v1::LowFrequency::Fourier));
        for other in ["", "unspecified", "Fourier", "LOW_FREQUENCY_FOURIER"] {
            assert_eq!(v1::LowFrequency::named(other), None, "{other:?}");
        }
        assert_eq!(v1::Dtype::named("i64"), None);
    }

    #[test]
    fn each_value_is_found_by_its_name() {
        fn check<W: WireChoice + PartialEq + std::fmt::Debug>() {
            assert!(W::all().count() >= 2, "{}", W::OPTION);
            for value in W::all() {
                assert!(value.proto_name().starts_with(W::PREFIX), "{value:?}");
                assert_eq!(W::named(&value.name()), Some(value));
            }
        }
        check::<v1::Dtype>();
        check::<v1::Layout>();
        check::<v1::Fidelity>();
        check::<v1::LowFrequency>();
        check::<v1::Order>();
        check::<v1::Tail>();
        check::<v1::BadSample>();
        check::<v1::Unreadable>();
        check::<v1::Priority>();
    }
}
