//! What all alerts of an organisation may cost, on a day and in a month of its own.
//!
//! What costs something is counted in the transaction that decides on it, whether there is a limit
//! or not, so that one that is set later holds for the whole month. Of two alerts that together
//! would cost more than what is left, the second looks again and leaves its texts and calls out.

use std::collections::BTreeMap;

use carillon_plugin::{Ctx, Result, Tx};
use carillon_protocol::{OrgId, ding::Settings};
use jiff::{Timestamp, tz::TimeZone};

/// How many characters of a day say its month.
const MONTH_LEN: usize = "2026-11".len();

/// What was spent, by day and by month.
pub(super) type Spans = BTreeMap<String, u64>;

/// The limits of an organisation.
pub(super) struct Budget {
    org: OrgId,
    tz: TimeZone,
    a_day: Option<u64>,
    a_month: Option<u64>,
}

impl Budget {
    pub(super) fn new(org: OrgId, tz: TimeZone, settings: &Settings) -> Budget {
        Budget { org, tz, a_day: settings.cost_a_day, a_month: settings.cost_a_month }
    }

    /// The day and the month of a moment, with what may be spent in each.
    fn spans(&self, at: i64) -> [(String, Option<u64>); 2] {
        let at = Timestamp::from_millisecond(at).unwrap_or(Timestamp::MAX);
        let day = self.tz.to_datetime(at).date().to_string();
        let month = day[..MONTH_LEN].to_owned();
        [(day, self.a_day), (month, self.a_month)]
    }

    /// Whether something may be spent.
    pub(super) fn allows(&self, at: i64, price: u64, spent: &Spans) -> bool {
        let had = |span| spent.get(span).copied().unwrap_or_default();
        self.spans(at).iter().all(|(span, max)| max.is_none_or(|max| had(span) + price <= max))
    }

    /// Takes note of it.
    pub(super) fn spend(&self, at: i64, price: u64, spent: &mut Spans) {
        for (span, _) in self.spans(at) {
            *spent.entry(span).or_default() += price;
        }
    }

    /// What was spent since the month began.
    pub(super) async fn spent(&self, ctx: &Ctx) -> Result<Spans> {
        let [_, (month, _)] = self.spans(ctx.now());
        let sql = "SELECT span, cost FROM ding_budget WHERE org = $1 AND span >= $2";
        let rows = ctx.query(sql, [self.org.into(), month.into()]).await?;
        rows.iter().map(|row| Ok((row.get(0)?, row.get(1)?))).collect()
    }

    /// Writes down what is spent now, unless others have left too little of it meanwhile.
    pub(super) fn put(&self, now: i64, (before, after): (&Spans, &Spans), tx: &mut Tx) {
        for (span, max) in self.spans(now) {
            let of = |spans: &Spans| spans.get(&span).copied().unwrap_or_default();
            let cost = of(after) - of(before);
            if cost > 0 {
                tx.run_one(
                    "INSERT INTO ding_budget (org, span, cost) VALUES ($1, $2, $3)
                     ON CONFLICT (org, span) DO UPDATE SET cost = ding_budget.cost + $3
                         WHERE ding_budget.cost + $3 <= $4",
                    [
                        self.org.into(),
                        span.into(),
                        cost.into(),
                        max.map_or(i64::MAX, |max| i64::try_from(max).unwrap_or(i64::MAX)).into(),
                    ],
                );
            }
        }
    }
}
