//! The scenarios against a server of their own.

use std::{fs, path::Path};

use clap::Parser;
use serde_json::Value;

use super::*;
use crate::{
    place::{self, Place, Running},
    seed,
};

#[derive(Debug, Parser)]
struct Line {
    #[command(subcommand)]
    scenario: Scenario,
}

struct Server {
    place: Place,
    running: Running,
}

impl Server {
    fn start() -> Server {
        let place = Place::new(&place::program(None).unwrap(), 1).unwrap();
        let running = place.start().unwrap();
        Server { place, running }
    }

    /// What the scenario of this command line measured, and how it ended.
    fn try_out(&self, line: &str) -> (Value, Result<(), Failed>) {
        let url = self.running.url().to_owned();
        let out = self.place.path("report");
        let words = ["test"].into_iter().chain(line.split(' '));
        let words = words.chain(["--url", &url, "--out", out.to_str().unwrap()]);
        let words: Vec<String> =
            words.map(|word| word.replace("TOKEN", self.place.token())).collect();
        let ended = run(&Line::try_parse_from(words).unwrap().scenario);
        (report(&out), ended)
    }

    fn tokens(&self, people: usize) -> String {
        let out = self.place.path("tokens");
        let token = self.place.token().to_owned();
        let args = seed::SeedArgs { token, people, shape: seed::Shape::Office, out: out.clone() };
        seed::seed(&self.running.target().unwrap(), &args).unwrap();
        out.display().to_string()
    }
}

/// The page is there too.
fn report(folder: &Path) -> Value {
    assert!(fs::read_to_string(folder.join("report.html")).unwrap().contains("<svg"));
    serde_json::from_str(&fs::read_to_string(folder.join("report.json")).unwrap()).unwrap()
}

fn fact<'a>(report: &'a Value, what: &str) -> &'a str {
    let facts = report["facts"].as_array().unwrap();
    facts.iter().find(|fact| fact[0] == what).unwrap()[1].as_str().unwrap()
}

#[test]
fn what_people_write_in_groups_is_acknowledged_and_seen_by_all_of_them() {
    let chat = "chat --token TOKEN --people 20 --group 5 --per-s 100 --seconds 1";
    let (report, ended) = Server::start().try_out(chat);
    ended.unwrap();
    assert_eq!(fact(&report, "acknowledged"), "100");
    assert_eq!(fact(&report, "arrivals"), "500 of 500");
    assert!(report["arrivals"]["p99_ms"].as_f64().unwrap() > 0.0);
    assert_eq!(report["stopped"], Value::Null);
}

#[test]
fn what_is_written_to_many_arrives_at_each_of_them() {
    let fanout = "fanout --token TOKEN --listeners 50 --per-s 20 --seconds 1";
    let (report, ended) = Server::start().try_out(fanout);
    ended.unwrap();
    assert_eq!(fact(&report, "arrivals"), "1000 of 1000");
}

#[test]
fn everybody_comes_and_after_a_storm_comes_back() {
    let server = Server::start();
    let tokens = server.tokens(60);
    let connect = format!("connect --tokens {tokens} --connections 60 --per-s 200 --hold-s 0");
    let (report, ended) = server.try_out(&connect);
    ended.unwrap();
    assert_eq!(fact(&report, "connections at the end"), "60 of 60");
    let (report, ended) = server.try_out(&format!("storm --tokens {tokens} --clients 60"));
    ended.unwrap();
    assert_eq!(fact(&report, "not back"), "0");
    assert_eq!(report["verdicts"][0]["reached"], true);
}

#[test]
fn a_scenario_ends_by_itself_when_there_is_enough() {
    let chat = "chat --token TOKEN --people 4 --per-s 100 --seconds 60 --stop-p99-ms 0";
    let (report, ended) = Server::start().try_out(chat);
    ended.unwrap();
    assert!(report["stopped"].as_str().unwrap().contains("3 seconds on end"), "{report}");
    assert!(report["seconds"].as_array().unwrap().len() < 30);
}
