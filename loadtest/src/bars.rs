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
    /// Something that could not be measured, and why: no bar is reached by it.
    pub fn failed(matter: String, why: &dyn fmt::Display) -> Verdict {
        Verdict { matter, figure: f64::NAN, bar: Bar::AtMost(0.0), from: why.to_string() }
    }

    /// Whether it is what it should be: what is no number, or has no end, never is.
    pub fn is_reached(&self) -> bool {
        self.figure.is_finite()
            && match self.bar {
                Bar::AtMost(bar) => self.figure <= bar,
                Bar::AtLeast(bar) => self.figure >= bar,
            }
    }

    /// The same as words.
    pub fn word(&self) -> &'static str {
        match self.figure {
            figure if figure.is_nan() => "not measured",
            _ if self.is_reached() => "reached",
            _ => "not reached",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Verdict { matter, figure, bar, from } = self;
        let (bar, reached) = (bar.to_string(), self.word());
        write!(f, "{matter:<58}{figure:>9.2}  {bar:<11}{reached:<14}{from}")
    }
}

/// All of them.
pub fn print(verdicts: &[Verdict]) {
    println!("\n{:<58}{:>9}  {:<11}{:<14}from", "matter", "figure", "bar", "verdict");
    verdicts.iter().for_each(|verdict| println!("{verdict}"));
}

/// The one in the middle; of an even number, the upper of the two.
///
/// # Panics
/// If there is none.
pub fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    quantile(values, 0.5)
}

/// The one that this share of all of them lies below: 0.5 is the median.
///
/// # Panics
/// If there is none.
pub fn quantile(values: impl IntoIterator<Item = f64>, share: f64) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    let rank = (values.len() as f64 * share) as usize;
    values[rank.min(values.len() - 1)]
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
        // Not by what is shown of it.
        assert!(verdict(2.004, Bar::AtMost(2.0)).contains("not reached"));
        assert!(verdict(99.499, Bar::AtLeast(99.5)).contains("not reached"));
    }

    #[test]
    fn what_was_not_measured_reaches_nothing() {
        for bar in [Bar::AtMost(1e9), Bar::AtLeast(0.0)] {
            for figure in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
                let verdict = Verdict { matter: "a".into(), figure, bar, from: String::new() };
                assert!(!verdict.is_reached(), "{verdict}");
            }
        }
        let failed = Verdict::failed("a".into(), &"no server");
        assert!(!failed.is_reached() && failed.to_string().contains("not measured"), "{failed}");
    }

    #[test]
    fn the_median_is_in_the_middle_and_what_never_came_is_late() {
        let median = |values: &[f64]| median(values.iter().copied());
        assert_eq!([median(&[3.0, 1.0, 2.0]), median(&[4.0, 1.0, 3.0, 2.0])], [2.0, 3.0]);
        let hundred = || (1..=100).map(f64::from);
        assert_eq!(
            [0.0, 0.5, 0.99, 1.0].map(|share| quantile(hundred(), share)),
            [1.0, 51.0, 100.0, 100.0]
        );
        assert!(median(&[1.0, f64::INFINITY, f64::INFINITY]).is_infinite());
        assert!(median(&[1.0, f64::NAN, f64::NAN]).is_nan());
    }
}
