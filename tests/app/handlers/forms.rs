//! What forms a handler may have, and which are found to be mistakes when the application starts.

use sansocket_app::{
    App, Auth, Events, NamespaceClass, RawRest, Reason, Rest, Socket, State, concurrent, sequential,
};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use crate::handlers::stage::{Diary, Stage};

/// What is said about a mistake.
fn said(set_up: impl FnOnce(&mut App)) -> String {
    let mut app = App::new();
    let served = catch_unwind(AssertUnwindSafe(|| {
        set_up(&mut app);
        drop(Stage::new(app));
    }));
    match served.unwrap_err().downcast::<String>() {
        Ok(said) => *said,
        Err(said) => (*said.downcast::<&str>().unwrap()).to_owned(),
    }
}

#[test]
fn an_async_closure_may_own_what_it_captured() {
    let diary = Diary::default();
    let mut app = App::new();
    let (kept, given, inner) = (diary.clone(), diary.clone(), diary.clone());
    app.on("keeps", async move |n: u8| {
        std::future::ready(()).await;
        kept.note(format!("keeps {n}"));
        n
    });
    app.on("gives away", async move |_: Socket| drop(given));
    app.on("in order", sequential(async move |n: u8| inner.note(format!("in order {n}"))));
    let (entered, passed, left) = (diary.clone(), diary.clone(), diary.clone());
    app.on_connect(async move |_: Socket| entered.note("connect"));
    app.namespace("/").middleware(async move || passed.note("middleware"));
    app.on_disconnect(async move |reason: Reason| left.note(format!("{reason}")));
    let stage = Stage::new(app);
    let mut client = stage.open();
    assert_eq!(client.say("40"), r#"40{"sid":"…"}"#);
    for n in [1, 2] {
        assert_eq!(client.say(&format!(r#"42{n}["keeps",{n}]"#)), format!("43{n}[{n}]"));
        assert_eq!(client.say(r#"420["gives away"]"#), "430[]");
        assert_eq!(client.say(&format!(r#"420["in order",{n}]"#)), "430[]");
    }
    client.vanish();
    let heard = ["middleware", "connect", "keeps 1", "in order 1", "keeps 2", "in order 2"];
    let heard: Vec<_> = heard.into_iter().chain(["transport close"]).collect();
    assert_eq!(diary.take(), heard);
}

/// Counts how often it is cloned.
struct Counted(Arc<AtomicU32>);

impl Clone for Counted {
    fn clone(&self) -> Self {
        self.0.fetch_add(1, Ordering::SeqCst);
        Self(self.0.clone())
    }
}

#[test]
fn only_async_handlers_clone_what_they_captured_and_once_for_each_call() {
    let clones = Arc::new(AtomicU32::new(0));
    let mut app = App::new();
    let counted = Counted(clones.clone());
    app.on("plain", move || _ = &counted);
    let counted = Counted(clones.clone());
    app.on("async", async move || drop(counted));
    let mut client = Stage::new(app).join(&["/"]);
    client.say(r#"42["plain"]"#);
    assert_eq!(clones.load(Ordering::SeqCst), 0);
    client.say(r#"42["async"]"#);
    client.say(r#"42["async"]"#);
    assert_eq!(clones.load(Ordering::SeqCst), 2);
}

#[test]
fn a_plain_closure_may_own_what_cannot_be_cloned() {
    let mut app = App::new();
    let sum = Mutex::new(0);
    app.on("add", move |n: u32| {
        let mut sum = sum.lock().unwrap();
        *sum += n;
        *sum
    });
    let mut client = Stage::new(app).join(&["/"]);
    assert_eq!(client.say(r#"420["add",2]"#), "430[2]");
    assert_eq!(client.say(r#"420["add",3]"#), "430[5]");
}

#[test]
fn an_optional_argument_before_one_that_is_needed_is_found_at_the_start() {
    let advice = "put optional arguments last";
    for set_up in [
        (|app| _ = app.on("x", |_: Option<u8>, _: u8| ())) as fn(&mut App),
        |app| _ = app.on("x", async |_: Socket, _: Option<u8>, _: State<u8>, _: String| ()),
        |app| _ = app.on("x", concurrent(|_: u8, _: Option<u8>, _: Option<u8>, _: u8| ())),
        |app| _ = app.namespace("/a").on_any(|_: Option<u8>, _: u8| ()),
    ] {
        let said = said(set_up);
        assert!(said.starts_with("the handler of ") && said.contains(advice), "{said}");
    }
    assert_eq!(
        said(|app| _ = app.on("move", |_: Option<u8>, _: u8| ())),
        "the handler of \"move\" takes core::option::Option<u8> before u8, so that no client can leave \
         it out: put optional arguments last; where it may be null but is always sent, wrap the Option \
         in your own struct",
    );
}

#[test]
fn an_argument_that_may_be_null_but_is_sent_may_stand_before_others() {
    #[derive(serde::Deserialize)]
    struct Before(Option<u8>);
    let mut app = App::new();
    app.on("x", |before: Before, limit: u8| (before.0, limit));
    let mut client = Stage::new(app).join(&["/"]);
    assert_eq!(client.say(r#"420["x",null,1]"#), "430[null,1]");
    assert_eq!(client.say(r#"420["x",2,1]"#), "430[2,1]");
}

#[test]
fn an_argument_after_the_rest_is_found_at_the_start() {
    for set_up in [(|app| _ = app.on("x", |_: Rest<u8>, _: u8| ())) as fn(&mut App), |app| {
        _ = app.on("x", |_: RawRest, _: Socket, _: Option<u8>| ())
    }] {
        let said = said(set_up);
        assert!(said.contains("put Rest last"), "{said}");
    }
}

#[test]
fn a_second_argument_of_a_connect_handler_is_found_at_the_start() {
    for set_up in [
        (|app| _ = app.on_connect(|_: u8, _: Option<u8>| ())) as fn(&mut App),
        |app| _ = app.namespace("/").middleware(async |_: u8, _: Socket, _: u8| ()),
        |app| _ = app.middleware_everywhere(|_: u8, _: u8| ()),
    ] {
        assert_eq!(
            said(set_up),
            "a connect handler or middleware takes 2 arguments, but there is one, the auth payload: \
             take a struct",
        );
    }
    let mut app = App::new();
    app.on_connect(|_: Option<u8>, _: Auth<Option<u8>>| ());
    assert_eq!(Stage::new(app).open().say("40"), r#"40{"sid":"…"}"#);
}

struct Methods;

impl NamespaceClass for Methods {
    fn register(events: &mut Events<'_, Self>) {
        events.on("x", Self::name).on_any(Self::name);
        events.on_connect(Self::enter).on_disconnect(Self::leave).on_error(|_, _| ());
    }
}

impl Methods {
    fn name(&self) -> &'static str {
        "method"
    }

    fn enter(&self) {}

    async fn leave(self: Arc<Self>) {}
}

#[test]
fn a_second_handler_for_the_same_is_found_at_the_start() {
    for (set_up, place) in [
        ((|app| _ = app.on("x", || 1).on("x", || 2)) as fn(&mut App), r#"the event "x""#),
        (|app| _ = app.namespace("/a").on("x", || 1).on("x", async || 2), r#"the event "x""#),
        (|app| _ = app.on_any(|| 1).on_any(|| 2), "on_any"),
        (|app| _ = app.on_connect(|| ()).on_connect(|| ()), "on_connect"),
        (|app| _ = app.on_disconnect(|| ()).on_disconnect(|| ()), "on_disconnect"),
        (|app| _ = app.namespace("/").on_error(|_| ()).on_error(|_| ()), "on_error"),
        (|app| _ = app.class("/", Methods).class(Methods), r#"the event "x""#),
    ] {
        let advice = "it has a handler already, and there is one for each";
        assert_eq!(said(set_up), format!("{place}: {advice}"));
    }
}

#[test]
fn a_second_handler_for_the_whole_application_is_found_at_the_start() {
    let advice = "there is one for an application";
    let errors = said(|app| _ = app.on_error(|_| ()).on_error(|_| ()));
    assert_eq!(errors, format!("App::on_error: {advice}"));
    let messages = said(|app| _ = app.on_engine_message(|_, _| ()).on_engine_message(|_, _| ()));
    assert_eq!(messages, format!("App::on_engine_message: {advice}"));
}

#[test]
fn a_function_goes_before_a_method_whichever_came_first() {
    let function = |namespace: &mut sansocket_app::Namespace| {
        namespace.on("x", || "function").on_any(|| "function");
        namespace.on_connect(|| ()).on_disconnect(|| ()).on_error(|_| ());
    };
    let mut app = App::new();
    function(app.namespace("/").class(Methods));
    function(app.namespace("/a"));
    app.namespace("/a").class(Methods);
    let mut client = Stage::new(app).join(&["/", "/a"]);
    assert_eq!(client.say(r#"420["x"]"#), r#"430["function"]"#);
    assert_eq!(client.say(r#"42/a,0["y"]"#), r#"43/a,0["function"]"#);
}
