//! The rooms of the core and of the application layer know those below them, and no others. The order
//! is the one that `docs/architecture.md` shows.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// The floors of a folder of sources, from the ground, as the document lists them. Rooms on one line
/// share a floor, and do not know each other.
fn floors(sources: &str) -> Vec<Vec<String>> {
    let text = fs::read_to_string("../docs/architecture.md").expect("the document is there");
    let (_, list) = text.split_once(&format!("```text {sources}\n")).expect("it lists the rooms");
    let (list, _) = list.split_once("```").expect("the list ends");
    let rooms = |line: &str| {
        let (rooms, _) = line.split_once("  ").expect("a line says what its rooms hold");
        rooms.split(" + ").map(str::to_owned).collect()
    };
    list.lines().map(rooms).collect()
}

/// The source files of a folder and below.
fn files(folder: &Path, found: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).expect("the folder can be read") {
        let path = entry.expect("it can be listed").path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|kind| kind == "rs") {
            let text = fs::read_to_string(&path).expect("it can be read");
            found.push((path.display().to_string(), text));
        }
    }
}

/// The rooms that a file names, and whether it names items of the crate without their room.
fn named(text: &str) -> (BTreeSet<&str>, bool) {
    let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    let paths = code.flat_map(|line| line.split("crate::").skip(1));
    let (mut rooms, mut roomless) = (BTreeSet::new(), false);
    for path in paths {
        match path.split_once(|c: char| !c.is_ascii_lowercase() && c != '_') {
            Some((room, rest)) if !room.is_empty() && rest.starts_with(':') => {
                rooms.insert(room);
            }
            // A macro, or a function that only a public path names.
            Some((room, _)) if !room.is_empty() => {}
            Some(_) | None => roomless = true,
        }
    }
    (rooms, roomless)
}

/// Checks every import of a folder of sources.
fn check(sources: &str) {
    let floors = floors(sources);
    let floor_of: BTreeMap<&str, usize> = floors
        .iter()
        .enumerate()
        .flat_map(|(at, rooms)| rooms.iter().map(move |room| (room.as_str(), at)))
        .collect();
    let folder = format!("../{sources}");
    let mut found = Vec::new();
    files(Path::new(&folder), &mut found);
    let (mut wrong, mut seen) = (Vec::new(), BTreeSet::new());
    for (path, text) in &found {
        let inside = path.strip_prefix(&format!("{folder}/")).expect("it is in the folder");
        let room = inside.split('/').next().expect("a name").trim_end_matches(".rs");
        if room == "lib" {
            continue;
        }
        let Some(floor) = floor_of.get(room) else {
            wrong.push(format!("{inside}: the document does not list the room"));
            continue;
        };
        seen.insert(room);
        let (rooms, roomless) = named(text);
        if roomless {
            wrong.push(format!("{inside} names an item of the crate without its room"));
        }
        for other in rooms.into_iter().filter(|other| *other != room) {
            if floor_of.get(other).is_none_or(|below| below >= floor) {
                wrong.push(format!("{inside} looks at {other}, which is not below"));
            }
        }
    }
    let listed: BTreeSet<&str> = floor_of.keys().copied().collect();
    wrong.extend(listed.difference(&seen).map(|room| format!("{room} is listed and not there")));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn rooms_of_the_application_layer_know_only_those_below() {
    check("app/src");
}

#[test]
fn rooms_of_the_core_know_only_those_below() {
    check("core/src");
}

#[test]
fn an_import_is_found_and_a_comment_is_none() {
    let text = "use crate::hub::hub::Hub;\n// crate::serve::x\nfn f() { crate::wait::wait() }\n";
    assert_eq!(named(text), (BTreeSet::from(["hub", "wait"]), false));
    assert!(named("use crate::{a, b};").1);
    assert!(named("use crate::App;").1);
    assert!(!named("app.on(crate::sequential(f));").1);
}
