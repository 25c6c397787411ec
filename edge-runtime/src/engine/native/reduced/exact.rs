//! The products of a few inputs that are not reduced.

use super::super::elementwise::Work;
use super::super::machine::Machine;
use super::super::maps::Maps;
use super::super::pack::BLOCK;
use super::super::plan::Block;
use super::dots::PANEL;

/// Transposed convolution of the inputs from one on.
#[derive(Debug)]
pub(super) struct Exact {
    first: usize,
    inputs: usize,
    /// `[panel][input][tap][PANEL]`
    weights: Vec<[f32; PANEL]>,
}

impl Exact {
    pub fn new(block: &Block<'_>, first: usize) -> Self {
        let kernel = block.kernel;
        let inputs = kernel.inputs - first;
        let panels = kernel.outputs.div_ceil(PANEL);
        let mut weights = vec![[0.0; PANEL]; panels * inputs * 16];
        for (place, row) in weights.iter_mut().enumerate() {
            let (panel, input, tap) = (place / 16 / inputs, place / 16 % inputs, place % 16);
            for (output, weight) in (panel * PANEL..kernel.outputs).zip(row) {
                *weight = block.weight.get(kernel.index(first + input, output, [tap / 4, tap % 4]));
            }
        }
        Self { first, inputs, weights }
    }

    /// Fills the pixels of the first plane of `to`, but not its border.
    pub fn run(&self, from: &Maps, to: &mut Maps, machine: &Machine) {
        let (block, plane) = (to.block(), to.plane());
        let panels = to.data[..plane].chunks_mut(block).zip(self.weights.chunks(self.inputs * 16)).collect();
        machine.threads.each(panels, |(to, weights)| {
            machine.kernels.vectorized(Panel { from, first: self.first, weights, to });
        });
    }
}

/// One panel of output channels of all images.
struct Panel<'a> {
    from: &'a Maps,
    first: usize,
    /// `[input][tap]`
    weights: &'a [[f32; PANEL]],
    to: &'a mut [f32],
}

impl Work for Panel<'_> {
    type Made = ();

    #[inline(always)]
    fn run(self) {
        let Self { from, first, weights, to } = self;
        let side = from.side;
        let (row, image) = (2 * (side + 1) * PANEL, 4 * (side + 1) * (side + 1) * PANEL);
        for (index, to) in to.chunks_mut(image).enumerate() {
            for to in to.chunks_mut(row).skip(1).take(2 * side) {
                to[PANEL..row - PANEL].fill(0.0);
            }
            for (channel, weights) in (first..).zip(weights.chunks(16)) {
                let map = &from.data[channel / BLOCK * from.block() + index * from.image() + channel % BLOCK..];
                for pixel in 0..side * side {
                    let x = map[(pixel / side + 1) * from.row() + (pixel % side + 1) * BLOCK];
                    // The kernel's first row and column lie one before the pixel's own.
                    for (tap, weights) in weights.iter().enumerate() {
                        let place = [2 * (pixel / side) + tap / 4, 2 * (pixel % side) + tap % 4];
                        if place.iter().all(|place| (1..=2 * side).contains(place)) {
                            let to = &mut to[place[0] * row + place[1] * PANEL..][..PANEL];
                            to.iter_mut().zip(weights).for_each(|(to, weight)| *to += x * weight);
                        }
                    }
                }
            }
        }
    }
}
