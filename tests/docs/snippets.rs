//! What stands in the text of the pages as code is compiled somewhere.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::pages;

/// What stands in lines of text is looked for in these files, and in the programs of the pages.
const COMPILED: [&str; 6] = [
    include_str!("chat.rs"),
    include_str!("guides/clients.rs"),
    include_str!("guides/flask.rs"),
    include_str!("guides/javascript.rs"),
    include_str!("guides/pages.rs"),
    include_str!("guides/socketioxide.rs"),
];

/// Front pages that are written in sources. The first is a guide, as its name says.
const FRONTS: [(&str, &str); 6] = [
    ("from-flask-socketio, front page of test", include_str!("../../app/src/test/mod.rs")),
    ("front page of sansocket-app", include_str!("../../app/src/lib.rs")),
    ("front page of sansocket-async-std", include_str!("../../bind-async-std/src/lib.rs")),
    ("front page of sansocket-blocking", include_str!("../../bind-blocking/src/lib.rs")),
    ("front page of sansocket-tokio", include_str!("../../bind-tokio/src/lib.rs")),
    ("front page of sansocket-webtransport", include_str!("../../bind-webtransport/src/lib.rs")),
];

/// Words before a dot that stand for a value of ours.
const VALUES: [&str; 12] = [
    "app",
    "client",
    "config",
    "error",
    "gathered",
    "io",
    "namespace",
    "rest",
    "server",
    "socket",
    "tls",
    "ack",
];

/// In the text of the pages, but not for our compiler: other languages, words of messages, file names.
const FOREIGN: [&str; 14] = [
    "ack.rs",
    "io.on(\"connection\", …)",
    "io.rs",
    "io({ auth: { name, password } })",
    "io({ transports: [\"websocket\"] })",
    "io({ transports: [\"polling\", \"websocket\", \"webtransport\"] })",
    "namespace.rs",
    "socket.io-msgpack-parser",
    "socket.emit(\"add\", 1, 2, sum => …)",
    "socket.emit(\"say\", text, heard => …)",
    "tls.rs",
    "App::fallback answers what the service behind the layer is for",
    "Config::… is zero",
    "emit(…, to=room)",
];

/// The pages, and those that `cargo doc` makes.
fn all() -> BTreeMap<String, String> {
    let name = |path: &Path| path.file_name().expect("it is a file").display().to_string();
    let pages = pages().into_iter().map(|(path, page)| (name(&path), page));
    let front = |(name, source): (&str, &str)| {
        let lines = source.lines().map_while(|line| line.strip_prefix("//!"));
        let lines: Vec<_> = lines.map(|line| line.strip_prefix(' ').unwrap_or(line)).collect();
        (name.to_owned(), lines.join("\n"))
    };
    pages.chain(FRONTS.map(front)).collect()
}

/// The pieces of a page: its programs in Rust, and its lines of text.
fn parts(page: &str) -> (String, Vec<&str>) {
    let (mut programs, mut text) = (String::new(), Vec::new());
    let mut fence = None;
    for line in page.lines() {
        match (fence, line.strip_prefix("```")) {
            (None, Some(language)) => fence = Some(language),
            (Some(_), Some(_)) => fence = None,
            (None, None) => text.push(line),
            (Some(language), None)
                if language.is_empty() || language.starts_with("rust") || language == "no_run" =>
            {
                // Lines that are hidden from the reader.
                programs.push_str(line.strip_prefix("# ").unwrap_or(line));
                programs.push('\n');
            }
            (Some(_), None) => {}
        }
    }
    (programs, text)
}

/// The code in a line; in a guide, without the column that is about something else.
fn code(line: &str, is_guide: bool) -> Vec<String> {
    let line = line.replace("``", "").replace("\\|", "\u{0}");
    let ours = match line.starts_with('|') && is_guide {
        true => line.splitn(3, '|').nth(2).unwrap_or_default(),
        false => &line,
    };
    let spans = ours.split('`').skip(1).step_by(2);
    spans.map(|span| span.replace('\u{0}', "|")).collect()
}

/// Whether code in the text is Rust about us.
fn is_ours(code: &str, in_guide: bool) -> bool {
    let begins = |separator: char| {
        let (first, rest) = code.split_once(separator)?;
        let is_word = first.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        Some((first, rest)).filter(|_| is_word)
    };
    let of_value = begins('.').is_some_and(|(value, _)| VALUES.contains(&value));
    let of_type = begins(':').is_some_and(|(name, rest)| {
        rest.starts_with(':') && name.starts_with(|c: char| c.is_ascii_uppercase())
    });
    let in_table = code.contains(['(', '.', '<', '|', '=', ':'])
        && !code.contains("::connect")
        && !["sansocket::", "::", "://", "sansocket-"].iter().any(|no| code.starts_with(no));
    !FOREIGN.contains(&code) && (of_value || of_type || in_guide && in_table)
}

/// Without white space, and commas at the end of lists.
fn squeezed(code: &str) -> String {
    let mut squeezed: String = code.split_whitespace().collect();
    for end in [")", "]", "}"] {
        squeezed = squeezed.replace(&format!(",{end}"), end);
    }
    squeezed
}

/// Whether code is part of a program; `…` in it stands for anything short.
fn is_in(code: &str, program: &str) -> bool {
    const SHORT: usize = 300;
    let code = squeezed(code);
    let mut pieces = code.split('…').filter(|piece| !piece.is_empty());
    let Some(first) = pieces.next() else { return true };
    let rest: Vec<_> = pieces.collect();
    program.match_indices(first).any(|(at, _)| {
        let mut after = &program[at + first.len()..];
        rest.iter().all(|piece| match after.find(piece) {
            Some(at) if at <= SHORT => {
                after = &after[at + piece.len()..];
                true
            }
            Some(_) | None => false,
        })
    })
}

#[test]
fn what_the_pages_say_in_code_is_compiled() {
    let pages = all();
    let programs = pages.values().map(|page| parts(page).0);
    let compiled: String = programs.chain(COMPILED.map(str::to_owned)).collect();
    let compiled = squeezed(&compiled);
    let settings = format!("{:#?}", sansocket_app::Config::default());
    let mut unknown = BTreeSet::new();
    let mut seen = 0;
    for (name, page) in &pages {
        let is_guide = name.starts_with("from-");
        for line in parts(page).1 {
            let in_guide = is_guide && line.starts_with('|');
            for code in code(line, in_guide).into_iter().filter(|code| is_ours(code, in_guide)) {
                // Types on front pages are links, which `cargo doc` checks.
                let is_link = name.contains("front page")
                    && code.starts_with(|c: char| c.is_ascii_uppercase());
                let mut owners = ["Limits::", "Config::", "config."].into_iter();
                let field = owners.find_map(|owner| code.strip_prefix(owner));
                let is_setting =
                    field.is_some_and(|field| settings.contains(&format!(" {field}: ")));
                if !is_link && !is_setting && !is_in(&code, &compiled) {
                    unknown.insert(format!("{name}: {code}"));
                }
                seen += 1;
            }
        }
    }
    assert!(seen > 300, "{seen} were found");
    assert!(unknown.is_empty(), "not compiled anywhere: {unknown:#?}");
}

#[test]
fn code_that_does_not_exist_is_found_out() {
    let program =
        squeezed("io.spawn(async move { io.sleep(a).await });\nio.emit(\n    \"x\",\n    &y,\n)?;");
    for code in
        ["io.spawn(async move { … })", "io.sleep(a).await", "io.emit(\"x\", &y)", "io.emit(…)"]
    {
        assert!(is_ours(code, false) && is_in(code, &program), "{code}");
    }
    for code in
        ["io.thread(move || …)", "io.blocking_sleep(Duration::from_secs(1))", "socket.emit(…)"]
    {
        assert!(is_ours(code, false) && !is_in(code, &program), "{code}");
    }
    let line = r"| `socketio.on(f)`, `a\|b` | `app.on(\|a: A\| …)`, no code, `Json(value)` |";
    assert_eq!(code(line, true), ["app.on(|a: A| …)", "Json(value)"]);
    assert_eq!(code(line, false).len(), 4);
}
