//! What a message looks like.

use std::time::{Duration, UNIX_EPOCH};

use lettre::{
    Address, Message,
    message::{
        Mailbox, MultiPart,
        header::{HeaderName, HeaderValue},
    },
};

use crate::{
    markup::{cut, escaped},
    provider::{Refused, sha256},
};

/// The longest subject, in characters: no program shows more.
const SUBJECT_LEN_MAX: usize = 150;
/// The longest text, in characters.
const TEXT_LEN_MAX: usize = 20_000;
/// The longest address (RFC 5321 4.5.3.1.3, without the brackets).
pub(super) const ADDRESS_LEN_MAX: usize = 254;

/// One message to one person.
#[derive(Debug, Clone)]
pub struct Letter<'a> {
    /// What identifies it: the same key is the same message.
    pub key: &'a str,
    /// The address of one person.
    pub to: &'a str,
    /// The subject; line breaks become spaces.
    pub subject: &'a str,
    /// The text, as somebody wrote it.
    pub text: &'a str,
    /// Where it is answered: `https://…`.
    pub link: Option<&'a str>,
    /// The language of the text, as in `zh-HK`.
    pub language: &'a str,
}

impl Letter<'_> {
    /// The message, and its `Message-ID`.
    pub(super) fn write(&self, from: &Mailbox, now: i64) -> Result<(Message, String), Refused> {
        let unfit = |why: &str| Refused::Unfit(why.to_owned());
        let hidden = |c: char| c.is_control() || c.is_whitespace();
        if !super::is_address(self.to) {
            return Err(Refused::Unreachable("this is no address".to_owned()));
        }
        let to: Address =
            self.to.parse().map_err(|_| Refused::Unreachable("this is no address".to_owned()))?;
        let web = |link: &str| link.starts_with("https://") || link.starts_with("http://");
        if self.link.is_some_and(|link| !web(link) || link.contains(hidden)) {
            return Err(unfit("its link is not of the web"));
        }
        let name = &sha256(self.key.as_bytes())[..32];
        let id = format!("<{name}@{}>", from.email.domain());
        let at = UNIX_EPOCH + Duration::from_millis(now.max(0).unsigned_abs());
        let message = Message::builder()
            .from(from.clone())
            .to(Mailbox::new(None, to))
            .date(at)
            .message_id(Some(id.clone()))
            // So that nobody's absence note answers (RFC 3834).
            .raw_header(plain("Auto-Submitted", "auto-generated"))
            .subject(self.subject())
            .multipart(MultiPart::alternative_plain_html(self.plain_text(), self.html()));
        Ok((message.map_err(|why| unfit(&why.to_string()))?, id))
    }

    fn subject(&self) -> String {
        let line: String =
            self.subject.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        cut(line.trim(), SUBJECT_LEN_MAX)
    }

    fn plain_text(&self) -> String {
        let keep = |c: &char| *c == '\n' || *c == '\t' || !c.is_control();
        let text: String = self.text.chars().filter(keep).collect();
        let link = self.link.map(|link| format!("\n\n{link}")).unwrap_or_default();
        format!("{}{link}\n", cut(&text, TEXT_LEN_MAX))
    }

    fn html(&self) -> String {
        let text = cut(self.text, TEXT_LEN_MAX);
        let lines: Vec<String> = text.lines().map(escaped).collect();
        let link = self.link.map(|link| {
            let link = escaped(link);
            format!("<p><a href=\"{link}\">{link}</a></p>")
        });
        format!(
            "<!doctype html>\n<html lang=\"{}\"><head><meta charset=\"utf-8\"></head><body>\n\
             <p>{}</p>\n{}\n</body></html>\n",
            escaped(self.language),
            lines.join("<br>\n"),
            link.unwrap_or_default()
        )
    }
}

/// A header of this program's, not of anybody's text.
fn plain(name: &'static str, value: &str) -> HeaderValue {
    HeaderValue::new(HeaderName::new_from_ascii_str(name), value.to_owned())
}
