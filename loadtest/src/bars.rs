//! Figures, and the bars that they should reach.

use std::fmt;

/// What a figure should be.
#[derive(Debug, Clone, Copy)]
pub enum Bar {
    /// Less is better.
    AtMost(f64),
    /// More is better.
    AtLeast(f64),
}

impl fmt::Display for Bar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Bar::AtMost(bar) => write!(f, "≤ {bar:.2}"),
            Bar::AtLeast(bar) => write!(f, "≥ {bar:.2}"),
        }
    }
}

/// A figure beside its bar.
#[derive(Debug, Clone)]
pub struct Verdict {
    /// What was measured, and in what unit.
    pub matter: String,
    /// The figure.
    pub figure: f64,
    /// What it should be.
    pub bar: Bar,
    /// What the figure was made of.
    pub from: String,
}

impl Verdict {
    /// Whether it is what it should be.
    pub fn is_reached(&self) -> bool {
        match self.bar {
            Bar::AtMost(bar) => self.figure <= bar,
            Bar::AtLeast(bar) => self.figure >= bar,
        }
    }

    /// The same as words.
    pub fn word(&self) -> &'static str {
        if self.is_reached() { "reached" } else { "not reached" }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Verdict { matter, figure, bar, from } = self;
        let (bar, reached) = (bar.to_string(), self.word());
        write!(f, "{matter:<58}{figure:>9.2}  {bar:<11}{reached:<13}{from}")
    }
}

/// All of them.
pub fn print(verdicts: &[Verdict]) {
    println!("\n{:<58}{:>9}  {:<11}{:<13}from", "matter", "figure", "bar", "verdict");
    verdicts.iter().for_each(|verdict| println!("{verdict}"));
}

/// The one in the middle; of an even number, the upper of the two.
///
/// # Panics
/// If there is none.
pub fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_reached_from_its_own_side() {
        let verdict = |figure, bar| {
            Verdict { matter: "a".into(), figure, bar, from: String::new() }.to_string()
        };
        assert!(verdict(1.16, Bar::AtMost(1.15)).contains("not reached"));
        assert!(!verdict(1.14, Bar::AtMost(1.15)).contains("not reached"));
        assert!(verdict(0.39, Bar::AtLeast(0.4)).contains("not reached"));
        assert!(!verdict(0.41, Bar::AtLeast(0.4)).contains("not reached"));
    }
}
