//! A Redis with TLS and a password.

use std::{fs, path::PathBuf};

use carillon_bus::Options;
use carillon_rig::{Redis, Tls};
use tempfile::TempDir;

use crate::bed::{Bed, Node, options, part, until};

/// A Redis that speaks TLS with a certificate of its own, to one user, about one namespace.
pub struct Secure {
    redis: Redis,
    folder: TempDir,
}

const LOGIN: &str = "carillon:p%40ss";

impl Bed for Secure {
    fn start(&self) -> Node {
        self.node(LOGIN, self.own())
    }
}

impl Secure {
    pub fn make() -> Secure {
        let folder = tempfile::tempdir().unwrap();
        let (certificate, key) = (folder.path().join("own.pem"), folder.path().join("own.key"));
        let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
        fs::write(&certificate, made.cert.pem()).unwrap();
        fs::write(&key, made.signing_key.serialize_pem()).unwrap();
        let user = ["--user", "carillon", "on", ">p@ss", "&carillon:test:*"];
        let rights = ["-@all", "+subscribe", "+publish"];
        let nobody = ["--user", "default", "off"];
        let settings = [&user[..], &rights, &nobody].concat();
        Secure { redis: Redis::with_tls(Tls { certificate, key }, &settings), folder }
    }

    fn node(&self, login: &str, authorities: Option<PathBuf>) -> Node {
        let url = self.redis.url().replacen("://", &format!("://{login}@"), 1);
        Node::join(&url, Options { authorities, ..options("test") })
    }

    fn own(&self) -> Option<PathBuf> {
        Some(self.folder.path().join("own.pem"))
    }
}

/// Waits until the node says why it does not work.
async fn trouble(node: &Node, words: &str) {
    let why = || node.health().suspects.into_iter().map(|suspect| suspect.why).next();
    until(words, || why().is_some_and(|why| why.contains(words))).await;
    let shown = format!("{:?} {:?}", node.bus, node.health());
    assert!(!shown.contains("ss@") && !shown.contains("p@") && !shown.contains("hush"), "{shown}");
    assert!(!node.health().ready);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_said_and_not_shown() {
    let secure = Secure::make();
    trouble(&secure.node("carillon:hush", secure.own()), "WRONGPASS").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_of_a_stranger_is_refused() {
    let secure = Secure::make();
    trouble(&secure.node(LOGIN, None), "certificate").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_right_is_said() {
    let secure = Secure::make();
    let url = secure.redis.url().replacen("://", &format!("://{LOGIN}@"), 1);
    let node = Node::join(&url, Options { authorities: secure.own(), ..options("elsewhere") });
    node.publish(part(1), "for nobody");
    trouble(&node, "no permissions").await;
    until("it is counted", || node.health().dropped == 1).await;
}
