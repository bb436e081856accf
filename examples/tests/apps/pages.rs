use examples::{chat, pages, static_site};
use sansocket_app::http::{HeaderMap, Method, StatusCode};
use sansocket_app::{Body, Files};

#[track_caller]
fn text(files: &Files, path: &str) -> String {
    let answer = files.answer(&Method::GET, path, &HeaderMap::new()).expect("a mapping");
    assert_eq!(answer.status(), StatusCode::OK, "{path}");
    match answer.into_body() {
        Body::Bytes(bytes) => String::from_utf8(bytes.to_vec()).expect("UTF-8"),
        other @ (Body::Empty | Body::File(_)) => panic!("{path} is small, not {other:?}"),
    }
}

#[test]
fn every_page_finds_what_it_loads() {
    let of = ["auth", "background_push", "private_messages"].map(pages::files);
    for files in of.iter().chain([&static_site::files(), &chat::files(&pages::folder("chat"))]) {
        let page = text(files, "/");
        for part in page.split("=\"/").skip(1).chain(page.split("from \"/").skip(1)) {
            let path = part.split('"').next().expect("a split has a first part");
            assert!(!text(files, &format!("/{path}")).is_empty());
        }
        assert!(page.contains("/style.css") && page.contains(".js\""));
    }
}

#[test]
fn a_site_serves_folders_and_single_files_and_nothing_beside_them() {
    let files = static_site::files();
    assert!(text(&files, "/readme").starts_with("# Sansocket"));
    assert!(text(&files, "/docs/architecture.md").starts_with('#'));
    let missing = files.answer(&Method::GET, "/docs/../Cargo.toml", &HeaderMap::new());
    assert_eq!(missing.expect("a mapping").status(), StatusCode::NOT_FOUND);
}
