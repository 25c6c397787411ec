//! Blocks whose products are of fewer bits: bfloat16, f16, or 8 bits with the sums in 32.

pub(super) mod dots;
mod exact;
mod finish;
mod pack;
pub(super) mod words;

use super::halves::Half;
use super::kernels::Kernels;
use super::machine::Machine;
use super::maps::{Maps, Part};
use super::numbers::Activation;
use super::plan::Block;
use dots::{Dots, GROUP, PANEL};
use exact::Exact;
use finish::{Finish, Integers, Singles, Squares};
use pack::Packed;
use words::{Form, Quantizer, Words};

use model_spec::variant::Compute;

/// Input that a strip may read, so that it stays in a second-level cache: bytes.
const STRIP: usize = 1 << 19;
/// The least side of an input for which nine products are worth nine weights instead of four.
const LEAST_SQUARES: usize = 8;

/// A block to a map of twice the side.
#[derive(Debug)]
pub(super) struct Reduced {
    form: Form,
    packed: Packed,
    /// Panels of [`PANEL`] channels.
    bias: Vec<f32>,
    activation: Activation,
    inputs: usize,
    /// Of the inputs after those, where there are any.
    exact: Option<Exact>,
    pub outputs: usize,
}

/// Where a position reads its first word and writes its first number, and in which image.
#[derive(Debug, Clone, Copy, Default)]
struct Position {
    input: usize,
    output: usize,
    image: usize,
}

impl Reduced {
    /// Packs the weights of a block from maps of a side. Inputs from `own` on are those of the label: where it multiplies in 8
    /// bits without a calibration they stay exact, since their numbers can be of another size than the others'.
    pub fn new(block: &Block<'_>, side: usize, own: usize, compute: Compute, machine: &Machine) -> Self {
        let (inputs, outputs) = (block.kernel.inputs, block.kernel.outputs);
        let quantizer =
            block.calibration.map(|calibration| Quantizer { scale: calibration.scale, zero: calibration.zero });
        let inputs = if compute == Compute::Int8 && quantizer.is_none() { own.min(inputs) } else { inputs };
        let half = if compute == Compute::F16 { Half::F16 } else { Half::Bf16 };
        let form = match compute {
            Compute::Int8 => Form::Bytes(quantizer),
            _ if side >= LEAST_SQUARES => Form::Differences(half),
            _ => Form::Halves(half),
        };
        let packed = match form {
            Form::Bytes(_) => pack::bytes(block, inputs, &machine.threads),
            Form::Halves(half) => pack::halves(block, half, false, &machine.threads),
            Form::Differences(half) => pack::halves(block, half, true, &machine.threads),
        };
        let bias = block.biases(outputs.next_multiple_of(PANEL));
        let exact = (inputs < block.kernel.inputs).then(|| Exact::new(block, inputs));
        Self { form, packed, bias, activation: block.activation, inputs, exact, outputs }
    }

    /// Fills the first plane of `to` from that of `from`, by way of its words, which are kept for maps of the same size.
    pub fn run(&self, from: &Maps, words: &mut Option<Words>, to: &mut Maps, machine: &Machine) {
        let words = words.get_or_insert_with(|| Words::new(self.form, from));
        words.fill(from, self.inputs, machine);
        if let Some(exact) = &self.exact {
            exact.run(from, to, machine);
        }
        // Two rows of squares, lest a group of positions stays half empty where rows are short.
        let step = if from.side <= LEAST_SQUARES { 8 } else { 4 };
        let strips = to.strips(step, (2 * STRIP / words.row_bytes()).max(step), &machine.threads);
        let words = &*words;
        machine.threads.each(to.parts(&strips), |part| self.strip(words, from.side, part, machine.kernels));
    }

    fn strip(&self, words: &Words, side: usize, part: Part<'_>, kernels: Kernels) {
        let Part { block: panel, strip, output } = part;
        let size = if matches!(self.form, Form::Differences(_)) { 2 } else { 1 };
        let mut positions = Vec::new();
        for parity in 0..4 {
            positions.clear();
            strip.each_place(side, parity, [size; 2], |place| {
                positions.push(Position {
                    input: place.image * words.image() + place.input[0] * words.row() + place.input[1] * words.step,
                    output: place.output,
                    image: place.image,
                });
            });
            for group in positions.chunks(GROUP) {
                debug_assert!(self.exact.is_none() || group.len() == GROUP, "a place that is added to twice");
                let last = group[group.len() - 1];
                // A group that isn't full makes its last position more than once.
                let group = std::array::from_fn(|place| group.get(place).copied().unwrap_or(last));
                self.group(words, [panel, parity], side, &group, output, kernels);
            }
        }
    }

    /// Makes the outputs of a group of positions.
    fn group(
        &self,
        words: &Words,
        [panel, parity]: [usize; 2],
        side: usize,
        group: &[Position; GROUP],
        output: &mut [f32],
        kernels: Kernels,
    ) {
        let count = self.inputs.div_ceil(self.form.channels());
        let places = if matches!(self.form, Form::Differences(_)) { 9 } else { 4 };
        let lanes = count * PANEL;
        let weights = &self.packed.words[(panel * 4 + parity) * places * lanes..][..places * lanes];
        let finish = Finish {
            bias: self.bias[panel * PANEL..].first_chunk().unwrap_or(&[0.0; PANEL]),
            activation: self.activation,
            output,
            adds: self.exact.is_some(),
            places: group.map(|position| position.output),
        };
        let positions = &group.map(|position| position.input);
        let pixels = [0, words.step, words.row(), words.row() + words.step];
        let input = &words.data;
        match self.form {
            Form::Halves(half) => {
                let mut sums = [[0.0; PANEL]; GROUP];
                let dots = Dots { input, positions, taps: &pixels, words: count, weights, sums: &mut sums };
                kernels.dots_half(dots, half);
                kernels.step(Singles { finish, sums: &sums });
            }
            Form::Differences(half) => {
                let mut products = [[[0.0; PANEL]; GROUP]; 9];
                for (place, (sums, weights)) in products.iter_mut().zip(weights.chunks(lanes)).enumerate() {
                    let taps = &[product_tap(words, place / 3, place % 3)];
                    kernels.dots_half(Dots { input, positions, taps, words: count, weights, sums }, half);
                }
                let steps = [4 * (side + 1) * PANEL, 2 * PANEL];
                kernels.step(Squares { finish, products: &products, steps });
            }
            Form::Bytes(_) => {
                let mut sums = [[0; PANEL]; GROUP];
                let start = (panel * 4 + parity) * PANEL;
                let weight_sums = self.packed.sums[start..].first_chunk().unwrap_or(&[0; PANEL]);
                let dots = Dots { input, positions, taps: &pixels, words: count, weights, sums: &mut sums };
                kernels.dots_int8(dots, weight_sums);
                kernels.step(Integers {
                    finish,
                    sums: &sums,
                    factors: self.packed.factors[start..].first_chunk().unwrap_or(&[0.0; PANEL]),
                    weights: weight_sums,
                    quantizers: group.map(|position| words.quantizers[position.image]),
                });
            }
        }
    }
}

/// What product (i, j) of squares reads: the plane that is a difference where an index is not 1, one further where it is not
/// 0.
fn product_tap(words: &Words, i: usize, j: usize) -> usize {
    let plane = usize::from(i != 1) + 2 * usize::from(j != 1);
    plane * words.plane() + i.min(1) * words.row() + j.min(1) * words.step
}
