//! An organisation whose people alert each other.

use carillon_plugin::{
    Caller, Clock as _, Plugin, Result,
    protocol::{
        Channel, Cid, Command, DingId, Event, OrgId, PolicyId, SessionId, Topic, UserId,
        ding::{
            self, Audience, Board, CreatePolicy, Ding, GetSettings, List, Recipient, Rules, Send,
            Sent, Settings, Status, Step, Whom,
        },
        id::Ulid,
        log, org,
    },
};
use carillon_plugins::{audit, chat, ding as dings, directory, log as logs};
use carillon_store::kit::Kit;

use super::carrier::Carrier;

/// The plugins of such a server.
pub fn plugins(carrier: &Carrier) -> Vec<Plugin> {
    vec![
        audit::plugin(),
        directory::plugin(<_>::default()),
        chat::plugin(<_>::default()),
        logs::plugin(),
        carrier.plugin(),
        dings::plugin(),
    ]
}

/// `amy`, an administrator, sends; `bob`, `carol` and `dan` receive, and `carol` is the manager of
/// `bob`. `zoe` is in another organisation.
pub struct World {
    pub kit: Kit,
    pub carrier: Carrier,
    pub org: OrgId,
    pub amy: Caller,
    pub bob: Caller,
    pub carol: Caller,
    pub dan: Caller,
    pub zoe: Caller,
}

pub async fn call<C: Command>(kit: &Kit, caller: Caller, args: C) -> Result<C::Reply> {
    let cid = Some(Cid(kit.host().new_id()));
    kit.host().call_typed(caller, cid, &args).await
}

pub async fn person(kit: &Kit, org: OrgId, login: &str, tz: &str, admin: bool) -> Caller {
    let args = org::AddMember {
        org: Some(org),
        login: login.into(),
        name: login.into(),
        password: None,
        title: None,
        admin,
        locale: Some("en".into()),
        tz: Some(tz.into()),
        departments: Vec::new(),
    };
    let user = call(kit, Caller::SYSTEM, args).await.unwrap().user;
    let scopes = ["read", "write", "admin"];
    Caller::signed_in(user, org, SessionId(Ulid::nil()), scopes)
}

impl World {
    pub async fn new() -> World {
        let carrier = Carrier::default();
        let kit = Kit::new(plugins(&carrier)).await;
        let create = |name: &str| org::Create { name: name.into() };
        let org = call(&kit, Caller::SYSTEM, create("Harbour")).await.unwrap().org;
        let other = call(&kit, Caller::SYSTEM, create("Peak")).await.unwrap().org;
        let zone = "Asia/Hong_Kong";
        let amy = person(&kit, org, "amy", zone, true).await;
        let bob = person(&kit, org, "bob", zone, false).await;
        let carol = person(&kit, org, "carol", zone, false).await;
        let dan = person(&kit, org, "dan", zone, false).await;
        let zoe = person(&kit, other, "zoe", zone, true).await;
        let world = World { kit, carrier, org, amy, bob, carol, dan, zoe };
        world.manages(carol.user, bob.user).await;
        world.settle_on(|settings| settings.quiet = None).await;
        world
    }

    /// Somebody is somebody's manager.
    pub async fn manages(&self, manager: UserId, user: UserId) {
        let args =
            org::UpdateMember { user: Some(user), manager: Some(Some(manager)), ..<_>::default() };
        self.call(self.amy, args).await.unwrap();
    }

    /// Changes what the organisation has settled.
    pub async fn settle_on(&self, change: impl FnOnce(&mut Settings)) {
        let mut settings = self.call(self.amy, GetSettings {}).await.unwrap();
        change(&mut settings);
        self.call(self.amy, settings).await.unwrap();
    }

    pub async fn call<C: Command>(&self, caller: Caller, args: C) -> Result<C::Reply> {
        call(&self.kit, caller, args).await
    }

    pub fn now(&self) -> i64 {
        self.kit.clock().now()
    }

    /// Time passes, and what is due happens.
    pub async fn pass(&self, ms: i64) {
        self.kit.clock().advance(ms);
        self.kit.settle().await;
    }

    /// Minutes pass, one after the other.
    pub async fn minutes(&self, minutes: u32) {
        for _ in 0..minutes {
            self.pass(60_000).await;
        }
    }

    /// A policy with these steps: seconds, through what, whom.
    pub async fn policy(&self, steps: &[(u32, Channel, Whom)]) -> PolicyId {
        let step =
            |&(after_s, channel, whom)| Step { after_s, channel, whom, times: 1, every_s: 60 };
        let steps = steps.iter().map(step).collect();
        let name = self.kit.host().new_id().to_string();
        let rules = Rules { cost_max: 1_000, ..rules(&name, steps) };
        self.call(self.amy, CreatePolicy { rules }).await.unwrap().policy
    }

    /// An alert of amy's.
    pub async fn alert(&self, to: &[Caller], with: impl FnOnce(&mut Send)) -> DingId {
        self.send(self.amy, to, with).await.unwrap().ding
    }

    pub async fn send(
        &self,
        by: Caller,
        to: &[Caller],
        with: impl FnOnce(&mut Send),
    ) -> Result<Sent> {
        let mut send = alert_to(to.iter().map(|caller| caller.user));
        with(&mut send);
        let sent = self.call(by, send).await?;
        self.kit.settle().await;
        Ok(sent)
    }

    /// The events of a topic that are of a kind.
    pub async fn events(&self, who: Caller, topic: Topic, kind: &str) -> Vec<Event> {
        let read = log::Read { topic, after: Some(0), before: None, limit: Some(200) };
        let events = self.call(who, read).await.unwrap().events;
        events.into_iter().filter(|event| &*event.k == kind).collect()
    }

    /// What somebody was shown.
    pub async fn called(&self, who: Caller) -> Vec<ding::CalledData> {
        let events = self.events(who, Topic::User(who.user), ding::kind::CALLED).await;
        events.iter().map(|event| event.data.to().unwrap()).collect()
    }

    /// What went away from somebody's screens.
    pub async fn ended(&self, who: Caller) -> Vec<ding::EndedData> {
        let events = self.events(who, Topic::User(who.user), ding::kind::ENDED).await;
        events.iter().map(|event| event.data.to().unwrap()).collect()
    }

    pub async fn board(&self, ding: DingId) -> Board {
        let status = Status { ding, states: Vec::new(), after: None, limit: None };
        self.call(self.amy, status).await.unwrap()
    }

    /// A recipient on amy's board.
    pub async fn on_board(&self, ding: DingId, who: Caller) -> Recipient {
        let recipients = self.board(ding).await.recipients;
        recipients.into_iter().find(|it| it.user == who.user).unwrap()
    }

    pub async fn list(&self, who: Caller, which: ding::Which) -> Vec<Ding> {
        let list = List { which, after: None, limit: None };
        self.call(who, list).await.unwrap().dings
    }

    /// What was handed over since the last look: how long after a moment, through what, to whom.
    pub fn carried(&self, since: i64) -> Vec<(i64, Channel, UserId)> {
        let carried = self.carrier.carried().into_iter();
        carried.map(|it| (it.at - since, it.channel, it.user)).collect()
    }

    /// All these can be reached through everything; texts cost 30 and calls 100.
    pub fn reach_all(&self, people: &[Caller]) {
        use Channel::{Call, Email, Push, Sms};
        self.carrier.prices(&[(Push, 0), (Email, 0), (Sms, 30), (Call, 100)]);
        for person in people {
            self.carrier.reaches(person.user, &[Push, Email, Sms, Call]);
        }
    }
}

/// A policy that costs nothing, under the organisation's quiet hours.
pub fn rules(name: &str, steps: Vec<Step>) -> Rules {
    let (name, quiet, overriders) = (name.into(), Vec::new(), Vec::new());
    Rules { name, steps, overrides_quiet: false, quiet, overriders, cost_max: 0 }
}

/// An alert to these people, now.
pub fn alert_to(users: impl Iterator<Item = UserId>) -> Send {
    Send {
        text: "The shift begins at six".into(),
        to: Audience { users: users.collect(), ..<_>::default() },
        about: None,
        attachment: None,
        policy: None,
        at: None,
        repeat: None,
        within_ms: None,
        reply_required: false,
        urgent: false,
    }
}
