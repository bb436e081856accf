//! No file of a room is forgotten.

use std::fs;
use std::path::{Path, PathBuf};

/// The folders that hold tests, from this package's.
const ROOMS: [&str; 4] =
    [".", "../bind-async-std/tests", "../bind-blocking/tests", "../bind-tokio/tests"];

/// The sources in a folder and below.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("the folder can be read");
    let paths = entries.map(|entry| entry.expect("it can be listed").path());
    // Cases of their own, which no module contains; what Node.js installs is none of ours.
    let apart = |path: &PathBuf| {
        path.is_dir() && (path.ends_with("docs/compile_errors") || path.ends_with("node_modules"))
    };
    let found = paths.filter(|path| !apart(path)).flat_map(|path| match path.is_dir() {
        true => sources(&path),
        false => vec![path],
    });
    found.filter(|path| path.extension().is_some_and(|kind| kind == "rs")).collect()
}

/// Whether a manifest above a file names it as a target.
fn is_target(path: &Path) -> bool {
    path.ancestors().skip(1).any(|folder| {
        let manifest = fs::read_to_string(folder.join("Cargo.toml")).unwrap_or_default();
        let name = path.strip_prefix(folder).expect("it is below");
        manifest.contains(&format!("path = \"{}\"", name.display()))
    })
}

/// Whether a file beside or above another declares it as its module.
fn is_module(path: &Path) -> bool {
    let module = if path.ends_with("mod.rs") { path.parent() } else { Some(path) };
    let module = module.expect("it is in a folder");
    let folder = module.parent().expect("it is in a folder");
    let maps = ["lib.rs", "main.rs", "mod.rs"].map(|name| folder.join(name));
    let name = module.file_stem().and_then(|name| name.to_str()).expect("a name");
    maps.into_iter().chain([folder.with_extension("rs")]).any(|map| {
        let text = fs::read_to_string(map).unwrap_or_default();
        text.contains(&format!("mod {name};"))
    })
}

#[test]
fn every_file_is_compiled() {
    let mut seen = 0;
    for room in ROOMS {
        for path in sources(Path::new(room)) {
            let is_program = room != "." && path.parent() == Some(Path::new(room));
            let is_known = is_program || path.ends_with("main.rs");
            let compiled = is_known || is_target(&path) || is_module(&path);
            assert!(compiled, "{} is in no module", path.display());
            seen += 1;
        }
    }
    assert!(seen > 100, "{seen} files were found");
}
