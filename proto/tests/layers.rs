//! The layers between our crates: each depends on those that ARCHITECTURE.md lists for it, and on no other of ours.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    process::Command,
};

use serde_json::Value;

type Layers = BTreeMap<String, BTreeSet<String>>;

/// The block `layers` of ARCHITECTURE.md.
fn documented(top: &Path) -> Layers {
    let text = fs::read_to_string(top.join("ARCHITECTURE.md")).unwrap();
    let block = text.split_once("```layers\n").unwrap().1.split_once("```").unwrap().0;
    let line = |line: &str| {
        let (name, below) = line.split_once("<-").unwrap();
        let below = below.split(',').map(str::trim).filter(|name| !name.is_empty());
        (name.trim().to_owned(), below.map(|name| format!("bandwise-{name}")).collect())
    };
    block.lines().map(line).collect()
}

/// The normal dependencies of ours as cargo knows them. Those for no system (`cfg(any())`) link nothing.
fn real(top: &Path) -> Layers {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    let cargo = cargo.args(["metadata", "--no-deps", "--offline", "--format-version", "1"]);
    let output = cargo.current_dir(top).output().unwrap();
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let of = |package: &Value| {
        let name = package["name"].as_str().unwrap().to_owned();
        let ours = package["dependencies"].as_array().unwrap().iter().filter(|dependency| {
            dependency["name"].as_str().unwrap().starts_with("bandwise")
                && dependency["kind"].is_null()
                && dependency["target"].is_null()
        });
        (name, ours.map(|dependency| dependency["name"].as_str().unwrap().to_owned()).collect())
    };
    metadata["packages"].as_array().unwrap().iter().map(of).collect()
}

#[test]
fn crates_depend_on_what_the_architecture_lists() {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    assert_eq!(real(top), documented(top), "left: the manifests, right: ARCHITECTURE.md");
}
