//! Texts of errors, cut to what fits into the headers of an answer.
//!
//! gRPC sends an error in headers, of which many clients accept no more than 8 KiB. The text is in there twice: as
//! text, percent-encoded, and in the detail for programs. So each has a bound here, whatever it was made of.

use bandwise_proto::v1::ErrorDetail;

/// Longest message, in bytes as they are sent.
const MAX_MESSAGE_BYTES: usize = 1536;

/// Longest line of a message and longest text of a detail, in bytes as they are sent.
const MAX_LINE_BYTES: usize = 600;
const MAX_TEXT_BYTES: usize = 300;

/// Most fields that a detail names, and bytes that they take together.
const MAX_FIELDS: usize = 8;
const MAX_FIELDS_BYTES: usize = 900;

/// A message with long lines shortened in their middle, and with only its first lines if there are too many.
pub(crate) fn message(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let (mut kept, mut room) = (String::new(), MAX_MESSAGE_BYTES);
    for (i, line) in lines.iter().enumerate() {
        let line = shortened(line, MAX_LINE_BYTES);
        let Some(left) = room.checked_sub(sent_bytes(&line) + 3) else {
            return format!("{kept}\n... and {} more lines", lines.len() - i);
        };
        room = left;
        if i > 0 {
            kept.push('\n');
        }
        kept.push_str(&line);
    }
    kept
}

/// A detail whose texts and lists are cut.
pub(crate) fn detail(detail: &mut ErrorDetail) {
    let ErrorDetail { reason, field, value, limit, sample_name, .. } = detail;
    for text in [reason, field, value, limit, sample_name] {
        *text = shortened(text, MAX_TEXT_BYTES);
    }
    detail.differing_fields = fields(&detail.differing_fields);
}

/// The first of some texts, and how many more there are.
pub(crate) fn fields(texts: &[String]) -> Vec<String> {
    let mut room = MAX_FIELDS_BYTES;
    let mut kept = Vec::new();
    for text in texts.iter().take(MAX_FIELDS) {
        let text = shortened(text, MAX_TEXT_BYTES);
        let Some(left) = room.checked_sub(sent_bytes(&text)) else { break };
        room = left;
        kept.push(text);
    }
    match texts.len() - kept.len() {
        0 => {}
        more => kept.push(format!("and {more} more")),
    }
    kept
}

/// The beginning and the end of a text of more than `max` bytes as they are sent, and how much is left out between.
/// Of most messages the end says what is allowed.
pub(crate) fn shortened(text: &str, max: usize) -> String {
    if sent_bytes(text) <= max {
        return text.to_owned();
    }
    let (start, end) = (fitting(text.chars(), max / 2), fitting(text.chars().rev(), max / 3));
    let characters: Vec<char> = text.chars().collect();
    let left_out = characters.len().saturating_sub(start + end);
    let part = |range: &[char]| range.iter().collect::<String>();
    let (start, end) = (part(&characters[..start]), part(&characters[characters.len() - end..]));
    format!("{start}... ({left_out} characters) ...{end}")
}

/// Number of the characters that take at most `max` bytes as they are sent.
fn fitting(characters: impl Iterator<Item = char>, max: usize) -> usize {
    let mut used = 0;
    characters
        .take_while(|&character| {
            used += sent(character);
            used <= max
        })
        .count()
}

/// Bytes of a text in a header: those that are no printable ASCII take three.
fn sent_bytes(text: &str) -> usize {
    text.chars().map(sent).sum()
}

fn sent(character: char) -> usize {
    if matches!(character, ' '..='~') && character != '%' { 1 } else { 3 * character.len_utf8() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_texts_stay_as_they_are() {
        for text in ["", "seed = -1: must be 0 or more", "two\n  - lines", "größer"] {
            assert_eq!(message(text), text);
        }
        assert_eq!(fields(&["a: 1 -> 2".to_owned()]), ["a: 1 -> 2"]);
    }

    #[test]
    fn long_texts_keep_their_beginning_and_their_end() {
        let text = format!("unknown field `{}`, expected name", "x".repeat(200_000));
        let short = message(&text);
        assert!(short.starts_with("unknown field `xxx") && short.ends_with("xxx`, expected name"), "{short}");
        assert!(short.contains(" characters) ..."), "{short}");
    }

    #[test]
    fn nothing_is_longer_than_its_bound() {
        for unit in ["x", "ü", "日", "%", "\u{7f}", "word ", "line\n", "日\n", "\n"] {
            for repeats in [1, 100, 1000, 300_000] {
                let sent = sent_bytes(&message(&unit.repeat(repeats)));
                assert!(sent <= MAX_MESSAGE_BYTES + 60, "{repeats} times {unit:?}: {sent} bytes");
                let fields = fields(&vec![unit.repeat(repeats); 100]);
                let sent: usize = fields.iter().map(|field| sent_bytes(field)).sum();
                assert!(sent <= MAX_FIELDS_BYTES + 60, "{repeats} times {unit:?}: {sent} bytes");
            }
        }
    }

    #[test]
    fn what_is_left_out_is_counted() {
        let lines: Vec<String> =
            (0..500).map(|i| format!("  - stage {i}: its batch must be 1 or more")).collect();
        let short = message(&lines.join("\n"));
        let kept = short.lines().count() - 1;
        assert!(short.ends_with(&format!("... and {} more lines", 500 - kept)), "{short}");
        let many: Vec<String> = (0..48).map(|i| format!("stage.{i}.magnitude: 1 -> 2")).collect();
        let short = fields(&many);
        assert_eq!((short.len(), short.last().unwrap().as_str()), (9, "and 40 more"));
    }
}
