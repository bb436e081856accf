use super::{joined, names};
use examples::{chat, pages};
use sansocket_app::Config;
use sansocket_app::test::{TestClient, TestServer};
use serde_json::{Value, json};

fn served() -> TestServer {
    TestServer::new(chat::app(Config::default(), &pages::folder("chat")))
}

/// Logs in and enters a room; returns the acknowledgement.
#[track_caller]
fn enter(client: &TestClient, name: &str, room: &str) -> Value {
    let login: Value = client.call("login", name).expect("an acknowledgement");
    assert_eq!(login["name"], name);
    client.call("enter", room).expect("an acknowledgement")
}

#[test]
fn people_meet_talk_and_leave() {
    let server = served();
    let (ann, bob) = (server.connect().unwrap(), server.connect().unwrap());
    let entered = enter(&ann, "ann", " tea ");
    let rooms = json!([{"name": "tea", "members": 1}]);
    assert_eq!(entered, json!({"room": "tea", "users": ["ann"], "rooms": rooms, "history": []}));
    assert_eq!(names(&ann), ["users", "rooms"]);
    assert_eq!(ann.call::<Value>("say", "first").unwrap()["ok"], true);

    let entered = enter(&bob, "bob", "tea");
    assert_eq!(entered["users"], json!(["ann", "bob"]));
    assert_eq!(entered["history"][0]["text"], "first");
    assert_eq!(ann.expect::<Value>("notice")["text"], "bob joined");
    assert_eq!(ann.expect::<Vec<String>>("users"), ["ann", "bob"]);
    ann.expect_event("rooms");

    bob.emit("typing", &true);
    bob.emit("say", "hello");
    assert_eq!(ann.expect::<Value>("typing"), json!({"name": "bob", "typing": true}));
    assert_eq!(ann.expect::<Value>("message")["author"], "bob");

    bob.close();
    assert_eq!(ann.expect::<Value>("notice")["text"], "bob left");
    assert_eq!(ann.expect::<Vec<String>>("users"), ["ann"]);
}

#[test]
fn going_to_another_room_leaves_the_first_and_its_history_ends_with_its_last_member() {
    let server = served();
    let (ann, bob) = (server.connect().unwrap(), server.connect().unwrap());
    enter(&ann, "ann", "tea");
    enter(&bob, "bob", "tea");
    ann.emit("say", "hello");
    ann.get_received();
    bob.get_received();

    let entered: Value = bob.call("enter", "hall").unwrap();
    let both = json!([{"name": "hall", "members": 1}, {"name": "tea", "members": 1}]);
    assert_eq!(entered["rooms"], both);
    assert_eq!(names(&ann), ["notice", "users", "rooms", "rooms"]);
    bob.emit("say", "nobody hears this");
    assert_eq!(names(&ann), [""; 0]);

    let entered: Value = bob.call("enter", "tea").unwrap();
    assert_eq!(entered["history"][0]["text"], "hello");
    ann.disconnect();
    bob.disconnect();
    assert_eq!(enter(&server.connect().unwrap(), "cy", "tea")["history"], json!([]));
    assert_eq!(enter(&server.connect().unwrap(), "cy", "hall")["history"], json!([]));
}

#[test]
fn what_is_not_allowed_is_explained() {
    let server = served();
    let (ann, bob) = (server.connect().unwrap(), server.connect().unwrap());
    let error = |client: &TestClient, event: &str, argument: &str| {
        client.call::<Value>(event, argument).unwrap()["error"].clone()
    };
    assert_eq!(error(&ann, "login", " "), "a name has 1 to 24 characters");
    assert_eq!(error(&ann, "enter", "tea"), "log in before you enter a room");
    assert_eq!(error(&ann, "say", "hello"), "enter a room before you talk");
    ann.emit("login", "ann");
    assert_eq!(error(&ann, "enter", &"x".repeat(33)), "a room name has 1 to 32 characters");
    assert_eq!(error(&ann, "enter", &bob.id()), "this room is somebody's own");
    enter(&ann, "ann", "tea");
    assert_eq!(error(&ann, "say", &"x".repeat(4001)), "a message has 1 to 4000 characters");
}

#[test]
fn a_room_remembers_fifty_messages() {
    let server = served();
    let (ann, bob) = (server.connect().unwrap(), server.connect().unwrap());
    enter(&ann, "ann", "tea");
    (0..60).for_each(|n| ann.emit("say", &n.to_string()));
    let entered = enter(&bob, "bob", "tea");
    let history: Vec<&Value> =
        entered["history"].as_array().unwrap().iter().map(|said| &said["text"]).collect();
    let last: Vec<Value> = (10..60).map(|n: u32| n.to_string().into()).collect();
    assert!(history.iter().copied().eq(&last));
}

#[test]
fn of_two_people_of_one_name_each_message_says_whose_it_is() {
    let server = served();
    let (one, other) = (server.connect().unwrap(), server.connect().unwrap());
    enter(&one, "grace", "tea");
    let entered = enter(&other, "grace", "tea");
    assert_eq!(entered["users"], json!(["grace", "grace"]));
    one.emit("say", "hello");
    assert_eq!(other.expect::<Value>("message")["id"], one.id());
    let entered: Value = other.call("enter", "tea").unwrap();
    assert_eq!(entered["history"][0]["id"], one.id());
}

#[test]
fn who_is_elsewhere_hears_that_something_was_said() {
    let server = served();
    let (ann, bob) = (server.connect().unwrap(), server.connect().unwrap());
    let elsewhere = joined(server.client().namespace("/activity"));
    enter(&ann, "ann", "tea");
    enter(&bob, "bob", "hall");
    ann.get_received();
    bob.emit("say", "hello");
    assert_eq!(elsewhere.expect::<String>("said"), "hall");
    assert_eq!(names(&ann), [""; 0]);
}
