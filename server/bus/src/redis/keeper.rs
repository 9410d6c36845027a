//! Keeps a line to every server that has parts.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::task::JoinSet;

use super::{
    Shared,
    backoff::Backoff,
    line::Line,
    listener,
    plan::{Plan, Sources},
    publisher,
};
use crate::{Part, Suspect};

/// How often it is asked who has which part, besides when there is doubt: a server that was cut
/// off together with this node does not know that it was replaced.
const REFRESH_EVERY: Duration = Duration::from_secs(2);

/// The lines as others see them.
#[derive(Debug, Default)]
pub(super) struct Lines(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    lines: Vec<Arc<Line>>,
    /// Why it is not known who has which part.
    trouble: Option<String>,
}

impl Lines {
    /// The servers that do not work.
    pub fn suspects(&self) -> Vec<Suspect> {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let unknown = state.trouble.iter().map(|why| Suspect {
            server: "who knows the masters".to_owned(),
            parts: Part::COUNT,
            why: why.clone(),
        });
        unknown.chain(state.lines.iter().filter_map(|line| line.suspect())).collect()
    }

    /// Whether every part has a server.
    pub fn complete(&self) -> bool {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.lines.iter().map(|line| line.parts.len()).sum::<usize>() == Part::COUNT
    }

    fn known(&self, lines: Vec<Arc<Line>>) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *state = State { lines, trouble: None };
    }

    fn unknown(&self, why: String) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.trouble.as_ref() != Some(&why) {
            tracing::warn!(why, "redis: nobody says who the masters are");
        }
        state.trouble = Some(why);
    }
}

/// A line and its tasks, which end with it.
struct Running {
    line: Arc<Line>,
    _tasks: JoinSet<()>,
}

/// Runs until it is aborted.
pub(super) async fn keep(shared: Arc<Shared>, mut sources: Sources) {
    let mut running: Vec<Running> = Vec::new();
    let mut backoff = Backoff::default();
    loop {
        match sources.plan().await {
            Ok(plan) => {
                running = follow(&shared, running, plan);
                shared.lines.known(running.iter().map(|running| running.line.clone()).collect());
                backoff.reset();
            }
            Err(fault) => {
                shared.lines.unknown(fault.to_string());
                backoff.wait().await;
                continue;
            }
        }
        tokio::select! {
            () = shared.doubt.notified() => {
                sources.doubt();
                backoff.wait().await;
            }
            () = tokio::time::sleep(REFRESH_EVERY), if !sources.is_single() => {}
        }
    }
}

/// Ends the lines that are not in the plan, and starts those that are new in it. A line whose
/// parts change is another line: that is rare, and a break of some milliseconds.
fn follow(shared: &Arc<Shared>, mut running: Vec<Running>, plan: Plan) -> Vec<Running> {
    let same = |line: &Line, (server, parts): &(_, Vec<Part>)| {
        let server: &super::line::Server = server;
        line.server.name() == server.name() && line.parts == *parts
    };
    running.retain(|running| plan.iter().any(|planned| same(&running.line, planned)));
    for planned in plan {
        if !running.iter().any(|running| same(&running.line, &planned)) {
            running.push(start(shared, Line::new(planned.0, planned.1)));
        }
    }
    running
}

fn start(shared: &Arc<Shared>, line: Line) -> Running {
    let line = Arc::new(line);
    shared.outbox.route(&line);
    let mut tasks = JoinSet::new();
    tasks.spawn(publisher::publish(shared.clone(), line.clone()));
    tasks.spawn(listener::listen(shared.clone(), line.clone()));
    Running { line, _tasks: tasks }
}
