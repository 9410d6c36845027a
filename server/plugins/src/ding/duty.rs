//! Rotas: who is on duty when, week after week by the clock on the organisation's wall.

use std::collections::HashMap;

use carillon_plugin::{Audited, Committed, Ctx, Decision, Error, Result};
use carillon_protocol::{
    DutyId, OrgId, UserId,
    ding::{
        CreateDuty, Done, DutiesListed, Duty, DutyCreated, ListDuties, RemoveDuty, Rota,
        RulesChangedData, Turn, UpdateDuty, Whom,
    },
    limits::{DING_DUTIES_MAX, DING_DUTY_MAX},
};
use jiff::{Timestamp, tz::TimeZone};

use super::{
    audience,
    policy::{self, name},
    revision::{Rules, json, read},
};

/// The minutes of a day, and of a week.
const DAY_MIN: u16 = 1_440;
const WEEK_MIN: u16 = 7 * DAY_MIN;

/// The rotas of an organisation.
pub(super) struct Rotas {
    tz: TimeZone,
    rotas: HashMap<DutyId, Rota>,
}

impl Rotas {
    /// Whether there is such a rota.
    pub(super) fn has(&self, duty: DutyId) -> bool {
        self.rotas.contains_key(&duty)
    }

    /// Everybody who has a turn.
    pub(super) fn users(&self, duty: DutyId) -> Vec<UserId> {
        let turns = self.rotas.get(&duty).map_or(&[][..], |rota| &rota.turns);
        turns.iter().map(|turn| turn.user).collect()
    }

    /// Who is on duty at a moment, in milliseconds since the epoch; nobody, if the rota is gone.
    pub(super) fn on_duty(&self, duty: DutyId, at: i64) -> Option<UserId> {
        on_duty(self.rotas.get(&duty)?, &self.tz, at)
    }
}

/// Whose turn it is. The wall clock says: of an hour that comes twice both belong to the same turn,
/// and one that is left out belongs to none.
fn on_duty(rota: &Rota, tz: &TimeZone, at: i64) -> Option<UserId> {
    let wall = tz.to_datetime(Timestamp::from_millisecond(at).ok()?);
    let day = wall.weekday().to_monday_zero_offset() as u16;
    let minute = day * DAY_MIN + wall.hour() as u16 * 60 + wall.minute() as u16;
    rota.turns.iter().find(|turn| holds(turn, minute)).map(|turn| turn.user)
}

fn holds(turn: &Turn, minute: u16) -> bool {
    let Turn { from_min, until_min, .. } = *turn;
    match from_min < until_min {
        true => (from_min..until_min).contains(&minute),
        false => minute >= from_min || minute < until_min,
    }
}

fn unknown() -> Error {
    Error::not_found("rota")
}

/// The rotas of an organisation.
pub(super) async fn load(ctx: &Ctx, org: OrgId) -> Result<Rotas> {
    let tz = audience::zone(ctx, org).await?;
    let mut rotas = HashMap::new();
    let sql = "SELECT id, rota FROM ding_duty WHERE org = $1";
    for row in ctx.query(sql, [org.into()]).await? {
        rotas.insert(row.get(0)?, read(&row.get::<String>(1)?)?);
    }
    Ok(Rotas { tz, rotas })
}

/// `ding.duty.list`.
pub(super) async fn list(ctx: Ctx, _: ListDuties) -> Result<DutiesListed> {
    let Rotas { tz, rotas } = load(&ctx, ctx.caller().org).await?;
    let duty = |(duty, rota): (DutyId, Rota)| {
        let now = on_duty(&rota, &tz, ctx.now());
        Duty { duty, rota, now }
    };
    let mut duties: Vec<Duty> = rotas.into_iter().map(duty).collect();
    duties.sort_by(|one, other| one.rota.name.cmp(&other.rota.name));
    Ok(DutiesListed { duties })
}

/// `ding.duty.create`.
pub(super) async fn create(ctx: Ctx, args: CreateDuty) -> Result<Decision<DutyCreated>> {
    let rules = Rules::permitted(&ctx).await?;
    let others = load(&ctx, rules.org).await?.rotas;
    if others.len() >= DING_DUTIES_MAX {
        let msg = format!("there are at most {DING_DUTIES_MAX} rotas; remove one first");
        return Err(Error::conflict(msg));
    }
    let rota = checked(&ctx, &others, args.rota).await?;
    let duty = DutyId(ctx.new_id());
    let mut tx = rules.tx(&ctx, changed(duty));
    tx.run(
        "INSERT INTO ding_duty (id, org, rota) VALUES ($1, $2, $3)",
        [duty.into(), rules.org.into(), json(&rota)?.into()],
    );
    tx.audit(Audited::of("duty", duty).after(&rota));
    Ok(tx.into())
}

/// The answer of `ding.duty.create`.
pub(super) fn created(done: &Committed) -> Result<DutyCreated> {
    let event = done.events.first().ok_or_else(unknown)?;
    let data: RulesChangedData = event.data.to().map_err(Error::internal)?;
    Ok(DutyCreated { duty: data.duty.ok_or_else(unknown)? })
}

/// `ding.duty.update`.
pub(super) async fn update(ctx: Ctx, args: UpdateDuty) -> Result<Done> {
    let rules = Rules::permitted(&ctx).await?;
    let mut others = load(&ctx, rules.org).await?.rotas;
    let before = others.remove(&args.duty).ok_or_else(unknown)?;
    let rota = checked(&ctx, &others, args.rota).await?;
    if rota == before {
        return Ok(Done {});
    }
    let mut tx = rules.tx(&ctx, changed(args.duty));
    tx.run_one(
        "UPDATE ding_duty SET rota = $2 WHERE id = $1",
        [args.duty.into(), json(&rota)?.into()],
    );
    tx.audit(Audited::of("duty", args.duty).before(&before).after(&rota));
    ctx.commit(tx).await?;
    Ok(Done {})
}

/// `ding.duty.remove`. Alerts that are under way go on: their step reaches nobody.
pub(super) async fn remove(ctx: Ctx, args: RemoveDuty) -> Result<Done> {
    let rules = Rules::permitted(&ctx).await?;
    let before = load(&ctx, rules.org).await?.rotas.remove(&args.duty).ok_or_else(unknown)?;
    let named = Whom::OnDuty { duty: args.duty };
    for policy in policy::own(&ctx, rules.org).await? {
        if policy.rules.steps.iter().any(|step| step.whom == named) {
            let msg = format!("the policy `{}` names it; change that first", policy.rules.name);
            return Err(Error::conflict(msg));
        }
    }
    let mut tx = rules.tx(&ctx, changed(args.duty));
    tx.run_one("DELETE FROM ding_duty WHERE id = $1", [args.duty.into()]);
    tx.audit(Audited::of("duty", args.duty).before(&before));
    ctx.commit(tx).await?;
    Ok(Done {})
}

fn changed(duty: DutyId) -> RulesChangedData {
    RulesChangedData { policy: None, duty: Some(duty) }
}

/// What a rota may say, as it is kept.
async fn checked(ctx: &Ctx, others: &HashMap<DutyId, Rota>, mut rota: Rota) -> Result<Rota> {
    rota.name = name("rota.name", &rota.name)?;
    if others.values().any(|other| other.name == rota.name) {
        let msg = "there is a rota of this name; choose another one";
        return Err(Error::conflict(msg).field("rota.name"));
    }
    if rota.turns.len() > DING_DUTY_MAX {
        let msg = format!("a rota has at most {DING_DUTY_MAX} turns");
        return Err(Error::too_large("rota.turns", msg));
    }
    for (at, turn) in rota.turns.iter().enumerate() {
        for (name, minute) in [("from_min", turn.from_min), ("until_min", turn.until_min)] {
            if minute >= WEEK_MIN {
                let field = format!("rota.turns[{at}].{name}");
                return Err(Error::bad_arg(&field, "a week has the minutes 0 to 10,079"));
            }
        }
    }
    let users: Vec<UserId> = rota.turns.iter().map(|turn| turn.user).collect();
    let place = |at| format!("rota.turns[{at}].user");
    audience::all_are_here(ctx, ctx.caller().org, &users, place).await?;
    Ok(rota)
}

#[cfg(test)]
mod tests {
    use carillon_protocol::id::Ulid;
    use proptest::prelude::*;

    use super::*;

    const NIGHT: UserId = UserId(Ulid(1));
    const DAY: UserId = UserId(Ulid(2));

    fn turn(user: UserId, from_min: u16, until_min: u16) -> Turn {
        Turn { user, from_min, until_min }
    }

    fn at(text: &str) -> i64 {
        text.parse::<Timestamp>().expect("a time").as_millisecond()
    }

    #[test]
    fn a_turn_goes_over_the_end_of_the_week_and_the_first_that_fits_counts() {
        let sunday_night = 6 * DAY_MIN + 22 * 60;
        let turns = vec![turn(NIGHT, sunday_night, 6 * 60), turn(DAY, 0, WEEK_MIN - 1)];
        let rota = Rota { name: "Front desk".into(), turns };
        let tz = TimeZone::get("Asia/Hong_Kong").expect("a zone");
        let who = |text| on_duty(&rota, &tz, at(text));
        // 22 November 2026 is a Sunday; Hong Kong is eight hours ahead.
        assert_eq!(who("2026-11-22T13:59:59Z"), Some(DAY));
        assert_eq!(who("2026-11-22T14:00:00Z"), Some(NIGHT));
        assert_eq!(who("2026-11-22T15:59:30Z"), Some(NIGHT));
        assert_eq!(who("2026-11-22T21:59:59Z"), Some(NIGHT));
        assert_eq!(who("2026-11-22T22:00:00Z"), Some(DAY));
    }

    #[test]
    fn a_shift_begins_by_the_clock_on_the_wall_also_when_that_is_set_back_or_forward() {
        // Sunday, 2:00 to 3:00.
        let from = 6 * DAY_MIN + 2 * 60;
        let rota = Rota { name: "Night".into(), turns: vec![turn(NIGHT, from, from + 60)] };
        let tz = TimeZone::get("Europe/Berlin").expect("a zone");
        let minutes = |day: &str| {
            let midnight = at(&format!("{day}T00:00:00Z"));
            (0..180).filter(|m| on_duty(&rota, &tz, midnight + m * 60_000) == Some(NIGHT)).count()
        };
        // In March the hour is left out, in October it comes twice.
        assert_eq!(minutes("2026-03-29"), 0);
        assert_eq!(minutes("2026-10-25"), 120);
        assert_eq!(minutes("2026-11-01"), 60);
    }

    proptest! {
        #[test]
        fn every_minute_belongs_to_the_turn_that_the_wall_clock_names(
            from in 0..WEEK_MIN, until in 0..WEEK_MIN, minutes in 0i64..60 * 24 * 400,
            zone in prop::sample::select(vec!["Asia/Hong_Kong", "Europe/Berlin", "Asia/Tehran"]),
        ) {
            let rota = Rota { name: "Any".into(), turns: vec![turn(DAY, from, until)] };
            let tz = TimeZone::get(zone).expect("a zone");
            let moment = at("2026-01-01T00:00:00Z") + minutes * 60_000;
            let wall = tz.to_datetime(Timestamp::from_millisecond(moment).expect("a time"));
            // Counted on from the turn's beginning, minute by minute of the week.
            let monday = wall.date().saturating_sub(jiff::Span::new().days(
                wall.weekday().to_monday_zero_offset() as i64));
            let since = wall.duration_since(monday.at(0, 0, 0, 0)).as_mins() as u16;
            let mut held = Vec::new();
            let mut minute = from;
            loop {
                held.push(minute);
                minute = (minute + 1) % WEEK_MIN;
                if minute == until { break }
            }
            prop_assert_eq!(on_duty(&rota, &tz, moment).is_some(), held.contains(&since));
        }
    }
}
