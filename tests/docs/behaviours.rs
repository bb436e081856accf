//! Every behaviour of clients, C1 to C110, and every rule for clusters, K1 to K24, has a test that is named after it.

use std::collections::BTreeSet;
use std::fs;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

/// The numbers of the behaviours; those between are not given away.
const NUMBERS: [RangeInclusive<u32>; 9] =
    [1..=21, 25..=35, 40..=50, 60..=68, 70..=76, 80..=82, 84..=96, 100..=103, 105..=110];

#[test]
fn every_behaviour_of_clients_has_a_test_with_its_number() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut named = BTreeSet::new();
    for folder in ["app/clients", "protocol/client", "peers/client"] {
        for file in files(&tests.join(folder)) {
            let text = fs::read_to_string(file).expect("a text");
            named.extend(text.lines().flat_map(|line| numbers(line, 'c')));
        }
    }
    let without: Vec<_> =
        NUMBERS.into_iter().flatten().filter(|number| !named.contains(number)).collect();
    assert!(without.is_empty(), "no test is named after these behaviours: {without:?}");
}

#[test]
fn every_rule_for_clusters_has_a_test_with_its_number() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut named = BTreeSet::new();
    for folder in
        ["app/src/cluster", "cluster", "core/src/cluster", "tests/app/cluster", "tests/protocol"]
    {
        for file in all_files(&root.join(folder)) {
            let text = fs::read_to_string(file).expect("a text");
            named.extend(text.lines().flat_map(|line| numbers(line, 'k')));
        }
    }
    let without: Vec<_> = (1..=24).filter(|number| !named.contains(number)).collect();
    assert!(without.is_empty(), "no test is named after these rules: {without:?}");
}

/// The numbers with a letter in the name of the test that a line begins: `fn c07_c08_…` in Rust, `check('C7 C8 …` in
/// JavaScript. Numbers of attacks may stand among them.
fn numbers(line: &str, letter: char) -> Vec<u32> {
    let line = line.trim_start();
    let (name, between) = if let Some(name) = line.strip_prefix("fn ") {
        (name, '_')
    } else if let Some(name) = line.strip_prefix("check(") {
        (name.trim_start_matches(['\'', '`']), ' ')
    } else {
        return Vec::new();
    };
    let number = |word: &str| Some((word.chars().next()?, word.get(1..)?.parse().ok()?));
    let numbers = name.split(between).map_while(number);
    let numbers = numbers.filter(|(given, _)| given.eq_ignore_ascii_case(&letter));
    numbers.map(|(_, number)| number).collect()
}

/// The files in a folder and in all below it that are Rust.
fn all_files(folder: &Path) -> Vec<PathBuf> {
    let inside = files(folder).into_iter();
    let inside = inside.flat_map(|path| if path.is_dir() { all_files(&path) } else { vec![path] });
    inside.filter(|path| path.extension().is_some_and(|kind| kind == "rs")).collect()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder");
    entries.map(|entry| entry.expect("an entry").path()).collect()
}
