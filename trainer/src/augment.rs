//! DiffAugment (arXiv 2006.10738): real and generated pictures are changed alike and differentiably before the
//! discriminator sees them, so that it can't learn a small data set by heart and nothing of it leaks into samples.

use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

/// Strengths; 0 is off.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Augment {
    /// Brightness by up to half of this, saturation by up to this, contrast by up to half of this; the paper's is 1.
    pub color: f64,
    /// Moves by up to this share of the side; the paper's is 0.125.
    pub translation: f64,
    /// Side of the gray square over the side of the picture; the paper's is 0.5.
    pub cutout: f64,
}

impl Augment {
    /// Whether it changes nothing.
    pub fn is_off(&self) -> bool {
        *self == Self::default()
    }

    /// A share of these strengths.
    pub fn scaled(&self, share: f64) -> Self {
        let Self { color, translation, cutout } = *self;
        Self { color: color * share, translation: translation * share, cutout: cutout * share }
    }

    /// Changed pictures of f32 `[N, channels, side, side]`; what is drawn comes from libtorch's generator.
    pub fn apply(&self, xs: &Tensor) -> Tensor {
        let mut xs = xs.shallow_clone();
        if self.color > 0.0 {
            xs = colored(&xs, self.color);
        }
        if self.translation > 0.0 {
            xs = moved(&xs, self.translation);
        }
        if self.cutout > 0.0 {
            xs = cut(&xs, self.cutout);
        }
        xs
    }
}

fn colored(xs: &Tensor, strength: f64) -> Tensor {
    let draw =
        |low: f64, high: f64| Tensor::empty([xs.size()[0], 1, 1, 1], (Kind::Float, xs.device())).uniform_(low, high);
    let half = strength / 2.0;
    let bright = xs + draw(-half, half);
    let gray = bright.mean_dim([1i64].as_slice(), true, Kind::Float);
    let saturated = (&bright - &gray) * draw(1.0 - strength, 1.0 + strength) + &gray;
    let mean = saturated.mean_dim([1i64, 2, 3].as_slice(), true, Kind::Float);
    (saturated - &mean) * draw(1.0 - half, 1.0 + half) + mean
}

/// Each picture moved by whole pixels; what comes in is black (-1; the paper's code fills with 0, mid-gray).
fn moved(xs: &Tensor, share: f64) -> Tensor {
    let size = xs.size();
    let (count, channels, side) = (size[0], size[1], size[3]);
    let most = (side as f64 * share).round() as i64;
    let integers = (Kind::Int64, xs.device());
    let offsets = Tensor::randint(2 * most + 1, [count, 2], integers);
    let places = Tensor::arange(side, integers);
    let from = |axis: i64| &places + offsets.narrow(1, axis, 1); // [N, side]
    let (rows, columns) = (from(0).view([count, 1, side, 1]), from(1).view([count, 1, 1, side]));
    let padded = (xs + 1.0).constant_pad_nd([most; 4]).g_sub_scalar(1.0);
    padded.gather(2, &rows.expand([count, channels, side, side + 2 * most], false), false).gather(
        3,
        &columns.expand([count, channels, side, side], false),
        false,
    )
}

/// A square of each picture set to gray (0).
fn cut(xs: &Tensor, share: f64) -> Tensor {
    let size = xs.size();
    let (count, side) = (size[0], size[3]);
    let hole = (side as f64 * share).round();
    let options = (Kind::Float, xs.device());
    let axis = Tensor::arange(side, options); // pixel positions
    let outside = |axis: &Tensor| {
        let center = Tensor::empty([count, 1], options).uniform_(0.0, side as f64);
        (axis.unsqueeze(0) - center).abs().gt(hole / 2.0) // [N, side]
    };
    let (rows, columns) = (outside(&axis).unsqueeze(2), outside(&axis).unsqueeze(1));
    let keep = rows.logical_or(&columns).unsqueeze(1).to_kind(Kind::Float); // [N, 1, side, side]
    xs * keep
}
