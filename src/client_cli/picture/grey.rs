//! Pictures without colours, turned and of other sizes.

use lodepng::{Bitmap, RGBA};
use zeroize::Zeroizing;

use super::AGAIN;

/// A picture of fewer pixels on its shorter side has no code of so many squares that it pays to
/// look at it again.
const LEAST_SIDE: usize = 300;
/// Where a pixel is looked at, from its middle: at the middles of its quarters.
const QUARTERS: [(f64, f64); 4] = [(-0.25, -0.25), (0.25, -0.25), (-0.25, 0.25), (0.25, 0.25)];

/// A picture as the brightness of each pixel.
pub(super) struct Grey {
    pub(super) width: usize,
    pub(super) height: usize,
    pixels: Zeroizing<Vec<u8>>,
}

impl Grey {
    pub(super) fn of(picture: &Bitmap<RGBA>) -> Self {
        let pixels = picture.buffer.iter().copied().map(brightness).collect();
        Self { width: picture.width, height: picture.height, pixels: Zeroizing::new(pixels) }
    }

    /// Returns how bright a pixel is; outside of the picture there is white paper.
    pub(super) fn at(&self, x: usize, y: usize) -> u8 {
        let inside = x < self.width && y < self.height;
        inside.then(|| self.pixels.get(y * self.width + x)).flatten().copied().unwrap_or(u8::MAX)
    }

    /// Returns how often it pays to look at it again, turned.
    pub(super) fn attempts(&self) -> usize {
        if self.width.min(self.height) < LEAST_SIDE { 0 } else { AGAIN.len() }
    }

    /// Returns it turned by so many degrees, its longer side so many pixels long: each is the mean
    /// of what it covers.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "pixels, and brightness")]
    pub(super) fn turned(&self, side: f64, degrees: f64) -> Self {
        let scale = side / self.width.max(self.height) as f64;
        let (sin, cos) = degrees.to_radians().sin_cos();
        let out = (side * (sin.abs() + cos.abs())) as usize;
        let middle = out as f64 / 2.0;
        let own_x = self.width as f64 / 2.0;
        let own_y = self.height as f64 / 2.0;
        let look = |x: f64, y: f64| {
            let right = (x - middle) / scale;
            let down = (y - middle) / scale;
            let from_x = right * cos + down * sin + own_x;
            let from_y = down * cos - right * sin + own_y;
            if from_x < 0.0 || from_y < 0.0 { u8::MAX } else { self.at(from_x as usize, from_y as usize) }
        };
        let pixel = |at: usize| {
            let x = (at % out) as f64 + 0.5;
            let y = (at / out) as f64 + 0.5;
            let sum: u32 = QUARTERS.iter().map(|(right, down)| u32::from(look(x + right, y + down))).sum();
            (sum / 4) as u8
        };
        Self { width: out, height: out, pixels: Zeroizing::new((0..out * out).map(pixel).collect()) }
    }
}

/// Returns how bright a pixel is on white paper.
fn brightness(RGBA { r, g, b, a }: RGBA) -> u8 {
    let [r, g, b, a] = [r, g, b, a].map(u32::from);
    let bright = (299 * r + 587 * g + 114 * b) / 1_000;
    u8::try_from((bright * a + 255 * (255 - a)) / 255).unwrap_or(u8::MAX)
}
