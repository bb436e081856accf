//! What is kept of clients that were lost.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::*;

fn session() -> Session {
    Session {
        id: "iNWZ_0tqDpFcAAAAAAAB".into(),
        pid: "7d6zWb0Q2fNHAAAAAAAA".into(),
        rooms: vec!["iNWZ_0tqDpFcAAAAAAAB".into(), "r1".into()],
        data: args("[]", &[]),
        namespace: None,
        mark: None,
    }
}

fn decode(bytes: &[u8]) -> Result<Session, Invalid> {
    Session::decode(bytes, &BusLimits::default())
}

#[test]
fn a_session_is_written_as_javascript_writes_it() {
    let bytes = session().encode();
    let packed = STANDARD.decode(&bytes).expect("base64");
    let expected =
        b"\x84\xa3sid\xb4iNWZ_0tqDpFcAAAAAAAB\xa3pid\xb47d6zWb0Q2fNHAAAAAAAA\xa5rooms\x92\
        \xb4iNWZ_0tqDpFcAAAAAAAB\xa2r1\xa4data\x80";
    assert_eq!(packed, expected);
    assert_eq!(decode(&bytes), Ok(session()));
    let data = args(r#"[{"user":"u1"}]"#, &[]);
    let ours = Session { data, namespace: Some("/".into()), mark: Some("1f".into()), ..session() };
    let packed = STANDARD.decode(ours.encode()).expect("base64");
    assert!(packed.ends_with(b"\xa4data\x81\xa4user\xa2u1\xa3nsp\xa1/\xa4mark\xa21f"));
    assert_eq!(decode(&ours.encode()), Ok(ours));
}

/// F13.
#[test]
fn f13_a_session_that_lacks_something_or_is_something_else_is_invalid() {
    let written = |packed: &[u8]| decode(STANDARD.encode(packed).as_bytes());
    assert_eq!(decode(b"?"), Err(Invalid::Malformed));
    assert_eq!(written(b""), Err(Invalid::Malformed));
    assert_eq!(written(b"\x90"), Err(Invalid::Malformed));
    assert_eq!(written(b"\xdf\xff\xff\xff\xff"), Err(Invalid::Malformed));
    assert_eq!(written(b"\x80"), Err(Invalid::Missing("sid")));
    assert_eq!(written(b"\x81\xa3sid\xa1a"), Err(Invalid::Missing("pid")));
    assert_eq!(written(b"\x82\xa3sid\xa1a\xa3pid\xa1b"), Err(Invalid::Missing("rooms")));
    assert_eq!(written(b"\x83\xa3sid\xa1a\xa3pid\x90\xa5rooms\x90"), Err(Invalid::Mistyped("pid")));
    let large = Session { rooms: vec!["x".repeat(1 << 20).into()], ..session() };
    assert_eq!(decode(&large.encode()), Err(Invalid::TooLarge));
}

#[test]
fn the_debug_text_of_a_session_hides_its_private_id() {
    assert!(!format!("{:?}", session()).contains("7d6zWb0Q2fNH"));
}
