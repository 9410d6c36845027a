//! A plot as SVG: lines over an axis, bands behind them. It takes its colours from the page.

use std::fmt::Write as _;

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 260.0;
/// What the axes take, on the left, on the right, above and below.
const LEFT: f64 = 62.0;
const RIGHT: f64 = 30.0;
const TOP: f64 = 12.0;
const BELOW: f64 = 30.0;
const TICKS: u32 = 5;

/// A line of a plot.
#[derive(Clone)]
pub struct Line {
    /// What it shows.
    pub name: &'static str,
    /// From left to right.
    pub points: Vec<(f64, f64)>,
}

/// A part of the horizontal axis that is marked.
#[derive(Clone)]
pub struct Band {
    /// Where it begins.
    pub from: f64,
    /// Where it ends.
    pub to: f64,
    /// Why.
    pub name: String,
}

/// A plot.
#[derive(Clone)]
pub struct Plot {
    /// What it shows.
    pub title: &'static str,
    /// What the vertical axis counts.
    pub unit: &'static str,
    /// Whether each step up is ten times the one before.
    pub log: bool,
    /// What is drawn; the first is drawn in the first colour of the page.
    pub lines: Vec<Line>,
    /// What is marked.
    pub bands: Vec<Band>,
    /// The marks of the horizontal axis; seconds if there are none.
    pub marks: Vec<(f64, String)>,
}

/// A text inside of HTML.
pub fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// A number for a person: few digits.
fn short(value: f64) -> String {
    match value {
        _ if value >= 10_000.0 => format!("{:.0}k", value / 1e3),
        _ if value >= 10.0 || value == 0.0 => format!("{value:.0}"),
        _ if value < 0.1 => format!("{value:.2}"),
        _ => format!("{value:.1}"),
    }
}

/// The next round number from here on: 1, 2 or 5 and zeros.
fn round_up(value: f64) -> f64 {
    let ten = 10_f64.powf(value.max(1.0).log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0];
    steps.iter().map(|step| step * ten).find(|round| *round >= value).unwrap_or(10.0 * ten)
}

/// How values become places.
struct Scale {
    x: (f64, f64),
    y: (f64, f64),
    log: bool,
}

impl Scale {
    fn of(plot: &Plot) -> Scale {
        let points = || plot.lines.iter().flat_map(|line| &line.points);
        let most = points().map(|point| point.1).fold(1.0, f64::max);
        let least = points().map(|point| point.1).filter(|y| *y > 0.0).fold(most, f64::min);
        let x = |of: fn(f64, f64) -> f64, from: f64| points().map(|point| point.0).fold(from, of);
        let (first, last) = (x(f64::min, f64::MAX), x(f64::max, f64::MIN));
        let (first, last) = if first < last { (first, last) } else { (0.0, 1.0) };
        let y = if plot.log {
            (
                10_f64.powf(least.max(0.01).log10().floor()),
                10_f64.powf(most.log10().ceil().max(1.0)),
            )
        } else {
            (0.0, round_up(most))
        };
        Scale { x: (first, last), y, log: plot.log }
    }

    fn x(&self, value: f64) -> f64 {
        let part = (value - self.x.0) / (self.x.1 - self.x.0);
        LEFT + part.clamp(0.0, 1.0) * (WIDTH - LEFT - RIGHT)
    }

    fn y(&self, value: f64) -> f64 {
        let (low, high) = self.y;
        let part = if self.log {
            (value.max(low) / low).ln() / (high / low).ln()
        } else {
            (value - low) / (high - low)
        };
        HEIGHT - BELOW - part.clamp(0.0, 1.0) * (HEIGHT - TOP - BELOW)
    }

    fn y_marks(&self) -> Vec<f64> {
        let (low, high) = self.y;
        if self.log {
            let decades = (high / low).log10().round() as i32;
            return (0..=decades).map(|decade| low * 10_f64.powi(decade)).collect();
        }
        (0..=TICKS).map(|tick| high * f64::from(tick) / f64::from(TICKS)).collect()
    }

    fn x_marks(&self) -> Vec<(f64, String)> {
        let (first, last) = self.x;
        let step = round_up((last - first) / f64::from(TICKS)).max(1.0);
        let marks = (0..).map(|mark| (first / step).ceil() * step + f64::from(mark) * step);
        marks.take_while(|mark| *mark <= last).map(|mark| (mark, format!("{mark:.0} s"))).collect()
    }
}

impl Plot {
    /// The plot, as a figure of a page.
    pub fn figure(&self) -> String {
        let mut out = format!(
            "<figure><figcaption><strong>{}</strong>, {}",
            escaped(self.title),
            escaped(self.unit)
        );
        for (number, line) in self.lines.iter().enumerate() {
            write_to(&mut out, format_args!(" <b class=l{number}>{}</b>", escaped(line.name)));
        }
        let title = escaped(self.title);
        write_to(
            &mut out,
            format_args!(
                "</figcaption><svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=img \
                 aria-label=\"{title}\">"
            ),
        );
        self.draw(&mut out);
        out += "</svg></figure>\n";
        out
    }

    fn draw(&self, out: &mut String) {
        let scale = Scale::of(self);
        for band in &self.bands {
            let (from, to) = (scale.x(band.from), scale.x(band.to));
            write_to(
                out,
                format_args!(
                    "<rect class=band x={from:.1} y={TOP} width={:.1} height={:.1}>\
                     <title>{}</title></rect>",
                    (to - from).max(1.0),
                    HEIGHT - TOP - BELOW,
                    escaped(&band.name)
                ),
            );
        }
        for mark in scale.y_marks() {
            let y = scale.y(mark);
            write_to(
                out,
                format_args!(
                    "<path class=grid d=\"M{LEFT} {y:.1}H{:.1}\"/>\
                     <text x={:.1} y={:.1} text-anchor=end>{}</text>",
                    WIDTH - RIGHT,
                    LEFT - 6.0,
                    y + 4.0,
                    short(mark)
                ),
            );
        }
        let marks = if self.marks.is_empty() { scale.x_marks() } else { self.marks.clone() };
        for (mark, text) in marks {
            write_to(
                out,
                format_args!(
                    "<text x={:.1} y={:.1} text-anchor=middle>{}</text>",
                    scale.x(mark),
                    HEIGHT - 8.0,
                    escaped(&text)
                ),
            );
        }
        for (number, line) in self.lines.iter().enumerate() {
            let points = line.points.iter();
            let points: Vec<String> =
                points.map(|(x, y)| format!("{:.1},{:.1}", scale.x(*x), scale.y(*y))).collect();
            let points = points.join(" ");
            write_to(out, format_args!("<polyline class=l{number} points=\"{points}\"/>"));
        }
    }
}

fn write_to(out: &mut String, what: std::fmt::Arguments<'_>) {
    out.write_fmt(what).expect("a string takes everything");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_point_lies_inside_and_more_is_higher() {
        let bands = [Band { from: 1.0, to: 2.0, name: "<kill>".into() }];
        for log in [false, true] {
            let plot = Plot {
                title: "delays",
                unit: "ms",
                log,
                lines: vec![Line { name: "a & b", points: vec![(0.0, 1.0), (5.0, 900.0)] }],
                bands: bands.to_vec(),
                marks: Vec::new(),
            };
            let scale = Scale::of(&plot);
            assert!(scale.y(900.0) < scale.y(1.0) && scale.y(900.0) >= TOP);
            assert!(scale.x(0.0) >= LEFT && scale.x(5.0) <= WIDTH - RIGHT);
            let figure = plot.figure();
            assert!(figure.contains("a &amp; b") && figure.contains("&lt;kill&gt;"));
        }
    }

    #[test]
    fn nothing_measured_is_a_plot_all_the_same() {
        let plot = Plot {
            title: "",
            unit: "",
            log: true,
            lines: Vec::new(),
            bands: Vec::new(),
            marks: Vec::new(),
        };
        assert!(!plot.figure().contains("NaN"));
    }
}
