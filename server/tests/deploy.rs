//! The files under `deploy` hold what they promise: the memory that they allow fits into the limit that they set.

#![allow(clippy::unwrap_used, reason = "a failing helper is a failing test")]

use std::fs;

use bandwise_server::config::{Config, MemoryMib, Settings};

/// Program, index, connections and the scratch memory of workers.
const OVERHEAD_MIB: u64 = 512;

/// The configuration that the sidecar's `ConfigMap` holds.
fn configuration(pod: &str) -> Config {
    let block = pod.split_once("  bandwise.toml: |\n").expect("a configuration").1;
    let lines = block.lines().take_while(|line| line.is_empty() || line.starts_with("    "));
    let text: String = lines.map(|line| format!("{}\n", line.trim_start())).collect();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bandwise.toml");
    fs::write(&file, text).unwrap();
    Config::read(&file).unwrap()
}

/// `memory` of the first `what` (limits, requests) of a pod, in MiB.
fn memory_mib(pod: &str, what: &str) -> u64 {
    let resources = pod.split_once(&format!("        {what}:\n")).expect("resources").1;
    let line = resources.lines().find_map(|line| line.trim().strip_prefix("memory: ")).expect("memory");
    line.strip_suffix("Gi").expect("in GiB").parse::<u64>().unwrap() * 1024
}

#[test]
fn the_sidecars_budgets_fit_into_its_limit() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/kubernetes/sidecar.yaml");
    let pod = fs::read_to_string(path).unwrap();
    let mut config = configuration(&pod);
    for dataset in &mut config.dataset {
        // The pod's volume.
        dataset.path = "/".into();
    }
    assert!(
        matches!(config.replay_memory_mib, MemoryMib::Mib(_)),
        "auto is half of the limit, beside all else"
    );
    let pipeline = Settings::check(&config).unwrap().pipeline;
    // Each client may have one largest batch beyond the budget.
    let beyond = pipeline.max_batch_bytes;
    let budgets = pipeline.prefetch_bytes
        + pipeline.fetch.bytes
        + pipeline.shared_bytes
        + pipeline.replay.bytes
        + beyond;
    let (sum, limit) = ((budgets >> 20) + OVERHEAD_MIB, memory_mib(&pod, "limits"));
    assert!(sum <= limit, "the budgets are {sum} MiB of {limit}");
    assert_eq!(memory_mib(&pod, "requests"), limit, "the pod is placed where it has room");
}
