use super::{joined, names};
use examples::private_messages;
use sansocket_app::Config;
use sansocket_app::test::{Connect, TestServer};
use serde_json::{Value, json};
use std::time::Duration;

fn named(server: &TestServer, name: &str) -> Connect {
    server.client().auth(&json!({"name": name}))
}

#[test]
fn everybody_knows_who_is_there() {
    let server = TestServer::new(private_messages::app(Config::default()));
    let ann = joined(named(&server, "ann"));
    assert_eq!(ann.expect::<Vec<String>>("people"), ["ann"]);
    let tabs = [(); 2].map(|()| joined(named(&server, " bob ")));
    assert_eq!(tabs[1].expect::<Vec<String>>("people"), ["ann", "bob"]);
    assert_eq!(names(&ann), ["people", "people"]);

    let [first, second] = tabs;
    first.disconnect();
    assert_eq!(names(&ann), [""; 0], "the other tab is still there");
    second.close();
    assert_eq!(ann.expect::<Vec<String>>("people"), ["ann"]);
}

#[test]
fn a_message_is_delivered_to_all_tabs_and_shown_in_those_of_the_sender() {
    let server = TestServer::new(private_messages::app(Config::default()));
    let clients = ["ann", "ann", "bob", "bob", "cy"].map(|name| joined(named(&server, name)));
    let [ann, other_ann, bob, other_bob, cy] = &clients;
    for client in &clients {
        client.get_received();
    }
    let sent = ann.emit_with_ack("direct", &("bob", "hello"));
    assert_eq!(other_ann.expect::<Value>("direct")["text"], "hello");
    for bob in [bob, other_bob] {
        let message = bob.expect_event("direct");
        assert_eq!(message.decode(), Ok(json!({"from": "ann", "to": "bob", "text": "hello"})));
        assert!(!sent.is_here());
        message.ack(&());
    }
    assert_eq!(sent.read(), Ok(json!({"delivered": 2})));
    assert_eq!(names(cy), [""; 0]);
}

#[test]
fn nobody_there_and_nobody_answering_are_told_to_the_sender() {
    let server = TestServer::new(private_messages::app(Config::default()));
    let ann = joined(named(&server, "ann"));
    let missing = Ok(json!({"error": "bob is not here"}));
    assert_eq!(ann.call("direct", &("bob", "hello")), missing);

    let _silent = joined(named(&server, "bob"));
    let sent = ann.emit_with_ack("direct", &("bob", "hello"));
    server.advance(Duration::from_secs(5));
    assert_eq!(sent.read(), missing);
}

#[test]
fn typing_is_for_one_person_alone() {
    let server = TestServer::new(private_messages::app(Config::default()));
    let [ann, bob, cy] = ["ann", "bob", "cy"].map(|name| joined(named(&server, name)));
    cy.get_received();
    ann.emit("typing", &("bob", true));
    assert_eq!(bob.expect::<(String, bool)>("typing"), ("ann".to_owned(), true));
    assert_eq!(names(&cy), [""; 0]);
}

#[test]
fn a_name_is_needed() {
    let server = TestServer::new(private_messages::app(Config::default()));
    assert!(server.client().connect().is_err());
    assert!(named(&server, " ").connect().is_err());
    assert!(named(&server, &"x".repeat(25)).connect().is_err());
    assert!(named(&server, &"ü".repeat(24)).connect().is_ok());
}
