//! Users that prove who they are by a signature.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use brokers::promises::CHANNEL;
use nkeys::KeyPair;
use sansocket_nats::{ConnectOptions, Nats};
use serde_json::{Value, json};

use crate::{configured, drive, lost, url};

#[test]
fn an_nkey_proves_a_user() {
    let user = KeyPair::new_user();
    let key = user.public_key();
    let server = configured(&format!("authorization {{ users = [{{ nkey: {key} }}] }}"));
    let with = |user: KeyPair| {
        let options = ConnectOptions::with_nkey(user.seed().unwrap());
        Nats::new(&url(&server)).map(|nats| nats.options(options))
    };
    let end = drive(with(user));
    end.connected();
    end.subscribe(&[CHANNEL]);
    end.publish(CHANNEL, ["mine"]);
    assert_eq!(end.delivered().1, "mine");
    lost(with(KeyPair::new_user()));
}

#[test]
fn a_file_of_credentials_proves_a_user() {
    let realm = Realm::new();
    let server = configured(&realm.configuration());
    let with = |credentials: &str| {
        let options = ConnectOptions::with_credentials(credentials).unwrap();
        Nats::new(&url(&server)).map(|nats| nats.options(options))
    };
    let end = drive(with(&realm.credentials()));
    end.connected();
    end.subscribe(&[CHANNEL]);
    end.publish(CHANNEL, ["mine"]);
    assert_eq!(end.delivered().1, "mine");
    lost(with(&Realm::new().credentials()));
}

/// An operator, an account of it, and a user of that, whose rights are in a token.
struct Realm {
    operator: KeyPair,
    account: KeyPair,
    user: KeyPair,
}

impl Realm {
    fn new() -> Self {
        let (operator, account) = (KeyPair::new_operator(), KeyPair::new_account());
        Self { operator, account, user: KeyPair::new_user() }
    }

    /// Lines of the configuration of a server that belongs to the operator.
    fn configuration(&self) -> String {
        let operator = sign(&self.operator, &self.operator, &json!({ "type": "operator" }));
        let unlimited = json!({ "subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1,
            "wildcards": true, "conn": -1, "leaf": -1 });
        let claims = json!({ "type": "account", "limits": unlimited });
        let account = sign(&self.operator, &self.account, &claims);
        let name = self.account.public_key();
        format!("operator: {operator}\nresolver: MEMORY\nresolver_preload: {{ {name}: {account} }}")
    }

    /// The file of credentials of the user.
    fn credentials(&self) -> String {
        let claims = json!({ "type": "user", "subs": -1, "data": -1, "payload": -1 });
        let token = sign(&self.account, &self.user, &claims);
        let seed = self.user.seed().unwrap();
        format!(
            "-----BEGIN NATS USER JWT-----\n{token}\n------END NATS USER JWT------\n\n\
             -----BEGIN USER NKEY SEED-----\n{seed}\n------END USER NKEY SEED------\n"
        )
    }
}

/// Returns a token about somebody.
fn sign(issuer: &KeyPair, subject: &KeyPair, claims: &Value) -> String {
    let mut claims = claims.clone();
    claims["version"] = json!(2);
    let claims = json!({ "jti": "1", "iat": 1_700_000_000, "iss": issuer.public_key(),
        "name": "test", "sub": subject.public_key(), "nats": claims });
    let header = json!({ "typ": "JWT", "alg": "ed25519-nkey" });
    let encode = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
    let text = [header, claims].map(|part| encode(part.to_string().as_bytes())).join(".");
    let signature = encode(&issuer.sign(text.as_bytes()).unwrap());
    format!("{text}.{signature}")
}
