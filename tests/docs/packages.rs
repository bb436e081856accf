//! What a registry shows of the packages.

use std::fs;
use std::path::Path;

const PACKAGES: [(&str, &str); 8] = [
    ("core", "sansocket"),
    ("app", "sansocket-app"),
    ("args", "sansocket-args"),
    ("bind-async-std", "sansocket-async-std"),
    ("bind-blocking", "sansocket-blocking"),
    ("bind-tokio", "sansocket-tokio"),
    ("bind-webtransport", "sansocket-webtransport"),
    ("cluster/emitter", "sansocket-emitter"),
];

/// The names of the features in a manifest, and those that are on by default.
fn features(manifest: &str) -> (Vec<&str>, &str) {
    let Some((_, section)) = manifest.split_once("[features]\n") else { return (vec![], "") };
    let lines = section.lines().take_while(|line| !line.starts_with('['));
    let named = lines.filter_map(|line| line.split_once(" = "));
    let named: Vec<_> = named.filter(|(name, _)| !name.starts_with(['#', ' '])).collect();
    let default = named.iter().find(|(name, _)| *name == "default").map_or("", |(_, on)| on);
    (named.iter().map(|(name, _)| *name).filter(|name| *name != "default").collect(), default)
}

#[test]
fn every_package_says_what_it_is_and_which_features_it_has() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let read = |path: &str| fs::read_to_string(root.join(path)).expect("it can be read");
    for (folder, package) in PACKAGES {
        let manifest = read(&format!("{folder}/Cargo.toml"));
        for line in [
            "repository.workspace = true",
            "readme.workspace = true",
            &format!("documentation = \"https://docs.rs/{package}\""),
            "rustdoc-args = [\"--cfg\", \"docsrs\"]",
        ] {
            assert!(manifest.contains(&format!("{line}\n")), "{package} lacks {line}");
        }
        let page = read(&format!("{folder}/src/lib.rs"));
        assert!(page.contains("#![cfg_attr(docsrs, feature(doc_cfg))]"), "{package}");
        assert!(page.contains("//! ```"), "the front page of {package} has no example");
        let (features, default) = features(&manifest);
        for feature in features {
            let on = if default.contains(&format!("{feature:?}")) { "yes" } else { "no" };
            let row = format!("//! | `{feature}` | {on} | ");
            // For our own tests.
            assert!(page.contains(&row) || feature == "fuzz", "{package} lacks {row}");
        }
    }
}
