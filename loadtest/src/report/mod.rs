//! What a run measured: a page that needs nothing but itself, and the same as JSON.

mod svg;

use std::{fmt::Write as _, fs, path::Path};

use hdrhistogram::Histogram;
use serde_json::{Value, json};

pub use svg::{Band, Line, Plot};

use self::svg::escaped;
use crate::{bars::Verdict, fleet::Failed, timeline::Timeline};

/// The parts of a hundred that are shown.
const PERCENTILES: [f64; 7] = [50.0, 75.0, 90.0, 99.0, 99.9, 99.99, 100.0];

const STYLE: &str = "
:root{color-scheme:light dark;--ink:#1c2430;--dim:#5d6878;--line:#d9dee6;--page:#fff;--card:#f6f8fb;
--a:#0b62c4;--b:#b3470b;--c:#7a3fb0;--band:#f3d9c4;--yes:#0a6b3d;--yes-bg:#dcf3e6;--no:#a12016;
--no-bg:#fbe2de}
@media(prefers-color-scheme:dark){:root{--ink:#e6eaf0;--dim:#9aa6b6;--line:#2e3744;--page:#12171e;
--card:#1a212b;--a:#6db3ff;--b:#ffa366;--c:#c79bf2;--band:#4a3424;--yes:#7fe0ad;--yes-bg:#143626;
--no:#ff9d92;--no-bg:#45201c}}
body{font:16px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--page);
max-width:980px;margin:0 auto;padding:20px 16px 48px}
h1{font-size:1.6em;margin:.2em 0}h2{font-size:1.15em;margin:1.8em 0 .4em}
p{margin:.5em 0;max-width:46em}
.dim,figcaption{color:var(--dim)}
.bad{border-left:4px solid var(--b);padding-left:10px}
figure{margin:1.2em 0;padding:12px 14px 6px;background:var(--card);border-radius:10px}
figcaption{margin-bottom:.4em}figcaption strong{color:var(--ink);font-weight:600}
svg{width:100%;height:auto;display:block}svg text{fill:var(--dim);font-size:12px}
@media(max-width:600px){svg text{font-size:21px}polyline{stroke-width:3}figure{margin:1.2em -8px}}
.grid{stroke:var(--line);fill:none}.band{fill:var(--band)}
polyline{fill:none;stroke-width:1.8;stroke-linejoin:round}
polyline.l0{stroke:var(--a)}polyline.l1{stroke:var(--b)}polyline.l2{stroke:var(--c)}
b{margin-left:.8em;font-weight:600;white-space:nowrap}
b:before{content:'';display:inline-block;width:.9em;height:.22em;border-radius:2px;
background:currentColor;margin-right:.35em;vertical-align:.22em}
b.l0{color:var(--a)}b.l1{color:var(--b)}b.l2{color:var(--c)}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
td,th{text-align:left;padding:6px 12px 6px 0;border-bottom:1px solid var(--line);vertical-align:top}
th{font-weight:600;color:var(--dim);font-size:.85em}
.n{text-align:right;white-space:nowrap}.bars td:last-child{font-size:.88em}
.yes,.no{display:inline-block;padding:0 .6em;border-radius:1em;font-size:.85em;font-weight:600;
white-space:nowrap}
.yes{color:var(--yes);background:var(--yes-bg)}.no{color:var(--no);background:var(--no-bg)}
.scroll{overflow-x:auto}
@media(max-width:700px){.bars thead{display:none}.bars tr{display:grid;padding:8px 0;gap:0 10px;
grid-template-columns:auto auto 1fr;border-bottom:1px solid var(--line)}
.bars td{border:0;padding:1px 0}.bars td:first-child,.bars td:last-child{grid-column:1/-1}
.bars td:nth-child(4){text-align:right}.bars .n:nth-child(2){font-weight:600}}
";

/// What a run measured.
pub struct Report {
    /// The name of the run.
    pub title: String,
    /// What was done, in a sentence.
    pub what: String,
    /// Why it ended before its time.
    pub stopped: Option<String>,
    /// Figures: what, and how much.
    pub facts: Vec<(String, String)>,
    /// What should be reached.
    pub verdicts: Vec<Verdict>,
    /// What is marked in the plots.
    pub bands: Vec<Band>,
    /// What is drawn besides what went on second by second.
    pub charts: Vec<Plot>,
    /// Second by second; nothing is drawn of it if there was none.
    pub timeline: Timeline,
    /// What arrives: "messages".
    pub arrivals: &'static str,
}

impl Report {
    /// Prints what matters.
    pub fn print(&self) {
        println!("{}", self.what);
        self.facts.iter().for_each(|(what, much)| println!("{what:<44}{much}"));
        if let Some(why) = &self.stopped {
            println!("stopped before its time: {why}");
        }
    }

    /// Writes `report.html` and `report.json` into a folder.
    pub fn write(&self, folder: &Path) -> Result<(), Failed> {
        fs::create_dir_all(folder)?;
        fs::write(folder.join("report.html"), self.html())?;
        let json = serde_json::to_string_pretty(&self.json()).expect("it is made of numbers");
        Ok(fs::write(folder.join("report.json"), json + "\n")?)
    }

    fn html(&self) -> String {
        let title = escaped(&self.title);
        let mut out = format!(
            "<!doctype html><html lang=en><meta charset=utf-8>\
             <meta name=viewport content=\"width=device-width,initial-scale=1\">\
             <title>{title}</title><style>{STYLE}</style>\n<h1>{title}</h1>\n<p>{}</p>\n",
            escaped(&self.what)
        );
        if let Some(why) = &self.stopped {
            let why = escaped(why);
            out += &format!("<p class=bad>Stopped before its time: {why}.</p>\n");
        }
        out += &self.bars();
        if !self.facts.is_empty() {
            out += "<h2>Figures</h2><table>";
            for (what, much) in &self.facts {
                out += &format!("<tr><td>{}<td>{}", escaped(what), escaped(much));
            }
            out += "</table>\n";
        }
        if !self.charts.is_empty() {
            out += "<h2>Courses</h2>\n";
        }
        self.charts.iter().for_each(|chart| out += &chart.figure());
        self.plots().iter().for_each(|plot| out += &plot.figure());
        if !self.bands.is_empty() {
            out += "<div class=scroll><table><tr><th>from<th>to<th>what";
            for Band { from, to, name } in &self.bands {
                write!(out, "<tr><td>{from:.1} s<td>{to:.1} s<td>{}", escaped(name))
                    .expect("a string takes everything");
            }
            out += "</table></div>\n";
        }
        if !self.timeline.seconds().is_empty() {
            out += "<p class=dim>Times count from when something was due, not from when it was \
                    begun: being late counts.</p>\n";
        }
        out
    }

    /// What was seen beside what should be; on a narrow page each is a block of its own.
    fn bars(&self) -> String {
        if self.verdicts.is_empty() {
            return String::new();
        }
        let mut out = "<h2>Bars</h2><table class=bars><thead><tr><th>matter<th class=n>seen\
                       <th class=n>bar<th>verdict<th>from</thead>"
            .to_owned();
        for verdict in &self.verdicts {
            let Verdict { matter, figure, bar, from } = verdict;
            let (word, matter, from) = (verdict.word(), escaped(matter), escaped(from));
            let figure = if figure.is_nan() { "—".to_owned() } else { figures(*figure) };
            let class = if verdict.is_reached() { "yes" } else { "no" };
            write!(
                out,
                "<tr><td>{matter}<td class=n>{figure}<td class=n>{bar}\
                 <td><span class={class}>{word}</span><td class=dim>{from}"
            )
            .expect("a string takes everything");
        }
        out + "</table>\n"
    }

    fn plots(&self) -> Vec<Plot> {
        if self.timeline.seconds().is_empty() {
            return Vec::new();
        }
        let line = |name, of: &dyn Fn(&crate::timeline::Second) -> Option<f64>| {
            let seconds = self.timeline.seconds().iter().zip(0..);
            let points = seconds.filter_map(|(it, second)| Some((f64::from(second), of(it)?)));
            Line { name, points: points.collect() }
        };
        let quantile = |quantile: f64| {
            move |it: &crate::timeline::Second| {
                (!it.delays.is_empty()).then(|| it.quantile_ms(quantile))
            }
        };
        let plot = |title, unit, log, lines| Plot {
            title,
            unit,
            log,
            lines,
            bands: self.bands.clone(),
            marks: Vec::new(),
        };
        let mut plots = vec![
            plot(
                "delay",
                "ms",
                true,
                vec![
                    line("p50", &quantile(0.5)),
                    line("p99", &quantile(0.99)),
                    line("max", &quantile(1.0)),
                ],
            ),
            plot(
                "throughput",
                "a second",
                false,
                vec![
                    line(self.arrivals, &|it| Some(it.delivered as f64)),
                    line("acknowledged", &|it| Some(it.acknowledged as f64)),
                    line("connected", &|it| Some(it.joined as f64)),
                ],
            ),
            plot("errors", "a second", false, vec![line("failed", &|it| Some(it.failed as f64))]),
        ];
        let connections = line("connections", &|it| it.connected.map(|it| it as f64));
        if !connections.points.is_empty() {
            plots.push(plot("connections", "at once", false, vec![connections]));
        }
        plots.push(self.percentiles());
        plots
    }

    fn percentiles(&self) -> Plot {
        let places = || (0..).map(f64::from).zip(PERCENTILES);
        let of = |name, delays: &Histogram<u64>| {
            let points = places().map(|(x, percent)| (x, ms(delays, percent)));
            Line { name, points: points.collect() }
        };
        let Timeline { deliveries, acks, joins, .. } = &self.timeline;
        let all = [(self.arrivals, deliveries), ("acknowledged", acks), ("connected", joins)];
        let measured = all.into_iter().filter(|(_, delays)| !delays.is_empty());
        Plot {
            title: "delay by percentile",
            unit: "ms",
            log: true,
            lines: measured.map(|(name, delays)| of(name, delays)).collect(),
            bands: Vec::new(),
            marks: places().map(|(x, percent)| (x, format!("{percent} %"))).collect(),
        }
    }

    fn json(&self) -> Value {
        let seconds = self.timeline.seconds().iter().map(|it| {
            json!({
                "acknowledged": it.acknowledged,
                "delivered": it.delivered,
                "failed": it.failed,
                "joined": it.joined,
                "connected": it.connected,
                "p50_ms": it.quantile_ms(0.5),
                "p99_ms": it.quantile_ms(0.99),
                "max_ms": it.quantile_ms(1.0),
            })
        });
        let percentiles = |delays: &Histogram<u64>| {
            let all =
                PERCENTILES.map(|percent| (format!("p{percent}_ms"), ms(delays, percent).into()));
            Value::Object(all.into_iter().collect())
        };
        let bands = self.bands.iter().map(|Band { from, to, name }| json!([from, to, name]));
        let charts = self.charts.iter().map(|chart| {
            let lines = chart.lines.iter().map(|line| (line.name.to_owned(), json!(line.points)));
            let lines = Value::Object(lines.collect());
            json!({"title": chart.title, "unit": chart.unit, "lines": lines})
        });
        let verdicts = self.verdicts.iter().map(|verdict| {
            let Verdict { matter, figure, bar, from } = verdict;
            // JSON has no infinity.
            let figure = figure.is_finite().then_some(*figure);
            let reached = verdict.is_reached();
            json!({"matter": matter, "figure": figure, "bar": bar.to_string(), "from": from,
                   "reached": reached})
        });
        json!({
            "title": self.title,
            "what": self.what,
            "stopped": self.stopped,
            "facts": self.facts,
            "verdicts": verdicts.collect::<Vec<_>>(),
            "bands": bands.collect::<Vec<_>>(),
            "charts": charts.collect::<Vec<_>>(),
            "seconds": seconds.collect::<Vec<_>>(),
            "arrivals": percentiles(&self.timeline.deliveries),
            "acknowledged": percentiles(&self.timeline.acks),
            "connected": percentiles(&self.timeline.joins),
        })
    }
}

/// A number as one reads it: the digits of thousands in groups, and few behind the point.
fn figures(value: f64) -> String {
    if !value.is_finite() {
        return if value > 0.0 { "∞".into() } else { "−∞".into() };
    }
    if value.abs() < 1_000.0 {
        return format!("{value:.2}");
    }
    let digits = format!("{:.0}", value.abs());
    let first = digits.len() % 3;
    let (head, rest) = digits.split_at(first);
    let groups = rest.as_bytes().chunks(3).map(|group| String::from_utf8_lossy(group).into_owned());
    let groups: Vec<_> =
        Some(head.to_owned()).filter(|head| !head.is_empty()).into_iter().chain(groups).collect();
    format!("{}{}", if value < 0.0 { "−" } else { "" }, groups.join(","))
}

/// So many of a hundred took less, in milliseconds.
fn ms(delays: &Histogram<u64>, percent: f64) -> f64 {
    delays.value_at_quantile(percent / 100.0) as f64 / 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        let mut timeline = Timeline::new(0);
        for second in 0..5 {
            timeline.delivered(second * 1_000_000_000, second * 1_000_000_000 + 7_000_000);
        }
        Report {
            title: "a <run>".into(),
            what: "what & how".into(),
            stopped: Some("too slow".into()),
            facts: vec![("sends".into(), "5".into())],
            verdicts: Vec::new(),
            bands: vec![Band { from: 1.0, to: 2.0, name: "kill".into() }],
            charts: Vec::new(),
            timeline,
            arrivals: "messages",
        }
    }

    #[test]
    fn the_page_needs_nothing_but_itself() {
        let html = report().html();
        for foreign in ["<script", "src=", "href=", "url(", "@import", "<run>"] {
            assert!(!html.contains(foreign), "{foreign}");
        }
        for needed in ["viewport", "prefers-color-scheme:dark", "<polyline", "Stopped before"] {
            assert!(html.contains(needed), "{needed}");
        }
    }

    #[test]
    fn the_page_says_of_every_bar_whether_it_was_reached() {
        let bar = |figure| Verdict {
            matter: "a <b>".into(),
            figure,
            bar: crate::bars::Bar::AtMost(2.0),
            from: "one & two".into(),
        };
        let mut report = report();
        report.verdicts = [1.0, 2.001, f64::NAN, f64::INFINITY].map(bar).into();
        let html = report.html();
        assert_eq!(html.matches("<span class=yes>reached").count(), 1);
        assert_eq!(html.matches("<span class=no>not reached").count(), 2);
        assert_eq!(html.matches("<span class=no>not measured").count(), 1);
        assert!(html.contains("a &lt;b&gt;") && html.contains("one &amp; two"));
    }

    #[test]
    fn large_numbers_are_read_in_groups() {
        let numbers = [0.504, 999.5, 1_000.0, 61_062.4, 1_234_567.0, -1_500.0];
        let read = ["0.50", "999.50", "1,000", "61,062", "1,234,567", "−1,500"];
        assert_eq!(numbers.map(figures), read);
    }

    #[test]
    fn the_json_has_the_same_figures() {
        let json = report().json();
        assert_eq!(json["seconds"].as_array().unwrap().len(), 5);
        assert!((json["arrivals"]["p99_ms"].as_f64().unwrap() - 7.0).abs() < 0.1);
        assert_eq!(json["stopped"], "too slow");
    }
}
