//! Namespaces written as types.

use sansocket_app::{
    App, Events, HandlerError, NamespaceClass, Reason, Refusal, Socket, State, sequential,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::handlers::stage::{Diary, Door, Stage};

#[derive(Default)]
struct Chat {
    said: AtomicU32,
    diary: Diary,
    door: Door,
}

impl NamespaceClass for Chat {
    fn register(events: &mut Events<'_, Self>) {
        events
            .on_connect(Self::connect)
            .on_disconnect(Self::disconnect)
            .on_error(Self::error)
            .on("say", Self::say)
            .on("wait", sequential(Self::wait))
            .on("fail", Self::fail)
            .on_any(Self::other);
    }
}

impl Chat {
    fn connect(&self, socket: Socket) -> Result<(), Refusal> {
        match socket.param("room") {
            Some("closed") => Err(("closed", 7).into()),
            _ => Ok(()),
        }
    }

    fn say(&self, times: State<u32>, text: String, loudness: Option<u32>) -> (u32, String) {
        let said = self.said.fetch_add(*times, Ordering::Relaxed) + *times;
        (said, text.repeat(loudness.unwrap_or(1) as usize))
    }

    async fn wait(self: Arc<Self>) -> &'static str {
        self.door.wait().await;
        self.diary.note("waited");
        "done"
    }

    fn fail(&self) -> Result<(), std::fmt::Error> {
        Err(std::fmt::Error)
    }

    fn other(&self) -> &'static str {
        "method"
    }

    async fn disconnect(self: Arc<Self>, socket: Socket, reason: Reason) {
        self.diary.note(format!("{} {reason}", socket.namespace()));
    }

    fn error(&self, error: HandlerError) {
        self.diary.note(error.to_string());
    }
}

#[test]
fn a_class_shares_its_fields_and_keeps_order() {
    let (diary, door) = (Diary::default(), Door::default());
    let mut app = App::new();
    app.manage(2_u32);
    app.class("/{room}", Chat { diary: diary.clone(), door: door.clone(), ..Chat::default() });
    let stage = Stage::new(app);
    let mut client = stage.join(&["/a", "/b"]);
    assert_eq!(client.say(r#"42/a,0["say","x"]"#), r#"43/a,0[2,"x"]"#);
    assert_eq!(client.say(r#"42/b,0["say","x",3]"#), r#"43/b,0[4,"xxx"]"#);
    assert_eq!(client.say("40/closed,"), r#"44/closed,{"message":"closed","data":7}"#);
    client.send(&[r#"42/a,1["wait"]"#, r#"42/a,2["other"]"#, r#"42/b,3["other"]"#]);
    assert_eq!(client.take(), [r#"43/b,3["method"]"#]);
    door.open();
    stage.run();
    assert_eq!(client.take(), [r#"43/a,1["done"]"#, r#"43/a,2["method"]"#]);
    client.send(&[r#"42/a,["fail"]"#, "41/a,"]);
    let error =
        "handler of \"fail\" in namespace \"/a\": an error occurred when formatting an argument";
    assert_eq!(diary.take(), ["waited", error, "/a client namespace disconnect"]);
}

#[test]
fn a_function_goes_before_a_method_whichever_came_first() {
    let mut app = App::new();
    app.manage(1_u32);
    app.namespace("/a").on("x", || "function").class(Chat::default());
    app.namespace("/b").class(Chat::default()).on("x", || "function");
    app.namespace("/b").on_any(|| "any function");
    let mut client = Stage::new(app).join(&["/a", "/b"]);
    assert_eq!(client.say(r#"42/a,0["x"]"#), r#"43/a,0["function"]"#);
    assert_eq!(client.say(r#"42/a,0["y"]"#), r#"43/a,0["method"]"#);
    assert_eq!(client.say(r#"42/b,0["x"]"#), r#"43/b,0["function"]"#);
    assert_eq!(client.say(r#"42/b,0["say","x"]"#), r#"43/b,0[1,"x"]"#);
    assert_eq!(client.say(r#"42/b,0["y"]"#), r#"43/b,0["any function"]"#);
}
