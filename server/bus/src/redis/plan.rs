//! Which server has which parts.

use redis::{AsyncConnectionConfig, Value, aio::MultiplexedConnection, cmd, from_redis_value};

use super::{
    frame::slot,
    line::{Fault, Server},
};
use crate::Part;

/// Servers of a Cluster that are remembered, to be asked when others are gone.
const KNOWN_MAX: usize = 64;

/// How parts find their server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    Single,
    Cluster,
    /// The name of the master.
    Sentinel(String),
}

/// A server for each part, as far as there is one.
pub(super) type Plan = Vec<(Server, Vec<Part>)>;

/// Who is asked.
pub(super) struct Sources {
    kind: Kind,
    /// From the address, then those that they told of.
    servers: Vec<Server>,
    seeds: usize,
    /// Whose turn it is.
    turn: usize,
    open: Option<MultiplexedConnection>,
}

impl Sources {
    pub fn new(kind: Kind, servers: Vec<Server>) -> Sources {
        Sources { kind, seeds: servers.len(), servers, turn: 0, open: None }
    }

    pub fn is_cluster(&self) -> bool {
        self.kind == Kind::Cluster
    }

    /// Whether there is nothing to ask.
    pub fn is_single(&self) -> bool {
        self.kind == Kind::Single
    }

    /// The last answer was not good: somebody else is asked next.
    pub fn doubt(&mut self) {
        self.open = None;
        self.turn += 1;
    }

    /// Asks one after the other until one knows.
    pub async fn plan(&mut self) -> Result<Plan, Fault> {
        if self.is_single() {
            return Ok(vec![(self.servers[0].clone(), Part::all().collect())]);
        }
        let mut fault = Fault::Unknown("there is nobody to ask");
        for _ in 0..self.servers.len() {
            match self.ask().await {
                Ok(plan) => return Ok(plan),
                Err(this) => fault = this,
            }
            self.doubt();
        }
        Err(fault)
    }

    async fn ask(&mut self) -> Result<Plan, Fault> {
        let server = self.servers[self.turn % self.servers.len()].clone();
        let connection = match self.open.take() {
            Some(connection) => connection,
            None => self.connect(&server).await?,
        };
        let mut asked = connection.clone();
        let plan = match &self.kind {
            Kind::Sentinel(master) => master_of(&mut asked, &server, master).await?,
            _ => {
                let slots = slots_of(&mut asked, &server).await?;
                self.remember(&slots);
                spread(&slots)
            }
        };
        self.open = Some(connection);
        Ok(plan)
    }

    async fn connect(&self, server: &Server) -> Result<MultiplexedConnection, Fault> {
        let connected = server.connect(AsyncConnectionConfig::new()).await;
        match connected {
            // Sentinels often ask for no password, or take that of the master.
            Err(Fault::Redis(_)) if matches!(self.kind, Kind::Sentinel(_)) => {
                server.anonymous()?.connect(AsyncConnectionConfig::new()).await
            }
            connected => connected,
        }
    }

    fn remember(&mut self, slots: &[Slots]) {
        let told: Vec<Server> = slots.iter().flat_map(|slots| slots.servers.clone()).collect();
        let turn = self.servers[self.turn % self.servers.len()].name();
        self.servers.truncate(self.seeds);
        for server in told {
            let known = self.servers.iter().any(|known| known.name() == server.name());
            if !known && self.servers.len() < KNOWN_MAX {
                self.servers.push(server);
            }
        }
        // The connection that is open stays with its server.
        let place = self.servers.iter().position(|server| server.name() == turn);
        self.turn = place.unwrap_or_default();
    }
}

async fn master_of(
    sentinel: &mut MultiplexedConnection,
    server: &Server,
    master: &str,
) -> Result<Plan, Fault> {
    let mut question = cmd("SENTINEL");
    question.arg("GET-MASTER-ADDR-BY-NAME").arg(master);
    let answer: Option<(String, u16)> = question.query_async(sentinel).await?;
    let (host, port) = answer.ok_or(Fault::Unknown("the Sentinel knows no such master"))?;
    Ok(vec![(server.at(&host, port)?, Part::all().collect())])
}

/// A range of slots and its servers, the master first.
struct Slots {
    first: u16,
    last: u16,
    servers: Vec<Server>,
}

async fn slots_of(
    connection: &mut MultiplexedConnection,
    server: &Server,
) -> Result<Vec<Slots>, Fault> {
    let mut question = cmd("CLUSTER");
    question.arg("SLOTS");
    let ranges: Vec<Vec<Value>> = question.query_async(connection).await?;
    ranges.into_iter().map(|range| read_range(range, server)).collect()
}

/// `first, last, (host, port, …), …`: the format of `CLUSTER SLOTS`.
fn read_range(range: Vec<Value>, asked: &Server) -> Result<Slots, Fault> {
    let strange = || Fault::Unknown("the Cluster's slots cannot be read");
    let mut fields = range.into_iter();
    let mut number = || {
        let field = fields.next().ok_or_else(strange)?;
        from_redis_value::<u16>(field).map_err(|_| strange())
    };
    let (first, last) = (number()?, number()?);
    let mut servers = Vec::new();
    for field in fields {
        let node: Vec<Value> = from_redis_value(field).map_err(|_| strange())?;
        let mut node = node.into_iter();
        let (host, port) = node.next().zip(node.next()).ok_or_else(strange)?;
        let host: Option<String> = from_redis_value(host).map_err(|_| strange())?;
        let port: u16 = from_redis_value(port).map_err(|_| strange())?;
        // A node that does not know its own address has the one that it was asked at.
        let host = host.filter(|host| !host.is_empty() && host != "?");
        servers.push(asked.at(host.as_deref().unwrap_or(asked.host()), port)?);
    }
    if servers.is_empty() { Err(strange()) } else { Ok(Slots { first, last, servers }) }
}

/// The parts of each master. A part whose slot nobody has is in none.
fn spread(slots: &[Slots]) -> Plan {
    let mut plan: Plan = Vec::new();
    for part in Part::all() {
        let slot = slot(part);
        let owner = slots.iter().find(|slots| (slots.first..=slots.last).contains(&slot));
        let Some(master) = owner.and_then(|slots| slots.servers.first()) else { continue };
        match plan.iter_mut().find(|(server, _)| server.name() == master.name()) {
            Some((_, parts)) => parts.push(part),
            None => plan.push((master.clone(), vec![part])),
        }
    }
    plan
}
