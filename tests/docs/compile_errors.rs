//! What the compiler says of handlers that are none: each file of `tests/docs/compile_errors` begins with
//! texts that its errors contain.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

/// The errors of each case, by its name.
type Errors = BTreeMap<String, String>;

fn cases() -> BTreeMap<String, PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/compile_errors");
    let files = folder.read_dir().expect("the folder is there");
    let files = files.map(|file| file.expect("it can be listed").path());
    files.map(|path| (name(&path), path)).collect()
}

fn name(path: &Path) -> String {
    path.file_stem().expect("a case has a name").to_string_lossy().into_owned()
}

/// Writes a package whose modules are the cases, and has it checked once.
fn check(cases: &BTreeMap<String, PathBuf>) -> Errors {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let package = Path::new(env!("CARGO_TARGET_TMPDIR")).join("compile-errors");
    let modules = cases.iter().fold(String::new(), |mut modules, (name, path)| {
        let _ = writeln!(modules, "#[path = {path:?}]\npub mod {name};");
        modules
    });
    let manifest = format!(
        "[package]\nname = \"compile-errors\"\nedition = \"2024\"\n\
         [lib]\npath = \"lib.rs\"\n\
         [dependencies]\nsansocket-app = {{ path = {:?} }}\n\
         sansocket-blocking = {{ path = {:?} }}\n\
         serde = {{ version = \"1\", features = [\"derive\"] }}\nthiserror = \"2\"\n\
         [workspace]\n",
        workspace.join("app"),
        workspace.join("bind-blocking"),
    );
    fs::create_dir_all(&package).expect("the folder can be made");
    fs::copy(workspace.join("Cargo.lock"), package.join("Cargo.lock")).expect("it is there");
    fs::write(package.join("Cargo.toml"), manifest).expect("it can be written");
    fs::write(package.join("lib.rs"), modules).expect("it can be written");
    let checked = Command::new(env!("CARGO"))
        .args(["check", "--offline", "--message-format=json", "--target-dir", "target"])
        .current_dir(&package)
        .output()
        .expect("cargo is there");
    let errors = errors(&String::from_utf8_lossy(&checked.stdout));
    assert!(!errors.is_empty(), "{}", String::from_utf8_lossy(&checked.stderr));
    errors
}

fn errors(lines: &str) -> Errors {
    let mut errors = Errors::new();
    for line in lines.lines() {
        let line: serde_json::Value = serde_json::from_str(line).expect("a message is JSON");
        let message = &line["message"];
        let spans = message["spans"].as_array().into_iter().flatten();
        let file = spans.filter(|span| span["is_primary"] == true).find_map(|span| {
            let file = span["file_name"].as_str()?;
            Some(name(Path::new(file)))
        });
        if let (Some(file), Some(text)) = (file, message["rendered"].as_str()) {
            *errors.entry(file).or_default() += text;
        }
    }
    errors
}

/// Whether a text contains the parts of another, between which it may say anything.
fn contains(text: &str, wanted: &str) -> bool {
    let mut rest = text;
    wanted.split('…').all(|part| match rest.split_once(part) {
        Some((_, after)) => {
            rest = after;
            true
        }
        None => false,
    })
}

/// The texts of the table of compile errors.
fn described() -> Vec<String> {
    let page = include_str!("../../docs/troubleshooting.md");
    let (_, section) = page.split_once("## Handlers that do not compile").expect("it is there");
    let section = section.split_once("\n## ").map_or(section, |(section, _)| section);
    let rows = section.lines().filter_map(|line| line.strip_prefix("| ``")?.split_once("`` |"));
    rows.map(|(text, _)| text.trim().to_owned()).collect()
}

#[test]
fn a_handler_that_is_none_is_told_what_to_write() {
    let cases = cases();
    let errors = check(&cases);
    for (name, path) in &cases {
        let case = fs::read_to_string(path).expect("it is text");
        let said = errors.get(name).map_or("", String::as_str);
        let mut texts = case.lines().map_while(|line| line.strip_prefix("//! ")).peekable();
        assert!(texts.peek().is_some(), "{name} says what the compiler says");
        for text in texts {
            assert!(said.contains(text), "{name} lacks {text:?}:\n{said}");
        }
    }
    let described = described();
    assert!(described.len() > 10, "the table is found");
    for text in described {
        let appears = errors.values().any(|said| contains(said, &text));
        assert!(appears, "docs/troubleshooting.md lists {text:?}, which no case leads to");
    }
}
