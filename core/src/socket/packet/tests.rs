use proptest::prelude::*;

use super::*;

const MAX_ATTACHMENTS: u32 = 10;

fn read(text: &str) -> Result<Packet<'_>, Violation> {
    parse(text, MAX_ATTACHMENTS)
}

fn packet<'a>(namespace: &'a str, body: Body<'a>) -> Result<Packet<'a>, Violation> {
    Ok(Packet { namespace, body })
}

fn event<'a>(name: &'a str, rest: &'a str, id: Option<u64>, attachments: u32) -> Body<'a> {
    Body::Event { name: name.into(), rest, id, attachments }
}

#[test]
fn reads_connect() {
    let connect = |auth| Body::Connect { auth };
    assert_eq!(read("0"), packet("/", connect(None)));
    assert_eq!(read("0{}"), packet("/", connect(Some("{}"))));
    assert_eq!(read(r#"0{"token":"x"}"#), packet("/", connect(Some(r#"{"token":"x"}"#))));
    assert_eq!(read("0/a"), packet("/a", connect(None)));
    assert_eq!(read("0/a,"), packet("/a", connect(None)));
    assert_eq!(read("0/ns?x=1"), packet("/ns?x=1", connect(None)));
    assert_eq!(read("0/ns?x=1,{}"), packet("/ns?x=1", connect(Some("{}"))));
    assert_eq!(read(r#"0/é,{"é":"é"}"#), packet("/é", connect(Some(r#"{"é":"é"}"#))));
    assert_eq!(read("0/,"), packet("/", connect(None)));
}

#[test]
fn reads_disconnect() {
    assert_eq!(read("1"), packet("/", Body::Disconnect));
    assert_eq!(read("1/custom"), packet("/custom", Body::Disconnect));
    assert_eq!(read("1/custom,"), packet("/custom", Body::Disconnect));
}

#[test]
fn reads_events() {
    assert_eq!(read(r#"2["a",1,[2]]"#), packet("/", event("a", "1,[2]]", None, 0)));
    assert_eq!(read(r#"20["e"]"#), packet("/", event("e", "]", Some(0), 0)));
    assert_eq!(read(r#"2/a-b,12["e",{}]"#), packet("/a-b", event("e", "{}]", Some(12), 0)));
    assert_eq!(read(r#"2["error","x"]"#), packet("/", event("error", "\"x\"]", None, 0)));
    assert_eq!(read("2[1]"), packet("/", event("1", "]", None, 0)));
    assert_eq!(read(r#"2/é,["é"]"#), packet("/é", event("é", "]", None, 0)));
    let rest = r#"{"_placeholder":true,"num":0}]"#;
    let text = format!(r#"51-/admin,["e",{rest}"#);
    assert_eq!(read(&text), packet("/admin", event("e", rest, None, 1)));
    assert_eq!(read(r#"510-7["e"]"#), packet("/", event("e", "]", Some(7), 10)));
}

#[test]
fn reads_acks() {
    let ack = |args, id, attachments| Body::Ack { args, id, attachments };
    assert_eq!(read("30[]"), packet("/", ack("[]", 0, 0)));
    assert_eq!(read("3/a,9007199254740991[null]"), packet("/a", ack("[null]", MAX_ID, 0)));
    let args = r#"[{"_placeholder":true,"num":1}]"#;
    assert_eq!(read(&format!("62-/a,3{args}")), packet("/a", ack(args, 3, 2)));
}

#[test]
fn reads_connect_errors() {
    let refused = |reason| Body::ConnectError { reason };
    assert_eq!(read("4"), packet("/", refused(None)));
    assert_eq!(read("4/x,\"no\""), packet("/x", refused(Some("\"no\""))));
    let reason = r#"{"message":"Invalid namespace"}"#;
    assert_eq!(read(&format!("4/x,{reason}")), packet("/x", refused(Some(reason))));
}

#[test]
fn refuses_what_is_no_type() {
    assert_invalid(&["", " ", "7", "9[]", "a", "é", "-1", "b", "b2", "\u{0}"]);
    assert_invalid(&["+2[\"e\"]", " 2[\"e\"]", "\"2\"", "\u{feff}2[\"e\"]"]);
}

#[test]
fn refuses_a_missing_or_misplaced_number_of_attachments() {
    assert_invalid(&["5", "6", "51", "5a-", "51.23-", "5invalid", "51é", "5é", "6-1[]"]);
    assert_invalid(&["5-[\"e\"]", "51[\"e\"]", "5/a,[\"e\"]", "5/a,1-[\"e\"]"]);
    assert_invalid(&["51e1-[\"e\"]", "5 1-[\"e\"]", "5+1-[\"e\"]", "51--[\"e\"]"]);
    assert_invalid(&["11-", "21-[\"e\"]", "31-1[]", "41-{}"]);
}

#[test]
fn refuses_a_missing_or_misshapen_payload() {
    assert_invalid(&["2", "2/", "2/a", "2/a,", "20", "2/é", "2/é,", "2é", "21é", "2/é,1é"]);
    assert_invalid(&["2{}", "2[]", "2abc", "2null", "2\"a\"", "2/admin,{}", "51-", "51-/a"]);
    assert_invalid(&["2[true,\"foo\"]", "2[null,\"bar\"]", "2[{\"toString\":\"foo\"}]"]);
    assert_invalid(&["30", "30{}", "30\"a\"", "3/a,1", "61-1", "61-1{}"]);
    assert_invalid(&["41", "4[]", "4null", "442[\"some\",\"data\""]);
}

#[test]
fn refuses_a_disconnect_with_more_than_a_namespace() {
    assert_invalid(&["11", "1{}", "1 ", "1\"a\"", "1/admin,{}", "1/admin,1"]);
}

#[test]
fn refuses_ids_missing_or_beyond_javascript() {
    assert_invalid(&["3", "3[]", "3/a,[]", "61-[]", "39007199254740992[]"]);
    assert_invalid(&["2-1[\"e\"]", "2+1[\"e\"]", "21.5[\"e\"]", "21 2[\"e\"]"]);
    assert_invalid(&["29007199254740992[\"e\"]", "2299999999999999999999[\"e\"]"]);
}

#[test]
fn refuses_to_connect_with_anything_but_an_object() {
    for text in ["0[]", "0null", "0\"a\"", "01", "0abc", "0é", "0/admin,\"invalid\"", "0/a,1{}"] {
        assert_eq!(read(text), Err(Violation::ConnectPayload), "{text}");
    }
}

#[test]
fn refuses_broken_json() {
    let texts = [
        "0{",
        "0{}x",
        "2[\"some\",\"data\"",
        "2[\"a\"]]",
        "2[\"a\",]",
        "31[",
        "31[]x",
        "4{",
        "4\"",
        "51-/é,1[\"é\"",
        "2[\"a\",01]",
    ];
    for text in texts {
        assert_eq!(read(text), Err(Violation::InvalidJson), "{text}");
    }
    assert_eq!(read("2[\"connect\"]"), Err(Violation::ReservedEvent));
    assert_eq!(read("21[\"disconnect\",\"123\"]"), Err(Violation::ReservedEvent));
}

#[test]
fn refuses_attachments_out_of_range_before_the_rest() {
    for text in ["50-[\"x\"]", "60-1[]", "500-", "50", "50-garbage"] {
        assert_eq!(read(text), Err(Violation::IllegalAttachments), "{text}");
    }
    let texts =
        ["511-[\"x\"]", "611-1[]", "5999999999-[\"a\"]", "59999999999-[\"x\"]", "5100-", "511"];
    for text in texts {
        assert_eq!(read(text), Err(Violation::TooManyAttachments), "{text}");
    }
    assert_eq!(parse("53-[\"x\"]", 2), Err(Violation::TooManyAttachments));
    assert!(parse("52-[\"x\"]", 2).is_ok());
    assert_eq!(parse("51-[\"x\"]", 0), Err(Violation::TooManyAttachments));
}

#[test]
fn refuses_placeholders_of_nothing() {
    for num in ["\"splice\"", "-1", "1.5", "1e9", "null", "1"] {
        let text = format!(r#"51-["hello",{{"_placeholder":true,"num":{num}}}]"#);
        assert_eq!(read(&text), Err(Violation::IllegalAttachments), "{text}");
    }
    let missing = r#"61-1[{"_placeholder":true}]"#;
    assert_eq!(read(missing), Err(Violation::IllegalAttachments));
    for value in ["1", "\"true\""] {
        let text = format!(r#"51-["hello",{{"_placeholder":{value},"num":"splice"}}]"#);
        assert!(read(&text).is_ok(), "{text}");
    }
}

#[test]
fn endless_headers_are_refused() {
    let endless = |start: &str, unit: &str| start.to_owned() + &unit.repeat(1_000_000);
    assert_eq!(read(&endless("5", "1")), Err(Violation::TooManyAttachments));
    assert_eq!(read(&endless("2/", "a")), Err(Violation::InvalidPacket));
    assert_eq!(read(&endless("2", "9")), Err(Violation::InvalidPacket));
    assert_eq!(read(&endless("2[\"e\",", "[")), Err(Violation::TooDeep));
}

#[test]
fn writes_headers() {
    let header = |kind, attachments, namespace, id| {
        let mut out = b"4".to_vec();
        put_header(&mut out, kind, attachments, namespace, id);
        String::from_utf8(out).expect("written from text")
    };
    assert_eq!(header(Kind::Connect, 0, "/", None), "40");
    assert_eq!(header(Kind::Connect, 0, "/a", None), "40/a,");
    assert_eq!(header(Kind::Disconnect, 0, "/a", None), "41/a,");
    assert_eq!(header(Kind::Event, 0, "/", None), "42");
    assert_eq!(header(Kind::Event, 0, "/", Some(0)), "420");
    assert_eq!(header(Kind::Event, 2, "/ns", Some(12)), "452-/ns,12");
    assert_eq!(header(Kind::Ack, 0, "/", Some(MAX_ID)), "439007199254740991");
    assert_eq!(header(Kind::Ack, 10, "/", Some(7)), "4610-7");
    assert_eq!(header(Kind::ConnectError, 0, "/x", None), "44/x,");
}

#[test]
fn writes_strings_as_javascript_does() {
    let strings = [
        ("", r#""""#),
        ("hello world", r#""hello world""#),
        ("a\"b\\c/d", r#""a\"b\\c/d""#),
        ("\u{8}\u{c}\n\r\t", r#""\b\f\n\r\t""#),
        ("\u{0}\u{b}\u{1f}", r#""\u0000\u000b\u001f""#),
        ("é\u{7f}\u{2028}😀", "\"é\u{7f}\u{2028}😀\""),
    ];
    for (text, expected) in strings {
        assert_eq!(written(text), expected);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn events_come_back_as_written(
        name in any::<String>(),
        argument in any::<String>(),
        namespace in "(/[^,]{0,9})",
        id in prop::option::of(0..=MAX_ID),
        attachments in 0..=MAX_ATTACHMENTS,
    ) {
        let rest = format!("{}]", written(&argument));
        let mut out = Vec::new();
        put_header(&mut out, Kind::Event, attachments, &namespace, id);
        let text = format!("{}[{},{rest}", header(out), written(&name));
        prop_assert_eq!(read(&text), packet(&namespace, event(&name, &rest, id, attachments)));
    }

    #[test]
    fn acks_come_back_as_written(
        argument in any::<String>(),
        namespace in "(/[^,]{0,9})",
        id in 0..=MAX_ID,
        attachments in 0..=MAX_ATTACHMENTS,
    ) {
        let args = format!("[{}]", written(&argument));
        let mut out = Vec::new();
        put_header(&mut out, Kind::Ack, attachments, &namespace, Some(id));
        let text = header(out) + &args;
        prop_assert_eq!(
            read(&text),
            packet(&namespace, Body::Ack { args: &args, id, attachments })
        );
    }

    #[test]
    fn strings_are_read_by_another_parser(text in any::<String>()) {
        prop_assert_eq!(serde_json::from_str::<String>(&written(&text)).ok(), Some(text));
    }

    #[test]
    fn nothing_panics(
        text in any::<String>(),
        header in "[0-7]([0-9]{1,3}-?)?(/[aé]{0,2},?)?([0-9]{0,20})?[\\[{\"é]?",
        max in any::<u32>(),
    ) {
        let _ = parse(&text, max);
        let _ = parse(&header, max);
        let _ = parse(&format!("{header}{text}"), max);
        let _ = parse(&format!("{header}\"{text}\"]"), max);
    }
}

fn assert_invalid(texts: &[&str]) {
    for text in texts {
        assert_eq!(read(text), Err(Violation::InvalidPacket), "{text}");
    }
}

fn written(text: &str) -> String {
    let mut out = vec![b'"'];
    put_escaped(&mut out, text);
    out.push(b'"');
    String::from_utf8(out).expect("written from text")
}

fn header(out: Vec<u8>) -> String {
    String::from_utf8(out).expect("written from text")
}
