//! The pages in `docs/`: the tutorial's chat with its tests, and what must not drift from the code.

mod behaviours;
#[allow(dead_code, reason = "a test serves nothing")]
mod chat;
mod compile_errors;
mod dependencies;
#[allow(dead_code, unused_variables, clippy::too_many_arguments, reason = "it is only compiled")]
#[allow(clippy::needless_borrows_for_generic_args, reason = "it is written as in the pages")]
mod guides;
mod house;
mod packages;
mod rooms;
mod scale;
mod security;
mod snippets;

use sansocket_app::test::TestServer;
use sansocket_app::{
    Ack, AckError, AckStream, App, Broadcast, Config, EmitError, Io, NamespaceIo, Reason, Refused,
    Socket,
};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};

/// What `docs/guarantees.md` says of threads.
const _: () = {
    const fn shared<T: Clone + Send + Sync>() {}
    const fn moved<T: Send>() {}
    shared::<Io>();
    shared::<NamespaceIo>();
    shared::<Broadcast>();
    shared::<Socket>();
    moved::<Ack>();
    moved::<AckStream>();
};

/// The pages of the folder, with the README's.
fn pages() -> BTreeMap<PathBuf, String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
    let files = folder.read_dir().expect("the folder is there");
    let files = files.map(|file| file.expect("it can be listed").path());
    let pages = files.filter(|path| path.extension().is_some_and(|kind| kind == "md"));
    let pages = pages.chain([folder.join("../README.md")]);
    pages.map(|path| (path.clone(), std::fs::read_to_string(path).expect("it is text"))).collect()
}

/// The anchor that a heading gets.
fn anchor(heading: &str) -> String {
    let kept = |c: char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_');
    heading.trim().to_lowercase().chars().filter(|&c| kept(c)).collect::<String>().replace(' ', "-")
}

#[test]
fn the_tutorial_shows_the_program_that_is_tested_here() {
    let (program, tests) =
        include_str!("chat.rs").split_once("\n#[cfg(test)]").expect("it has tests");
    let tests = format!("#[cfg(test)]{tests}");
    let tutorial = include_str!("../../docs/tutorial.md");
    for part in [program, &tests] {
        assert!(tutorial.contains(part), "docs/tutorial.md lacks a part of chat.rs:\n{part}");
    }
}

#[test]
fn every_setting_and_every_limit_is_described() {
    let page = include_str!("../../docs/limits.md");
    let shown = format!("{:#?}", Config::default());
    // Fields of the settings are indented once, nested ones twice.
    let fields = shown.lines().filter_map(|line| {
        let name = line.strip_prefix("    ")?.trim_start().split_once(": ")?.0;
        Some(name).filter(|_| !line.starts_with("            "))
    });
    let fields: Vec<&str> = fields.filter(|name| *name != "limits").collect();
    assert!(fields.contains(&"path") && fields.contains(&"packets_per_poll"), "{fields:?}");
    for name in fields {
        assert!(page.contains(&format!("`{name}`")), "docs/limits.md does not describe {name}");
    }
}

#[test]
fn links_lead_somewhere() {
    let pages = pages();
    let mut seen = 0;
    for (path, text) in &pages {
        let targets = text.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
        for (target, _) in targets.filter(|(target, _)| !target.contains("://")) {
            let (file, heading) = target.split_once('#').unwrap_or((target, ""));
            let there = match file {
                "" => path.clone(),
                _ => path.parent().expect("pages are in folders").join(file),
            };
            assert!(there.exists(), "{} links to {target}", path.display());
            let text = std::fs::read_to_string(&there).unwrap_or_default();
            let mut headings = text.lines().filter_map(|line| line.strip_prefix('#'));
            let found = headings.any(|line| anchor(line.trim_start_matches('#')) == heading);
            assert!(heading.is_empty() || found, "{} links to {target}", path.display());
            seen += 1;
        }
    }
    assert!(seen > 20, "links are found");
}

#[test]
fn what_happens_when_a_client_leaves_is_as_the_guarantees_say() {
    let (tell, told) = mpsc::channel();
    let mut app = App::new();
    app.on_connect(|socket: Socket| {
        socket.session().set(7);
        let _ = socket.join("tea");
    });
    app.on_disconnect(move |socket: Socket, reason: Reason, rooms: Vec<Arc<str>>| {
        let session = socket.session::<i32>().get();
        tell.send((socket.emit("late", &()), session, reason, rooms)).expect("it is heard");
    });
    let server = TestServer::new(app);
    let client = server.connect().unwrap();
    let socket = server.io().local().socket(&client.id()).expect("it is here");
    let asked = socket.call::<()>("name?", &());
    client.close();

    assert_eq!(server.block_on(asked), Err(AckError::Disconnected));
    let (late, session, reason, rooms) = told.try_recv().expect("the handler ran");
    assert_eq!(late, Err(EmitError::Refused(Refused::Gone)));
    assert_eq!((session, rooms), (Some(7), vec!["tea".into()]));
    assert!(matches!(reason, Reason::TransportClose | Reason::TransportError), "{reason}");
    assert_eq!((socket.session::<i32>().get(), server.io().local().count()), (None, 0));
    assert!(server.io().local().rooms().is_empty() && socket.rooms().is_empty());
}
