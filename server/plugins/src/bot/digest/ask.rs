//! Asks the plugins for what a part of a digest shows.

use carillon_plugin::{Ctx, Period, Result};
use carillon_protocol::{
    ErrorCode,
    digest::{Section, Show},
    fact::{About, Fact, Line},
    limits::FACT_LINES_MAX,
};
use jiff::tz::TimeZone;

use super::{
    Asked,
    chart::{self, Bar},
    period::{self, Stretch},
};

/// What was found out for a part of a digest.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Found {
    /// Nobody offers the fact.
    Nobody,
    /// It could not be found out now.
    Failed,
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

/// What a part shows. That a plugin fails takes nothing from the other parts.
pub(super) async fn section(
    ctx: &Ctx,
    asked: &Asked<'_>,
    section: &Section,
    tz: &TimeZone,
) -> Result<Found> {
    let Ok(about) = ctx.host().fact_about(&section.fact) else { return Ok(Found::Nobody) };
    let conv = (about == About::Conversation).then_some(asked.conv);
    let ask = async |stretch: Stretch| {
        let period = Period { org: asked.org, conv, from: stretch.from, to: stretch.to };
        ctx.host().fact(&section.fact, period).await
    };
    let (span, now) = (section.period, asked.now);
    let fact = match ask(period::of(span, now, tz)?).await {
        Ok(fact) => fact,
        Err(error) if matches!(error.code(), ErrorCode::Busy | ErrorCode::Unavailable) => {
            return Err(error);
        }
        Err(error) => {
            tracing::warn!(fact = section.fact, %error, "a digest lacks a part");
            return Ok(Found::Failed);
        }
    };
    Ok(match (section.show, fact) {
        (Show::Chart, Fact::Number { unit, .. }) => {
            let mut bars = Vec::new();
            for cell in period::cells(span, now, tz)? {
                let value = number(&ask(cell).await?).unwrap_or(0.0);
                bars.push(Bar { label: chart::label(cell.from, span, tz), value });
            }
            Found::Bars { bars, unit }
        }
        (Show::Chart, Fact::Series { points, unit }) if !points.is_empty() => {
            let bar = |point: &carillon_protocol::fact::Point| Bar {
                label: chart::label(point.at, span, tz),
                value: point.value,
            };
            Found::Bars { bars: points.iter().take(chart::BARS_MAX).map(bar).collect(), unit }
        }
        (Show::Number | Show::List, fact @ (Fact::Number { .. } | Fact::Series { .. })) => {
            let Some(value) = number(&fact) else { return Ok(Found::Nothing) };
            let before = number(&ask(period::before(span, now, tz)?).await?);
            let (Fact::Number { unit, .. } | Fact::Series { unit, .. } | Fact::List { unit, .. }) =
                fact;
            Found::Number { value, before, unit }
        }
        (_, Fact::List { mut lines, unit }) if !lines.is_empty() => {
            lines.truncate(FACT_LINES_MAX);
            Found::Lines { lines, unit }
        }
        _ => Found::Nothing,
    })
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
