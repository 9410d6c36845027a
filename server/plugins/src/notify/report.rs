//! What providers report: that a message arrived, that it did not, and what people answered.

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use bytes::Bytes;
use carillon_notify::provider::{self, Fact, Forged};
use carillon_plugin::{
    Ctx, Error, Result,
    protocol::{
        OrgId, UserId,
        id::Ulid,
        notify::{Answer, AnsweredData, Heard, Outcome, Report, kind},
    },
};
use http::{Request, Response, StatusCode, header};

use super::{
    attempt::{Attempt, BEGUN, COLUMNS, End, outcome, short},
    settings::{self, Stored},
    topic,
};

/// For how long a reply is one to the last message that asked for one, in milliseconds.
const REPLY_MS: i64 = 24 * 3_600_000;

pub(super) async fn report(ctx: Ctx, args: Report) -> Result<Heard> {
    let sql = "SELECT org, vendor FROM notify_callback WHERE secret = $1";
    let Some(row) = ctx.query_one(sql, [args.secret.as_str().into()]).await? else {
        return Ok(forged(Forged::Signature));
    };
    let (org, name) = (row.get(0)?, row.get::<String>(1)?);
    let vendor = settings::vendor(&name).filter(|_| name == args.provider);
    let stored = Stored::of(&ctx, org).await?;
    let provider = vendor.map(|vendor| stored.provider(&ctx, vendor)).transpose()?.flatten();
    let Some(provider) = provider else { return Ok(forged(Forged::Signature)) };
    let Some(request) = request(&args) else { return Ok(forged(Forged::Form)) };
    let callback = match provider.callback(&request, ctx.now()) {
        Ok(callback) => callback,
        Err(why) => return Ok(forged(why)),
    };
    for report in &callback.reports {
        apply(&ctx, org, &name, report).await?;
    }
    Ok(heard(&callback.answer))
}

fn forged(why: Forged) -> Heard {
    let status = StatusCode::FORBIDDEN.as_u16();
    Heard { status, content_type: None, body: String::new(), forged: Some(why.to_string()) }
}

/// The request as the provider made it.
fn request(args: &Report) -> Option<Request<Bytes>> {
    let body = BASE64.decode(&args.body).ok()?;
    let mut request = Request::builder().method(args.method.as_str()).uri(&args.uri);
    for (name, value) in &args.headers {
        request = request.header(name, value);
    }
    request.body(Bytes::from(body)).ok()
}

fn heard(answer: &Response<Bytes>) -> Heard {
    let kind = answer.headers().get(header::CONTENT_TYPE);
    Heard {
        status: answer.status().as_u16(),
        content_type: kind.and_then(|kind| kind.to_str().ok()).map(str::to_owned),
        body: String::from_utf8_lossy(answer.body()).into_owned(),
        forged: None,
    }
}

/// Does what a report says; once, however often it comes.
async fn apply(ctx: &Ctx, org: OrgId, vendor: &str, report: &provider::Report) -> Result<()> {
    // A vendor's own name for something that is not ours, or not any more.
    let Some(attempt) = find(ctx, org, vendor, report).await? else { return Ok(()) };
    let unclear = attempt.state == BEGUN || outcome(&attempt.state) == Some(Outcome::Unknown);
    // That it is on its way says that they have it, to whoever does not know.
    let open = unclear
        || report.fact != Fact::Underway && outcome(&attempt.state) == Some(Outcome::Accepted);
    let mut tx = ctx.tx().on_behalf_of(UserId(Ulid::nil()), org);
    let (outcome, why) = match &report.fact {
        Fact::Missed(why) | Fact::Failed(why) => (Outcome::Failed, Some(why.clone())),
        Fact::Underway => (Outcome::Accepted, None),
        Fact::Delivered | Fact::Answered(_) => (Outcome::Delivered, None),
    };
    // A reply has a name of its own.
    let reference = report.reference.clone().filter(|_| report.key.is_some());
    let end = End { outcome, why, reference };
    let mut news = open;
    if open {
        attempt.settle(&mut tx, ctx.now(), &end)?;
    }
    if let Fact::Answered(answer) = &report.fact {
        let data = answered(&attempt, answer);
        let text = serde_json::to_string(&(data.answer, &data.text)).map_err(Error::internal)?;
        let known = answer_of(ctx, &attempt).await?;
        if known.as_ref() != Some(&text) {
            tx.run(
                "UPDATE notify_attempt SET answer = $1 WHERE org = $2 AND key = $3",
                [text.into(), org.into(), attempt.key.as_str().into()],
            );
            tx.emit(topic(org)?, kind::ANSWERED, &data);
            news = true;
        }
    }
    if news {
        ctx.commit(tx).await?;
    }
    Ok(())
}

/// What was answered to an attempt before.
async fn answer_of(ctx: &Ctx, attempt: &Attempt) -> Result<Option<String>> {
    let sql = "SELECT answer FROM notify_attempt WHERE org = $1 AND key = $2";
    let row = ctx.query_one(sql, [attempt.org.into(), attempt.key.as_str().into()]).await?;
    row.map_or(Ok(None), |row| row.get(0))
}

fn answered(attempt: &Attempt, answer: &provider::Answer) -> AnsweredData {
    let (answer, text) = match answer {
        provider::Answer::Confirm => (Some(Answer::Confirm), None),
        provider::Answer::Decline => (Some(Answer::Decline), None),
        provider::Answer::Other(text) => (None, Some(short(text))),
    };
    let Attempt { subject, key, user, .. } = attempt.clone();
    AnsweredData { subject, key, user, answer, text }
}

/// The attempt that a report is about. A reply by text message names none: it is one to the last
/// message to that number that asked for one.
async fn find(
    ctx: &Ctx,
    org: OrgId,
    vendor: &str,
    report: &provider::Report,
) -> Result<Option<Attempt>> {
    if let Some(key) = &report.key {
        return Attempt::find(ctx, org, key).await;
    }
    if let Some(reference) = &report.reference {
        let sql = format!(
            "SELECT {COLUMNS} FROM notify_attempt WHERE reference = $1 AND org = $2 AND vendor = $3"
        );
        let args = [reference.as_str().into(), org.into(), vendor.into()];
        if let Some(row) = ctx.query_one(&sql, args).await? {
            return Attempt::read(&row).map(Some);
        }
    }
    let (Fact::Answered(_), Some(number)) = (&report.fact, &report.number) else {
        return Ok(None);
    };
    let sql = format!(
        "SELECT {COLUMNS} FROM notify_attempt
         WHERE address = $1 AND made_at > $2 AND org = $3 AND asks = 1 AND begun_at IS NOT NULL
         ORDER BY made_at DESC, key DESC LIMIT 1"
    );
    let args = [number.as_str().into(), (ctx.now() - REPLY_MS).into(), org.into()];
    let row = ctx.query_one(&sql, args).await?;
    row.as_ref().map(Attempt::read).transpose()
}
