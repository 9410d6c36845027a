//! A chart as a picture: bars on a light panel of its own, which is read alike on a light page and
//! on a dark one. Its words are digits; everything else stands in the message.

use std::io;

use carillon_plugin::{Error, Result};
use carillon_protocol::{digest::Span, limits::PICTURE_LEN_MAX};
use jiff::{Timestamp, tz::TimeZone};
use plotters::{
    prelude::{
        ChartBuilder, Color, IntoDrawingArea, IntoFont, IntoSegmentedCoord, RGBColor, Rectangle,
        SegmentValue,
    },
    style::IntoTextStyle,
};

use super::{
    canvas::{self, Canvas},
    numbers::tick,
};

/// The size of a picture, in pixels: about twice as wide as it stands on a phone of 390, so its
/// letters of 32 are as high there as small print is.
const WIDTH: u32 = 720;
const HEIGHT: u32 = 400;
/// Around it, and what the labels of the axes take.
const MARGIN: u32 = 16;
const BELOW: u32 = 44;
const BESIDE: u32 = 112;
/// Between two labels, at least.
const GAP: usize = 18;
/// The most bars that are told apart: a month of days.
pub(super) const BARS_MAX: usize = 31;

/// The largest and the smallest number that is drawn: of others an axis has no sensible marks.
const VALUE_MAX: f64 = 1e12;
const VALUE_MIN: f64 = 1e-3;

/// The panel and what stands on it: text and bars differ from it enough for eyes that see little
/// (WCAG 1.4.3 and 1.4.11).
const PANEL: RGBColor = RGBColor(0xF7, 0xF8, 0xFA);
const LINE: RGBColor = RGBColor(0xD5, 0xDA, 0xE1);
const TEXT: RGBColor = RGBColor(0x3A, 0x42, 0x4E);
const BAR: RGBColor = RGBColor(0x1F, 0x6F, 0xEB);

/// A bar with what stands below it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Bar {
    /// Digits.
    pub(super) label: String,
    pub(super) value: f64,
}

/// What stands below a bar that begins then: the hour, or the month and day.
pub(super) fn label(at: i64, span: Span, tz: &TimeZone) -> String {
    let at = Timestamp::from_millisecond(at).unwrap_or(Timestamp::UNIX_EPOCH).to_zoned(tz.clone());
    let format = if span == Span::Yesterday { "%H" } else { "%m-%d" };
    at.strftime(format).to_string()
}

/// The file of a picture. It is drawn where nobody waits for a socket.
pub(super) async fn drawn(bars: Vec<Bar>, unit: String) -> Result<Vec<u8>> {
    let png = tokio::task::spawn_blocking(move || draw(&bars, &unit)).await;
    let png = png.map_err(Error::internal)??;
    if png.len() > PICTURE_LEN_MAX {
        return Err(Error::too_large("says", "a chart is too large to be kept"));
    }
    Ok(png)
}

fn draw(bars: &[Bar], unit: &str) -> Result<Vec<u8>> {
    let mut pixels = Canvas::pixels((WIDTH, HEIGHT), PANEL);
    plot(&mut pixels, bars, unit).map_err(|why| Error::internal(io::Error::other(why)))?;
    canvas::png(&pixels, (WIDTH, HEIGHT)).map_err(Error::internal)
}

/// Draws bars; what the library says of a failure is a text.
fn plot(pixels: &mut [u8], bars: &[Bar], unit: &str) -> std::result::Result<(), String> {
    let area = Canvas::new(pixels, (WIDTH, HEIGHT)).into_drawing_area();
    let height = |bar: &Bar| bar.value.clamp(0.0, VALUE_MAX);
    let top = bars.iter().map(height).fold(0.0, f64::max);
    let (count, top) = (bars.len().max(1), if top < VALUE_MIN { 1.0 } else { top * 1.1 });
    let mut chart = ChartBuilder::on(&area)
        .margin(MARGIN)
        .x_label_area_size(BELOW)
        .y_label_area_size(BESIDE)
        .build_cartesian_2d((0..count).into_segmented(), 0.0..top)
        .map_err(|error| error.to_string())?;
    // More labels would run into each other.
    let widest = bars.iter().map(|bar| canvas::width_of(&bar.label)).max().unwrap_or(0);
    let room = (WIDTH - 2 * MARGIN - BESIDE) as usize;
    let every = (count * (widest.unsigned_abs() as usize + GAP)).div_ceil(room).max(1);
    let label = |at: &SegmentValue<usize>| match at {
        SegmentValue::CenterOf(nth) if nth % every == 0 => {
            bars.get(*nth).map(|bar| bar.label.clone()).unwrap_or_default()
        }
        _ => String::new(),
    };
    // The canvas has one font, and takes of this the colour and where it stands.
    let words = ("monospace", 32).into_font().color(&TEXT).into_text_style(&area);
    chart
        .configure_mesh()
        .disable_x_mesh()
        .bold_line_style(LINE)
        .light_line_style(PANEL)
        .axis_style(LINE)
        .x_labels(count)
        .x_label_formatter(&label)
        .x_label_style(words.clone())
        .y_labels(5)
        .y_label_formatter(&|value| tick(*value, unit))
        .y_label_style(words)
        .draw()
        .map_err(|error| error.to_string())?;
    let seen = bars.iter().map(height).enumerate().filter(|&(_, height)| height > 0.0);
    let drawn = seen.map(|(nth, height)| {
        let (left, right) = (SegmentValue::Exact(nth), SegmentValue::Exact(nth + 1));
        let mut bar = Rectangle::new([(left, 0.0), (right, height)], BAR.filled());
        bar.set_margin(0, 0, 3, 3);
        bar
    });
    chart.draw_series(drawn).map_err(|error| error.to_string())?;
    area.present().map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bars(values: impl IntoIterator<Item = f64>) -> Vec<Bar> {
        let bar = |(nth, value)| Bar { label: format!("{nth:02}"), value };
        values.into_iter().enumerate().map(bar).collect()
    }

    /// The colours of a picture, by row.
    fn read(png: &[u8]) -> Vec<[u8; 3]> {
        let mut reader = png::Decoder::new(io::Cursor::new(png)).read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut pixels).unwrap();
        assert_eq!((info.width, info.height), (WIDTH, HEIGHT));
        pixels.chunks_exact(3).map(|rgb| [rgb[0], rgb[1], rgb[2]]).collect()
    }

    fn of(colour: RGBColor) -> [u8; 3] {
        [colour.0, colour.1, colour.2]
    }

    #[tokio::test]
    async fn a_bar_is_as_high_as_its_number() {
        let png = drawn(bars([0.0, 10.0, 20.0]), "messages".to_owned()).await.unwrap();
        let pixels = read(&png);
        let columns: Vec<usize> = (0..WIDTH as usize)
            .map(|x| {
                (0..HEIGHT as usize).filter(|y| pixels[y * WIDTH as usize + x] == of(BAR)).count()
            })
            .collect();
        let mut heights: Vec<usize> = columns.into_iter().filter(|&height| height > 0).collect();
        heights.dedup();
        let [low, high] = heights[..] else { panic!("two bars: {heights:?}") };
        assert!(high.abs_diff(2 * low) <= 2, "{low} {high}");
        assert!(pixels.contains(&of(TEXT)), "there are words");
    }

    #[tokio::test]
    async fn any_numbers_make_a_small_picture() {
        let noisy = (0..31).map(|nth| f64::from(nth * 7919 % 100_003));
        for values in [
            Vec::new(),
            vec![0.0],
            vec![f64::MAX, 1.0],
            vec![-5.0, f64::MIN_POSITIVE],
            noisy.collect(),
        ] {
            for unit in ["messages", super::super::numbers::SHARE, super::super::numbers::MS] {
                let png = drawn(bars(values.clone()), unit.to_owned()).await.unwrap();
                read(&png);
                assert!(png.len() <= PICTURE_LEN_MAX / 2, "{} bytes", png.len());
            }
        }
    }

    #[test]
    fn it_is_read_on_light_pages_and_on_dark_ones() {
        // WCAG 2.2, relative luminance.
        let light = |RGBColor(r, g, b): RGBColor| {
            let part = |part: u8| match f64::from(part) / 255.0 {
                low @ ..=0.04045 => low / 12.92,
                part => ((part + 0.055) / 1.055).powf(2.4),
            };
            0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b)
        };
        let contrast = |colour| (light(PANEL) + 0.05) / (light(colour) + 0.05);
        assert!(contrast(TEXT) >= 4.5 && contrast(BAR) >= 3.0);
    }
}
