//! Letters, handed to a mail server.

use std::{collections::HashSet, sync::Arc};

use base64::{Engine, prelude::BASE64_STANDARD};
use carillon_notify::{
    egress::{Egress, Guard, tls},
    mail::{Letter, Mailer, Settings},
    provider::{Accepted, Refused},
};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::{
    listener::{Identity, Script, local},
    smtp::{Mailbox, Manners},
};

const NOW: i64 = 1_790_000_000_000;
const LETTER: Letter<'_> = Letter {
    key: "01JABCDEF:01JXYZ:3:1",
    to: "amy@example.com",
    subject: "大廈停電",
    text: "請即回覆。\n.\n<b>not bold</b> & \"quoted\"",
    link: Some("https://chat.example/ding/1?a=b&c=d"),
    language: "zh-HK",
};

fn settings(port: u16, security: &str) -> Value {
    json!({
        "host": "mail.example", "port": port, "security": security,
        "from": "Carillon 鐘樓 <chat@example.org>",
    })
}

fn open(egress: &Egress, settings: &Value) -> Mailer {
    serde_json::from_value::<Settings>(settings.clone()).unwrap().open(egress).ok().unwrap()
}

/// A mail server, and a way to it that trusts its certificate.
async fn there(manners: Manners, security: &str) -> (Mailbox, Egress, Value) {
    let identity = Identity::of(&["mail.example"]);
    let mailbox = Mailbox::open(manners, identity.acceptor.clone()).await;
    let mut settings = settings(mailbox.port, security);
    settings["authorities"] = json!(identity.authority);
    let egress = local(mailbox.port, None);
    (mailbox, egress, settings)
}

async fn send(egress: &Egress, settings: &Value, letter: &Letter<'_>) -> Result<Accepted, Refused> {
    open(egress, settings).send(egress, letter, NOW).await
}

/// RFC 2045 6.7.
fn unquoted(text: &str) -> String {
    let text = text.replace("=\r\n", "");
    let mut parts = text.split('=');
    let mut bytes = parts.next().unwrap().as_bytes().to_vec();
    for part in parts {
        let (code, rest) = part.split_at(2);
        bytes.push(u8::from_str_radix(code, 16).unwrap());
        bytes.extend_from_slice(rest.as_bytes());
    }
    String::from_utf8(bytes).unwrap()
}

/// The decoded parts of a letter: its headers, its text, its HTML.
fn parts(letter: &str) -> (String, String, String) {
    let (head, _) = letter.split_once("\r\n\r\n").unwrap();
    let mut texts = letter.split("Content-Type: text/").skip(1).map(|part| {
        let (head, body) = part.split_once("\r\n\r\n").unwrap();
        let body = body.split("\r\n--").next().unwrap();
        match head.lines().next_back().unwrap() {
            "Content-Transfer-Encoding: base64" => {
                let body: String = body.split_whitespace().collect();
                String::from_utf8(BASE64_STANDARD.decode(body).unwrap()).unwrap()
            }
            "Content-Transfer-Encoding: quoted-printable" => unquoted(body),
            encoding => {
                assert_eq!(encoding, "Content-Transfer-Encoding: 7bit");
                body.to_owned()
            }
        }
    });
    (head.to_owned(), texts.next().unwrap(), texts.next().unwrap())
}

#[tokio::test]
async fn a_letter_arrives_with_its_text_in_two_forms() {
    let manners = Manners { starttls: true, ..Manners::default() };
    let (mailbox, egress, settings) = there(manners, "starttls").await;
    let accepted = send(&egress, &settings, &LETTER).await.unwrap();
    let handed = mailbox.handed().pop().unwrap();
    assert_eq!((handed.from.as_str(), handed.to.as_str()), ("chat@example.org", "amy@example.com"));
    assert!(handed.encrypted);
    let (head, text, html) = parts(&handed.letter);
    for header in [
        "To: amy@example.com",
        "Date: Mon, 21 Sep 2026 14:13:20 +0000",
        "Auto-Submitted: auto-generated",
        "Subject: =?utf-8?b?5aSn5buI5YGc6Zu7?=",
        "<chat@example.org>",
        "MIME-Version: 1.0",
        &format!("Message-ID: {}", accepted.reference),
    ] {
        assert!(head.contains(header), "{header} in {head}");
    }
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[..3], ["請即回覆。", ".", "<b>not bold</b> & \"quoted\""]);
    assert!(text.contains("https://chat.example/ding/1?a=b&c=d"));
    assert!(html.contains("&lt;b&gt;not bold&lt;/b&gt; &amp; &quot;quoted&quot;"), "{html}");
    let link = "https://chat.example/ding/1?a=b&amp;c=d";
    assert!(html.contains(&format!("<a href=\"{link}\">{link}</a>")), "{html}");
    assert!(html.contains("<html lang=\"zh-HK\">"));
}

#[tokio::test]
async fn the_same_letter_has_the_same_name() {
    let (mailbox, egress, settings) = there(Manners::default(), "plain").await;
    let first = send(&egress, &settings, &LETTER).await.unwrap();
    let again = send(&egress, &settings, &LETTER).await.unwrap();
    let other = Letter { key: "another", ..LETTER };
    let other = send(&egress, &settings, &other).await.unwrap();
    assert_eq!(first, again);
    assert_ne!(first, other);
    assert_eq!(mailbox.handed().len(), 3);
    assert!(first.reference.ends_with("@example.org>"), "{first:?}");
}

#[tokio::test]
async fn many_letters_share_a_few_connections() {
    let (mailbox, egress, settings) = there(Manners::default(), "plain").await;
    let mailer = Arc::new(open(&egress, &settings));
    let egress = Arc::new(egress);
    let mut sending = JoinSet::new();
    for i in 0..200 {
        let (mailer, egress) = (Arc::clone(&mailer), Arc::clone(&egress));
        sending.spawn(async move {
            let key = format!("letter {i}");
            mailer.send(&egress, &Letter { key: &key, ..LETTER }, NOW).await.unwrap().reference
        });
    }
    let names: HashSet<String> = sending.join_all().await.into_iter().collect();
    assert_eq!((names.len(), mailbox.handed().len()), (200, 200));
    assert!(mailbox.connections() <= 8, "{}", mailbox.connections());
}

#[tokio::test]
async fn nothing_that_somebody_writes_adds_a_header_or_an_element() {
    let (mailbox, egress, settings) = there(Manners::default(), "plain").await;
    let hostile = Letter {
        key: "k\r\nX-Key: 1",
        subject: "Hi\r\nBcc: eve@example.net\r\n\r\n<script>\u{0}",
        text: "</p></body><script>alert(1)</script>\r\n.\r\nMAIL FROM:<eve@example.net>\r\n\
               \u{0}\u{1b}[2J",
        language: "en\"><script>",
        link: Some("https://chat.example/\"><script>alert(1)</script>"),
        ..LETTER
    };
    send(&egress, &settings, &hostile).await.unwrap();
    let handed = mailbox.handed();
    assert_eq!(handed.len(), 1, "a dot alone does not end it");
    assert_eq!(handed[0].to, "amy@example.com");
    let (head, text, html) = parts(&handed[0].letter);
    assert!(head.contains("Subject: Hi  Bcc: eve@example.net    <script>\r\n"), "{head}");
    let names: Vec<&str> = head
        .lines()
        .filter(|line| !line.starts_with([' ', '\t']))
        .map(|line| line.split(':').next().unwrap())
        .collect();
    for name in names {
        let known = [
            "From",
            "To",
            "Date",
            "Message-ID",
            "Auto-Submitted",
            "Subject",
            "MIME-Version",
            "Content-Type",
        ];
        assert!(known.contains(&name), "{name}");
    }
    assert!(!html.contains("<script>") && html.contains("&lt;script&gt;"), "{html}");
    assert!(!text.contains(['\u{0}', '\u{1b}']) && !html.contains(['\u{0}', '\u{1b}']));
    for to in [
        "amy@example.com\r\nBcc: eve@example.net",
        "amy@example.com, eve@example.net",
        "amy",
        "",
        "a b@c.de",
        "<amy@example.com>",
    ] {
        let refused = send(&egress, &settings, &Letter { to, ..LETTER }).await;
        assert!(matches!(refused, Err(Refused::Unreachable(_))), "{to}: {refused:?}");
    }
    for link in ["javascript:alert(1)", "https://a/\r\nX: y", "data:text/html,x", ""] {
        let refused = send(&egress, &settings, &Letter { link: Some(link), ..LETTER }).await;
        assert!(matches!(refused, Err(Refused::Unfit(_))), "{link}: {refused:?}");
    }
    assert_eq!(mailbox.handed().len(), 1);
}

#[tokio::test]
async fn a_password_is_only_told_to_whom_it_belongs() {
    let login = Some(("chat", "hush"));
    for (security, starttls) in [("tls", false), ("starttls", true)] {
        let manners = Manners { wrapped: !starttls, starttls, login, ..Manners::default() };
        let (mailbox, egress, mut settings) = there(manners, security).await;
        let refused = send(&egress, &settings, &LETTER).await;
        assert!(matches!(refused, Err(Refused::Settings(_))), "{security}: {refused:?}");
        (settings["user"], settings["password"]) = (json!("chat"), json!("hush"));
        assert!(send(&egress, &settings, &LETTER).await.is_ok(), "{security}");
        assert!(mailbox.handed()[0].encrypted);
        settings["password"] = json!("wrong");
        let refused = send(&egress, &settings, &LETTER).await;
        assert!(matches!(refused, Err(Refused::Settings(why)) if !why.contains("wrong")));
        // Somebody else's certificate.
        settings["host"] = json!("other.example");
        let refused = send(&egress, &settings, &LETTER).await;
        assert!(matches!(refused, Err(Refused::Settings(_))), "{security}: {refused:?}");
        settings["host"] = json!("mail.example");
        settings.as_object_mut().unwrap().remove("authorities");
        let refused = send(&egress, &settings, &LETTER).await;
        assert!(matches!(refused, Err(Refused::Settings(_))), "{security}: {refused:?}");
        assert_eq!(mailbox.handed().len(), 1);
    }
    // A server that cannot begin TLS gets nothing.
    let (mailbox, egress, settings) = there(Manners::default(), "starttls").await;
    let refused = send(&egress, &settings, &LETTER).await;
    assert!(matches!(refused, Err(Refused::Settings(_))), "{refused:?}");
    assert_eq!(mailbox.handed().len(), 0);
}

#[tokio::test]
async fn what_a_mail_server_refuses_says_what_to_do() {
    let refused = async |recipient: Option<&'static str>, letter: Option<&'static str>| {
        let manners = Manners { recipient, letter, ..Manners::default() };
        let (_mailbox, egress, settings) = there(manners, "plain").await;
        send(&egress, &settings, &LETTER).await.unwrap_err()
    };
    assert!(matches!(refused(Some("550 5.1.1 no such user"), None).await, Refused::Unreachable(_)));
    assert_eq!(refused(Some("450 4.2.1 try later"), None).await, Refused::Later(None));
    assert_eq!(refused(None, Some("451 4.3.0 try later")).await, Refused::Later(None));
    assert!(matches!(refused(None, Some("554 5.7.1 spam")).await, Refused::Unfit(_)));
    // Nobody listens.
    let (mailbox, egress, settings) = there(Manners::default(), "plain").await;
    drop(mailbox);
    tokio::task::yield_now().await;
    assert_eq!(send(&egress, &settings, &LETTER).await, Err(Refused::Later(None)));
}

#[tokio::test]
async fn a_mail_server_inside_must_be_allowed_like_any_other() {
    let identity = Identity::of(&["mail.example"]);
    let mailbox = Mailbox::open(Manners::default(), identity.acceptor.clone()).await;
    let guard = Guard::new(Vec::new(), vec![mailbox.port]);
    let egress = Egress::new(guard, tls(None).unwrap(), Script::says(&[&["127.0.0.1"]]));
    for host in ["mail.example", "127.0.0.1"] {
        let mut settings = settings(mailbox.port, "plain");
        settings["host"] = json!(host);
        let refused = send(&egress, &settings, &LETTER).await;
        assert!(matches!(refused, Err(Refused::Settings(_))), "{host}: {refused:?}");
    }
    assert!(mailbox.handed().is_empty());
}

#[test]
fn settings_that_cannot_work_are_refused_by_name() {
    let egress = local(80, None);
    for (field, change) in [
        ("from", json!({"from": "nobody"})),
        ("from", json!({"from": "a@b.c\r\nBcc: d@e.f"})),
        ("port", json!({"port": 22})),
        ("host", json!({"host": ""})),
        ("host", json!({"host": "mail.example\r\n"})),
        ("password", json!({"user": "chat"})),
        ("security", json!({"user": "chat", "password": "hush", "security": "plain"})),
        (
            "authorities",
            json!({"authorities": "-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----"}),
        ),
    ] {
        let mut whole = settings(587, "starttls");
        for (name, value) in change.as_object().unwrap() {
            whole[name.as_str()] = value.clone();
        }
        let refused = serde_json::from_value::<Settings>(whole).unwrap().open(&egress);
        assert_eq!(refused.err().unwrap().field, field);
    }
}
