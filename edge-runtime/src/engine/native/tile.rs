//! What a kernel is asked for, checked before memory is touched.

use super::level::Level;
use super::numbers::Activation;
use super::pack::{BLOCK, WIDTH, Weights};

/// Whether a piece of so many numbers that begins at each of the places is inside of a slice.
pub(super) fn are_inside(mut places: impl Iterator<Item = usize>, size: usize, len: usize) -> bool {
    len.checked_sub(size).is_some_and(|last| places.all(|place| place <= last))
}

/// The numbers that all tiles of a layer share; distances are in numbers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    /// Input channels.
    pub channels: usize,
    /// Between planes of the input: itself and its differences.
    pub plane: usize,
    /// Between blocks of 32 input channels.
    pub block: usize,
    /// Between rows of the input.
    pub row: usize,
    /// Between outputs of neighboring input pixels.
    pub step: usize,
    /// Between rows of outputs of one parity.
    pub output_row: usize,
    pub activation: Activation,
}

impl Shape {
    /// Input channels, and numbers between blocks of them.
    pub fn input(&self) -> (usize, usize) {
        (self.channels, self.block)
    }
}

/// Two neighboring squares: where the first one's top left tap is read and its output written.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Pair {
    pub input: usize,
    pub output: usize,
}

/// Squares by one panel of output channels: a 2x2 convolution as F(2x2, 2x2), four outputs a square.
#[derive(Debug)]
pub(super) struct Tile<'a> {
    pub shape: Shape,
    /// `[plane][block][image][row][column][32]`
    pub input: &'a [f32],
    /// `[tap][channel][WIDTH]`
    pub weights: Weights<'a>,
    /// `[WIDTH]`
    pub bias: &'a [f32],
    /// An even number of them.
    pub pairs: &'a [Pair],
    /// Room for `[channel][WIDTH]`, for levels that go product by product.
    pub rows: &'a mut [f32],
    pub output: &'a mut [f32],
}

impl Tile<'_> {
    /// Stops at anything that would lead a kernel outside of the slices.
    pub fn check(&self, level: Level) {
        let shape = &self.shape;
        assert!(shape.channels > 0 && self.pairs.len().is_multiple_of(2));
        assert!(self.weights.len() >= 4 * shape.channels * WIDTH && self.bias.len() >= WIDTH);
        let last_block = (shape.channels - 1) / BLOCK * shape.block;
        // From the first number of a pair to the first of its last pixel.
        let read = if level.goes_by_product() {
            assert!(shape.plane > last_block);
            3 * shape.plane + shape.row + 3 * BLOCK
        } else {
            2 * shape.row + 4 * BLOCK
        };
        let (read, written) = (read + last_block + BLOCK, shape.output_row + 3 * shape.step + WIDTH);
        let (inputs, outputs) = (self.pairs.iter().map(|pair| pair.input), self.pairs.iter().map(|pair| pair.output));
        assert!(are_inside(inputs, read, self.input.len()), "an input outside of {}", self.input.len());
        assert!(are_inside(outputs, written, self.output.len()), "an output outside of {}", self.output.len());
    }
}

/// Neighboring pixels by one matrix: a 1x1 convolution.
#[derive(Debug)]
pub(super) struct Pixels<'a> {
    /// From the first pixel on, `[block][pixel][32]` with a distance between blocks.
    pub input: &'a [f32],
    pub block: usize,
    /// `[channel][width]`, as many rows as there are channels.
    pub weights: &'a [f32],
    /// A multiple of [`WIDTH`].
    pub width: usize,
    /// `[pixel][width]`, of a multiple of four pixels.
    pub output: &'a mut [f32],
}

impl Pixels<'_> {
    pub fn channels(&self) -> usize {
        self.weights.len() / self.width
    }

    pub fn count(&self) -> usize {
        self.output.len() / self.width
    }
}

/// One row of a dense layer's panel.
#[derive(Debug)]
pub(super) struct Dense<'a> {
    pub input: &'a [f32],
    /// `[input][BLOCK]`
    pub weights: Weights<'a>,
    /// `[BLOCK]`
    pub bias: &'a [f32],
    pub activation: Activation,
    /// `[BLOCK]`
    pub output: &'a mut [f32],
}

impl Dense<'_> {
    /// Stops at anything that would lead a kernel outside of the slices.
    pub fn check(&self) {
        assert!(self.weights.len() >= self.input.len() * BLOCK);
        assert!(self.bias.len() >= BLOCK && self.output.len() >= BLOCK);
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::engine::native::halves::f32_from_f16;
    use crate::engine::native::kernels::Kernels;

    const SIDE: usize = 8;

    /// Small even numbers around 0, exact in f16.
    pub fn numbers(count: usize, salt: u32) -> Vec<f32> {
        let mixed =
            |index: usize| (index as u32 ^ salt).wrapping_mul(0x9E37_79B9).rotate_left(15).wrapping_mul(0x85EB_CA6B);
        (0..count).map(|index| ((mixed(index) >> 20) as f32 - 2048.0) / 2048.0).collect()
    }

    /// One plane of a map and its differences, as the layers make them.
    fn planes(channels: usize) -> (Vec<f32>, Shape) {
        let (row, block) = ((SIDE + 2) * BLOCK, (SIDE + 2) * (SIDE + 2) * BLOCK);
        let plane = channels.div_ceil(BLOCK) * block;
        let itself = numbers(plane, 5);
        let at = |place: usize| itself.get(place).copied().unwrap_or_default();
        let down = |place: usize| at(place) - at(place + row);
        let mut input = itself.clone();
        input.extend((0..plane).map(down));
        input.extend((0..plane).map(|place| at(place) - at(place + BLOCK)));
        input.extend((0..plane).map(|place| down(place) - down(place + BLOCK)));
        let activation = Activation::Leaky(0.25);
        (input, Shape { channels, plane, block, row, step: WIDTH, output_row: 2 * SIDE * WIDTH, activation })
    }

    /// How far each of some kernels, with the weights in f32 and in f16, is from the plain one at most.
    fn differences(
        levels: impl Fn(&Level) -> bool,
        (exact, halves): (&[f32], &[u16]),
        run: impl Fn(Level, Weights<'_>) -> Vec<f32>,
    ) -> Vec<(Level, f32)> {
        let expected = run(Level::Plain, Weights::F32(exact));
        // The largest of them doesn't see one that is no number.
        let distance = |(a, b): (&f32, &f32)| if a.is_finite() { (a - b).abs() } else { f32::INFINITY };
        let worst = |found: Vec<f32>| found.iter().zip(&expected).map(distance).fold(0.0, f32::max);
        let both =
            |level| [Weights::F32(exact), Weights::F16(halves)].map(|weights| (level, worst(run(level, weights))));
        Level::available().into_iter().filter(levels).flat_map(both).collect()
    }

    #[test]
    fn every_kernel_of_squares_computes_what_its_plain_twin_computes() {
        for channels in [1, 31, 32, 33, 70] {
            let (input, shape) = planes(channels);
            let weights = numbers(4 * channels * WIDTH, 9);
            let halves: Vec<u16> = weights.iter().map(|weight| half::f16::from_f32(*weight).to_bits()).collect();
            let exact: Vec<f32> = halves.iter().map(|half| f32_from_f16(*half)).collect();
            let bias = numbers(WIDTH, 3);
            for count in [2, 6, 8, 16] {
                let pairs: Vec<Pair> = (0..count)
                    .map(|index| Pair {
                        input: (index / 2 * shape.row) + index % 2 * 2 * BLOCK,
                        // Tiles may come in any order: no two write the same place.
                        output: index / 4 * 2 * shape.output_row + index % 4 * 4 * WIDTH,
                    })
                    .collect();
                let run = |level: Level, weights: Weights<'_>| {
                    let mut output = vec![7.0; 5 * 2 * SIDE * WIDTH * 2];
                    let (input, bias, pairs) = (&*input, &*bias, &*pairs);
                    let rows = &mut vec![0.0; channels * WIDTH];
                    let tile = Tile { shape, input, weights, bias, pairs, rows, output: &mut output };
                    Kernels::of(level).expect("available").tile(tile);
                    output
                };
                let makes_squares = |level: &Level| !level.makes_patches_at_once();
                for (level, worst) in differences(makes_squares, (&exact, &halves), run) {
                    assert!(worst < 1e-4, "{level:?}, {channels} channels: {worst}");
                }
            }
        }
    }

    #[test]
    fn every_kernel_of_pixels_computes_what_its_plain_twin_computes() {
        let sizes = [(1_usize, 4, 1), (33, 12, 3), (64, 64, 1), (64, 64, 3)];
        for (channels, count, panels) in sizes {
            let (width, block) = (panels * WIDTH, (count + 1) * BLOCK);
            let input = numbers(channels.div_ceil(BLOCK) * block, 5);
            let weights = numbers(channels * width, 9);
            let run = |level: Level| {
                let mut output = vec![7.0; count * width];
                let (input, weights) = (&*input, &*weights);
                let pixels = Pixels { input, block, weights, width, output: &mut output };
                Kernels::of(level).expect("available").pixels(pixels);
                output
            };
            let expected = run(Level::Plain);
            let product = |channel: usize| {
                let x = input[channel / BLOCK * block + (count - 1) * BLOCK + channel % BLOCK];
                f64::from(x) * f64::from(weights[channel * width + width - 1])
            };
            let last = (0..channels).map(product).sum::<f64>();
            assert!((f64::from(expected[count * width - 1]) - last).abs() < 1e-4);
            for level in Level::available() {
                for (found, expected) in run(level).iter().zip(&expected) {
                    assert!((found - expected).abs() < 1e-4, "{level:?}, {channels} channels, {count} pixels");
                }
            }
        }
    }

    #[test]
    fn a_dense_row_computes_what_its_plain_twin_computes() {
        for inputs in [1, 7, 100] {
            let (input, bias) = (numbers(inputs, 1), numbers(BLOCK, 2));
            let halves: Vec<u16> =
                numbers(inputs * BLOCK, 4).iter().map(|weight| half::f16::from_f32(*weight).to_bits()).collect();
            let exact: Vec<f32> = halves.iter().map(|half| f32_from_f16(*half)).collect();
            let run = |level: Level, weights: Weights<'_>| {
                let mut output = vec![0.0; BLOCK];
                let activation = Activation::Relu;
                let dense = Dense { input: &input, weights, bias: &bias, activation, output: &mut output };
                Kernels::of(level).expect("available").dense(dense);
                output
            };
            for (level, worst) in differences(|_| true, (&exact, &halves), run) {
                assert!(worst < 1e-5, "{level:?}, {inputs} inputs: {worst}");
            }
        }
    }

    /// A tile of two pairs, the second of which begins at a place of 1200 numbers in each plane.
    fn reaching(place: usize, level: Level) {
        let shape = Shape { plane: 1200, ..planes(1).1 };
        let planes = if level.goes_by_product() { 4 } else { 1 };
        let (input, weights, bias) = (vec![0.0; planes * 1200], vec![0.0; 4 * WIDTH], vec![0.0; WIDTH]);
        let pairs = [Pair { input: 0, output: 0 }, Pair { input: place, output: 0 }];
        let (weights, output) = (Weights::F32(&weights), &mut vec![0.0; 4096][..]);
        let rows = &mut [0.0; WIDTH];
        let tile = Tile { shape, input: &input, weights, bias: &bias, pairs: &pairs, rows, output };
        Kernels::of(level).expect("available").tile(tile);
    }

    /// One that has vectors and makes squares.
    fn by_product() -> Level {
        Level::available().into_iter().rfind(|level| level.goes_by_product()).expect("on every CPU")
    }

    #[test]
    fn tiles_that_reach_to_the_end_of_their_input_are_run() {
        // Two rows of ten pixels and five pixels more; a row of ten and four more.
        reaching(1200 - 25 * BLOCK, Level::Plain);
        reaching(1200 - 14 * BLOCK, by_product());
    }

    #[test]
    #[should_panic(expected = "outside of 1200")]
    fn a_tile_outside_of_its_input_is_never_run() {
        reaching(1200 - 25 * BLOCK + 1, Level::Plain);
    }

    #[test]
    #[should_panic(expected = "outside of 4800")]
    fn a_tile_outside_of_its_differences_is_never_run() {
        reaching(1200 - 14 * BLOCK + 1, by_product());
    }

    #[test]
    #[should_panic(expected = "is_multiple_of(4)")]
    fn pixels_come_by_four() {
        let (input, weights, mut output) = ([0.0; 8 * BLOCK], [0.0; WIDTH], [0.0; 6 * WIDTH]);
        let pixels = Pixels { input: &input, block: 0, weights: &weights, width: WIDTH, output: &mut output };
        Kernels::of(Level::best()).expect("available").pixels(pixels);
    }

    #[test]
    #[should_panic(expected = "of 127")]
    fn pixels_outside_of_their_input_are_never_read() {
        let (input, weights, mut output) = ([0.0; 4 * BLOCK - 1], [0.0; WIDTH], [0.0; 4 * WIDTH]);
        let pixels = Pixels { input: &input, block: 0, weights: &weights, width: WIDTH, output: &mut output };
        Kernels::of(Level::best()).expect("available").pixels(pixels);
    }
}
