//! What a digest may consist of.

use carillon_plugin::{Ctx, Error, Result};
use carillon_protocol::{
    digest::{Section, Show, Template},
    limits::{CARD_TITLE_LEN_MAX, DIGEST_CHARTS_MAX, DIGEST_INTRO_LEN_MAX, DIGEST_SECTIONS_MAX},
};

use super::permit::Permit;
use crate::bot::post::one_line;

/// Refuses a template that cannot be kept: one that is too long, or asks for what nobody offers or
/// its author may not see.
pub(in crate::bot) fn check(ctx: &Ctx, template: &Template, permit: Permit) -> Result<()> {
    if let Some(intro) = &template.intro {
        if intro.trim().is_empty() {
            return Err(Error::bad_arg("says.template.intro", "say something, or leave it out"));
        }
        if intro.len() > DIGEST_INTRO_LEN_MAX {
            let msg = format!("at most {DIGEST_INTRO_LEN_MAX} bytes");
            return Err(Error::too_large("says.template.intro", msg));
        }
    }
    let sections = &template.sections;
    if sections.is_empty() {
        return Err(Error::bad_arg("says.template.sections", "a digest has parts"));
    }
    if sections.len() > DIGEST_SECTIONS_MAX {
        let msg = format!("a digest has at most {DIGEST_SECTIONS_MAX} parts");
        return Err(Error::too_large("says.template.sections", msg));
    }
    let charts = sections.iter().filter(|section| section.show == Show::Chart).count();
    if charts > DIGEST_CHARTS_MAX {
        let msg = format!("at most {DIGEST_CHARTS_MAX} parts of a digest are charts");
        return Err(Error::too_large("says.template.sections", msg));
    }
    for (nth, section) in sections.iter().enumerate() {
        let at = |field: &str| format!("says.template.sections[{nth}].{field}");
        if let Some(title) = &section.title
            && (one_line(title).is_empty() || title.chars().count() > CARD_TITLE_LEN_MAX)
        {
            let msg = format!("1 to {CARD_TITLE_LEN_MAX} characters, or none at all");
            return Err(Error::bad_arg(&at("title"), msg));
        }
        let about = ctx.host().fact_about(&section.fact);
        let unknown = "no plugin offers this fact; `bot.digest.list` has those that one may use";
        let about = about.map_err(|_| Error::bad_arg(&at("fact"), unknown))?;
        if !permit.sees(about) {
            return Err(hidden(section).field(&at("fact")));
        }
    }
    Ok(())
}

/// Refuses a template that asks for what its author may not see by now.
pub(super) fn permitted(ctx: &Ctx, template: &Template, permit: Permit) -> Result<()> {
    let offered =
        |section: &&Section| ctx.host().fact_about(&section.fact).is_ok_and(|it| !permit.sees(it));
    match template.sections.iter().find(offered) {
        Some(section) => Err(hidden(section)),
        None => Ok(()),
    }
}

fn hidden(section: &Section) -> Error {
    Error::denied(format!("`{}` is for those who administer the organisation", section.fact))
}
