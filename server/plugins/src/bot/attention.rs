//! Whom a message is for: the ids and sign-in names that a program wrote become people.

use std::collections::BTreeMap;

use carillon_plugin::{Ctx, Result};
use carillon_protocol::{
    OrgId, UserId, limits::MENTIONS_MAX, msg::Body, org::Names, program::Find,
};

use super::post::Post;

/// What stands in a text for everybody, in the languages that programs write.
const EVERYBODY: [&str; 3] = ["@all", "@所有人", "@everyone"];

/// Names the people in the text, where they are named already or at its end, and mentions them.
pub(super) async fn call(ctx: &Ctx, org: OrgId, post: &mut Post) -> Result<()> {
    post.at.people.truncate(MENTIONS_MAX);
    if post.at.people.is_empty() && !post.at.everybody {
        return Ok(());
    }
    let known = known(ctx, org, &post.at.people).await?;
    let (people, everybody) = (post.at.people.clone(), post.at.everybody);
    if let Some(text) = post.words() {
        for asked in &people {
            if let Some((_, name)) = known.get(asked) {
                name_in(text, asked, name);
            }
        }
        if everybody && !EVERYBODY.iter().any(|all| text.contains(all)) {
            append(text, EVERYBODY[0]);
        }
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

fn name_in(text: &mut String, asked: &str, name: &str) {
    let written = format!("@{asked}");
    if text.contains(&written) {
        *text = text.replace(&written, &format!("@{name}"));
    } else {
        append(text, &format!("@{name}"));
    }
}

fn append(text: &mut String, words: &str) {
    if !text.ends_with(char::is_whitespace) {
        text.push(' ');
    }
    text.push_str(words);
}
