//! A cluster whose users come with credentials that an operator's accounts signed, instead of
//! passwords.

use std::path::{Path, PathBuf};

use data_encoding::BASE64URL_NOPAD;
use nkeys::KeyPair;
use serde_json::{Value, json};

use super::cluster::Cluster;
use super::opened::{Opened, refusal};
use crate::store::sample::payload;

/// A claim of a signer about a key, as NATS's tools write it.
fn token(signer: &KeyPair, subject: &KeyPair, name: &str, claims: &Value) -> String {
    let mut nats = claims.clone();
    nats["version"] = 2.into();
    let body = json!({
        "jti": name, "iat": 1_790_000_000, "iss": signer.public_key(), "name": name,
        "sub": subject.public_key(), "nats": nats,
    });
    let encoded = |json: &Value| BASE64URL_NOPAD.encode(json.to_string().as_bytes());
    let head = encoded(&json!({ "typ": "JWT", "alg": "ed25519-nkey" }));
    let text = format!("{head}.{}", encoded(&body));
    let signature = BASE64URL_NOPAD.encode(&signer.sign(text.as_bytes()).unwrap());
    format!("{text}.{signature}")
}

/// What an account may use without limits, as JSON.
fn account(has_jetstream: bool) -> Value {
    let store = if has_jetstream { -1 } else { 0 };
    json!({
        "type": "account",
        "limits": {
            "subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1, "wildcards": true,
            "conn": -1, "leaf": -1, "mem_storage": store, "disk_storage": store, "streams": -1,
            "consumer": -1,
        },
    })
}

/// The file of a user of an account.
fn credentials(folder: &Path, name: &str, account: &KeyPair) -> PathBuf {
    let user = KeyPair::new_user();
    let claims =
        json!({ "type": "user", "pub": {}, "sub": {}, "subs": -1, "data": -1, "payload": -1 });
    let token = token(account, &user, name, &claims);
    let path = folder.join(format!("{name}.creds"));
    let text = format!(
        "-----BEGIN NATS USER JWT-----\n{token}\n------END NATS USER JWT------\n\n\
         -----BEGIN USER NKEY SEED-----\n{}\n------END USER NKEY SEED------\n",
        user.seed().unwrap()
    );
    std::fs::write(&path, text).unwrap();
    path
}

#[tokio::test]
async fn a_cluster_with_an_operator_lets_in_whoever_has_credentials_of_its_account() {
    let folder = tempfile::tempdir().unwrap();
    let operator = KeyPair::new_operator();
    let (ours, system, unknown) =
        (KeyPair::new_account(), KeyPair::new_account(), KeyPair::new_account());
    let of_operator = token(&operator, &operator, "operator", &json!({ "type": "operator" }));
    let known = [(&ours, "lamplight", true), (&system, "system", false)].map(
        |(key, name, has_jetstream)| {
            let token = token(&operator, key, name, &account(has_jetstream));
            format!("{}: {token}", key.public_key())
        },
    );
    let cluster = Cluster::alone_with(|config| {
        let (begin, rest) = config.split_once("authorization {").unwrap();
        let rest = rest.split_once('}').unwrap().1;
        format!(
            "{begin}{rest}\noperator: {of_operator}\nsystem_account: {}\nresolver: MEMORY\n\
             resolver_preload {{\n{}\n}}\n",
            system.public_key(),
            known.join("\n")
        )
    });
    let url = |file: &Path| {
        let url = cluster.url("").replace("lamplight:p%40ss_w0rd@", "");
        format!("{url}&credentials_file={}", file.display())
    };
    let opened = Opened::new(&url(&credentials(folder.path(), "user", &ours))).await.unwrap();
    opened.queue.stage(payload(1, "[{},{}]")).await.unwrap();
    opened.drained(1).await;
    opened.close().await;

    let stranger = credentials(folder.path(), "stranger", &unknown);
    let error = refusal(&url(&stranger)).await;
    assert!(error.contains("connect to the intake stream at nats://127.0.0.1:"), "{error}");
    assert!(error.to_lowercase().contains("authorization"), "{error}");
    let secret = std::fs::read_to_string(&stranger).unwrap();
    assert!(secret.lines().filter(|it| it.len() > 20).all(|line| !error.contains(line)), "{error}");
    let without = cluster.url("").replace("lamplight:p%40ss_w0rd@", "");
    let error = refusal(&without).await;
    assert!(error.to_lowercase().contains("authorization"), "{error}");
}
