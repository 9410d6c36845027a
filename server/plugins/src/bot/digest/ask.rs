//! Asks the plugins for what a part of a digest shows.

use std::time::Duration;

use carillon_plugin::{Ctx, Period, Result};
use carillon_protocol::{
    ConvId,
    digest::{Section, Show},
    fact::{About, Fact, Line, Point},
    limits::FACT_LINES_MAX,
    schedule::Why,
};
use jiff::tz::TimeZone;

use super::{
    Asked,
    chart::{self, Bar},
    period::{self, Stretch},
};

/// So long a digest waits for a part. All parts are asked for at once, so that the whole has time
/// to be drawn and written within a call.
const PATIENCE: Duration = Duration::from_secs(3);

/// What was found out for a part of a digest.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Found {
    /// It could not be found out now.
    Missing(Why),
    /// There is nothing to say about the period.
    Nothing,
    Number {
        value: f64,
        before: Option<f64>,
        unit: String,
    },
    Bars {
        bars: Vec<Bar>,
        unit: String,
    },
    Lines {
        lines: Vec<Line>,
        unit: String,
    },
}

impl Found {
    /// What is drawn.
    pub(super) fn chart(&self) -> Option<(&[Bar], &str)> {
        match self {
            Found::Bars { bars, unit } => Some((bars, unit)),
            _ => None,
        }
    }
}

/// A part of a digest: what was found out, and of when, if that is not what the template says.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) found: Found,
    pub(super) when: Option<String>,
}

/// What a part shows. That a plugin fails, or takes too long, takes nothing from the other parts;
/// if it is the database, nothing can be posted either, and all of it is asked again.
pub(super) async fn section(
    ctx: &Ctx,
    asked: &Asked<'_>,
    section: &Section,
    tz: &TimeZone,
) -> Result<Part> {
    let host = ctx.host();
    let (Ok(about), Ok(settles)) =
        (host.fact_about(&section.fact), host.fact_settles(&section.fact))
    else {
        return Ok(Part { found: Found::Missing(Why::Unknown), when: None });
    };
    // The newest period of this kind that is known in full.
    let known = asked.now - settles;
    let stretch = period::of(section.period, known, tz)?;
    let is_other = stretch != period::of(section.period, asked.now, tz)?;
    let when = is_other.then(|| period::dates(stretch, tz));
    let conv = (about == About::Conversation).then_some(asked.conv);
    let question = Question { ctx, asked, section, conv, tz, now: known };
    let found = match tokio::time::timeout(PATIENCE, question.answer(stretch)).await {
        Ok(Ok(found)) => found,
        Ok(Err(error)) => {
            tracing::warn!(fact = section.fact, %error, "a digest lacks a part");
            Found::Missing(Why::Failed)
        }
        Err(_) => {
            tracing::warn!(fact = section.fact, "a digest lacks a part that took too long");
            Found::Missing(Why::Slow)
        }
    };
    Ok(Part { found, when })
}

/// What is asked of a plugin.
struct Question<'a> {
    ctx: &'a Ctx,
    asked: &'a Asked<'a>,
    section: &'a Section,
    conv: Option<ConvId>,
    tz: &'a TimeZone,
    /// The moment that `yesterday` is the day before of.
    now: i64,
}

impl Question<'_> {
    async fn ask(&self, Stretch { from, to }: Stretch) -> Result<Fact> {
        let period = Period { org: self.asked.org, conv: self.conv, from, to };
        self.ctx.host().fact(&self.section.fact, period).await
    }

    async fn answer(&self, stretch: Stretch) -> Result<Found> {
        let (span, tz) = (self.section.period, self.tz);
        Ok(match (self.section.show, self.ask(stretch).await?) {
            (Show::Chart, Fact::Number { unit, .. }) => {
                let mut bars = Vec::new();
                for cell in period::cells(span, self.now, tz)? {
                    let value = number(&self.ask(cell).await?).unwrap_or(0.0);
                    bars.push(Bar { label: chart::label(cell.from, span, tz), value });
                }
                drawn(bars, unit)
            }
            (Show::Chart, Fact::Series { points, unit }) => {
                let bar = |point: &Point| Bar {
                    label: chart::label(point.at, span, tz),
                    value: point.value,
                };
                drawn(points.iter().take(chart::BARS_MAX).map(bar).collect(), unit)
            }
            (_, Fact::List { mut lines, unit }) if !lines.is_empty() => {
                lines.truncate(FACT_LINES_MAX);
                Found::Lines { lines, unit }
            }
            (_, Fact::List { .. }) => Found::Nothing,
            (_, fact @ (Fact::Number { .. } | Fact::Series { .. })) => {
                let Some(value) = number(&fact) else { return Ok(Found::Nothing) };
                let before = number(&self.ask(period::before(span, self.now, tz)?).await?);
                let (Fact::Number { unit, .. }
                | Fact::Series { unit, .. }
                | Fact::List { unit, .. }) = fact;
                Found::Number { value, before, unit }
            }
        })
    }
}

/// Bars, if one of them can be seen.
fn drawn(bars: Vec<Bar>, unit: String) -> Found {
    if bars.iter().all(|bar| bar.value == 0.0) {
        return Found::Nothing;
    }
    Found::Bars { bars, unit }
}

/// The one number of a fact, if it has one: what cannot be said about a period is an empty series.
fn number(fact: &Fact) -> Option<f64> {
    let value = match fact {
        Fact::Number { value, .. } => *value,
        Fact::Series { points, .. } if points.is_empty() => return None,
        Fact::Series { points, .. } => points.iter().map(|point| point.value).sum(),
        Fact::List { .. } => return None,
    };
    value.is_finite().then_some(value)
}
