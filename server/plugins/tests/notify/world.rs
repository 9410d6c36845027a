//! An organisation that can be reached, and what the tests ask of it.

use std::sync::{Arc, Mutex};

use carillon_notify::egress::{Egress, Guard, tls};
use carillon_plugin::{
    Caller, Error, Plugin, Result,
    protocol::{
        Channel, Cid, Command, ErrorCode, Event, OrgId, SessionId, Topic, UserId,
        id::Ulid,
        notify::{
            Alert, AnsweredData, AttemptedData, Cancel, ContactKind, Done, ListLog, Log, Outcome,
            Provider, Send, SetContact, SetSettings, Settings, Subject, To, Vendor, kind,
        },
        org,
    },
};
use carillon_plugins::{
    directory,
    notify::{self, Ways},
};
use carillon_store::kit::Kit;

use crate::listener::Script;

/// Where providers reach the server.
pub const PUBLIC: &str = "https://chat.example";
pub const ACCOUNT: &str = "AC0123456789abcdef0123456789abcdef";
pub const TOKEN: &str = "a-token-of-thirty-two-characters";

pub struct World {
    pub kit: Kit,
    pub org: OrgId,
    /// Administers.
    pub amy: Caller,
    pub bob: Caller,
    /// Everything that was told until somebody looked last.
    told: Mutex<Vec<Event>>,
}

/// Ways to this machine, for which every name is this machine, and to nowhere else.
pub fn ways(ports: &[u16], authority: Option<&str>) -> Ways {
    let guard = Guard::new(vec!["127.0.0.1/32".parse().unwrap()], ports.to_vec());
    let tls = tls(authority.map(str::as_bytes)).unwrap();
    let egress = Egress::new(guard, tls, Script::says(&[&["127.0.0.1"]]));
    Ways {
        egress: Arc::new(egress),
        contact: "mailto:operator@example.org".to_owned(),
        public_url: Some(PUBLIC.to_owned()),
    }
}

pub fn plugins(ways: Ways) -> Vec<Plugin> {
    vec![directory::plugin(<_>::default()), notify::plugin(ways)]
}

pub async fn call<C: Command>(kit: &Kit, caller: Caller, args: C) -> Result<C::Reply> {
    let cid = Some(Cid(kit.host().new_id()));
    kit.host().call_typed(caller, cid, &args).await
}

impl World {
    pub async fn new(ways: Ways) -> World {
        let kit = Kit::new(plugins(ways)).await;
        let create = org::Create { name: "Harbour".into() };
        let org = call(&kit, Caller::SYSTEM, create).await.unwrap().org;
        let amy = person(&kit, org, "amy", true).await;
        let bob = person(&kit, org, "bob", false).await;
        World { kit, org, amy, bob, told: Mutex::default() }
    }

    /// One in which Twilio, which listens at this port, carries text messages and calls.
    pub async fn with_twilio(port: u16) -> World {
        let world = World::new(ways(&[port], None)).await;
        world.set(twilio(port)).await.unwrap();
        world.phone(world.bob.user, "+85291234567").await;
        world
    }

    pub async fn call<C: Command>(&self, caller: Caller, args: C) -> Result<C::Reply> {
        call(&self.kit, caller, args).await
    }

    pub async fn set(&self, settings: SetSettings) -> Result<Settings> {
        self.call(self.amy, settings).await
    }

    pub async fn phone(&self, user: UserId, number: &str) {
        let address = Some(number.to_owned());
        let args = SetContact { user: Some(user), kind: ContactKind::Phone, address };
        self.call(self.amy, args).await.unwrap();
    }

    /// Another plugin of the organisation, which asks for attempts.
    pub fn asker(&self) -> Caller {
        Caller::for_plugin(UserId(Ulid::nil()), self.org)
    }

    pub async fn send(&self, channel: Channel, to: &[(&str, UserId)]) -> Result<Done> {
        let to = to.iter().map(|&(key, user)| To { key: key.to_owned(), user }).collect();
        let args = Send { subject: subject(), channel, alert: alert(), to };
        self.call(self.asker(), args).await
    }

    pub async fn cancel(&self, users: &[UserId]) {
        let args = Cancel { subject: subject(), users: users.to_vec() };
        self.call(self.asker(), args).await.unwrap();
    }

    fn events(&self, kind: &str) -> Vec<Event> {
        let topic: Topic = format!("x:notify:{}", self.org).parse().unwrap();
        let mut told = self.told.lock().unwrap();
        told.extend(self.kit.committed().into_iter().map(|(event, _)| event));
        told.iter().filter(|it| it.topic == topic && &*it.k == kind).cloned().collect()
    }

    /// What was told of attempts, in order.
    pub fn told(&self) -> Vec<(String, Outcome, Option<String>)> {
        let events = self.events(kind::ATTEMPTED);
        let data = events.iter().map(|event| event.data.to::<AttemptedData>().unwrap());
        let results = data.flat_map(|data| data.results);
        results.map(|it| (it.key, it.outcome, it.why)).collect()
    }

    /// The same, without reasons.
    pub fn outcomes(&self) -> Vec<(String, Outcome)> {
        self.told().into_iter().map(|(key, outcome, _)| (key, outcome)).collect()
    }

    pub fn answers(&self) -> Vec<AnsweredData> {
        let events = self.events(kind::ANSWERED);
        events.iter().map(|event| event.data.to().unwrap()).collect()
    }

    pub async fn log(&self) -> Log {
        self.call(self.amy, ListLog { limit: Some(200), ..ListLog::default() }).await.unwrap()
    }
}

pub async fn person(kit: &Kit, org: OrgId, login: &str, admin: bool) -> Caller {
    let args = org::AddMember {
        org: Some(org),
        login: login.into(),
        name: login.into(),
        password: None,
        title: None,
        admin,
        locale: None,
        tz: None,
        departments: Vec::new(),
    };
    let user = call(kit, Caller::SYSTEM, args).await.unwrap().user;
    let session = SessionId(kit.host().new_id());
    Caller::signed_in(user, org, session, ["read", "write", "admin"])
}

pub fn subject() -> Subject {
    Subject { plugin: "ding".into(), id: "01K5ZHR8M0D1NGD1NGD1NGD1NG".into() }
}

pub fn alert() -> Alert {
    Alert {
        title: "轉更通知".into(),
        body: "請於明早八時到店。回覆 1 確認。".into(),
        link: Some("/ding/1".into()),
        tag: "ding-1".into(),
        ttl_s: 3_600,
        confirm: true,
        lang: Some("zh-HK".into()),
        ask: Some("確認請按一".into()),
    }
}

/// Settings with Twilio at a port of this machine.
pub fn twilio(port: u16) -> SetSettings {
    let provider = Provider::Twilio {
        base: Some(format!("http://api.example:{port}")),
        account: ACCOUNT.into(),
        token: Some(TOKEN.into()),
        from: "+14155550100".into(),
    };
    SetSettings {
        providers: vec![provider],
        sms: Some(Vendor::Twilio),
        call: Some(Vendor::Twilio),
        ..SetSettings::default()
    }
}

pub fn field<T>(result: Result<T>) -> (ErrorCode, String) {
    let error: Error = result.err().unwrap();
    (error.code(), error.body().field.clone().unwrap_or_default())
}
