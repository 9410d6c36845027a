//! Digests: what plugins know about a period, as a message.
//!
//! What a template asks for is asked of the plugins ([`ask`]), put into words ([`render`]) and
//! drawn ([`chart`]); pictures are rows that the members of the conversation may look at
//! ([`picture`]). Who may see a fact is asked each time ([`permit`]).

mod ask;
mod canvas;
mod chart;
mod numbers;
mod period;
pub(super) mod permit;
mod picture;
pub(super) mod ready;
mod render;
pub(super) mod template;
pub(super) mod words;

use carillon_plugin::{Ctx, Error, Plugin, Result};
use carillon_protocol::{
    ConvId, OrgId, UserId,
    digest::{List, Listed, Offered, Preview, Previewed, Shipped, Template},
    fact::About,
    id::Ulid,
    limits::TEXT_LEN_MAX,
    msg::Body,
    schedule::{Missing, Says},
};
use futures_util::future::try_join_all;

use self::{permit::Permit, words::Words};
use super::{region::Region, robot::Robot, schedule::put};

/// The part of the plugin.
pub(super) fn of(plugin: Plugin) -> Plugin {
    plugin.command(list).command(preview).command(picture::get)
}

/// What a digest is asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) org: OrgId,
    pub(super) conv: ConvId,
    pub(super) title: &'a str,
    /// The moment that `yesterday` is the day before of.
    pub(super) now: i64,
    /// Who looks at it before it is posted.
    pub(super) preview_of: Option<UserId>,
}

/// The message that a template makes; its pictures are on disk. What nobody offers says so, and the
/// rest appears; what it lacks is told beside it.
pub(super) async fn compose(
    ctx: &Ctx,
    asked: &Asked<'_>,
    (template, permit): (&Template, Permit),
    (region, picture): (&Region, &(dyn Fn(usize) -> Ulid + Sync)),
) -> Result<(Body, Vec<Missing>)> {
    template::permitted(ctx, template, permit)?;
    let words = Words::of(&region.locale);
    let mut parts = Vec::with_capacity(template.sections.len() + 1);
    parts.extend(template.intro.clone());
    let (mut charts, mut missing) = (Vec::new(), Vec::new());
    let ask = |section| ask::section(ctx, asked, section, &region.tz);
    let found = try_join_all(template.sections.iter().map(ask)).await?;
    for (section, part) in template.sections.iter().zip(found) {
        let link = match part.found.chart() {
            Some((bars, unit)) => {
                let png = chart::drawn(bars.to_vec(), unit.to_owned()).await?;
                let id = picture(charts.len());
                charts.push((id, png));
                Some(id)
            }
            None => None,
        };
        if let ask::Found::Missing(why) = part.found {
            missing.push(Missing { fact: section.fact.clone(), why });
        }
        parts.push(render::section(section, &part, words, link));
    }
    picture::keep(ctx, asked, charts).await?;
    let text = parts.join("\n\n");
    if text.len() > TEXT_LEN_MAX {
        return Err(Error::too_large("says", "this digest is longer than a message"));
    }
    let title = Some(asked.title.to_owned());
    Ok((Body::Markdown { title, text, mentions: Vec::new() }, missing))
}

/// `bot.digest.list`.
async fn list(ctx: Ctx, args: List) -> Result<Listed> {
    let robot = Robot::own(&ctx, args.robot).await?;
    let permit = Permit::of_caller(&ctx, robot.conv).await?;
    let shipped = ready::ALL.map(|digest| Shipped {
        digest,
        template: ready::template(digest),
        allowed: ready::check(&ctx, digest, permit).is_ok(),
    });
    let offered = ctx.host().facts().filter(|fact| permit.sees(fact.about));
    let offered = offered.map(|fact| Offered { fact: fact.name, doc: fact.doc, about: fact.about });
    let mut facts: Vec<Offered> = offered.collect();
    facts.sort_by(|a, b| a.fact.cmp(&b.fact));
    Ok(Listed { ready: shipped.into(), facts })
}

/// `bot.digest.preview`.
async fn preview(ctx: Ctx, args: Preview) -> Result<Previewed> {
    let robot = Robot::own(&ctx, args.robot).await?;
    let permit = Permit::of_caller(&ctx, robot.conv).await?;
    let title = put::title(&args.title)?;
    put::check(&ctx, &args.says, permit)?;
    let by = ctx.caller().user;
    let region = Region::of(&ctx, (by, robot.org)).await?;
    let locale = region.locale.clone();
    let template = match args.says {
        Says::Text { text } => {
            let body = Body::Markdown { title: Some(title), text, mentions: Vec::new() };
            return Ok(Previewed { body, locale });
        }
        Says::Digest { digest } => ready::template(digest),
        Says::Template { template } => template,
    };
    let asked = Asked {
        org: robot.org,
        conv: robot.conv,
        title: &title,
        now: ctx.now(),
        preview_of: Some(by),
    };
    let picture = |_| ctx.new_id();
    let (body, _) = compose(&ctx, &asked, (&template, permit), (&region, &picture)).await?;
    Ok(Previewed { body, locale })
}

impl Permit {
    /// Whether a fact about this may be asked for.
    pub(super) fn sees(self, about: About) -> bool {
        match about {
            About::Organisation => self.organisation,
            About::Conversation => self.conversation,
        }
    }
}
