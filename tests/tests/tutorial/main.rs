//! The tutorial's chat, with the tests the tutorial gives it.

#[allow(dead_code, reason = "a test serves nothing")]
mod chat;

#[test]
fn the_tutorial_shows_this_program() {
    let (program, tests) =
        include_str!("chat.rs").split_once("\n#[cfg(test)]").expect("it has tests");
    let tests = format!("#[cfg(test)]{tests}");
    let tutorial = include_str!("../../../docs/tutorial.md");
    for part in [program, &tests] {
        assert!(tutorial.contains(part), "docs/tutorial.md lacks a part of chat.rs:\n{part}");
    }
}
