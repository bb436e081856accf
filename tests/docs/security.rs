//! What SECURITY.md says about tests is so.

use std::fs;
use std::path::{Path, PathBuf};

/// A row of the tables of attacks.
struct Row {
    number: String,
    /// The names it goes by elsewhere.
    known_as: Vec<String>,
    tests: Vec<String>,
}

/// A test, and the doc comment on it.
struct Test {
    name: String,
    doc: String,
}

fn rows() -> Vec<Row> {
    let text = fs::read_to_string(root().join("SECURITY.md")).expect("it can be read");
    let rows = text.lines().filter_map(|line| {
        let cells: Vec<_> = line.split('|').map(str::trim).collect();
        let number = *cells.get(1)?;
        let is_row = number.starts_with(['A', 'B', 'C', 'D', 'E', 'F', 'G'])
            && number[1..].parse::<u8>().is_ok();
        let list =
            |cell: &str| cell.split(", ").map(|name| name.trim_matches('`').into()).collect();
        let known_as = list(cells.get(2)?);
        let tests = list(cells.get(5)?);
        is_row.then(|| Row { number: number.into(), known_as, tests })
    });
    rows.collect()
}

/// All tests of this package, of those it has for every binding, and of hosts.
fn tests() -> Vec<Test> {
    let bindings = fs::read_to_string(root().join("tests/suites/lib.rs")).expect("a file");
    let runs = |test: &Test| {
        let listed = format!("\n            {}\n", test.name);
        // Those that run themselves again need their names.
        let named = format!("crate::{}($serve, name)", test.name);
        bindings.contains(&listed) || bindings.contains(&named)
    };
    let promises = functions("tests/suites", "pub fn ").into_iter().filter(runs);
    let hosted = functions("bind-tokio/tests", "fn ");
    // The others there are numbered by the behaviours of clients.
    let cookies = functions("core/src/client", "fn ");
    let cookies = cookies.into_iter().filter(|test| test.name.starts_with("g0"));
    let rooms = [
        "app/src/test",
        "cluster",
        "core/src/cluster",
        "tests/app",
        "tests/docs",
        "tests/memory",
        "tests/protocol",
    ];
    let rooms = rooms.into_iter().flat_map(|room| functions(room, "fn "));
    rooms.chain(cookies).chain(promises).chain(hosted).collect()
}

/// The functions in a folder that begin so, with the comments above them.
fn functions(folder: &str, beginning: &str) -> Vec<Test> {
    let mut found = Vec::new();
    for file in files(&root().join(folder)) {
        let mut doc = String::new();
        for line in fs::read_to_string(file).expect("a file").lines().map(str::trim) {
            if let Some(name) = line.strip_prefix(beginning).and_then(|line| line.split_once('(')) {
                found.push(Test { name: name.0.into(), doc: doc.clone() });
            }
            match line.strip_prefix("///") {
                Some(comment) => doc += comment,
                None if line.starts_with("#[") => {}
                None => doc.clear(),
            }
        }
    }
    found
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
        // The others there are numbered by the behaviours of clients.
        .filter(|path| {
            let folder = path
                .parent()
                .is_some_and(|it| it.ends_with("protocol/client") || it.ends_with("app/clients"));
            !folder || path.ends_with("attacks.rs")
        })
        .collect()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

#[test]
fn every_attack_of_the_table_has_tests_that_exist() {
    let (rows, tests) = (rows(), tests());
    assert!(rows.len() > 55, "{} rows were found", rows.len());
    for Row { number, tests: named, .. } in rows {
        assert!(!named.is_empty(), "{number} names no test");
        for name in named {
            let exists = tests.iter().any(|test| test.name == name);
            assert!(exists, "{number} names {name}, which does not exist");
        }
    }
}

#[test]
fn every_test_of_an_attack_is_in_the_table() {
    let named: Vec<String> = rows().into_iter().flat_map(|row| row.tests).collect();
    let is_attack = |name: &str| {
        let number = name.get(1..3).is_some_and(|number| number.parse::<u8>().is_ok());
        name.starts_with(['a', 'c', 'd', 'e', 'f', 'g']) && number && name[3..].starts_with('_')
    };
    for Test { name, .. } in tests().iter().filter(|test| is_attack(&test.name)) {
        assert!(named.contains(name), "{name} is in no row");
    }
}

#[test]
fn the_tests_of_an_attack_say_what_it_is_known_as() {
    let tests = tests();
    for Row { number, known_as, tests: named } in rows() {
        let docs: Vec<_> = tests.iter().filter(|test| named.contains(&test.name)).collect();
        let says =
            |test: &&Test| test.doc.split([' ', ',', ';', ':', '.']).any(|word| word == number);
        assert!(docs.iter().any(says), "no test of {number} says so");
        for name in known_as.iter().filter(|name| *name != "–") {
            let says = docs.iter().any(|test| test.doc.contains(name));
            assert!(says, "no test of {number} says that it is {name}");
        }
    }
}

/// E10, RUSTSEC-2026-0258, RUSTSEC-2024-0332, RUSTSEC-2024-0003, RUSTSEC-2023-0034; E9,
/// RUSTSEC-2024-0336, RUSTSEC-2024-0399: what others parse for us is beyond their advisories.
#[test]
fn e10_what_parses_for_us_is_beyond_its_advisories() {
    let lock = fs::read_to_string(root().join("Cargo.lock")).expect("it can be read");
    for (name, least) in [
        ("axum-core", (0, 3, 0)),
        ("h2", (0, 4, 16)),
        ("hyper", (0, 14, 10)),
        ("rustls", (0, 23, 18)),
        ("tungstenite", (0, 20, 1)),
    ] {
        let beginning = format!("\nname = \"{name}\"\nversion = \"");
        let entries = lock.split(&beginning).skip(1);
        let versions: Vec<_> = entries.filter_map(|text| text.split('"').next()).collect();
        assert!(!versions.is_empty(), "{name} is not there: this row may go");
        for version in versions {
            assert!(parts(version) >= least, "{name} {version} has known holes");
        }
    }
}

/// The three numbers of a version.
fn parts(version: &str) -> (u64, u64, u64) {
    let core = version.split(['-', '+']).next().unwrap_or_default();
    let mut numbers = core.split('.').map(|part| part.parse().expect("a number"));
    let mut next = || numbers.next().expect("there are three");
    (next(), next(), next())
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
