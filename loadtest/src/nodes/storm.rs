//! Everybody is cut off from two nodes at once, and comes back.

use std::{
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use super::Site;
use crate::{
    bars::{Bar, Verdict},
    fleet::{Failed, Target},
    http, scenario,
    seed::{self, SeedArgs, Shape},
};

/// How often the nodes are asked whether they are ready, as a proxy does.
const LOOK: Duration = Duration::from_millis(500);

/// So many clients, each of somebody of their own in an office.
pub fn storm(site: &Site, clients: usize, out: &Path) -> Result<Vec<Verdict>, Failed> {
    let tokens = site.place().path("tokens");
    let token = site.token().to_owned();
    let office = SeedArgs { token, people: clients, shape: Shape::Office, out: tokens.clone() };
    seed::seed(&site.target(0)?, &office)?;
    println!("{clients} people in groups");
    let (over, targets) = (AtomicBool::new(false), [site.target(0)?, site.target(1)?]);
    thread::scope(|scope| {
        let looking = scope.spawn(|| look(&targets, &over));
        let verdicts = scenario::storm(site.urls(), &tokens, clients, out);
        over.store(true, Ordering::Relaxed);
        let (looks, red) = looking.join().expect("nobody who looks panics");
        let mut verdicts = verdicts?;
        verdicts.push(Verdict {
            matter: "storm: looks at /readyz that were red".into(),
            figure: f64::from(red),
            bar: Bar::AtMost(0.0),
            from: format!("{looks} looks, also while everybody came the first time"),
        });
        Ok(verdicts)
    })
}

/// How often the nodes were looked at, and how often one of them was not ready.
fn look(targets: &[Target], over: &AtomicBool) -> (u32, u32) {
    let (mut looks, mut red) = (0, 0);
    while !over.load(Ordering::Relaxed) {
        for target in targets {
            looks += 1;
            red += u32::from(!http::is_ready(target));
        }
        thread::sleep(LOOK);
    }
    (looks, red)
}
