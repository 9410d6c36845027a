//! Two organisations that must know nothing of each other.

use carillon_plugin::Caller;
use carillon_protocol::{
    ConvId, DepartmentId, DeviceId, InviteId, LinkId, OrgId, ParticipantId, PollId, RobotId,
    RoleId, RoomId, SessionId, Topic, UserId, bot,
    card::{self, Button, Card},
    department, invite, poll, role, room, session,
};
use serde_json::{Value, json};

use super::alerts::Alerts;
use crate::kit::{Person, TestServer, cid, new_id};

/// What one organisation has: an id of each kind, all of which its owner may use.
#[derive(Debug, Clone)]
pub(super) struct Tenant {
    pub(super) owner: Person,
    pub(super) colleague: UserId,
    pub(super) conv: ConvId,
    pub(super) seq: u64,
    departments: Departments,
    role: RoleId,
    invite: InviteId,
    robot: RobotId,
    poll: PollId,
    room: RoomId,
    link: LinkId,
    participant: ParticipantId,
    /// In the same room.
    pub(super) other_participant: ParticipantId,
    pub(super) alerts: Alerts,
}

/// A small tree: one department at the top, and another one with one below it.
#[derive(Debug, Clone)]
pub(super) struct Departments {
    top: DepartmentId,
    other: DepartmentId,
    below_other: DepartmentId,
}

impl Tenant {
    /// Ids of which nothing is known.
    pub(super) fn of_nothing(number: u64) -> Tenant {
        Tenant {
            owner: Person {
                user: UserId(new_id()),
                org: OrgId(new_id()),
                token: String::new(),
                device: DeviceId(new_id()),
            },
            colleague: UserId(new_id()),
            invite: InviteId(new_id()),
            robot: RobotId(new_id()),
            poll: PollId(new_id()),
            room: RoomId(new_id()),
            link: LinkId(new_id()),
            participant: ParticipantId(new_id()),
            other_participant: ParticipantId(new_id()),
            conv: ConvId(new_id()),
            seq: number,
            departments: Departments {
                top: DepartmentId(new_id()),
                other: DepartmentId(new_id()),
                below_other: DepartmentId(new_id()),
            },
            role: RoleId(new_id()),
            alerts: Alerts::of_nothing(),
        }
    }

    /// A value for a field, by its name and the format of its schema; `None` if it is no id.
    pub(super) fn id(&self, (name, format): (&str, &str), session: SessionId) -> Option<Value> {
        Some(match (name, format) {
            ("manager", "user-id") => json!(self.owner.user),
            ("parent", "department-id") => json!(self.departments.other),
            ("before", "department-id") => json!(self.departments.below_other),
            (_, "department-id") => json!(self.departments.top),
            (_, "role-id") => json!(self.role),
            (_, "invite-id") => json!(self.invite),
            (_, "robot-id") => json!(self.robot),
            (_, "poll-id") => json!(self.poll),
            (_, "room-id") => json!(self.room),
            (_, "link-id") => json!(self.link),
            (_, "participant-id") => json!(self.participant),
            (_, "ding-id") => json!(self.alerts.sent),
            (_, "series-id") => json!(self.alerts.series),
            (_, "attachment-id") => json!(self.alerts.attachment),
            (_, "policy-id") => json!(self.alerts.policy),
            (_, "duty-id") => json!(self.alerts.duty),
            (_, "conv-id") => json!(self.conv),
            (_, "user-id") => json!(self.colleague),
            (_, "org-id") => json!(self.owner.org),
            (_, "session-id") => json!(session),
            (_, "topic") => json!(Topic::Conv(self.conv)),
            _ => return None,
        })
    }
}

/// An organisation with one of everything.
pub(super) async fn tenant(server: &TestServer, name: &str) -> Tenant {
    let org = server.org(name).await;
    let owner = server.admin(org, &format!("{name}.owner")).await;
    let colleague = server.person(org, &format!("{name}.colleague")).await;
    let conv = server.group(&[&owner, &colleague]).await;
    let card = Card::titled("secret").button(Button::act("Yes", "yes"));
    let post = card::Post { conv, owner: "quiz".into(), key: cid().to_string(), card };
    let plugin = Caller::for_plugin(owner.user, org);
    let sent = server.host().call_typed(plugin, Some(cid()), &post).await.unwrap();
    let top = make_department(server, &owner, "top", None).await;
    let other = make_department(server, &owner, "other", None).await;
    let below_other = make_department(server, &owner, "below", Some(other)).await;
    let create = role::Create { name: "Shifts".into(), permissions: vec!["people".into()] };
    let made = server.host().call_typed(administering(&owner), Some(cid()), &create).await.unwrap();
    let link = invite::Create::default();
    let link = server.host().call_typed(administering(&owner), None, &link).await.unwrap();
    let robot = bot::Create { conv, name: "alarm".into(), rules: None };
    let robot = server.host().call_typed(owner.caller(), Some(cid()), &robot).await.unwrap().robot;
    let schedule = json!({ "robot": robot, "schedule": "morning", "title": "Morning",
        "cron": "0 9 * * *", "says": { "kind": "text", "text": "secret" } });
    let (status, body) = server.rpc(Some(&owner.token), "bot.schedule.put", None, &schedule).await;
    assert_eq!(status, 200, "{body}");
    let options = ["yes", "no"].map(String::from).into();
    let open = poll::Open {
        conv,
        question: "Lunch?".into(),
        options,
        multiple: false,
        anonymous: false,
        closes_at: None,
    };
    let poll = server.host().call_typed(owner.caller(), Some(cid()), &open).await.unwrap().poll;
    let create = room::Create { conv, title: None, starts_at: None, rules: None };
    let room = server.host().call_typed(owner.caller(), Some(cid()), &create).await.unwrap().room;
    let participant = joined(server, &owner, room).await;
    let other_participant = joined(server, &colleague, room).await;
    let guests = room::Link { room, ttl_ms: None };
    let guests = server.host().call_typed(owner.caller(), None, &guests).await.unwrap().link;
    let departments = Departments { top, other, below_other };
    let alerts = Alerts::make(server, &owner, &colleague).await;
    let (colleague, seq, role, invite) = (colleague.user, sent.seq, made.role, link.invite);
    Tenant {
        owner,
        colleague,
        conv,
        seq,
        departments,
        role,
        invite,
        robot,
        poll,
        room,
        link: guests,
        participant,
        other_participant,
        alerts,
    }
}

/// Somebody who is in a room, by the session that they call with.
async fn joined(server: &TestServer, who: &Person, room: RoomId) -> ParticipantId {
    let join = json!({ "room": room });
    let (status, joined) = server.rpc(Some(&who.token), "room.join", None, &join).await;
    assert_eq!(status, 200, "{joined}");
    serde_json::from_value(joined["participant"].clone()).unwrap()
}

async fn make_department(
    server: &TestServer,
    owner: &Person,
    name: &str,
    parent: Option<DepartmentId>,
) -> DepartmentId {
    let create = department::Create { name: name.into(), parent, head: None };
    let made = server.host().call_typed(administering(owner), Some(cid()), &create).await;
    made.unwrap().department
}

pub(super) fn administering(owner: &Person) -> Caller {
    let session = SessionId(new_id());
    Caller::signed_in(owner.user, owner.org, session, ["read", "write", "admin"])
}

/// A session of the tenant's owner besides the one that calls, so that ending it harms nobody.
pub(super) async fn spare_session(server: &TestServer, tenant: &Tenant, login: &str) -> SessionId {
    let issue = session::Issue {
        org: Some(tenant.owner.org),
        user: Some(login.into()),
        app: None,
        scopes: Some(vec!["read".into()]),
        ttl_ms: None,
    };
    server.system(&issue).await.session
}
