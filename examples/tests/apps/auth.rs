use super::{joined, names};
use examples::auth;
use sansocket_app::Config;
use sansocket_app::test::{Connect, ConnectError, TestServer};
use serde_json::{Value, json};

fn with_token(server: &TestServer, token: &str) -> Connect {
    server.client().auth(&json!({"token": token}))
}

#[track_caller]
fn code_of(refused: Connect) -> Value {
    match refused.connect() {
        Err(ConnectError::Refused { message, data: Some(data) }) => {
            assert_eq!(message, "not authorized");
            data["code"].clone()
        }
        other => panic!("refused with data was expected, not {other:?}"),
    }
}

#[test]
fn a_token_tells_who_somebody_is() {
    let server = TestServer::new(auth::app(Config::default()));
    let bob = joined(with_token(&server, "bob-secret"));
    let user = json!({"name": "bob", "role": "guest"});
    assert_eq!(bob.expect::<Value>("welcome"), user);
    assert_eq!(bob.call("whoami", &()), Ok(user));
    bob.emit("logout", &());
    assert!(!bob.is_connected());
}

#[test]
fn refusals_carry_a_code_for_the_client() {
    let server = TestServer::new(auth::app(Config::default()));
    assert_eq!(code_of(server.client()), 401);
    assert_eq!(code_of(with_token(&server, "a guess")), 401);
    assert_eq!(code_of(with_token(&server, "bob-secret").namespace("/admin")), 403);
}

#[test]
fn an_administrator_throws_out_every_connection_of_somebody() {
    let server = TestServer::new(auth::app(Config::default()));
    let admin = joined(with_token(&server, "ann-secret").namespace("/admin"));
    let bobs = [(); 2].map(|()| joined(with_token(&server, "bob-secret")));
    assert_eq!(admin.call("users", &()), Ok(vec![("bob".to_owned(), 2)]));

    assert_eq!(admin.call("throw-out", "bob"), Ok(2));
    for bob in &bobs {
        assert_eq!(names(bob), ["welcome", "thrown-out"]);
        assert!(!bob.is_connected());
    }
    assert_eq!(admin.call("users", &()), Ok(Vec::<(String, usize)>::new()));
    assert!(admin.is_connected());
}
