//! What the server itself counts of how long it has packets.

use crate::{
    fleet::{Failed, Target},
    http,
};

/// How many packets took at most so many seconds, by class, as Prometheus has it.
const CLASSES: &str = "carillon_room_forward_seconds_bucket{le=\"";

/// Each class's bound, and how many packets were within it.
pub struct Forwarded(Vec<(f64, f64)>);

impl Forwarded {
    /// What the server has counted until now.
    pub fn read(target: &Target) -> Result<Forwarded, Failed> {
        let (status, text) = http::get(target, "/metrics")?;
        let classes = Forwarded::parse(&text);
        if status != 200 || classes.0.is_empty() {
            return Err(std::io::Error::other("/metrics says nothing of forwarding").into());
        }
        Ok(classes)
    }

    fn parse(text: &str) -> Forwarded {
        let class = |line: &str| {
            let (bound, rest) = line.strip_prefix(CLASSES)?.split_once('"')?;
            let bound = if bound == "+Inf" { f64::INFINITY } else { bound.parse().ok()? };
            Some((bound, rest.rsplit(' ').next()?.trim().parse().ok()?))
        };
        Forwarded(text.lines().filter_map(class).collect())
    }

    /// How many of a hundred packets since then took at most so long; no number if none came.
    pub fn percent_within(&self, before: &Forwarded, seconds: f64) -> f64 {
        let within = |of: &Forwarded| {
            of.0.iter().filter(|(bound, _)| *bound <= seconds).map(|it| it.1).fold(0.0, f64::max)
        };
        let of = |of: &Forwarded| (within(of), of.0.iter().map(|it| it.1).fold(0.0, f64::max));
        let (now, before) = (of(self), of(before));
        (now.0 - before.0) * 100.0 / (now.1 - before.1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_since_is_what_counts() {
        let told = |half: u32, two: u32, all: u32| {
            Forwarded::parse(&format!(
                "# TYPE x\n{CLASSES}0.0005\"}} {half}\n{CLASSES}0.002\"}} {two}\n\
                 {CLASSES}+Inf\"}} {all}\nother 3\n"
            ))
        };
        let (before, after) = (told(10, 10, 100), told(60, 109, 200));
        assert!((after.percent_within(&before, 0.0005) - 50.0).abs() < 1e-9);
        assert!((after.percent_within(&before, 0.002) - 99.0).abs() < 1e-9);
        assert!(after.percent_within(&after, 0.002).is_nan());
    }
}
