//! The servers of a measurement.

use std::path::Path;

use carillon_rig::{Postgres, Redis};

use crate::{
    fleet::{Failed, Target},
    place::{Place, Running},
};

/// The name of the database.
const DATABASE: &str = "carillon";

/// Nodes, and what they share.
pub struct Site {
    nodes: Vec<(Place, Option<Running>)>,
    token: String,
    // Behind the nodes, so that those end first.
    postgres: Postgres,
    redis: Redis,
}

impl Site {
    /// So many nodes that run, and an organisation with an administrator.
    pub fn start(program: &Path, nodes: usize) -> Result<Site, Failed> {
        let (postgres, redis) = (Postgres::start(), Redis::start());
        postgres.sql("postgres", &format!("CREATE DATABASE {DATABASE} TEMPLATE template0"));
        let mut site = Site { nodes: Vec::new(), token: String::new(), postgres, redis };
        for number in 0..nodes {
            let settings = format!(
                "shards = 1\ndatabase = \"{}\"\nredis = \"{}\"\nnode = \"node-{number}\"\n",
                site.postgres.url(DATABASE),
                site.redis.url()
            );
            let place = Place::node(program, &settings)?;
            if number == 0 {
                site.token = place.organisation("Load", "load")?;
            }
            site.nodes.push((place, None));
            site.begin(number)?;
        }
        Ok(site)
    }

    /// Starts a node.
    pub fn begin(&mut self, number: usize) -> Result<(), Failed> {
        let (place, running) = &mut self.nodes[number];
        *running = Some(place.start()?);
        Ok(())
    }

    /// `kill -9`.
    pub fn kill(&mut self, number: usize) {
        self.nodes[number].1 = None;
    }

    /// A node that runs.
    pub fn node(&self, number: usize) -> Result<&Running, Failed> {
        let running = self.nodes[number].1.as_ref();
        running.ok_or_else(|| Failed::Usage(format!("node {number} does not run")))
    }

    /// Where it listens.
    pub fn target(&self, number: usize) -> Result<Target, Failed> {
        self.node(number)?.target()
    }

    /// Where all of them listen.
    pub fn urls(&self) -> Vec<String> {
        let running = self.nodes.iter().filter_map(|(_, running)| running.as_ref());
        running.map(|running| running.url().to_owned()).collect()
    }

    /// The administrator's token.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// A place for a file.
    pub fn place(&self) -> &Place {
        &self.nodes[0].0
    }

    /// The PostgreSQL.
    pub fn postgres(&self) -> &Postgres {
        &self.postgres
    }

    /// The Redis.
    pub fn redis(&self) -> &Redis {
        &self.redis
    }

    /// Asks the database past the server.
    pub fn sql(&self, sql: &str) -> String {
        self.postgres.sql(DATABASE, sql).trim().to_owned()
    }
}
