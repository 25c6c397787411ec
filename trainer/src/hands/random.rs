//! Random numbers of pictures.

use model_spec::latent::philox;

/// Keeps this stream of random numbers apart from the latent sampler's 0 and those of the training order.
const STREAM: u32 = 3;

/// Random numbers of one picture.
pub(super) struct Random {
    seed: u64,
    picture: u32,
    drawn: u32,
}

impl Random {
    /// Those of one picture of a seed, from the first on.
    pub fn new(seed: u64, picture: u32) -> Self {
        Self { seed, picture, drawn: 0 }
    }

    /// Uniform in a range.
    pub fn between(&mut self, low: f32, high: f32) -> f32 {
        let [word, ..] = philox(self.seed, [self.drawn, self.picture, STREAM, 0]);
        self.drawn += 1;
        low + (high - low) * (word >> 8) as f32 / (1 << 24) as f32
    }
}
