//! The filter of the log: a level, or several for parts of the program.
//!
//! A word that is no level would be taken for the name of a part and silence all others, so it is refused.

/// The levels, from none to most.
const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

/// The reason why `filter` cannot be used, if there is one.
pub fn problem(filter: &str) -> Option<String> {
    filter.split(',').map(str::trim).find_map(|directive| {
        let (part, level) =
            directive.split_once('=').map_or((None, directive), |(part, level)| (Some(part), level));
        let is_level = LEVELS.iter().any(|known| known.eq_ignore_ascii_case(level));
        let is_named = part.is_none_or(|part| !part.is_empty());
        (!(is_level && is_named)).then(|| {
            format!(
                "'{directive}' must be {}, or PART=LEVEL such as bandwise_pipeline=debug",
                LEVELS.join(", ")
            )
        })
    })
}

/// `filter` without spaces, and with `info` for all parts that it does not name if it sets no level for them.
pub fn complete(filter: &str) -> String {
    let directives: Vec<&str> = filter.split(',').map(str::trim).collect();
    let base = if directives.iter().all(|directive| directive.contains('=')) { "info," } else { "" };
    format!("{base}{}", directives.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_that_is_no_level_is_refused() {
        for wrong in ["verbose", "", "info,loud", "bandwise_pipeline=much", "=info", "bandwise_pipeline"] {
            assert!(problem(wrong).is_some(), "{wrong}");
        }
        for right in ["info", "WARN", "off", "info,bandwise_pipeline=debug", "h2=trace, error"] {
            assert_eq!(problem(right), None, "{right}");
        }
    }

    #[test]
    fn parts_alone_do_not_silence_the_rest() {
        assert_eq!(complete("bandwise_pipeline=debug"), "info,bandwise_pipeline=debug");
        assert_eq!(complete("warn, bandwise_pipeline=debug"), "warn,bandwise_pipeline=debug");
    }
}
