//! Every operation that changes something is in the audit log, or stands here with the reason why
//! it is not: a new one is asked for.

use std::collections::BTreeSet;

use carillon_plugin::protocol::{Effect, audit::Outcome};
use serde_json::{Value, json};

use super::{Caller, PASSWORD, World, named};

/// What is not in the log, and why.
const NOT_IN_IT: [(&str, &[&str]); 11] = [
    (
        "people say where they themselves are reached",
        &["notify.contact.verify", "notify.push.subscribe", "notify.push.unsubscribe"],
    ),
    (
        "plugins ask for it and providers report it: the delivery log says what came of it",
        &["notify.send", "notify.cancel", "notify.report", "notify.sweep", "notify.settings.test"],
    ),
    (
        "people talk: the conversation's own log says who did it",
        &[
            "msg.send",
            "msg.post",
            "conv.open",
            "conv.create",
            "conv.read",
            "card.post",
            "card.update",
            "card.set",
            "card.act",
        ],
    ),
    (
        "people meet: the room's own log says who did it",
        &[
            "room.create",
            "room.join",
            "room.leave",
            "room.offer",
            "room.subscribe",
            "room.answer",
            "room.candidate",
            "room.publish",
            "room.mute",
            "room.raise_hand",
            "room.react",
            "room.refresh",
            "room.sweep",
            "room.lost",
            "room.take_over",
            "room.remind",
            "room.act",
        ],
    ),
    (
        "people answer alerts, whose own log says who did it; what alerts carry is in them, and \
         their steps follow from what was sent",
        &[
            "ding.received",
            "ding.seen",
            "ding.confirm",
            "ding.decline",
            "ding.attach",
            "ding.advance",
            "ding.deliver",
            "ding.instead",
            "ding.take",
            "ding.spread",
            "ding.again",
        ],
    ),
    (
        "follows from what is in it: a guest entered, was put out, or the link or the room ended",
        &["session.guest", "session.guest_gone", "room.dismiss"],
    ),
    (
        "follows from a schedule, whose making is in it; and a preview is shown to nobody else",
        &[
            "bot.schedule.fire",
            "bot.schedule.post",
            "bot.schedule.shift",
            "bot.schedule.receive",
            "bot.digest.preview",
        ],
    ),
    ("only looks, and counts that it did", &["org.invite.look", "session.resolve"]),
    ("lasts a minute and is of use to nobody else", &["session.token", "presence.watch"]),
    ("nodes tell each other how they are", &["node.beat", "node.end", "node.lease"]),
    (
        "repeats or gives up what is in the log of the plugin, for the operator",
        &["plugin.dead.retry", "plugin.dead.drop", "bot.receive"],
    ),
];

/// Calls everything that administers, once.
async fn administer(world: &World) {
    let call = async |caller: Caller, op: &str, args: Value| -> Value {
        let answer = named(&world.kit, caller, op, &args).await;
        answer.unwrap_or_else(|error| panic!("{op} {args}: {error}"))
    };
    let amy = world.amy;
    let login = async |name: &str| {
        let args = json!({ "login": name, "password": PASSWORD });
        call(Caller::STRANGER, "session.login", args).await
    };
    call(Caller::SYSTEM, "org.create", json!({ "name": "Peak" })).await;
    call(Caller::SYSTEM, "audit.note", json!({ "op": "audit.note", "object": "" })).await;
    call(Caller::SYSTEM, "plugin.token", json!({ "plugin": "audit" })).await;
    call(amy, "org.update", json!({ "name": "Harbour Ltd" })).await;

    let bob = call(amy, "org.member.add", json!({ "login": "bob", "name": "Bob" })).await;
    let bob = &bob["user"];
    call(amy, "org.member.update", json!({ "user": bob, "name": "Bobby" })).await;
    let department = call(amy, "org.department.create", json!({ "name": "Deck" })).await;
    let department = &department["department"];
    let args = json!({ "department": department, "name": "Upper deck" });
    call(amy, "org.department.update", args).await;
    let other = call(amy, "org.department.create", json!({ "name": "Engine" })).await;
    let args = json!({ "department": department, "parent": other["department"] });
    call(amy, "org.department.move", args).await;
    call(amy, "org.department.remove", json!({ "department": department })).await;
    let args = json!({ "name": "Front desk", "permissions": ["people"] });
    let role = &call(amy, "org.role.create", args).await["role"];
    call(amy, "org.role.update", json!({ "role": role, "name": "Reception" })).await;
    call(amy, "org.role.remove", json!({ "role": role })).await;
    let invite = call(amy, "org.invite.create", json!({ "user": bob })).await;
    let args = json!({ "token": invite["token"], "password": PASSWORD });
    call(Caller::STRANGER, "org.invite.accept", args).await;
    let invite = call(amy, "org.invite.create", json!({})).await;
    call(amy, "org.invite.revoke", json!({ "invite": invite["invite"] })).await;
    let csv = "login,name\ncarol,Carol\n";
    call(amy, "org.import.apply", json!({ "csv": csv })).await;
    let program = world.kit.host().new_id().to_string();
    let args = json!({ "org": world.org, "user": program, "name": "Weather" });
    call(Caller::SYSTEM, "org.program.add", args).await;

    call(amy, "session.issue", json!({ "app": "buildbot" })).await;
    let session = &login("bob").await["session"];
    call(amy, "session.revoke", json!({ "session": session })).await;
    let args = json!({ "old": PASSWORD, "new": "battery staple" });
    call(amy, "session.password", args).await;
    call(amy, "org.member.remove", json!({ "user": bob })).await;
    call(amy, "org.member.restore", json!({ "user": bob })).await;
    let conv = group(world, bob, &call).await;
    robots(world, &conv, &call).await;
    meeting(world, bob, &call).await;
    alerts(world, bob, &call).await;
    let args = json!({ "user": bob, "kind": "email", "address": "bob@example.com" });
    call(amy, "notify.contact.set", args).await;
    call(amy, "notify.settings.set", json!({ "prefix": "+852" })).await;
    call(amy, "session.logout", json!({})).await;
}

/// A group of which somebody else was a member for a while.
async fn group(
    world: &World,
    other: &Value,
    call: &impl AsyncFn(Caller, &str, Value) -> Value,
) -> Value {
    let args = json!({ "title": "Bridge", "members": [] });
    let conv = call(world.amy, "conv.create", args).await["conv"].clone();
    call(world.amy, "conv.update", json!({ "conv": conv, "title": "Upper bridge" })).await;
    let rules = json!({ "mention_all": "owners", "ding_all": "members" });
    call(world.amy, "conv.rules.set", json!({ "conv": conv, "rules": rules })).await;
    call(world.amy, "conv.limits.set", json!({ "rules": rules })).await;
    call(world.amy, "conv.member.add", json!({ "conv": conv, "users": [other] })).await;
    call(world.amy, "conv.member.remove", json!({ "conv": conv, "users": [other] })).await;
    conv
}

async fn robots(world: &World, conv: &Value, call: &impl AsyncFn(Caller, &str, Value) -> Value) {
    let args = json!({ "conv": conv, "name": "Alerts", "words": ["alert"] });
    let robot = call(world.amy, "bot.create", args).await["robot"].clone();
    call(world.amy, "bot.update", json!({ "robot": robot, "name": "Alarms" })).await;
    call(world.amy, "bot.rotate", json!({ "robot": robot })).await;
    let says = json!({ "kind": "text", "text": "Good morning" });
    let args = json!({ "robot": robot, "schedule": "daily", "title": "Morning",
        "cron": "0 9 * * *", "says": says });
    call(world.amy, "bot.schedule.put", args).await;
    let args = json!({ "robot": robot, "schedule": "daily", "paused": true });
    call(world.amy, "bot.schedule.pause", args).await;
    let args = json!({ "robot": robot, "schedule": "daily" });
    call(world.amy, "bot.schedule.remove", args).await;
    call(world.amy, "bot.remove", json!({ "robot": robot })).await;
}

/// A meeting that somebody else is let into, moderates, and is put out of.
async fn meeting(world: &World, other: &Value, call: &impl AsyncFn(Caller, &str, Value) -> Value) {
    let args = json!({ "title": "Crew", "members": [other] });
    let conv = &call(world.amy, "conv.create", args).await["conv"];
    let rules = json!({
        "locked": false, "waiting": true, "microphones": true, "cameras": true, "screens": true,
    });
    let room =
        &call(world.amy, "room.create", json!({ "conv": conv, "rules": rules })).await["room"];
    call(world.amy, "room.join", json!({ "room": room })).await;
    let other = Caller::on_behalf_of(other.as_str().unwrap().parse().unwrap(), world.org);
    let joined = call(other, "room.join", json!({ "room": room })).await;
    let participant = &joined["participant"];
    let who = |name: &str, value: Value| json!({ "participant": participant, name: value });
    call(world.amy, "room.admit", who("admit", json!(true))).await;
    call(world.amy, "room.role", who("role", json!("moderator"))).await;
    call(world.amy, "room.update", json!({ "room": room, "title": "Watch" })).await;
    let link = call(world.amy, "room.link", json!({ "room": room })).await;
    let args = json!({ "secret": link["secret"], "name": "Mei" });
    call(Caller::STRANGER, "room.enter", args).await;
    call(world.amy, "room.unlink", json!({ "link": link["link"] })).await;
    call(world.amy, "room.kick", json!({ "participant": participant })).await;
    call(world.amy, "room.end", json!({ "room": room })).await;
}

/// Who is alerted how, by whom, and when it comes again.
async fn alerts(world: &World, other: &Value, call: &impl AsyncFn(Caller, &str, Value) -> Value) {
    let amy = world.amy;
    let steps = json!([{ "after_s": 0, "channel": "app" }]);
    let rules = json!({ "name": "Fire", "steps": steps, "cost_max": 0 });
    let policy = &call(amy, "ding.policy.create", json!({ "rules": rules })).await["policy"];
    let rules = json!({ "name": "Flood", "steps": steps, "cost_max": 0 });
    call(amy, "ding.policy.update", json!({ "policy": policy, "rules": rules })).await;
    call(amy, "ding.policy.remove", json!({ "policy": policy })).await;
    let rota = json!({ "name": "Desk", "turns": [] });
    let duty = &call(amy, "ding.duty.create", json!({ "rota": rota })).await["duty"];
    let rota = json!({ "name": "Front desk", "turns": [] });
    call(amy, "ding.duty.update", json!({ "duty": duty, "rota": rota })).await;
    call(amy, "ding.duty.remove", json!({ "duty": duty })).await;
    let deputy = json!({ "user": other, "deputy": { "deputy": amy.user } });
    call(amy, "ding.deputy.set", deputy).await;
    let mut settings = call(amy, "ding.settings.get", json!({})).await;
    settings["sent_a_day"] = json!(7);
    call(amy, "ding.settings.set", settings).await;
    let to = json!({ "users": [other] });
    let args = json!({ "text": "The shift begins", "to": to });
    let ding = &call(amy, "ding.send", args).await["ding"];
    call(amy, "ding.remind", json!({ "ding": ding })).await;
    call(amy, "ding.recall", json!({ "ding": ding })).await;
    let args = json!({ "text": "Inventory", "to": to, "repeat": "FREQ=DAILY" });
    let series = &call(amy, "ding.send", args).await["series"];
    call(amy, "ding.series.end", json!({ "series": series })).await;
}

#[tokio::test]
async fn every_operation_that_administers_leaves_a_row() {
    let world = World::new().await;
    administer(&world).await;
    let rows = world.rows().await;
    assert!(rows.iter().all(|row| row.what.outcome == Outcome::Done), "{rows:?}");
    let written: BTreeSet<&str> = rows.iter().map(|row| &*row.what.op).collect();
    let reasons: BTreeSet<&str> = NOT_IN_IT.iter().flat_map(|(_, ops)| *ops).copied().collect();
    for operation in world.kit.host().operations() {
        let op = operation.op;
        if operation.effect == Effect::Read {
            continue;
        }
        let (is_written, has_reason) = (written.contains(op), reasons.contains(op));
        assert!(is_written || has_reason, "{op} leaves no row: see `Tx::audit`");
        assert!(!(is_written && has_reason), "{op} leaves a row, and says that it does not");
    }
}
