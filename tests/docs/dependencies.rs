//! What `deny.toml` says of crates, as far as it can be seen without a network: versions, licences,
//! sources and banned crates. `cargo deny check` also asks for advisories, and looks at every platform.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A crate that is compiled for this platform, under every feature.
#[derive(Eq, Ord, PartialEq, PartialOrd)]
struct Package {
    name: String,
    version: String,
    licence: String,
    /// Packages of this workspace come from a folder.
    is_ours: bool,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).expect("it can be read")
}

/// All crates but those that only this workspace's tests depend on directly.
fn packages() -> BTreeSet<Package> {
    let arguments = ["--workspace", "--all-features", "--locked", "--offline", "--edges", "no-dev"];
    let tree = Command::new(env!("CARGO"))
        .arg("tree")
        .args(arguments)
        .args(["--prefix", "none", "--format", "{p}|{l}"])
        .current_dir(root())
        .output()
        .expect("cargo is there");
    assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
    let lines = String::from_utf8(tree.stdout).expect("it is text");
    let lines = lines.lines().filter(|line| !line.is_empty());
    let packages = lines.map(|line| {
        let (package, licence) = line.split_once('|').expect("as it was formatted");
        let mut words = package.split(' ');
        let mut next = || words.next().unwrap_or_default().to_owned();
        let (name, version) = (next(), next());
        Package {
            name,
            version: version.trim_start_matches('v').to_owned(),
            licence: licence.trim_end_matches(" (*)").to_owned(),
            is_ours: package.contains("(/"),
        }
    });
    packages.collect()
}

/// The entries of a list of `deny.toml`.
fn list<'a>(settings: &'a str, name: &str) -> Vec<&'a str> {
    let beginning = format!("\n{name} = [\n");
    let (_, rest) = settings.split_once(&beginning).expect("the list is there");
    let (entries, _) = rest.split_once("\n]").expect("the list ends");
    let entries = entries.lines().filter_map(|line| line.split('"').nth(1));
    entries.collect()
}

/// Whether an expression of SPDX, or the older form with slashes, can be met with allowed licences:
/// one side of each OR, both of each AND.
fn is_allowed(expression: &str, allowed: &[&str]) -> bool {
    let expression = expression.trim();
    let split = |word: &str| {
        let mut depth = 0;
        let at = expression.char_indices().find_map(|(at, c)| {
            depth += i32::from(c == '(') - i32::from(c == ')');
            (depth == 0 && expression[at..].starts_with(word)).then_some(at)
        });
        at.map(|at| (&expression[..at], &expression[at + word.len()..]))
    };
    if let Some((left, right)) = split(" OR ").or_else(|| split("/")) {
        return is_allowed(left, allowed) || is_allowed(right, allowed);
    }
    if let Some((left, right)) = split(" AND ") {
        return is_allowed(left, allowed) && is_allowed(right, allowed);
    }
    match expression.strip_prefix('(').and_then(|inner| inner.strip_suffix(')')) {
        Some(inner) => is_allowed(inner, allowed),
        None => allowed.contains(&expression),
    }
}

#[test]
fn licences_are_allowed() {
    let settings = read("deny.toml");
    let allowed = list(&settings, "allow");
    for package in packages().into_iter().filter(|package| !package.is_ours) {
        let Package { name, licence, .. } = package;
        assert!(is_allowed(&licence, &allowed), "{name} is licensed as {licence:?}");
    }
    assert!(is_allowed("(MIT OR GPL-3.0) AND Zlib", &allowed));
    assert!(!is_allowed("MIT AND GPL-3.0", &allowed) && !is_allowed("", &allowed));
}

#[test]
fn no_crate_comes_in_two_versions_without_a_reason() {
    let settings = read("deny.toml");
    let skipped = list(&settings, "skip");
    let mut versions = BTreeMap::<String, BTreeSet<String>>::new();
    for Package { name, version, .. } in packages() {
        versions.entry(name).or_default().insert(version);
    }
    assert!(versions.len() > 100, "{} crates were found", versions.len());
    for (name, versions) in versions {
        let is_excused = |version: &&String| {
            let excused = skipped.iter().filter_map(|entry| entry.split_once('@'));
            let mut excused = excused.filter(|(known, _)| *known == name);
            excused.any(|(_, begins)| version.starts_with(&format!("{begins}.")))
        };
        let left = versions.iter().filter(|version| !is_excused(version)).count();
        assert!(left <= 1, "{name} comes in versions {versions:?}");
    }
}

#[test]
fn crates_come_from_the_registry_and_none_is_banned() {
    let (lock, settings) = (read("Cargo.lock"), read("deny.toml"));
    let registry = "source = \"registry+https://github.com/rust-lang/crates.io-index\"";
    let mut sources = lock.lines().filter(|line| line.starts_with("source = "));
    assert!(sources.all(|source| source == registry), "a crate comes from elsewhere");
    let banned = list(&settings, "deny");
    assert!(banned.len() >= 3, "{banned:?}");
    let packages = lock.split("[[package]]").skip(1);
    for package in packages {
        let (name, needs) = package.split_once("dependencies = [").unwrap_or((package, ""));
        let name = name.split('"').nth(1).expect("it has a name");
        for banned in &banned {
            // The one exception is an option of a binding.
            let may_have = (name, *banned) == ("sansocket-async-std", "async-std");
            let needed = needs.split('"').any(|need| need.split(' ').next() == Some(banned));
            assert!(!needed || may_have, "{name} needs {banned}");
        }
    }
}
