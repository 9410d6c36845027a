//! Polls: the members of a conversation vote on a card, which shows how the votes stand.
//!
//! Of a secret poll, who voted and what was voted for stand in two tables that nothing connects:
//! a vote cannot be changed, since nothing says what it was. It leaves no event, and its intent is
//! kept without the hash of what was asked, which would tell. Its card shows how the votes stand
//! only at the end: from the steps in between, and when somebody pressed the button, one could
//! tell. So nobody is told by an operation, and no query finds it. Whoever can read the machine
//! itself is not kept out: the versions of a row that a database has yet to clear away, its journal
//! and copies made between two votes show the one between them, and memory all of them. And where
//! all have voted alike, the result says what each voted for.

mod card;
mod question;

use std::collections::BTreeSet;

use carillon_plugin::{Caller, Committed, Ctx, Decision, Error, Plugin, Result, Row};
use carillon_protocol::{
    Command, ConvId, ErrorCode, PollId, Topic,
    card::{Acted, Post, Update, Value},
    conv,
    limits::{
        CARD_TITLE_LEN_MAX, PEOPLE_PER_PAGE_MAX, POLL_LASTS_MS, POLL_OPTION_LEN_MAX,
        POLL_OPTIONS_MAX, POLL_OPTIONS_MIN,
    },
    org,
    poll::{
        Act, Ballot, Close, Closed, Get, HasActed, Open, Opened, Poll, PollData, Refresh,
        Refreshed, Vote, Voted, Votes, VotesListed, kind,
    },
};

use self::question::{NO_OPTION, Question, own_vote, places};
use crate::plain::plain;

/// What the form of the card does, and what the answer in it is called.
const VOTE: &str = "vote";
/// What the other button of the card does.
const CLOSE: &str = "close";
/// How many votes a page has if the caller does not say.
const PAGE_LEN: u32 = 50;

/// Polls.
pub fn plugin() -> Plugin {
    Plugin::new("poll")
        .apart()
        .calls(&[conv::Get::OP, org::GetMembers::OP, Post::OP, Update::OP])
        .migration(1, include_str!("poll_1.sql"))
        .once(open, opened)
        .once(close, |_| Ok(Closed {}))
        .forward(vote)
        .forward(act)
        .command(acted)
        .command(get)
        .command(votes)
        .command(refresh)
}

/// `poll.open`.
async fn open(ctx: Ctx, args: Open) -> Result<Decision<Opened>> {
    let question = line("question", &args.question, CARD_TITLE_LEN_MAX)?;
    let options = options(&args.options)?;
    let latest = ctx.now() + POLL_LASTS_MS;
    let closes_at = args.closes_at.unwrap_or(latest);
    if !(ctx.now() + 1..=latest).contains(&closes_at) {
        return Err(Error::bad_arg("closes_at", "choose a time within the next 90 days"));
    }
    check_member(&ctx, args.conv).await?;
    let (locale, tz) = region(&ctx).await?;
    let (poll, caller) = (PollId(ctx.new_id()), ctx.caller());
    let question = Question {
        poll,
        org: caller.org,
        conv: args.conv,
        by: caller.user,
        question,
        options,
        multiple: args.multiple,
        anonymous: args.anonymous,
        locale,
        tz,
        closes_at,
        closed_at: None,
        rev: 0,
    };
    let mut tx = ctx.tx();
    tx.run(
        "INSERT INTO poll_question (id, org, conv, user_id, question, options, multiple,
             anonymous, locale, tz, closes_at, closed_at, rev)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, NULL, 0)",
        question.row()?,
    );
    if question.anonymous {
        let row = |choice: usize| vec![poll.into(), choice.into(), 0.into()];
        let rows = (0..question.options.len()).map(row).collect();
        tx.run_rows("INSERT INTO poll_tally (poll, choice, votes) VALUES {rows}", rows);
    }
    tx.emit(topic(poll)?, kind::OPENED, &PollData { poll, conv: args.conv });
    let card = question.card(0, &vec![0; question.options.len()])?;
    let (owner, key) = ("poll".to_owned(), poll.to_string());
    tx.after(0, &format!("post:{poll}"), &Post { conv: args.conv, owner, key, card });
    tx.at(closes_at, &closing(poll), &Close { poll });
    Ok(tx.into())
}

fn opened(done: &Committed) -> Result<Opened> {
    let event = done.events.first().ok_or_else(|| Error::not_found("poll"))?;
    let data: PollData = event.data.to().map_err(Error::internal)?;
    Ok(Opened { poll: data.poll })
}

/// `poll.vote`.
async fn vote(ctx: Ctx, args: Vote) -> Result<Voted> {
    let question = question::load(&ctx, args.poll).await?;
    let dup = question.cast(&ctx, "choices", &args.choices).await?;
    Ok(Voted { dup })
}

/// `poll.act`: the form of the card was sent, or its button was pressed.
async fn act(ctx: Ctx, args: Act) -> Result<Acted> {
    if args.act == CLOSE {
        ctx.call_as(ctx.caller(), ctx.cid(), &Close { poll: args.key }).await?;
        return Ok(Acted { dup: false });
    }
    let chosen = match args.values.get(VOTE) {
        Some(Value::Text(choice)) => std::slice::from_ref(choice),
        Some(Value::Choices(choices)) => choices,
        _ => &[],
    };
    let field = format!("values.{VOTE}");
    let place = |choice: &String| choice.parse().map_err(|_| Error::bad_arg(&field, NO_OPTION));
    let choices = chosen.iter().map(place).collect::<Result<Vec<u32>>>()?;
    let dup = question::load(&ctx, args.key).await?.cast(&ctx, &field, &choices).await?;
    Ok(Acted { dup })
}

/// `poll.acted`: a vote leaves no event, so only its own table says whether there was one.
async fn acted(ctx: Ctx, args: HasActed) -> Result<Acted> {
    let vote = own_vote(&ctx, args.key).await?;
    Ok(Acted { dup: vote.is_some_and(|vote| vote.is_by(args.cid)) })
}

/// `poll.close`; called when its time is over, too.
async fn close(ctx: Ctx, args: Close) -> Result<Decision<Closed>> {
    let question = question::load(&ctx, args.poll).await?;
    if question.by != ctx.caller().user {
        check_member(&ctx, question.conv).await.map_err(unseen)?;
        return Err(Error::denied("only who opened a poll closes it"));
    }
    if question.closed_at.is_some() {
        return Ok(Decision::Answer(Closed {}));
    }
    let (poll, conv) = (question.poll, question.conv);
    let mut tx = ctx.tx();
    tx.run_one(
        "UPDATE poll_question SET closed_at = $1, rev = rev + 1
         WHERE id = $2 AND closed_at IS NULL",
        [ctx.now().into(), poll.into()],
    );
    tx.emit(topic(poll)?, kind::CLOSED, &PollData { poll, conv });
    tx.after(0, &refreshing(poll), &Refresh { poll });
    tx.cancel(&closing(poll));
    Ok(tx.into())
}

/// `poll.get`.
async fn get(ctx: Ctx, args: Get) -> Result<Poll> {
    let question = question::load(&ctx, args.poll).await?;
    check_member(&ctx, question.conv).await.map_err(unseen)?;
    let (voters, counts) = question.counts(&ctx).await?;
    let vote = own_vote(&ctx, args.poll).await?;
    Ok(Poll {
        poll: question.poll,
        conv: question.conv,
        by: question.by,
        voters,
        counts: question.shows_counts().then_some(counts),
        voted: vote.is_some(),
        mine: vote.and_then(|vote| vote.choices).map(places),
        multiple: question.multiple,
        anonymous: question.anonymous,
        closes_at: question.closes_at,
        closed_at: question.closed_at,
        question: question.question,
        options: question.options,
    })
}

/// `poll.votes`.
async fn votes(ctx: Ctx, args: Votes) -> Result<VotesListed> {
    let limit = args.limit.unwrap_or(PAGE_LEN);
    if !(1..=PEOPLE_PER_PAGE_MAX).contains(&limit) {
        return Err(Error::bad_arg("limit", format!("a page has 1 to {PEOPLE_PER_PAGE_MAX}")));
    }
    let question = question::load(&ctx, args.poll).await?;
    check_member(&ctx, question.conv).await.map_err(unseen)?;
    if question.anonymous {
        return Err(Error::denied("this poll is secret: what somebody voted for is not kept"));
    }
    let after = args.after.map(|user| user.to_string()).unwrap_or_default();
    let sql = "SELECT user_id, choices FROM poll_vote WHERE poll = $1 AND user_id > $2
               ORDER BY user_id LIMIT $3";
    let rows = ctx.query(sql, [args.poll.into(), after.into(), (limit + 1).into()]).await?;
    let ballot = |row: &Row| Ok(Ballot { user: row.get(0)?, choices: places(row.get(1)?) });
    let page = rows.iter().take(limit as usize);
    let votes = page.map(ballot).collect::<Result<Vec<_>>>()?;
    Ok(VotesListed { votes, more: rows.len() > limit as usize })
}

/// `poll.refresh`.
async fn refresh(ctx: Ctx, args: Refresh) -> Result<Refreshed> {
    let question = question::load(&ctx, args.poll).await?;
    let (voters, counts) = question.counts(&ctx).await?;
    let card = question.card(voters, &counts)?;
    // The votes were counted after the question was read: they are of this version or a newer one,
    // which then shows them again.
    let version = Some(question.rev);
    let update = Update { owner: "poll".into(), key: args.poll.to_string(), card, version };
    ctx.call_as(ctx.caller(), None, &update).await?;
    Ok(Refreshed {})
}

/// Refuses whoever is not in the conversation.
async fn check_member(ctx: &Ctx, conv: ConvId) -> Result<()> {
    let Caller { user, org, .. } = ctx.caller();
    let member = Caller::on_behalf_of(user, org);
    ctx.call_as(member, None, &conv::Get { conv }).await.map(drop)
}

/// Who does not know the conversation does not know of the poll.
fn unseen(error: Error) -> Error {
    match error.code() {
        ErrorCode::NotFound => Error::not_found("poll"),
        _ => error,
    }
}

/// The caller's language and time zone.
async fn region(ctx: &Ctx) -> Result<(String, String)> {
    let Caller { user, org, .. } = ctx.caller();
    let args = org::GetMembers { users: vec![user] };
    let got = ctx.call_as(Caller::on_behalf_of(user, org), None, &args).await?;
    let member = got.members.into_iter().next().ok_or_else(|| Error::not_found("person"))?;
    Ok((member.locale, member.tz))
}

/// Where a poll's events are.
fn topic(poll: PollId) -> Result<Topic> {
    format!("x:poll:{poll}").parse().map_err(Error::internal)
}

/// The timer that closes a poll.
fn closing(poll: PollId) -> String {
    format!("close:{poll}")
}

/// The timer that changes its card.
fn refreshing(poll: PollId) -> String {
    format!("card:{poll}")
}

fn options(options: &[String]) -> Result<Vec<String>> {
    if !(POLL_OPTIONS_MIN..=POLL_OPTIONS_MAX).contains(&options.len()) {
        let msg = format!("a poll has {POLL_OPTIONS_MIN} to {POLL_OPTIONS_MAX} options");
        return Err(Error::bad_arg("options", msg));
    }
    let (mut seen, mut all) = (BTreeSet::new(), Vec::new());
    for (place, option) in options.iter().enumerate() {
        let field = format!("options[{place}]");
        let option = line(&field, option, POLL_OPTION_LEN_MAX)?;
        if !seen.insert(option.clone()) {
            return Err(Error::bad_arg(&field, "this option stands twice"));
        }
        all.push(option);
    }
    Ok(all)
}

/// What people read in one line.
fn line(field: &str, text: &str, max: usize) -> Result<String> {
    let text = plain(text);
    if text.is_empty() || text.chars().any(char::is_control) {
        return Err(Error::bad_arg(field, "write one line"));
    }
    if text.chars().count() > max {
        return Err(Error::too_large(field, format!("at most {max} characters")));
    }
    Ok(text)
}
