//! Flags that are one of a few names: parsers and help texts, derived from the one list of each option.

use anyhow::anyhow;
use bandwise_choice::{Choice, alternatives};
use bandwise_client::WireChoice;
use bandwise_curriculum::PRESET_NAMES;
use bandwise_recipe::Recipe;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};

use crate::Failure;

/// Reads a value by its name. Clap's error for any other text lists the names, and completions show the descriptions.
pub(crate) fn choice<C: Choice>() -> impl TypedValueParser<Value = C> {
    let values = C::ALL.iter().map(|value| PossibleValue::new(value.as_str()).help(value.about()));
    PossibleValuesParser::new(values).try_map(|name| name.parse::<C>())
}

/// `SUBJECT: name (description), name (description)`, for the help of a flag. Clap's own list has a line for each name,
/// and one such list stretches the whole help: hence `hide_possible_values`.
pub(crate) fn help<C: Choice>(subject: &str) -> String {
    let each = C::ALL.iter().map(|&value| format!("{value} ({})", uncapitalised(value.about())));
    format!("{subject}: {}", each.collect::<Vec<_>>().join(", "))
}

/// The text as it reads in the middle of a sentence: abbreviations keep their capitals.
fn uncapitalised(text: &str) -> String {
    let mut letters = text.chars();
    match (letters.next(), letters.clone().next()) {
        (Some(first), Some(second)) if !second.is_uppercase() => {
            first.to_lowercase().chain(letters).collect()
        }
        _ => text.to_owned(),
    }
}

/// `SUBJECT: name, name or a TOML file`, for a curriculum.
pub(crate) fn curricula(subject: &str) -> String {
    format!("{subject}: {}", alternatives(&[&PRESET_NAMES[..], &["a TOML file"]].concat()))
}

/// The same for a recipe.
pub(crate) fn recipes(subject: &str) -> String {
    format!(
        "{subject}: {} [default: the curriculum's]",
        alternatives(&[&Recipe::NAMES[..], &["a TOML file"]].concat())
    )
}

/// The value of the contract for a value of a flag.
pub(crate) fn to_wire<W: WireChoice>(value: impl Choice) -> Result<W, Failure> {
    W::of(value).ok_or_else(|| anyhow!("this version of the contract has no {} '{value}'", W::OPTION).into())
}

#[cfg(test)]
mod tests {
    use bandwise_client::{Transport, proto};
    use bandwise_curriculum::{OrderKind, Tail};
    use bandwise_dataset::Splits;
    use bandwise_job::{BadSample, Fidelity, Unreadable};
    use bandwise_kernels::{Dtype, Filter, Layout};
    use bandwise_pipeline::{Priority, ReplayShortage};
    use bandwise_recipe::LowFrequency;
    use clap::{Arg, Command, CommandFactory as _};

    use super::*;

    /// The daemon and the contract have one list, whatever the order.
    #[test]
    fn the_contract_has_the_names_of_the_daemon() {
        fn check<W: WireChoice, C: Choice>() {
            let (mut wire, mut daemon) = (W::names(), C::names());
            wire.sort();
            daemon.sort_unstable();
            assert_eq!(wire, daemon, "{}", C::OPTION);
            assert_eq!(W::OPTION, C::OPTION);
            for &value in C::ALL {
                assert_eq!(to_wire::<W>(value).map(W::name).ok().as_deref(), Some(value.as_str()));
            }
        }
        check::<proto::Dtype, Dtype>();
        check::<proto::Layout, Layout>();
        check::<proto::Fidelity, Fidelity>();
        check::<proto::LowFrequency, LowFrequency>();
        check::<proto::BadSample, BadSample>();
        check::<proto::Unreadable, Unreadable>();
        check::<proto::Priority, Priority>();
        check::<proto::Order, OrderKind>();
        check::<proto::Tail, Tail>();
    }

    #[test]
    fn flags_take_what_their_help_names_and_nothing_else() {
        fn check<C: Choice>() {
            let command = || Command::new("x").arg(Arg::new("a").value_parser(choice::<C>()));
            for &value in C::ALL {
                let matches = command().try_get_matches_from(["x", value.as_str()]).unwrap();
                assert!(matches.get_one::<C>("a") == Some(&value));
                assert!(help::<C>("A").contains(&format!("{value} (")), "{}", C::OPTION);
            }
            let error = command().try_get_matches_from(["x", "nonsense"]).unwrap_err().to_string();
            assert!(error.contains(&format!("[possible values: {}]", C::names().join(", "))), "{error}");
        }
        check::<Dtype>();
        check::<Layout>();
        check::<Filter>();
        check::<Fidelity>();
        check::<LowFrequency>();
        check::<BadSample>();
        check::<Unreadable>();
        check::<Priority>();
        check::<Transport>();
        check::<Splits>();
        check::<ReplayShortage>();
    }

    /// The flags of all commands that take a value, with the command's name.
    fn flags() -> Vec<(String, Arg)> {
        let cli = crate::Cli::command();
        let each = cli.get_subcommands().flat_map(|command| {
            let flags = command.get_arguments().filter(|flag| flag.get_action().takes_values());
            flags.map(|flag| (command.get_name().to_owned(), flag.clone()))
        });
        each.collect()
    }

    #[test]
    fn the_help_of_each_flag_explains_each_name_that_it_takes() {
        let mut found = 0;
        for (command, flag) in flags() {
            let help = flag.get_help().map(ToString::to_string).unwrap_or_default();
            for value in flag.get_possible_values() {
                let (name, id) = (value.get_name(), flag.get_id());
                assert!(help.contains(&format!("{name} (")), "{command} --{id}: {name} is not in: {help}");
                assert!(value.get_help().is_some(), "{command} --{id}: {name} has no description");
                assert!(flag.is_hide_possible_values_set(), "{command} --{id} lists its names twice");
                found += 1;
            }
        }
        assert!(found > 30, "{found} names of flags");
    }

    #[test]
    fn the_help_of_curricula_and_recipes_lists_all_of_them() {
        let mut found = 0;
        for (command, flag) in flags() {
            let names: &[&str] = match flag.get_id().as_str() {
                "curriculum" => &PRESET_NAMES,
                "recipe" => &Recipe::NAMES,
                _ => continue,
            };
            let help = flag.get_help().map(ToString::to_string).unwrap_or_default();
            let list = help.split_once(": ").unwrap().1.split(" or a TOML file").next().unwrap();
            assert_eq!(list.split(", ").collect::<Vec<_>>(), names, "{command}");
            found += 1;
        }
        assert!(found >= 8, "{found} flags");
    }

    /// Names of presets in the documentation are those that there are: three of a copied list were wrong once.
    #[test]
    fn the_documentation_names_no_other_curriculum_or_recipe() {
        for (file, text) in [
            ("README.md", include_str!("../../../README.md")),
            ("ARCHITECTURE.md", include_str!("../../../ARCHITECTURE.md")),
            ("client/python/README.md", include_str!("../../../client/python/README.md")),
            ("deploy/README.md", include_str!("../../../deploy/README.md")),
            ("deploy/troubleshooting.md", include_str!("../../../deploy/troubleshooting.md")),
            ("loader.proto", include_str!("../../../proto/bandwise/v1/loader.proto")),
        ] {
            let is_part = |letter: char| letter.is_ascii_lowercase() || "+-".contains(letter);
            let words = text.split(|letter| !is_part(letter)).map(|word| word.trim_end_matches('-'));
            for word in words.filter(|word| word.starts_with("efficienttrain")) {
                assert!(PRESET_NAMES.contains(&word) || Recipe::NAMES.contains(&word), "{file}: {word}");
            }
        }
    }

    #[test]
    fn help_reads_like_a_sentence() {
        assert_eq!(
            help::<Fidelity>("Pixels"),
            "Pixels: exact (the pixels that Pillow and timm give), fast (cheaper pixels with a published error)"
        );
        assert!(help::<LowFrequency>("Method").contains("fourier (the DFT"));
        assert_eq!(uncapitalised("DFT of it"), "DFT of it");
        assert!(curricula("Curriculum").ends_with(", none or a TOML file"));
    }
}
