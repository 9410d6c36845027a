//! Where charts are drawn: pixels, and one font whose characters are pictures already.

use std::convert::Infallible;

use noto_sans_mono_bitmap::{FontWeight, RasterHeight, get_raster, get_raster_width};
use plotters::style::RGBColor;
use plotters_backend::{
    BackendColor, BackendCoord, BackendTextStyle, DrawingBackend, DrawingErrorKind,
    text_anchor::{HPos, VPos},
};

type Drawn = Result<(), DrawingErrorKind<Infallible>>;

const WEIGHT: FontWeight = FontWeight::Regular;
const TEXT: RasterHeight = RasterHeight::Size32;

/// Red, green and blue of each pixel.
pub(super) struct Canvas<'a> {
    pixels: &'a mut [u8],
    size: (u32, u32),
}

impl<'a> Canvas<'a> {
    /// Pixels of one colour.
    pub(super) fn pixels((width, height): (u32, u32), colour: RGBColor) -> Vec<u8> {
        [colour.0, colour.1, colour.2].repeat((width * height) as usize)
    }

    /// Draws into pixels of this size.
    pub(super) fn new(pixels: &'a mut [u8], size: (u32, u32)) -> Canvas<'a> {
        Canvas { pixels, size }
    }
}

/// The file of a picture.
pub(super) fn png(
    pixels: &[u8],
    (width, height): (u32, u32),
) -> Result<Vec<u8>, png::EncodingError> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_compression(png::Compression::High);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(pixels)?;
    writer.finish()?;
    Ok(file)
}

pub(super) fn width_of(text: &str) -> i32 {
    (text.chars().count() * get_raster_width(WEIGHT, TEXT)) as i32
}

impl DrawingBackend for Canvas<'_> {
    type ErrorType = Infallible;

    fn get_size(&self) -> (u32, u32) {
        self.size
    }

    fn ensure_prepared(&mut self) -> Drawn {
        Ok(())
    }

    fn present(&mut self) -> Drawn {
        Ok(())
    }

    fn draw_pixel(&mut self, (x, y): BackendCoord, colour: BackendColor) -> Drawn {
        let (width, height) = self.size;
        if let (Ok(x), Ok(y)) = (u32::try_from(x), u32::try_from(y))
            && x < width
            && y < height
        {
            let at = ((y * width + x) * 3) as usize;
            let (red, green, blue) = colour.rgb;
            for (part, new) in self.pixels[at..at + 3].iter_mut().zip([red, green, blue]) {
                let mixed = f64::from(*part) * (1.0 - colour.alpha) + f64::from(new) * colour.alpha;
                *part = mixed.round() as u8;
            }
        }
        Ok(())
    }

    fn draw_text<S: BackendTextStyle>(
        &mut self,
        text: &str,
        style: &S,
        (x, y): BackendCoord,
    ) -> Drawn {
        let (anchor, colour) = (style.anchor(), style.color());
        let left = match anchor.h_pos {
            HPos::Left => x,
            HPos::Center => x - width_of(text) / 2,
            HPos::Right => x - width_of(text),
        };
        let top = match anchor.v_pos {
            VPos::Top => y,
            VPos::Center => y - TEXT.val() as i32 / 2,
            VPos::Bottom => y - TEXT.val() as i32,
        };
        for (nth, c) in text.chars().enumerate() {
            // A character that the font lacks leaves its place empty.
            let Some(shape) = get_raster(c, WEIGHT, TEXT) else { continue };
            let left = left + (nth * shape.width()) as i32;
            for (y, row) in (top..).zip(shape.rows()) {
                for (x, &ink) in (left..).zip(row.iter()) {
                    let alpha = colour.alpha * f64::from(ink) / 255.0;
                    self.draw_pixel((x, y), BackendColor { alpha, ..colour })?;
                }
            }
        }
        Ok(())
    }

    fn estimate_text_size<S: BackendTextStyle>(
        &self,
        text: &str,
        _: &S,
    ) -> Result<(u32, u32), DrawingErrorKind<Infallible>> {
        Ok((width_of(text).unsigned_abs(), TEXT.val() as u32))
    }
}
