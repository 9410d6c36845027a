//! Everybody is cut off from two nodes at once, and comes back.

use std::path::Path;

use super::Site;
use crate::{
    bars::Verdict,
    fleet::Failed,
    scenario,
    seed::{self, SeedArgs, Shape},
};

/// So many clients, each of somebody of their own in an office.
pub fn storm(site: &Site, clients: usize, out: &Path) -> Result<Vec<Verdict>, Failed> {
    let tokens = site.place().path("tokens");
    let token = site.token().to_owned();
    let office = SeedArgs { token, people: clients, shape: Shape::Office, out: tokens.clone() };
    seed::seed(&site.target(0)?, &office)?;
    println!("{clients} people in groups");
    scenario::storm(site.urls(), &tokens, clients, out)
}
