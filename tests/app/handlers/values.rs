//! Arguments as other languages write them.

use sansocket_app::{App, Auth, Bytes, Rest};
use serde::Deserialize;
use serde_json::Value;

use crate::handlers::stage::{Diary, Stage};

#[derive(Deserialize)]
struct Order {
    count: u8,
    price: f64,
    note: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Loose {
    Whole(i64),
    Text(String),
}

fn app() -> App {
    let mut app = App::new();
    app.on("i64", |n: i64| n);
    app.on("u8", |n: Option<u8>| n);
    app.on("i128", |n: i128| n.to_string());
    app.on("two", |text: String, n: u32| format!("{text} {n}"));
    app.on("order", |order: Order| (order.count, order.price, order.note));
    app.on("list", |list: Vec<u16>| list);
    app.on("rest", |Rest(rest): Rest<u16>| rest);
    app.on("count rest", |Rest(rest): Rest<u16>| rest.len());
    app.on("count", |list: Vec<u16>| list.len());
    app.on("loose", |value: Loose| match value {
        Loose::Whole(n) => n.to_string(),
        Loose::Text(text) => text,
    });
    app.on("float", |value: f64| value);
    app.on("any", |value: Value| value);
    app.on("binary", |n: u8, bytes: Bytes| (n, bytes.len()));
    app
}

#[test]
fn an_integer_takes_a_number_that_is_whole_however_it_is_written() {
    let mut client = Stage::new(app()).join(&["/"]);
    for (event, answer) in [
        (r#"["i64",1.0]"#, "[1]"),
        (r#"["i64",-0]"#, "[0]"),
        (r#"["i64",-0.0]"#, "[0]"),
        (r#"["i64",-1e3]"#, "[-1000]"),
        (r#"["i64",1]"#, "[1]"),
        (r#"["u8",255.0]"#, "[255]"),
        (r#"["u8"]"#, "[null]"),
        (r#"["i128",1e15]"#, r#"["1000000000000000"]"#),
        (r#"["two","1.0",2.0]"#, r#"["1.0 2"]"#),
        (r#"["order",{"count":2.0,"price":2.5}]"#, "[2,2.5,null]"),
        (r#"["list",[1,2.0,3e0]]"#, "[[1,2,3]]"),
        (r#"["rest",1,2.0,3e0]"#, "[[1,2,3]]"),
        (r#"["loose",7.0]"#, r#"["7"]"#),
        (r#"["float",1.0]"#, "[1.0]"),
        (r#"["any",1.0]"#, "[1.0]"),
    ] {
        assert_eq!(client.say(&format!("425{event}")), format!("435{answer}"), "{event}");
    }
    client.send(&[r#"451-6["binary",2.0,{"_placeholder":true,"num":0}]"#, "bAAEC"]);
    assert_eq!(client.take(), ["436[2,3]"]);
}

#[test]
fn an_integer_takes_no_number_that_is_not_whole_or_does_not_fit() {
    let diary = Diary::default();
    let mut app = app();
    let heard = diary.clone();
    app.on_error(move |error: sansocket_app::HandlerError| heard.note(error.to_string()));
    let mut client = Stage::new(app).join(&["/"]);
    for event in [
        r#"["i64",1.5]"#,
        r#"["i64",1e30]"#,
        r#"["i64",1e999]"#,
        r#"["u8",256.0]"#,
        r#"["u8",-1.0]"#,
        r#"["i128",1.5]"#,
        r#"["i128",1e30]"#,
        r#"["list",[1.0,"x"]]"#,
        r#"["rest",1.0,2.5]"#,
    ] {
        client.send(&[&format!("42{event}")]);
        let [told] = &diary.take()[..] else { panic!("{event} is taken") };
        assert!(told.contains("does not fit"), "{event}: {told}");
    }
    assert_eq!(client.say(r#"421["i64",2]"#), "431[2]");
}

#[test]
fn half_a_surrogate_pair_is_read_as_the_replacement_character() {
    let mut client = Stage::new(app()).join(&["/"]);
    for (event, answer) in [
        (r#"["two","\ud800",1]"#, "[\"\u{fffd} 1\"]"),
        (r#"["two","a\udc00\ud83d\ude00\\ud800",1.0]"#, "[\"a\u{fffd}😀\\\\ud800 1\"]"),
        (r#"["order",{"count":1,"price":1,"note":"\uDFFF"}]"#, "[1,1.0,\"\u{fffd}\"]"),
        (r#"["loose","\ud83d"]"#, "[\"\u{fffd}\"]"),
        (r#"["any",{"\ud800":"x\ud800"}]"#, "[{\"\u{fffd}\":\"x\u{fffd}\"}]"),
    ] {
        assert_eq!(client.say(&format!("425{event}")), format!("435{answer}"), "{event}");
    }
}

#[test]
fn acknowledgements_and_auth_payloads_are_read_so_as_well() {
    let diary = Diary::default();
    let mut app = App::new();
    let heard = diary.clone();
    app.on_connect(move |Auth(auth): Auth<Order>| {
        heard.note(format!("{} {}", auth.count, auth.note.unwrap_or_default()));
    });
    let heard = diary.clone();
    app.on("ask", move |socket: sansocket_app::Socket| {
        let (asked, heard) = (socket.call::<(u8, String)>("question", &()), heard.clone());
        async move {
            let (n, text) = asked.await.expect("it fits");
            heard.note(format!("{n} {text}"));
        }
    });
    let stage = Stage::new(app);
    let mut client = stage.open();
    let joined = client.say(r#"40{"count":1.0,"price":2,"note":"\ud800"}"#);
    assert!(joined.starts_with("40{"), "{joined}");
    client.send(&[r#"42["ask"]"#]);
    client.send(&[r#"430[3.0,"\udfff"]"#]);
    stage.run();
    assert_eq!(diary.take(), ["1 \u{fffd}", "3 \u{fffd}"]);
}

/// A23: a second reading of numbers costs no more than a few times the bytes sent.
#[test]
fn a23_numbers_that_are_written_anew_are_read_twice_at_most() {
    let mut client = Stage::new(app()).join(&["/"]);
    let many = vec!["1e3"; 200_000].join(",");
    assert_eq!(client.say(&format!("421[\"count rest\",{many}]")), "431[200000]");
    assert_eq!(client.say(&format!("422[\"count\",[{many}]]")), "432[200000]");
    let wide = vec!["1e19"; 150_000].join(",");
    client.send(&[&format!("42[\"count\",[{wide}]]")]);
    assert_eq!(client.say(r#"421["i64",2]"#), "431[2]");
}
