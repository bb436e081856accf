//! Every seed of `fuzz/`, and every input that once broke something, keeps every promise.

use fuzz_targets::{TARGETS, Target};
use std::fs;
use std::path::Path;

fn replay(name: &str, target: Target) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds").join(name);
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{folder:?}: {error}"));
    let paths: Vec<_> = entries.map(|entry| entry.expect("a folder").path()).collect();
    assert!(paths.len() >= 5, "{name} has {} seeds", paths.len());
    for path in paths {
        let data = fs::read(&path).expect("seeds can be read");
        // The name of a seed is all that tells which of them broke something.
        println!("{}", path.display());
        target(&data);
    }
}

#[test]
fn every_seed_keeps_every_promise() {
    for (name, target) in TARGETS {
        replay(name, target);
    }
}

#[test]
fn every_target_runs_under_the_fuzzer() {
    let manifest = include_str!("../../fuzz/Cargo.toml");
    let found: Vec<_> = manifest.lines().filter_map(|line| line.strip_prefix("path = ")).collect();
    let expected: Vec<_> =
        TARGETS.iter().map(|(name, _)| format!("\"fuzz_targets/{name}.rs\"")).collect();
    assert_eq!(found, expected);
}
