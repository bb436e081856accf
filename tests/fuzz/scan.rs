//! The JSON scanner accepts exactly the arrays another parser accepts, down to its depth.

use sansocket::Args;

use super::reading;

pub(super) fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    for text in [text, &format!("[{text}]"), &format!("[\"x\",{text}]")] {
        let accepted = Args::from_json(text, Vec::new()).is_ok();
        assert_eq!(accepted, reading::is_array(text), "{text:?}");
    }
}
