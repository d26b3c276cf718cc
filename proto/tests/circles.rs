//! No file of a crate imports, by way of others or not, one that imports it: each can be read before those that use it.
//!
//! A file may use items of the folder's `mod.rs` around it, which declares it, and of the crate's root.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// Path of a module below its crate: `["fourier", "pass"]`.
type Module = Vec<String>;

/// Texts of the files below `folder`, without their tests, by module.
fn files(folder: &Path) -> BTreeMap<Module, String> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(next) = folders.pop() {
        let entries = fs::read_dir(&next).unwrap().map(|entry| entry.unwrap().path());
        let (below, files): (Vec<PathBuf>, Vec<PathBuf>) = entries.partition(|path| path.is_dir());
        folders.extend(below);
        for file in files.iter().filter(|file| file.extension().is_some_and(|end| end == "rs")) {
            let path = file.strip_prefix(folder).unwrap().with_extension("");
            let mut module: Module = path.iter().map(|part| part.to_str().unwrap().to_owned()).collect();
            module.pop_if(|last| last == "mod" || last == "lib");
            let text = fs::read_to_string(file).unwrap();
            found.insert(module, text.split("#[cfg(test)]\nmod ").next().unwrap().to_owned());
        }
    }
    found
}

/// Splits at commas outside of braces.
fn list(text: &str) -> Vec<&str> {
    let (mut depth, mut start, mut items) = (0, 0, Vec::new());
    for (at, sign) in text.char_indices() {
        match sign {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                items.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    items.push(&text[start..]);
    items
}

/// The paths of a tree of imports, such as `crate::{a, b::{self, C}}`.
fn paths(tree: &str, before: &[&str], into: &mut Vec<Module>) {
    for item in list(tree).into_iter().map(str::trim).filter(|item| !item.is_empty()) {
        let (path, below) = match item.split_once('{') {
            Some((path, rest)) => (path, rest.rsplit_once('}').map(|(below, _)| below)),
            None => (item.split(" as ").next().unwrap(), None),
        };
        let path = path.split("::").map(str::trim).filter(|part| !part.is_empty() && *part != "self");
        let path: Vec<&str> = before.iter().copied().chain(path).collect();
        match below {
            Some(below) => paths(below, &path, into),
            None => into.push(path.into_iter().map(str::to_owned).collect()),
        }
    }
}

/// Everything that a text imports, or names by its path, of its own crate.
fn named(text: &str) -> Vec<Module> {
    let mut found = Vec::new();
    let code: String = text
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .flat_map(|line| [line, "\n"])
        .collect();
    for root in ["crate::", "super::"] {
        for (at, _) in code.match_indices(root) {
            let is_word = |sign: char| sign.is_alphanumeric() || sign == '_' || sign == '$' || sign == ':';
            if code[..at].ends_with(is_word) {
                continue;
            }
            let line = code[..at].rfind('\n').map_or(0, |end| end + 1);
            let rest = &code[at..];
            let is_import = code[line..at].trim_end().ends_with("use");
            let end = if is_import {
                rest.find(';')
            } else {
                rest.find(|sign: char| !(sign.is_alphanumeric() || sign == '_' || sign == ':'))
            };
            paths(&rest[..end.unwrap_or(rest.len())], &[], &mut found);
        }
    }
    found
}

/// The files that each file of a crate uses.
fn uses(files: &BTreeMap<Module, String>) -> BTreeMap<&Module, BTreeSet<&Module>> {
    let of = |(module, text): (&Module, &String)| -> BTreeSet<&Module> {
        let file = |path: Module| {
            let supers = path.iter().take_while(|part| *part == "super").count();
            let mut path = match supers {
                0 => path[1..].to_vec(),
                _ => [&module[..module.len().saturating_sub(supers)], &path[supers..]].concat(),
            };
            while !files.contains_key(&path) {
                path.pop()?;
            }
            files.get_key_value(&path).map(|(found, _)| found)
        };
        named(text)
            .into_iter()
            .filter_map(file)
            .filter(|used| *used != module && !module.starts_with(used))
            .collect()
    };
    files.iter().map(|file| (file.0, of(file))).collect()
}

/// The files that take part in circles: what is left when files that use none of the rest, and files that none of the
/// rest uses, are taken away as long as there are any.
fn circles(files: &BTreeMap<Module, String>) -> Vec<String> {
    let mut left = uses(files);
    loop {
        let used: BTreeSet<&Module> = left.values().flatten().copied().collect();
        let there: BTreeSet<&Module> = left.keys().copied().collect();
        let before = left.len();
        left.retain(|module, uses| used.contains(module) && uses.iter().any(|used| there.contains(used)));
        for uses in left.values_mut() {
            uses.retain(|used| there.contains(used));
        }
        if left.len() == before {
            break;
        }
    }
    let name = |module: &Module| module.join("::");
    left.into_iter()
        .map(|(module, uses)| {
            format!("{} uses {}", name(module), uses.into_iter().map(name).collect::<Vec<_>>().join(", "))
        })
        .collect()
}

#[test]
fn files_do_not_use_each_other_in_circles() {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let crates = fs::read_to_string(top.join("Cargo.toml")).unwrap();
    let members = crates.split_once("members = [").unwrap().1.split_once(']').unwrap().0.to_owned();
    let members: Vec<&str> = members
        .split(',')
        .map(|name| name.trim().trim_matches('"'))
        .filter(|name| !name.is_empty())
        .collect();
    assert!(members.contains(&"server/pipeline"), "{members:?}");
    let circles: Vec<String> = members
        .iter()
        .flat_map(|name| {
            circles(&files(&top.join(name).join("src")))
                .into_iter()
                .map(move |circle| format!("{name}: {circle}"))
        })
        .collect();
    assert!(circles.is_empty(), "files use each other:\n{}", circles.join("\n"));
}

#[test]
fn a_circle_is_found() {
    let file = |module: &str, text: &str| (module.split("::").map(str::to_owned).collect(), text.to_owned());
    let mut files: BTreeMap<Module, String> = [
        file("a", "use crate::{\n    b::{self, B as Other},\n    c::C,\n};"),
        file("b", "use super::c::d::D;\n// use crate::a::A;\n"),
        file("c", "fn none() {}"),
        file("c::d", "use super::C;\n"),
    ]
    .into();
    assert_eq!(circles(&files), [""; 0]);
    files.insert(vec!["c".to_owned(), "d".to_owned()], "fn d() { crate::a::f() }".to_owned());
    assert_eq!(circles(&files), ["a uses b", "b uses c::d", "c::d uses a"]);
}
