use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Debug;

use bytes::Bytes;
use proptest::prelude::*;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;
use serde_json::{Value, json};

use super::{DecodeError, Decoder, EncodeError, decode, encode};

fn encoded<T: Serialize + ?Sized>(value: &T) -> (String, Vec<Bytes>) {
    let (mut text, mut attachments) = (Vec::new(), Vec::new());
    encode(value, &mut text, &mut attachments).expect("the test value has a JSON form");
    (String::from_utf8(text).expect("JSON is UTF-8"), attachments)
}

fn text<T: Serialize + ?Sized>(value: &T) -> String {
    let (text, attachments) = encoded(value);
    assert!(attachments.is_empty());
    text
}

#[track_caller]
fn round_trip<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: T) {
    let (text, attachments) = encoded(&value);
    assert_eq!(decode::<T>(&text, &attachments).as_ref(), Ok(&value), "{text}");
    // An attachment that no argument names changes nothing, and takes the other way through the decoder.
    let more = [attachments, vec![Bytes::from_static(b"more")]].concat();
    assert_eq!(decode::<T>(&text, &more).as_ref(), Ok(&value), "{text}");
}

fn placeholder(number: usize) -> String {
    format!(r#"{{"_placeholder":true,"num":{number}}}"#)
}

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
struct Unit;

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
struct Newtype<T>(T);

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
struct Pair(String, Bytes);

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
struct File {
    name: String,
    body: Bytes,
    mode: Option<u16>,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
enum Shape {
    Unit,
    Newtype(Bytes),
    Tuple(u8, Bytes),
    Struct { left: Bytes, right: Option<Bytes> },
}

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(tag = "type", content = "value")]
enum Adjacent {
    Text(String),
    Image(Bytes),
}

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(tag = "type")]
enum Internal {
    Text { text: String },
    Image { body: Bytes },
}

fn file(body: &'static [u8]) -> File {
    File { name: "a.txt".into(), body: Bytes::from_static(body), mode: None }
}

#[test]
fn unit_is_no_argument() {
    assert_eq!(text(&()), "[]");
    assert_eq!(text(&Unit), "[]");
    assert_eq!(text(&Newtype(())), "[]");
    assert_eq!(text(&[0u8; 0]), "[]");
}

#[test]
fn tuple_is_one_argument_per_element() {
    assert_eq!(text(&("a", 1)), r#"["a",1]"#);
    assert_eq!(text(&((),)), "[null]");
    assert_eq!(text(&(("a", 1),)), r#"[["a",1]]"#);
    assert_eq!(text(&[1, 2]), "[1,2]");
    assert_eq!(text(&Newtype(("a", 1))), r#"["a",1]"#);
    assert_eq!(encoded(&Pair("a".into(), Bytes::new())).0, format!(r#"["a",{}]"#, placeholder(0)));
}

#[test]
fn anything_else_is_one_argument() {
    assert_eq!(text(&vec![1, 2]), "[[1,2]]");
    assert_eq!(text(&[1, 2][..]), "[[1,2]]");
    assert_eq!(text(&([1, 2],)), "[[1,2]]");
    assert_eq!(text(&Vec::<i32>::new()), "[[]]");
    assert_eq!(text(&None::<i32>), "[null]");
    assert_eq!(text(&Some(1)), "[1]");
    assert_eq!(text(&Some((1, 2))), "[[1,2]]");
    assert_eq!(text("a"), r#"["a"]"#);
    assert_eq!(text(&'a'), r#"["a"]"#);
    assert_eq!(text(&true), "[true]");
    assert_eq!(text(&Newtype(5)), "[5]");
    assert_eq!(text(&BTreeMap::from([("a", 1)])), r#"[{"a":1}]"#);
    assert_eq!(text(&BTreeMap::<String, i32>::new()), "[{}]");
    assert_eq!(text(&Shape::Unit), r#"["Unit"]"#);
    assert_eq!(text(&format_args!("{}-{}", 1, 2)), r#"["1-2"]"#);
    assert_eq!(encoded(&Bytes::new()).0, format!("[{}]", placeholder(0)));
}

#[test]
fn json_value_is_one_argument_even_when_null() {
    assert_eq!(text(&Value::Null), "[null]");
    assert_eq!(text(&Box::new(())), "[null]");
    assert_eq!(text(&json!([1, 2])), "[[1,2]]");
    assert_eq!(text(&json!({"a": [null]})), r#"[{"a":[null]}]"#);
    assert_eq!(decode::<Value>("[null]", &[]), Ok(Value::Null));
}

#[test]
fn text_is_what_json_stringify_writes() {
    assert_eq!(text("ü 😀 \u{2028} /"), "[\"ü 😀 \u{2028} /\"]");
    assert_eq!(text("\" \\ \n \t \u{8} \u{c} \r \0"), r#"["\" \\ \n \t \b \f \r \u0000"]"#);
    assert_eq!(text(&(1.5f64, 0.1f32, f64::NAN, f32::INFINITY)), "[1.5,0.1,null,null]");
    assert_eq!(
        text(&(u64::MAX, i64::MIN, u128::MAX, i128::MIN)),
        "[18446744073709551615,-9223372036854775808,340282366920938463463374607431768211455,\
         -170141183460469231731687303715884105728]"
    );
}

#[test]
fn map_keys_become_strings() {
    #[derive(Eq, Ord, PartialEq, PartialOrd, Serialize)]
    enum Key {
        Unit,
    }
    assert_eq!(text(&BTreeMap::from([(-1, 0)])), r#"[{"-1":0}]"#);
    assert_eq!(text(&BTreeMap::from([(true, 0)])), r#"[{"true":0}]"#);
    assert_eq!(text(&BTreeMap::from([('"', 0)])), r#"[{"\"":0}]"#);
    assert_eq!(text(&BTreeMap::from([(Key::Unit, 0)])), r#"[{"Unit":0}]"#);
}

#[test]
fn a_key_that_is_no_string_is_an_error_and_leaves_the_buffers_alone() {
    let value = (Bytes::from_static(b"x"), BTreeMap::from([(vec![1], 0)]));
    let (mut json, mut attachments) = (b"42".to_vec(), vec![Bytes::new()]);
    let error = encode(&value, &mut json, &mut attachments).unwrap_err();
    assert_eq!(error, EncodeError::Value { message: "key must be a string".into() });
    assert_eq!(error.to_string(), "arguments cannot be written as JSON: key must be a string");
    assert_eq!((json.as_slice(), attachments.len()), (b"42".as_slice(), 1));

    let key = BTreeMap::from([(Bytes::from_static(b"x"), 0)]);
    assert!(encode(&key, &mut json, &mut attachments).is_err());
}

#[test]
fn binary_leaves_are_attachments_in_document_order() {
    let value = (
        file(b"0"),
        vec![Some(Bytes::from_static(b"1")), None],
        BTreeMap::from([("b", ByteBuf::from(*b"3")), ("a", ByteBuf::from(*b"2"))]),
        serde_bytes::Bytes::new(b"4"),
        Shape::Struct { left: Bytes::from_static(b"5"), right: Some(Bytes::from_static(b"6")) },
    );
    let (text, attachments) = encoded(&value);
    assert_eq!(attachments, ["0", "1", "2", "3", "4", "5", "6"]);
    let [p0, p1, p2, p3, p4, p5, p6] = [0, 1, 2, 3, 4, 5, 6].map(placeholder);
    let arguments = [
        format!(r#"{{"name":"a.txt","body":{p0},"mode":null}}"#),
        format!("[{p1},null]"),
        format!(r#"{{"a":{p2},"b":{p3}}}"#),
        p4,
        format!(r#"{{"Struct":{{"left":{p5},"right":{p6}}}}}"#),
    ];
    assert_eq!(text, format!("[{}]", arguments.join(",")));
}

#[test]
fn encoding_continues_the_buffers() {
    let (mut json, mut attachments) = (b"2".to_vec(), vec![Bytes::new()]);
    encode(&Bytes::from_static(b"x"), &mut json, &mut attachments).unwrap();
    assert_eq!(json, format!("2[{}]", placeholder(1)).into_bytes());
    assert_eq!(attachments, ["", "x"]);
}

#[test]
fn every_shape_comes_back() {
    round_trip(());
    round_trip(Unit);
    round_trip(Newtype(7));
    round_trip(Newtype((1, Bytes::from_static(b"x"))));
    round_trip((1u8, -2i64, "ü\"\\\u{0}😀".to_string(), 'x', true, ()));
    round_trip((1.5f32, 0.1f64, f64::MIN_POSITIVE, f32::MAX, -0.0f64));
    round_trip((u64::MAX, i64::MIN, u128::MAX, i128::MIN));
    round_trip(((1, (2, Bytes::from_static(b"x"))), [3u8; 3]));
    round_trip([Bytes::from_static(b"x"), Bytes::from_static(b"y")]);
    round_trip(vec![ByteBuf::from(*b"x"), ByteBuf::new()]);
    round_trip(Bytes::from_static(b"\xff\x00"));
    round_trip(Some(Bytes::from_static(b"x")));
    round_trip(None::<Bytes>);
    round_trip(Some((1, Bytes::new())));
    round_trip(Box::new(Pair("a".into(), Bytes::from_static(b"b"))));
    round_trip(file(b"body"));
    round_trip(BTreeMap::from([(1u8, Bytes::from_static(b"x")), (2, Bytes::new())]));
    round_trip(json!({"a": [1, {"b": null}], "c": 1.5}));
}

#[test]
fn every_variant_comes_back() {
    let bytes = || Bytes::from_static(b"x");
    for shape in [
        Shape::Unit,
        Shape::Newtype(bytes()),
        Shape::Tuple(1, bytes()),
        Shape::Struct { left: bytes(), right: None },
        Shape::Struct { left: bytes(), right: Some(bytes()) },
    ] {
        round_trip(shape.clone());
        round_trip((1, vec![shape]));
    }
    round_trip(Adjacent::Text("a".into()));
    round_trip(Adjacent::Image(bytes()));
    round_trip(Internal::Text { text: "a".into() });
}

#[test]
fn buffered_types_see_a_placeholder_as_an_object() {
    let (text, attachments) = encoded(&Internal::Image { body: Bytes::from_static(b"x") });
    assert_eq!(attachments, ["x"]);
    assert_eq!(
        decode::<Internal>(&text, &attachments).unwrap_err().to_string(),
        "argument 0 does not fit: invalid type: map, expected byte array"
    );
}

#[test]
fn json_value_sees_a_placeholder_as_an_object() {
    let text = format!("[[{}],2]", placeholder(0));
    let attachments = [Bytes::from_static(b"x")];
    assert_eq!(
        decode::<(Value, Value)>(&text, &attachments),
        Ok((json!([{"_placeholder": true, "num": 0}]), json!(2)))
    );
}

#[test]
fn borrowing_types_borrow_from_the_packet() {
    let json = format!(r#"["plain",{},"esc\n"]"#, placeholder(0));
    let attachments = [Bytes::from_static(b"x")];
    let (plain, bytes, escaped) = decode::<(&str, &[u8], Cow<'_, str>)>(&json, &attachments)
        .expect("nothing borrowed has an escape");
    assert_eq!((plain, bytes, &*escaped), ("plain", b"x".as_slice(), "esc\n"));
    assert_eq!(bytes.as_ptr(), attachments[0].as_ptr());
    assert!(json.as_bytes().as_ptr_range().contains(&plain.as_ptr()));
    assert!(decode::<&str>(r#"["\n"]"#, &[]).is_err());
}

#[test]
fn placeholders_may_repeat_come_in_any_order_and_be_spelled_freely() {
    let attachments = [Bytes::from_static(b"0"), Bytes::from_static(b"1")];
    let json = r#" [ { "num" : 1 , "_placeholder" : true } ,
        {"_pl\u0061ceholder":true,"more":[{}],"num":0} , {"_placeholder":true,"num":1} ] "#;
    let read = decode::<(Bytes, ByteBuf, Bytes)>(json, &attachments).unwrap();
    assert_eq!((&*read.0, &**read.1, &*read.2), (&b"1"[..], &b"0"[..], &b"1"[..]));
}

#[test]
fn bytes_also_read_from_strings_and_arrays() {
    for attachments in [vec![], vec![Bytes::new()]] {
        let read = decode::<(Bytes, ByteBuf)>(r#"["ab\n",[1,255]]"#, &attachments).unwrap();
        assert_eq!((&*read.0, &**read.1), (&b"ab\n"[..], &[1, 255][..]));
    }
}

#[test]
fn placeholder_out_of_range_is_an_error() {
    for number in ["2", "18446744073709551615"] {
        let json = format!(r#"[0,{{"_placeholder":true,"num":{number}}}]"#);
        assert_eq!(
            decode::<(u8, Bytes)>(&json, &[Bytes::new(), Bytes::new()]).unwrap_err().to_string(),
            format!(
                "argument 1 does not fit: placeholder for attachment {number} (from 0), \
                 expected less than 2"
            )
        );
    }
}

#[test]
fn what_is_no_placeholder_is_not_binary() {
    for object in [
        r#"{}"#,
        r#"{"num":0}"#,
        r#"{"_placeholder":true}"#,
        r#"{"_placeholder":false,"num":0}"#,
        r#"{"_placeholder":1,"num":0}"#,
        r#"{"_placeholder":true,"num":-1}"#,
        r#"{"_placeholder":true,"num":0.5}"#,
        r#"{"_placeholder":true,"num":"0"}"#,
        r#"{"_placeholder":true,"num":99999999999999999999999}"#,
        "1",
        "null",
        "true",
    ] {
        let json = format!("[{object}]");
        let error = decode::<Bytes>(&json, &[Bytes::new()]).unwrap_err();
        assert!(matches!(error, DecodeError::Argument { index: 0, .. }), "{object}: {error}");
    }
}

#[test]
fn a_placeholder_without_attachments_is_not_binary() {
    assert!(decode::<Bytes>(&format!("[{}]", placeholder(0)), &[]).is_err());
}

#[test]
fn unit_accepts_any_arguments() {
    assert_eq!(decode::<()>("[]", &[]), Ok(()));
    assert_eq!(decode::<()>(r#"["a",1]"#, &[]), Ok(()));
    assert_eq!(decode::<Unit>("[1]", &[]), Ok(Unit));
    assert!(decode::<IgnoredAny>("[1]", &[]).is_ok());
}

#[test]
fn an_untagged_value_reads_one_argument() {
    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(untagged)]
    enum Loose {
        Number(u8),
        Pair(u8, String),
    }
    assert_eq!(decode::<Loose>("[1,2]", &[]), Ok(Loose::Number(1)));
    assert_eq!(decode::<Loose>(r#"[[1,"a"]]"#, &[]), Ok(Loose::Pair(1, "a".into())));
    assert!(matches!(decode::<Loose>("[true]", &[]), Err(DecodeError::Argument { index: 0, .. })));
}

#[test]
fn extra_arguments_are_ignored() {
    assert_eq!(decode::<(u8,)>("[1,2,3]", &[]), Ok((1,)));
    assert_eq!(decode::<u8>("[1,2,3]", &[]), Ok(1));
    assert_eq!(decode::<Newtype<(u8, u8)>>("[1,2,3]", &[]), Ok(Newtype((1, 2))));
}

#[test]
fn a_list_is_one_argument() {
    assert_eq!(decode::<Vec<u8>>("[[1,2],3]", &[]), Ok(vec![1, 2]));
    assert!(decode::<Vec<u8>>("[1,2]", &[]).is_err());
}

#[test]
fn missing_optional_arguments_are_none() {
    assert_eq!(decode::<Option<u8>>("[]", &[]), Ok(None));
    assert_eq!(decode::<Option<u8>>("[null]", &[]), Ok(None));
    assert_eq!(decode::<Option<u8>>("[1]", &[]), Ok(Some(1)));
    assert_eq!(decode::<(u8, Option<u8>, Option<Bytes>)>("[1]", &[]), Ok((1, None, None)));
    assert_eq!(decode::<(u8, Option<u8>)>("[1,null]", &[]), Ok((1, None)));
}

#[test]
fn missing_arguments_may_have_a_default() {
    #[derive(Debug, Deserialize, PartialEq)]
    struct Greeting(String, #[serde(default)] u32);
    assert_eq!(decode::<Greeting>(r#"["a"]"#, &[]), Ok(Greeting("a".into(), 0)));
    assert_eq!(decode::<Greeting>("[]", &[]), Err(DecodeError::Missing { index: 0 }));
}

#[test]
fn missing_required_arguments_are_named() {
    assert_eq!(decode::<u8>("[]", &[]), Err(DecodeError::Missing { index: 0 }));
    assert_eq!(decode::<Value>("[]", &[]), Err(DecodeError::Missing { index: 0 }));
    assert_eq!(decode::<(u8, u8)>("[1]", &[]), Err(DecodeError::Missing { index: 1 }));
    assert_eq!(
        decode::<(u8, Option<u8>, [u8; 2])>("[1]", &[]),
        Err(DecodeError::Missing { index: 2 })
    );
    assert_eq!(
        decode::<(u8, u8)>("[1]", &[]).unwrap_err().to_string(),
        "argument 1 is missing: the type asked for needs at least 2"
    );
}

#[test]
fn a_wrong_type_is_named_with_its_argument() {
    for attachments in [vec![], vec![Bytes::new()]] {
        assert_eq!(
            decode::<(u8, u8)>(r#"[1,"x"]"#, &attachments),
            Err(DecodeError::Argument {
                index: 1,
                message: r#"invalid type: string "x", expected u8"#.into()
            })
        );
        assert_eq!(
            decode::<u8>("[[300]]", &attachments).unwrap_err().to_string(),
            "argument 0 does not fit: invalid type: sequence, expected u8"
        );
        assert!(decode::<u8>("[300]", &attachments).is_err());
        assert!(decode::<u64>("[1e999]", &attachments).is_err());
        assert!(decode::<f64>("[1e999]", &attachments).is_err());
        assert!(decode::<File>(r#"[{"name":"a"}]"#, &attachments).is_err());
        assert!(decode::<Shape>(r#"["Other"]"#, &attachments).is_err());
    }
}

#[test]
fn a_long_text_that_does_not_fit_is_cut_out_of_the_message() {
    let message =
        |text: &str| decode::<u8>(&json!([text]).to_string(), &[]).unwrap_err().to_string();
    let around = message("").len();
    let fits = "x".repeat(256 - (around - "argument 0 does not fit: ".len()));
    assert_eq!(message(&fits).len(), "argument 0 does not fit: ".len() + 256);
    assert!(!message(&fits).contains('…'));
    for text in ["x".repeat(fits.len() + 1), "é\u{1}".repeat(300_000)] {
        let cut = message(&text);
        assert!(cut.starts_with("argument 0 does not fit: invalid type: string \""), "{cut}");
        assert!(cut.ends_with(", expected u8") && cut.contains('…'), "{cut}");
        assert!(cut.len() <= "argument 0 does not fit: ".len() + 256 + "… 9000000 bytes …".len());
    }
}

#[test]
fn a_type_may_refuse_arguments_that_fit_one_by_one() {
    #[derive(Debug, Deserialize)]
    #[serde(try_from = "(u8, u8)")]
    struct Range;
    impl TryFrom<(u8, u8)> for Range {
        type Error = &'static str;
        fn try_from((start, end): (u8, u8)) -> Result<Self, Self::Error> {
            if start <= end { Ok(Self) } else { Err("start after end") }
        }
    }
    assert!(decode::<Range>("[1,2]", &[]).is_ok());
    assert_eq!(
        decode::<Range>("[2,1]", &[]).unwrap_err().to_string(),
        "arguments do not fit: start after end"
    );
}

#[test]
fn a_decoder_reads_one_argument_at_a_time() {
    let json = format!(r#"["event", 1 ,{}, {{"a":[1,2]}} ]"#, placeholder(0));
    let attachments = [Bytes::from_static(b"x")];
    let mut decoder = Decoder::new(&json, &attachments);
    assert_eq!(decoder.read(), Ok(Some("event")));
    assert_eq!(decoder.read(), Ok(Some(1u8)));
    assert_eq!(decoder.read(), Ok(Some(Bytes::from_static(b"x"))));
    assert!(!decoder.is_empty());
    assert_eq!(decoder.read(), Ok(Some(json!({"a": [1, 2]}))));
    assert!(decoder.is_empty());
    assert_eq!(decoder.read::<u8>(), Ok(None));
    assert_eq!(decoder.read_or_missing(), Ok(None::<u8>));
    assert_eq!(decoder.read_or_missing::<u8>(), Err(DecodeError::Missing { index: 4 }));
}

#[test]
fn a_decoder_reads_the_rest_at_once() {
    let mut decoder = Decoder::new(r#"["event",1,2]"#, &[]);
    assert_eq!(decoder.read(), Ok(Some("event")));
    assert_eq!(decoder.clone().rest(), Ok((1, 2)));
    assert_eq!(decoder.clone().rest(), Ok(1));
    assert_eq!(decoder.rest::<(u8, u8, u8)>(), Err(DecodeError::Missing { index: 3 }));
}

#[test]
fn an_argument_that_does_not_fit_stays_unread() {
    let mut decoder = Decoder::new(r#"["a",1]"#, &[]);
    assert!(decoder.read::<u8>().is_err());
    assert_eq!(decoder.read(), Ok(Some("a")));
    assert!(decoder.read_or_missing::<&str>().is_err());
    assert_eq!(decoder.read_or_missing(), Ok(1));
}

#[test]
fn text_that_is_no_array_has_no_arguments() {
    for json in ["", " ", "{}", "1", "[", "[ ", "[]", " [ ] ", "null", "ü"] {
        let mut decoder = Decoder::new(json, &[]);
        assert_eq!(decoder.read::<Value>(), Ok(None), "{json}");
    }
}

#[test]
fn nesting_without_end_is_an_error() {
    let json = "[".repeat(100_000);
    assert!(decode::<Value>(&json, &[]).is_err());
    assert!(decode::<Value>(&json, &[Bytes::new()]).is_err());
    assert!(decode::<Bytes>(&json.replace('[', r#"[{"a":"#), &[Bytes::new()]).is_err());
}

/// Everything serde can nest, with binary in each place.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
enum Tree {
    Leaf,
    Bytes(Bytes),
    Buffer(ByteBuf),
    Text(String),
    Number(i64),
    Float(f64),
    Single(f32),
    Wide(u128),
    Option(Option<Box<Self>>),
    List(Vec<Self>),
    Map(BTreeMap<String, Self>),
    Numbered(BTreeMap<i16, Bytes>),
    Pair(Box<Self>, Bytes),
    Tuple((Bytes, Box<Self>, [Bytes; 2])),
    Fields { left: Box<Self>, body: Bytes, right: Option<Bytes> },
    Newtype(Newtype<Box<Self>>),
}

fn bytes() -> impl Strategy<Value = Bytes> {
    prop::collection::vec(any::<u8>(), 0..8).prop_map(Bytes::from)
}

fn tree() -> impl Strategy<Value = Tree> {
    let leaf = prop_oneof![
        Just(Tree::Leaf),
        bytes().prop_map(Tree::Bytes),
        bytes().prop_map(|bytes| Tree::Buffer(ByteBuf::from(bytes.to_vec()))),
        any::<String>().prop_map(Tree::Text),
        any::<i64>().prop_map(Tree::Number),
        // Text to float is exact only with serde_json's `float_roundtrip`, which costs speed.
        any::<i32>().prop_map(|number| Tree::Float(f64::from(number) / 16.0)),
        any::<i16>().prop_map(|number| Tree::Single(f32::from(number) / 16.0)),
        any::<u128>().prop_map(Tree::Wide),
        prop::collection::btree_map(any::<i16>(), bytes(), 0..3).prop_map(Tree::Numbered),
    ];
    leaf.prop_recursive(5, 48, 4, |inner| {
        let boxed = inner.clone().prop_map(Box::new);
        prop_oneof![
            prop::option::of(boxed.clone()).prop_map(Tree::Option),
            prop::collection::vec(inner.clone(), 0..4).prop_map(Tree::List),
            prop::collection::btree_map(any::<String>(), inner, 0..4).prop_map(Tree::Map),
            (boxed.clone(), bytes()).prop_map(|(left, right)| Tree::Pair(left, right)),
            (boxed.clone(), bytes(), bytes(), bytes()).prop_map(|(tree, a, b, c)| Tree::Tuple((
                a,
                tree,
                [b, c]
            ))),
            (boxed.clone(), bytes(), prop::option::of(bytes()))
                .prop_map(|(left, body, right)| Tree::Fields { left, body, right }),
            boxed.prop_map(|tree| Tree::Newtype(Newtype(tree))),
        ]
    })
}

proptest! {
    #[test]
    fn any_tree_comes_back(first in tree(), second in tree()) {
        round_trip(first.clone());
        round_trip((first, second));
    }

    #[test]
    fn text_without_binary_is_what_serde_json_writes(
        value in any::<(String, Vec<Option<i64>>, f64, f32)>(),
    ) {
        prop_assert_eq!(text(&value), serde_json::to_string(&value).unwrap());
    }

    #[test]
    fn no_text_panics(
        json in r#"(\[|\]|\{|\}|,|:|"|\\|-|1|e|\.| |null|true|"_placeholder"|"num"|ü){0,24}"#,
        wrap in any::<bool>(),
    ) {
        let json = if wrap { format!("[{json}]") } else { json };
        for attachments in [vec![], vec![Bytes::new()]] {
            let _ = decode::<(Bytes, Tree, Value)>(&json, &attachments);
            let mut decoder = Decoder::new(&json, &attachments);
            while let Ok(Some(IgnoredAny)) = decoder.read() {}
            let _ = decoder.read::<Bytes>();
            let _ = decoder.rest::<Tree>();
        }
    }
}
