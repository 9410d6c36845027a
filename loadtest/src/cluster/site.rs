//! The servers of a run: nodes, their database and Redis, and a proxy before each.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    process::Command,
};

use carillon_rig::{Postgres, Redis};
use clap::ValueEnum;

use crate::{
    fleet::{Failed, Target},
    place::{Place, Running},
};

use super::proxy::Proxy;

/// The name of the database.
const DATABASE: &str = "carillon";

/// What the log is kept in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Database {
    /// A file beside the node: for one node.
    Sqlite,
    /// A server, and a Redis beside it: for any number of nodes.
    Postgres,
}

/// A node and what stands before and behind it.
struct Node {
    place: Place,
    running: Option<Running>,
    clients: Proxy,
    postgres: Option<Proxy>,
    redis: Option<Proxy>,
}

/// All servers.
pub struct Site {
    nodes: Vec<Node>,
    // Behind the nodes, so that those end first.
    postgres: Option<Postgres>,
    redis: Option<Redis>,
}

/// Which connections of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// From clients.
    Clients,
    /// To PostgreSQL.
    Postgres,
    /// To Redis.
    Redis,
}

fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

impl Site {
    /// So many nodes that do not run yet.
    pub fn new(program: &Path, nodes: usize, database: Database) -> Result<Site, Failed> {
        let (mut postgres, mut redis) = (None, None);
        match database {
            Database::Sqlite if nodes > 1 => {
                let why = "several nodes need a database that they share: --database postgres";
                return Err(Failed::Usage(why.into()));
            }
            Database::Sqlite => {}
            Database::Postgres => {
                let server = Postgres::start();
                server.sql("postgres", &format!("CREATE DATABASE {DATABASE} TEMPLATE template0"));
                (postgres, redis) = (Some(server), Some(Redis::start()));
            }
        }
        let mut site = Site { nodes: Vec::new(), postgres, redis };
        for number in 0..nodes {
            let node = site.node(program, number)?;
            site.nodes.push(node);
        }
        Ok(site)
    }

    fn node(&self, program: &Path, number: usize) -> Result<Node, Failed> {
        let before = |port: Option<u16>| port.map(|port| Proxy::start(loopback(port))).transpose();
        let postgres = before(self.postgres.as_ref().map(Postgres::port))?;
        let redis = before(self.redis.as_ref().map(Redis::port))?;
        // Providers are told where to report to; none of ours does.
        let mut settings = String::from("shards = 1\npublic_url = \"https://load.example\"\n");
        if let Some(proxy) = &postgres {
            let to = proxy.address();
            settings += &format!("database = \"postgres://carillon@{to}/{DATABASE}\"\n");
            settings += &format!("node = \"node-{number}\"\n");
        }
        if let Some(proxy) = &redis {
            settings += &format!("redis = \"redis://{}\"\n", proxy.address());
        }
        let place = Place::node(program, &settings)?;
        // Until it runs there is nobody.
        let clients = Proxy::start(loopback(1))?;
        Ok(Node { place, running: None, clients, postgres, redis })
    }

    /// The first node's commands reach all of them.
    pub fn organisation(&self, name: &str, login: &str) -> Result<String, Failed> {
        self.nodes[0].place.organisation(name, login)
    }

    /// Adds settings of every node, before it starts.
    pub fn configure(&self, settings: &str) -> Result<(), Failed> {
        self.nodes.iter().try_for_each(|node| Ok(node.place.add(settings)?))
    }

    /// How many nodes there are.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there are a PostgreSQL and a Redis.
    pub fn has_services(&self) -> bool {
        self.postgres.is_some()
    }

    /// Where clients connect.
    pub fn targets(&self) -> Vec<Target> {
        let target =
            |node: &Node| Target { address: node.clients.address(), path: "/v1/ws".to_owned() };
        self.nodes.iter().map(target).collect()
    }

    /// Starts a node, and leads its clients there. What it says is kept in this folder.
    pub fn start(&mut self, number: usize, logs: &Path) -> Result<(), Failed> {
        let node = &mut self.nodes[number];
        let path = logs.join(format!("node-{number}.log"));
        let running = node.place.start_logged(&path)?;
        node.clients.lead_to(running.target()?.address);
        node.running = Some(running);
        Ok(())
    }

    /// `kill -9`.
    pub fn kill(&mut self, number: usize) {
        self.nodes[number].running = None;
    }

    fn running(&self, number: usize) -> Result<&Running, Failed> {
        let running = self.nodes[number].running.as_ref();
        running.ok_or_else(|| Failed::Usage(format!("node {number} does not run")))
    }

    /// `SIGSTOP`.
    pub fn freeze(&self, number: usize) -> Result<(), Failed> {
        Ok(self.running(number)?.freeze()?)
    }

    /// `SIGCONT`.
    pub fn thaw(&self, number: usize) -> Result<(), Failed> {
        Ok(self.running(number)?.thaw()?)
    }

    /// The proxy on one side of a node.
    pub fn proxy(&self, number: usize, side: Side) -> Option<&Proxy> {
        let node = &self.nodes[number];
        match side {
            Side::Clients => Some(&node.clients),
            Side::Postgres => node.postgres.as_ref(),
            Side::Redis => node.redis.as_ref(),
        }
    }

    /// The Redis.
    pub fn redis(&mut self) -> Option<&mut Redis> {
        self.redis.as_mut()
    }

    /// The PostgreSQL.
    pub fn postgres(&mut self) -> Option<&mut Postgres> {
        self.postgres.as_mut()
    }

    /// Makes Redis forget everything.
    pub fn flush(&self) -> Result<(), Failed> {
        let Some(redis) = &self.redis else { return Ok(()) };
        let port = redis.port().to_string();
        let flushed = Command::new("redis-cli").args(["-p", &port, "FLUSHALL"]).output()?;
        if flushed.status.success() {
            return Ok(());
        }
        Err(io::Error::other(String::from_utf8_lossy(&flushed.stderr).into_owned()).into())
    }

    /// Ends all nodes as an operator does; answers what was not as it should be.
    pub fn end(&mut self) -> Result<Vec<String>, Failed> {
        let mut wrong = Vec::new();
        for (number, node) in self.nodes.iter_mut().enumerate() {
            let Some(mut running) = node.running.take() else { continue };
            if let Some(status) = running.ended()? {
                wrong.push(format!("node {number} ended by itself: {status}"));
                continue;
            }
            match running.end()? {
                Some(status) if status.success() => {}
                Some(status) => wrong.push(format!("node {number} did not end well: {status}")),
                None => wrong.push(format!("node {number} did not end when it was asked to")),
            }
        }
        Ok(wrong)
    }

    /// Where the log lies, as `dump` takes it.
    pub fn database(&self) -> String {
        match &self.postgres {
            Some(postgres) => postgres.url(DATABASE),
            None => self.nodes[0].place.path("data/carillon.db").display().to_string(),
        }
    }
}
