use super::names;
use examples::background_push;
use sansocket_app::Config;
use sansocket_app::test::TestServer;
use std::io::Cursor;
use std::time::Duration;

#[test]
fn a_task_pushes_what_clients_asked_for() {
    let server = TestServer::new(background_push::app(Config::default()));
    background_push::tick(&server.io());
    let (ann, bob) = (server.connect().unwrap(), server.connect().unwrap());
    let symbols: Vec<String> = ann.expect("symbols");
    bob.expect_event("symbols");
    assert_eq!(ann.call("subscribe", &symbols[0]), Ok(true));
    assert_eq!(ann.call("subscribe", "none"), Ok(false));

    server.advance(Duration::from_secs(10));
    assert_eq!(names(&ann), ["tick"; 10]);
    assert_eq!(names(&bob), [""; 0]);
    assert_eq!(ann.call("unsubscribe", &symbols[0]), Ok(true));
    server.advance(Duration::from_secs(10));
    assert_eq!(names(&ann), [""; 0]);
}

#[test]
fn a_thread_of_its_own_reaches_everybody() {
    let server = TestServer::new(background_push::app(Config::default()));
    let (ann, bob) = (server.connect().unwrap(), server.connect().unwrap());
    let thread = background_push::announce(&server.io(), Cursor::new("one\ntwo\n"));
    thread.join().expect("the lines end");
    server.run();
    for client in [ann, bob] {
        client.expect_event("symbols");
        let news: Vec<String> =
            client.get_received().iter().map(|event| event.decode().expect("a text")).collect();
        assert_eq!(news, ["one", "two"]);
    }
}
