use proptest::prelude::*;
use serde_json::{Value, value::RawValue};
use std::collections::BTreeSet;

use super::scanner::is_mark;
use super::*;

/// As deep as JSON may be, and one deeper.
const DEEPEST: usize = 128;

const VALUES: &[&str] = &[
    "[]",
    "{}",
    "[[],{}]",
    " \t\n\r[ 1 , 2 ] \r\n\t ",
    r#"{ "a" : 1 , "b" : [ ] }"#,
    r#"{"a":1,"a":2}"#,
    r#"{"":{"":""}}"#,
    r#"{"__proto__":1,"constructor":{"prototype":null}}"#,
    r#"["\"\\\/\b\f\n\r\t\u00e9\uD83D\uDE00"]"#,
    r#"["\ud800","\udc00\ud800","\ud800x","\ud800\n"]"#,
    "[\"é\u{7f}\u{2028}\u{10ffff}\"]",
    "[0,-0,10,-1,0.0,1.50,1e5,1E+5,1e-5,-0.1e0,1e999]",
    "[true,false,null]",
];

const NOT_VALUES: &[&str] = &[
    "[",
    "]",
    "{",
    "}",
    "[}",
    "{]",
    "[]]",
    "[[]",
    "[] []",
    "[]x",
    "[],",
    "[,]",
    "[1,]",
    "[,1]",
    "[1 2]",
    "[1,,2]",
    "[1:2]",
    "{1:2}",
    "{a:1}",
    "{'a':1}",
    "{,}",
    r#"{"a"}"#,
    r#"{"a":}"#,
    r#"{"a":1,}"#,
    r#"{"a":1 "b":2}"#,
    r#"{"a":1]"#,
    r#"{"a",1}"#,
    r#"["a]"#,
    r#"["\"]"#,
    r#"["\x"]"#,
    r#"["\u12"]"#,
    r#"["\u12g4"]"#,
    r#"["\u"#,
    r#"["\U0041"]"#,
    r#"["\"#,
    "['a']",
    "[\"\u{0}\"]",
    "[\"\u{1f}\"]",
    "[\"a\nb\"]",
    "[\"12345678\t\"]",
    "[+1]",
    "[01]",
    "[-]",
    "[-01]",
    "[.5]",
    "[1.]",
    "[1.e1]",
    "[1e]",
    "[1e+]",
    "[0x1]",
    "[1_0]",
    "[--1]",
    "[Infinity]",
    "[NaN]",
    "[tru]",
    "[truer]",
    "[True]",
    "[nul]",
    "[undefined]",
    "[\u{0}]",
    "[]\u{0}",
    "[\u{a0}]",
    "[\u{feff}]",
    "[/**/]",
    "[1//\n]",
    "[é]",
];

#[test]
fn accepts_what_json_parse_accepts() {
    for text in VALUES {
        assert_eq!(whole(text), Ok(()), "{text}");
    }
}

#[test]
fn refuses_what_json_parse_refuses() {
    for text in NOT_VALUES {
        assert_eq!(whole(text), Err(Violation::InvalidJson), "{text}");
    }
}

#[test]
fn a_number_may_be_of_any_length() {
    assert_eq!(array(&format!("[{}]", "9".repeat(100_000)), 0), Ok(()));
}

#[test]
fn each_shape_takes_its_own_only() {
    let shapes = [("[]", 'a'), ("{}", 'o'), (r#""""#, 's'), ("1", '-'), ("null", '-'), ("", '-')];
    for (text, shape) in shapes {
        for space in ["", " ", "\n\t\r "] {
            let text = format!("{space}{text}{space}");
            assert_eq!(array(&text, 0).is_ok(), shape == 'a', "{text}");
            assert_eq!(object(&text).is_ok(), shape == 'o', "{text}");
            assert_eq!(object_or_string(&text).is_ok(), "os".contains(shape), "{text}");
        }
    }
    assert_eq!(array("{}", 0), Err(Violation::InvalidPacket));
    assert_eq!(object("[]"), Err(Violation::ConnectPayload));
    assert_eq!(object_or_string("[]"), Err(Violation::InvalidPacket));
}

#[test]
fn nests_up_to_the_limit() {
    for (open, close) in [("[", "]"), (r#"{"a":"#, "}")] {
        let nested = |inner: &str, depth| {
            format!("[{}{inner}{}]", open.repeat(depth - 1), close.repeat(depth - 1))
        };
        assert_eq!(array(&nested("[]", DEEPEST - 1), 0), Ok(()));
        assert_eq!(array(&nested("1", DEEPEST), 1), Ok(()));
        assert_eq!(array(&nested("[]", DEEPEST), 0), Err(Violation::TooDeep));
        assert_eq!(array(&nested("{}", DEEPEST), 1), Err(Violation::TooDeep));
        let event_of = |depth| format!(r#"["e",{}"#, &nested("1", depth)[1..]);
        assert!(event(&event_of(DEEPEST), 0).is_ok());
        assert_eq!(event(&event_of(DEEPEST + 1), 0), Err(Violation::TooDeep));
    }
    assert_eq!(array(&"[".repeat(1_000_000), 0), Err(Violation::TooDeep));
    assert_eq!(object(&r#"{"a":"#.repeat(1_000_000)), Err(Violation::TooDeep));
}

#[test]
fn depth_is_counted_not_containers() {
    assert_eq!(array(&format!("[{}[]]", "[{}],".repeat(1000)), 1), Ok(()));
}

#[test]
fn an_event_is_split_after_its_name() {
    let splits = [
        (r#"["a",1,[2]]"#, "a", "1,[2]]"),
        (r#"["a"]"#, "a", "]"),
        (r#" [ "a" ] "#, "a", "]"),
        (" [ \"a\" ,\n1 ] ", "a", "\n1 ]"),
        (r#"["",""]"#, "", "\"\"]"),
        (r#"[1,"x"]"#, "1", "\"x\"]"),
        ("[-1.5e3]", "-1.5e3", "]"),
        (r#"["error"]"#, "error", "]"),
        (r#"["é/☃",{}]"#, "é/☃", "{}]"),
        (r#"["a\"\\\/\b\f\n\r\t\u00e9\u00E9"]"#, "a\"\\/\u{8}\u{c}\n\r\téé", "]"),
        (r#"["\ud83d\ude00!"]"#, "😀!", "]"),
        (r#"["\ud83d"]"#, "\u{fffd}", "]"),
        (r#"["\ude00\ud83d\ud83d\ude00"]"#, "\u{fffd}\u{fffd}😀", "]"),
        (r#"["\ud83d\n\ud83d\u0041\ud83dx"]"#, "\u{fffd}\n\u{fffd}A\u{fffd}x", "]"),
    ];
    for (text, name, rest) in splits {
        let elements = event(text, 0).expect(text);
        assert_eq!((&*elements.name, elements.rest), (name, rest), "{text}");
        assert_eq!(event(text, 1).as_ref(), Ok(&elements), "{text}");
        assert_eq!(matches!(elements.name, Cow::Owned(_)), text.contains('\\'), "{text}");
    }
}

#[test]
fn an_event_begins_with_a_name() {
    for text in ["", " ", "[", "[]", "{}", "abc", r#"[true,"x"]"#, r#"[null,"x"]"#] {
        assert_eq!(event(text, 0), Err(Violation::InvalidPacket), "{text}");
    }
    for text in [r#"[{"toString":"foo"}]"#, r#"[["a"]]"#, r#""a""#, "1", "null", "[,]"] {
        assert_eq!(event(text, 0), Err(Violation::InvalidPacket), "{text}");
    }
    for text in [r#"["a""#, r#"["a",]"#, r#"["a"}"#, r#"["a"]]"#, r#"["a":1]"#, "[1x]", "[01]"] {
        assert_eq!(event(text, 0), Err(Violation::InvalidJson), "{text}");
    }
}

#[test]
fn reserved_names_are_refused_however_they_are_spelled() {
    let reserved = [
        "connect",
        "connect_error",
        "disconnect",
        "disconnecting",
        "newListener",
        "removeListener",
    ];
    for name in reserved {
        let spelled: String = name.chars().map(|c| format!("\\u{:04x}", u32::from(c))).collect();
        for name in [name, &spelled] {
            let text = format!(r#"["{name}",1]"#);
            assert_eq!(event(&text, 0), Err(Violation::ReservedEvent), "{text}");
        }
        assert!(event(&format!(r#"["{name} "]"#), 0).is_ok());
    }
    assert!(event(r#"["Connect","connect"]"#, 0).is_ok());
}

/// Judged as if one attachment had been announced.
const PLACEHOLDERS: &[(&str, bool)] = &[
    (r#"{"_placeholder":true,"num":0}"#, true),
    (r#"{"num":0,"_placeholder":true}"#, true),
    (r#"{ "_placeholder" : true , "num" : 0 , "more" : [ {} ] }"#, true),
    (r#"{"\u005fplaceholder":true,"n\u0075m":0}"#, true),
    (r#"{"_placeholder":true,"num":9,"num":0}"#, true),
    (r#"{"_placeholder":true,"_placeholder":false}"#, true),
    (r#"{"_placeholder":true,"_placeholder":{}}"#, true),
    (r#"{"_placeholder":[true]}"#, true),
    (r#"{"_placeholder":{"a":true}}"#, true),
    (r#"{"_placeholder":1}"#, true),
    (r#"{"_placeholder":"true","num":"splice"}"#, true),
    (r#"{"_placeholder":false}"#, true),
    (r#"{"num":7}"#, true),
    (r#"["_placeholder",true]"#, true),
    (r#"{"_placeholder":true}"#, false),
    (r#"{"\u005fplaceholder":true}"#, false),
    (r#"{"_placeholder":true,"num":1}"#, false),
    (r#"{"_placeholder":true,"num":-1}"#, false),
    (r#"{"_placeholder":true,"num":-0}"#, false),
    (r#"{"_placeholder":true,"num":0.0}"#, false),
    (r#"{"_placeholder":true,"num":1.5}"#, false),
    (r#"{"_placeholder":true,"num":0e0}"#, false),
    (r#"{"_placeholder":true,"num":1e9}"#, false),
    (r#"{"_placeholder":true,"num":4294967296}"#, false),
    (r#"{"_placeholder":true,"num":"0"}"#, false),
    (r#"{"_placeholder":true,"num":"splice"}"#, false),
    (r#"{"_placeholder":true,"num":null}"#, false),
    (r#"{"_placeholder":true,"num":[0]}"#, false),
    (r#"{"_placeholder":true,"num":{"num":0}}"#, false),
    (r#"{"_placeholder":true,"num":0,"num":[]}"#, false),
    (r#"{"_placeholder":true,"num":0,"num":1}"#, false),
    (r#"{"_placeholder":false,"_placeholder":true}"#, false),
    (r#"{"_placeholder":true,"more":{"num":0}}"#, false),
    (r#"{"_placeholder":true,"num":0,"more":{"_placeholder":true}}"#, false),
    (r#"[{"num":0},{"_placeholder":true,"num":0}]"#, true),
    (r#"[{"_placeholder":true,"num":0},{"_placeholder":true,"num":0}]"#, false),
    (r#"{"_placeholder":true,"num":0,"more":{"_placeholder":true,"num":0}}"#, false),
];

#[test]
fn placeholders_name_attachments_at_any_depth() {
    for &(value, is_legal) in PLACEHOLDERS {
        let verdict = if is_legal { Ok(()) } else { Err(Violation::IllegalAttachments) };
        for text in [
            format!("[1,{value}]"),
            format!(r#"["e",{{"a":[[{value}],2]}},{{}}]"#),
            format!(r#"["e",{{"num":{value},"_placeholder":[]}},{{}}]"#),
        ] {
            assert_eq!(array(&text, 1), verdict, "{text}");
            assert_eq!(event(&text, 1).map(drop), verdict, "{text}");
        }
    }
}

#[test]
fn placeholders_are_data_when_nothing_is_attached() {
    for (value, _) in PLACEHOLDERS {
        let text = format!("[1,{value}]");
        assert_eq!(array(&text, 0), Ok(()), "{text}");
        assert!(event(&text, 0).is_ok(), "{text}");
    }
}

#[test]
fn a_placeholder_may_name_any_attachment_announced() {
    let last = r#"[{"_placeholder":true,"num":9}]"#;
    assert_eq!(array(last, 10), Ok(()));
    assert_eq!(array(last, 9), Err(Violation::IllegalAttachments));
}

#[test]
fn each_attachment_may_be_named_once() {
    let placeholders = |numbers: &[u32]| {
        let all = numbers.iter().map(|num| format!(r#"{{"_placeholder":true,"num":{num}}}"#));
        format!("[{}]", all.collect::<Vec<_>>().join(","))
    };
    let all: Vec<u32> = (0..200).rev().collect();
    assert_eq!(array(&placeholders(&all), 200), Ok(()));
    for twice in all {
        let text = placeholders(&[199, twice, 0, twice]);
        assert_eq!(array(&text, 200), Err(Violation::IllegalAttachments), "{twice}");
    }
}

#[test]
fn a_plain_run_ends_at_every_mark_at_every_offset() {
    for length in 0..40 {
        assert_eq!(plain(&vec![0xff; length]), length);
        for mark in 0..=u8::MAX {
            for at in 0..length {
                let mut bytes = vec![b'a'; length];
                bytes[at] = mark;
                let end = if is_mark(mark) { at } else { length };
                assert_eq!(plain(&bytes), end, "{mark:#x} at {at} of {length}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn agrees_with_another_parser(text in nearly_json()) {
        let verdict = whole(&text);
        prop_assume!(verdict != Err(Violation::TooDeep));
        prop_assert_eq!(verdict.is_ok(), serde_json::from_str::<&RawValue>(&text).is_ok());
        let first = Scanner::new(&text).first();
        prop_assert_eq!(array(&text, 0).is_ok(), first == b'[' && verdict.is_ok());
        prop_assert_eq!(object(&text).is_ok(), first == b'{' && verdict.is_ok());
    }

    #[test]
    fn agrees_on_tokens_in_any_order(text in tokens()) {
        let verdict = whole(&text);
        prop_assert_eq!(verdict.is_ok(), serde_json::from_str::<&RawValue>(&text).is_ok());
    }

    #[test]
    fn agrees_on_placeholders(text in json(), attachments in 1_u32..4) {
        let text = format!("[{text}]");
        let value: Value = serde_json::from_str(&text).expect("made without lone surrogates");
        let verdict = array(&text, attachments);
        let is_legal = is_legal(&value, attachments.into(), &mut BTreeSet::new());
        // A tree forgets what a later duplicate replaced; the text is held to all it contains.
        prop_assert!(is_legal || verdict.is_err());
        prop_assert_eq!(array(&value.to_string(), attachments).is_ok(), is_legal);
        prop_assert_eq!(event(&format!("[0,{text}]"), attachments).map(drop), verdict);
    }

    #[test]
    fn names_come_out_as_another_parser_reads_them(name in string()) {
        let text = format!("[{name},{name}]");
        let expected: String = serde_json::from_str(&name).expect("made without lone surrogates");
        let elements = event(&text, 0).expect("made without reserved names");
        prop_assert_eq!(&*elements.name, &*expected);
        prop_assert_eq!(elements.rest, format!("{name}]"));
    }

    #[test]
    fn nothing_panics(text in prop_oneof![any::<String>(), nearly_json(), tokens()]) {
        for attachments in [0, 2] {
            let _ = event(&text, attachments);
            let _ = event(&format!("[\"{text}"), attachments);
            let _ = array(&text, attachments);
        }
        let _ = object(&text);
        let _ = object_or_string(&text);
    }
}

fn whole(text: &str) -> Result<(), Violation> {
    let blind = Scanner::new(text).whole(&mut Blind);
    let watched = Scanner::new(text).whole(&mut Placeholders::new(1));
    if watched != Err(Violation::IllegalAttachments) {
        assert_eq!(blind, watched, "{text}");
    }
    blind
}

fn is_legal(value: &Value, attachments: u64, named: &mut BTreeSet<u64>) -> bool {
    match value {
        Value::Array(values) => values.iter().all(|value| is_legal(value, attachments, named)),
        Value::Object(members) => {
            let is_placeholder = members.get("_placeholder") == Some(&Value::Bool(true));
            let num = members.get("num").and_then(Value::as_u64);
            (!is_placeholder || num.is_some_and(|num| num < attachments && named.insert(num)))
                && members.values().all(|value| is_legal(value, attachments, named))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => true,
    }
}

/// A string literal with everything in it but half a surrogate pair.
fn string() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => "[^\"\\\\\\x00-\\x1f]{1,9}",
        1 => r#"\\["\\/bfnrt]"#,
        1 => r"\\u[0-9abcefABCEF][0-9a-fA-F]{3}",
        1 => r"\\ud[89abAB][0-9a-f]{2}\\u[dD][c-fC-F][0-9a-f]{2}",
    ];
    prop::collection::vec(piece, 0..5).prop_map(|pieces| format!("\"{}\"", pieces.concat()))
}

fn json() -> impl Strategy<Value = String> {
    let space = "[ \t\n\r]{0,2}";
    let leaf = prop_oneof![
        prop::sample::select(vec!["true", "false", "null", "0", "1", "2", "3"])
            .prop_map(str::to_owned),
        "-?(0|[1-9][0-9]{0,5})(\\.[0-9]{1,3})?([eE][+-]?[0-9]{1,2})?",
        string(),
    ];
    let key = prop_oneof![
        4 => Just(r#""_placeholder""#.to_owned()),
        4 => Just(r#""num""#.to_owned()),
        1 => Just(r#""\u005fplaceholder""#.to_owned()),
        1 => string(),
    ];
    leaf.prop_recursive(6, 48, 5, move |inner| {
        let value =
            (space, inner, space).prop_map(|(before, value, after)| before + &value + &after);
        let member = (space, key.clone(), space, value.clone())
            .prop_map(|(before, key, after, value)| format!("{before}{key}{after}:{value}"));
        prop_oneof![
            prop::collection::vec(value, 0..5).prop_map(|values| format!("[{}]", values.join(","))),
            prop::collection::vec(member, 0..5)
                .prop_map(|members| format!("{{{}}}", members.join(","))),
        ]
    })
}

/// JSON with up to two characters replaced, removed or added.
fn nearly_json() -> impl Strategy<Value = String> {
    let character = prop_oneof![
        prop::sample::select("[]{},:\"\\u019-+.eE tfn\n\u{0}\u{1f}é".chars().collect::<Vec<_>>()),
        any::<char>(),
    ];
    let change = (any::<prop::sample::Index>(), 0_usize..2, prop::option::of(character));
    (json(), prop::collection::vec(change, 0..3)).prop_map(|(text, changes)| {
        let mut text: Vec<char> = text.chars().collect();
        for (index, removed, added) in changes {
            let at = index.index(text.len() + 1);
            text.splice(at..(at + removed).min(text.len()), added);
        }
        text.into_iter().collect()
    })
}

fn tokens() -> impl Strategy<Value = String> {
    let token = prop::sample::select(vec![
        "[", "]", "{", "}", ",", ":", "\"", "\"\"", "\"a\":", "\\", "\\u00e9", "\\ud800", "-", "0",
        "1", ".", "e", "E+", "true", "nul", "l", " ", "\n", "\t", "é", "\u{0}", "12345678",
    ]);
    prop::collection::vec(token, 0..12).prop_map(|tokens| tokens.concat())
}
