//! Alerts of an organisation, and arguments for their operations that its owner would really give.

use carillon_plugin::Caller;
use carillon_protocol::{
    AttachmentId, Channel, DingId, DutyId, PolicyId, SeriesId, UserId,
    ding::{Attach, Audience, CreateDuty, CreatePolicy, Get, Rota, Rules, Send, Sent, Step, Whom},
};
use serde_json::{Value, json};

use super::tenant::administering;
use crate::kit::{Person, TestServer, cid};

/// What one organisation has that concerns alerts.
#[derive(Debug, Clone)]
pub(super) struct Alerts {
    pub(super) sent: DingId,
    /// An alert that somebody else sent to the owner.
    received: DingId,
    pub(super) series: SeriesId,
    pub(super) attachment: AttachmentId,
    pub(super) policy: PolicyId,
    pub(super) duty: DutyId,
}

impl Alerts {
    /// Ids of which nothing is known.
    pub(super) fn of_nothing() -> Alerts {
        Alerts {
            sent: DingId(crate::kit::new_id()),
            received: DingId(crate::kit::new_id()),
            series: SeriesId(crate::kit::new_id()),
            attachment: AttachmentId(crate::kit::new_id()),
            policy: PolicyId(crate::kit::new_id()),
            duty: DutyId(crate::kit::new_id()),
        }
    }

    pub(super) async fn make(server: &TestServer, owner: &Person, colleague: &Person) -> Alerts {
        let host = server.host();
        let attach = Attach {
            name: "notice.webm".into(),
            media_type: "audio/webm".into(),
            lasts_ms: None,
            bytes: "QQ==".into(),
        };
        // The door for bytes calls it for whoever sends some.
        let door = Caller::let_in(owner.user, owner.org);
        let attachment = host.call_typed(door, None, &attach).await.unwrap().attachment;
        let (after_s, channel, whom) = (0, Channel::App, Whom::Recipient);
        let steps = vec![Step { after_s, channel, whom, times: 1, every_s: 60 }];
        let name = "Fire".to_owned();
        let rules = Rules {
            name,
            steps,
            overrides_quiet: false,
            quiet: Vec::new(),
            overriders: Vec::new(),
            cost_max: 0,
        };
        let create = CreatePolicy { rules };
        let made = host.call_typed(administering(owner), Some(cid()), &create).await.unwrap();
        let rota = Rota { name: "Desk".into(), turns: Vec::new() };
        let create = CreateDuty { rota };
        let duty = host.call_typed(administering(owner), Some(cid()), &create).await.unwrap().duty;
        let sent = alert(server, owner, colleague.user, None).await.ding;
        let received = alert(server, colleague, owner.user, None).await.ding;
        let daily = Some("FREQ=DAILY");
        let series = alert(server, owner, colleague.user, daily).await.series.unwrap();
        // Nobody answers what they were not shown yet.
        while host.call_typed(owner.caller(), None, &Get { ding: received }).await.is_err() {
            tokio::task::yield_now().await;
        }
        Alerts { sent, received, series, attachment, policy: made.policy, duty }
    }

    /// Makes of what was generated what an owner would say: with own ids only, or with one of
    /// somebody else.
    pub(super) fn sensible(&self, op: &str, is_own: bool, user: UserId, args: &mut Value) {
        let first = json!([{ "after_s": 0, "channel": "app" }]);
        match op {
            "ding.send" => once(args),
            "ding.simulate" => once(&mut args["ding"]),
            "ding.confirm" | "ding.decline" if is_own => {
                args["ding"] = json!(self.received);
                remove(args, &["instead_of", "others"]);
            }
            "ding.deputy.set" => {
                remove(&mut args["deputy"], &["from", "until"]);
                // Nobody stands in for themselves: the caller's colleague does for the caller.
                remove(args, if is_own { &["user"] } else { &[] });
            }
            "ding.policy.create" | "ding.policy.update" => args["rules"]["steps"] = first,
            "ding.settings.set" => {
                args["quiet"]["until_min"] = json!(0);
                args["currency"] = json!("HKD");
            }
            "ding.duty.create" | "ding.duty.update" => {
                args["rota"]["turns"][0]["user"] = json!(user);
                args["rota"]["turns"][0]["until_min"] = json!(0);
            }
            _ => {}
        }
    }
}

/// Now, once, and without a deadline.
fn once(send: &mut Value) {
    remove(send, &["at", "repeat", "within_ms"]);
}

fn remove(args: &mut Value, names: &[&str]) {
    for name in names {
        args.as_object_mut().map(|args| args.remove(*name));
    }
}

async fn alert(server: &TestServer, by: &Person, to: UserId, repeat: Option<&str>) -> Sent {
    let send = Send {
        text: "secret".into(),
        to: Audience { users: vec![to], ..<_>::default() },
        about: None,
        attachment: None,
        policy: None,
        at: None,
        repeat: repeat.map(str::to_owned),
        within_ms: None,
        reply_required: false,
        urgent: false,
    };
    server.host().call_typed(by.caller(), Some(cid()), &send).await.unwrap()
}
