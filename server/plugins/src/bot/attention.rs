//! Whom a message is for: the ids and sign-in names that a program wrote become people.

use std::{cmp::Reverse, collections::BTreeMap};

use carillon_plugin::{Ctx, Result};
use carillon_protocol::{
    Json, OrgId, UserId, limits::MENTIONS_MAX, msg::Body, org::Names, program::Find,
};

use super::post::Post;

/// What stands in a text for everybody, in the languages that programs write.
const EVERYBODY: [&str; 3] = ["@all", "@所有人", "@everyone"];

/// Names the people in the text, where they are named already or at its end, and mentions them.
/// Whom there is no room to name is mentioned all the same.
pub(super) async fn call(ctx: &Ctx, org: OrgId, post: &mut Post) -> Result<()> {
    post.at.people.truncate(MENTIONS_MAX);
    if post.at.people.is_empty() && !post.at.everybody {
        return Ok(());
    }
    let (room, is_markdown) = (post.room()?, !matches!(post.body, Body::Text { .. }));
    let known = known(ctx, org, &post.at.people).await?;
    let shown = |name: &String| if is_markdown { escaped(name) } else { name.clone() };
    let called: BTreeMap<&str, String> =
        known.iter().map(|(asked, (_, name))| (asked.as_str(), shown(name))).collect();
    let everybody = post.at.everybody;
    if let Some(text) = post.words() {
        let mut named = Named { text: String::with_capacity(text.len()), room };
        named.read(text, &called);
        if everybody && !EVERYBODY.iter().any(|all| stands_in(text, all)) {
            named.append(EVERYBODY[0]);
        }
        *text = named.text;
    }
    if let Body::Text { mentions, .. } | Body::Markdown { mentions, .. } = &mut post.body {
        mentions.extend(known.values().map(|(user, _)| *user));
        mentions.sort_unstable();
        mentions.dedup();
    }
    Ok(())
}

/// Who is meant, by what was written. Whom nobody knows is left as it was written.
async fn known(
    ctx: &Ctx,
    org: OrgId,
    people: &[String],
) -> Result<BTreeMap<String, (UserId, String)>> {
    let users: Vec<UserId> = people.iter().filter_map(|asked| asked.parse().ok()).collect();
    let logins = people.iter().filter(|asked| asked.parse::<UserId>().is_err()).cloned().collect();
    let found = ctx.call(&Find { org, logins }).await?.people.into_iter();
    let named = ctx.call(&Names { org, users }).await?;
    let by_id = named.names.into_iter().filter(|(user, _)| !named.left.contains(user));
    let by_id = by_id.map(|(user, name)| (user.to_string(), (user, name)));
    Ok(found.map(|person| (person.login, (person.user, person.name))).chain(by_id).collect())
}

/// A text in which people stand by their names.
struct Named {
    text: String,
    /// So many bytes may be added.
    room: usize,
}

impl Named {
    /// Takes over a text, from its start to its end: what was put in is not read again, so that a
    /// name which looks like another call is nothing but a name.
    fn read(&mut self, text: &str, called: &BTreeMap<&str, String>) {
        let mut longest_first: Vec<(&str, &str)> =
            called.iter().map(|(asked, name)| (*asked, name.as_str())).collect();
        longest_first.sort_by_key(|(asked, _)| Reverse(asked.len()));
        let mut missing = called.clone();
        let mut rest = text;
        while let Some(at) = rest.find('@') {
            let (before, after) = rest.split_at(at + 1);
            self.text.push_str(before);
            rest = after;
            let stands = longest_first.iter().find(|(asked, _)| begins_with(after, asked));
            if let Some((asked, name)) = stands {
                missing.remove(asked);
                let fits = self.take(len_in_json(name).saturating_sub(asked.len()));
                self.text.push_str(if fits { name } else { asked });
                rest = &after[asked.len()..];
            }
        }
        self.text.push_str(rest);
        missing.values().for_each(|name| self.append(&format!("@{name}")));
    }

    /// Adds words at the end, if there is room.
    fn append(&mut self, words: &str) {
        if self.take(len_in_json(words) + 1) {
            if !self.text.ends_with(char::is_whitespace) {
                self.text.push(' ');
            }
            self.text.push_str(words);
        }
    }

    fn take(&mut self, len: usize) -> bool {
        let left = self.room.checked_sub(len);
        self.room = left.unwrap_or(self.room);
        left.is_some()
    }
}

/// What a text takes in a card, whose bound counts it as JSON.
fn len_in_json(text: &str) -> usize {
    Json::of(text).as_str().len() - 2
}

fn stands_in(text: &str, word: &str) -> bool {
    text.match_indices(word).any(|(at, _)| begins_with(&text[at..], word))
}

/// Whether a text begins with these words and they end there: `@138` does not stand in `@1380`, nor
/// `@amy` in `@amy.lee`. Programs put no space before Chinese.
fn begins_with(text: &str, words: &str) -> bool {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let Some(after) = text.strip_prefix(words) else { return false };
    let inner = after.strip_prefix(['.', '-']).unwrap_or(after);
    !inner.starts_with(is_word)
}

/// A name that says the same in Markdown.
pub(super) fn escaped(name: &str) -> String {
    let mut escaped = String::with_capacity(name.len());
    for c in name.chars() {
        if c.is_ascii_punctuation() {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn named(text: &str, people: &[(&str, &str)], room: usize) -> String {
        let called = people.iter().map(|(asked, name)| (*asked, (*name).to_owned())).collect();
        let mut named = Named { text: String::new(), room };
        named.read(text, &called);
        named.text
    }

    #[test]
    fn people_are_named_where_their_ids_stand_and_else_at_the_end() {
        for (text, expected) in [
            ("@138 @1380 @13800", "@Ann @Bob @13800"),
            ("@138请 @138@1380, @138.", "@Ann请 @Ann@Bob, @Ann."),
            ("@138.lee @138-7 @138_", "@138.lee @138-7 @138_ @Ann @Bob"),
            ("none\n", "none\n@Ann @Bob"),
            ("@", "@ @Ann @Bob"),
        ] {
            assert_eq!(named(text, &[("138", "Ann"), ("1380", "Bob")], 1_000), expected, "{text}");
        }
        assert_eq!(named("@a @b", &[("a", "@b @b"), ("b", "@a @a")], 99), "@@b @b @@a @a");
        assert!(stands_in("to @all.", "@all") && !stands_in("@allen", "@all"));
        assert_eq!(escaped("A*[b](c) 港"), r"A\*\[b\]\(c\) 港");
    }

    #[test]
    fn whom_there_is_no_room_for_stays_as_it_was_written() {
        assert_eq!(named("@a @a @a", &[("a", "Amy")], 5), "@Amy @Amy @a");
        assert_eq!(named("x", &[("a", "Amy"), ("b", "B")], 3), "x @B");
    }

    proptest! {
        #[test]
        fn a_text_grows_by_no_more_than_its_room(
            text in "[@ab. 港]{0,60}", name in "[@ab*\"港]{1,20}", room in 0_usize..100,
        ) {
            let found = named(&text, &[("a", &name), ("ab", &name), ("b", "@a@b@ab")], room);
            prop_assert!(found.len() <= text.len() + room);
        }
    }
}
