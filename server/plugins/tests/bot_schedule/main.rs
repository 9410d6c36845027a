//! What schedules and digests promise, through the host as every caller meets it.

// Clippy knows `#[test]` functions as tests, not what they share.
#![allow(clippy::unwrap_used)]

mod digests;
mod due;
mod lacking;
mod places;

use carillon_plugin::{
    Caller, Clock as _, Error, Look, Plugin, Window,
    protocol::{
        Cid, Command, ConvId, ErrorCode, Event, OrgId, RobotId, Topic, UserId, bot,
        conv::{self, History},
        digest::{self, Section, Show, Span, Template},
        msg::{self, Body, SentData},
        org,
        schedule::{self, Says, Schedule},
    },
};
use carillon_plugins::{bot as robots, chat, directory};
use carillon_store::kit::Kit;

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;

fn plugins() -> Vec<Plugin> {
    vec![
        directory::plugin(<_>::default()),
        chat::plugin(<_>::default()),
        robots::plugin(),
        lacking::plugin(),
    ]
}

/// A group of `amy`, who administers, and `bob`, with a robot.
struct World {
    kit: Kit,
    org: OrgId,
    amy: Caller,
    bob: Caller,
    conv: ConvId,
    robot: RobotId,
}

impl World {
    async fn in_zone(tz: &str) -> World {
        let kit = Kit::new(plugins()).await;
        let make = org::Create { name: "Harbour".into() };
        let org = system(&kit, &make).await.org;
        let amy = person(&kit, org, "amy", "Amy").await;
        let bob = person(&kit, org, "bob", "Bob").await;
        let (tz, locale) = (Some(tz.into()), Some("en".into()));
        let update = org::Update { tz, locale, ..org::Update::default() };
        let admin = Caller::for_plugin(amy.user, org);
        kit.host().call_typed(admin, None, &update).await.unwrap();
        let members = vec![bob.user];
        let group = conv::Create { title: "Bridge".into(), members, history: History::All };
        let new = Some(Cid(kit.host().new_id()));
        let conv = kit.host().call_typed(amy, new, &group).await.unwrap().conv;
        let create = bot::Create { conv, name: "Clock".into(), rules: None };
        let new = Some(Cid(kit.host().new_id()));
        let robot = kit.host().call_typed(amy, new, &create).await.unwrap().robot;
        kit.settle().await;
        World { kit, org, amy, bob, conv, robot }
    }

    async fn call<C: Command>(&self, who: Caller, args: &C) -> Result<C::Reply, Error> {
        let new = Some(Cid(self.kit.host().new_id()));
        self.kit.host().call_typed(who, new, args).await
    }

    fn put(&self, cron: &str) -> schedule::Put {
        schedule::Put {
            robot: self.robot,
            schedule: "daily".into(),
            title: "Morning".into(),
            cron: cron.into(),
            says: Says::Text { text: "Good **morning**".into() },
            paused: false,
            convs: Vec::new(),
        }
    }

    async fn plan(&self, cron: &str) -> Schedule {
        self.call(self.amy, &self.put(cron)).await.unwrap()
    }

    fn now(&self) -> i64 {
        self.kit.clock().now()
    }

    /// The clock shows this time, and everything that is due happens.
    async fn at(&self, time: i64) {
        self.kit.clock().advance(time - self.now());
        self.kit.settle().await;
    }

    /// A group of somebody's own.
    async fn group(&self, owner: Caller, title: &str, members: &[UserId]) -> ConvId {
        let members = members.to_vec();
        let group = conv::Create { title: title.into(), members, history: History::All };
        self.call(owner, &group).await.unwrap().conv
    }

    /// What the robot wrote into its own group: when, and what.
    async fn posts(&self) -> Vec<(i64, Body)> {
        self.posts_in(self.conv).await
    }

    async fn posts_in(&self, conv: ConvId) -> Vec<(i64, Body)> {
        let topic = Topic::Conv(conv);
        let look = Look::After(0);
        let store = carillon_plugin::Storage::events;
        let events = store(self.kit.store(), topic, Window::all(), look, true, 200).await.unwrap();
        let by_robot = events.into_iter().filter(|event| event.by == UserId(self.robot.0));
        by_robot.map(|event: Event| (event.at, event.data.to::<SentData>().unwrap().body)).collect()
    }

    async fn say(&self, who: Caller, text: &str, mentions: Vec<UserId>) -> u64 {
        let body = Body::Text { text: text.into(), mentions };
        let send = msg::Send { conv: self.conv, body, reply_to: None, everybody: false };
        self.call(who, &send).await.unwrap().seq
    }

    /// The text of what would be posted now.
    async fn preview(&self, who: Caller, says: Says) -> Result<String, Error> {
        let preview = digest::Preview { robot: self.robot, title: "Yesterday".into(), says };
        match self.call(who, &preview).await?.body {
            Body::Markdown { text, .. } => Ok(text),
            other => panic!("{other:?}"),
        }
    }
}

async fn system<C: Command>(kit: &Kit, args: &C) -> C::Reply {
    let new = Some(Cid(kit.host().new_id()));
    kit.host().call_typed(Caller::SYSTEM, new, args).await.unwrap()
}

async fn person(kit: &Kit, org: OrgId, login: &str, name: &str) -> Caller {
    let add = org::AddMember {
        org: Some(org),
        login: login.into(),
        name: name.into(),
        password: None,
        title: None,
        admin: login == "amy",
        locale: None,
        tz: None,
        departments: Vec::new(),
    };
    Caller::on_behalf_of(system(kit, &add).await.user, org)
}

fn code<T>(outcome: Result<T, Error>) -> ErrorCode {
    outcome.err().expect("it is refused").code()
}

fn template(fact: &str, show: Show) -> Says {
    let section = Section { title: None, fact: fact.into(), period: Span::Yesterday, show };
    Says::Template { template: Template { intro: None, sections: vec![section] } }
}

fn moment(text: &str) -> i64 {
    text.parse::<jiff::Timestamp>().unwrap().as_millisecond()
}

fn get(world: &World) -> schedule::Get {
    schedule::Get { robot: world.robot, schedule: "daily".into() }
}
