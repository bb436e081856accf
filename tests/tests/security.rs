//! What SECURITY.md says about tests is so.

use std::fs;
use std::path::{Path, PathBuf};

/// The rows of the tables of attacks: number and tests.
fn rows() -> Vec<(String, Vec<String>)> {
    let text = fs::read_to_string(root().join("SECURITY.md")).expect("it can be read");
    let rows = text.lines().filter_map(|line| {
        let cells: Vec<_> = line.split('|').map(str::trim).collect();
        let number = *cells.get(1)?;
        let is_row = number.starts_with(['A', 'C', 'D', 'E']) && number[1..].parse::<u8>().is_ok();
        let tests = cells.get(5)?.split(", ").map(|name| name.trim_matches('`').to_owned());
        is_row.then(|| (number.to_owned(), tests.collect()))
    });
    rows.collect()
}

/// The names of all tests of this package, and of those it has for every binding, but those of
/// promises, which are numbered too.
fn tests() -> Vec<String> {
    let bindings = fs::read_to_string(root().join("tests/src/binding.rs")).expect("a file");
    let runs = |name: &String| bindings.contains(&format!("\n            {name}\n"));
    let promises = names("tests/src/binding", "\npub ").into_iter().filter(runs);
    names("tests/tests", "#[test]\n").into_iter().chain(promises).collect()
}

/// The names of the functions in a folder that stand behind such a beginning.
fn names(folder: &str, beginning: &str) -> Vec<String> {
    let texts = files(&root().join(folder)).into_iter().map(fs::read_to_string);
    texts
        .flat_map(|text| {
            let text = text.expect("a file");
            let functions = text.split(beginning).skip(1);
            let names = functions.filter_map(|text| text.split_once("fn ")?.1.split_once('('));
            names.map(|(name, _)| name.to_owned()).collect::<Vec<_>>()
        })
        .collect()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder");
    entries
        .flat_map(|entry| {
            let path = entry.expect("an entry").path();
            if path.is_dir() { files(&path) } else { vec![path] }
        })
        .filter(|path| path.extension().is_some_and(|kind| kind == "rs"))
        .filter(|path| !path.ends_with("appendix_a.rs"))
        .collect()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

#[test]
fn every_attack_of_the_table_has_tests_that_exist() {
    let (rows, tests) = (rows(), tests());
    assert!(rows.len() > 50, "{} rows were found", rows.len());
    for (number, named) in rows {
        assert!(!named.is_empty(), "{number} names no test");
        for name in named {
            assert!(tests.contains(&name), "{number} names {name}, which does not exist");
        }
    }
}

#[test]
fn every_test_of_an_attack_is_in_the_table() {
    let named: Vec<String> = rows().into_iter().flat_map(|(_, tests)| tests).collect();
    let is_attack = |name: &&String| {
        let number = name.get(1..3).is_some_and(|number| number.parse::<u8>().is_ok());
        name.starts_with(['a', 'c', 'd', 'e']) && number && name[3..].starts_with('_')
    };
    for name in tests().iter().filter(is_attack) {
        assert!(named.contains(name), "{name} is in no row");
    }
}

/// D8, CVE-2026-45736.
#[test]
fn d08_every_package_forbids_unsafe_code() {
    let workspace = fs::read_to_string(root().join("Cargo.toml")).expect("it can be read");
    assert!(
        workspace.contains("[workspace.lints.rust]")
            && workspace.contains("unsafe_code = \"forbid\"")
    );
    let members = workspace.split("members = [").nth(1).and_then(|rest| rest.split(']').next());
    for member in members.expect("members").split(',').map(|member| member.trim().trim_matches('"'))
    {
        let manifest = fs::read_to_string(root().join(member).join("Cargo.toml"));
        let manifest = manifest.expect("a manifest");
        assert!(manifest.contains("[lints]\nworkspace = true"), "{member} has lints of its own");
    }
}
