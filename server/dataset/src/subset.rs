//! Which samples the lists `keep` and `leave_out` leave.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read as _};
use std::path::Path;

use crate::error::DatasetError;
use crate::index::Index;
use crate::options::OpenOptions;
use crate::paths::display;
use crate::sentence::NAMES_SHOWN;

/// Bytes a line may have: twice the longest path that Linux accepts.
const MAX_LINE_BYTES: u64 = 8192;

/// Which samples of `index` the options ask for; `None` if that is all of them.
pub(crate) fn subset(index: &Index, options: &OpenOptions) -> Result<Option<Vec<bool>>, DatasetError> {
    if options.keep.is_none() && options.leave_out.is_none() {
        return Ok(None);
    }
    let mut kept = match &options.keep {
        Some(list) => named_samples(index, list)?,
        None => vec![true; index.len() as usize],
    };
    if let Some(list) = &options.leave_out {
        let left_out = named_samples(index, list)?;
        kept.iter_mut().zip(left_out).for_each(|(kept, left_out)| *kept &= !left_out);
    }
    if !kept.contains(&true) {
        return Err(DatasetError::EmptySubset { path: options.path.clone() });
    }
    Ok(Some(kept))
}

/// Marks the samples that a list names.
fn named_samples(index: &Index, list: &Path) -> Result<Vec<bool>, DatasetError> {
    let mut named = vec![false; index.len() as usize];
    let (mut unknown, mut unknown_count) = (Vec::new(), 0);
    for_each_name(list, |name| {
        if let Some(sample) = index.find(name) {
            named[sample as usize] = true;
            return;
        }
        unknown_count += 1;
        if unknown.len() < NAMES_SHOWN {
            unknown.push(display(name));
        }
    })?;
    match unknown_count {
        0 => Ok(named),
        count => Err(DatasetError::UnknownSamples { list: list.to_owned(), count, names: unknown }),
    }
}

/// Calls `take` for each name in a list file, holding one line at a time.
fn for_each_name(list: &Path, mut take: impl FnMut(&[u8])) -> Result<(), DatasetError> {
    let unreadable = |reason: io::Error| DatasetError::ListUnreadable { list: list.to_owned(), reason };
    let mut reader = BufReader::new(File::open(list).map_err(unreadable)?);
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        let read = reader.by_ref().take(MAX_LINE_BYTES).read_until(b'\n', &mut line).map_err(unreadable)?;
        if read == 0 {
            break;
        }
        if read as u64 == MAX_LINE_BYTES && !line.ends_with(b"\n") {
            let (list, limit_bytes) = (list.to_owned(), MAX_LINE_BYTES);
            return Err(DatasetError::ListLineTooLong { list, line: number, limit_bytes });
        }
        if let Some(name) = name_of_line(&line) {
            take(name);
        }
    }
    Ok(())
}

fn name_of_line(line: &[u8]) -> Option<&[u8]> {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let is_name = !line.is_empty() && !line.starts_with(b"#");
    is_name.then(|| line.strip_prefix(b"./").unwrap_or(line))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_name_a_comment_or_nothing() {
        assert_eq!(name_of_line(b"a/b c.jpg\r\n"), Some(&b"a/b c.jpg"[..]));
        assert_eq!(name_of_line(b"./#a/b.jpg"), Some(&b"#a/b.jpg"[..]));
        assert_eq!(name_of_line(b"# a/b.jpg\n"), None);
        assert_eq!(name_of_line(b"\r\n"), None);
    }
}
