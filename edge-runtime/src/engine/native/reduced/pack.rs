//! Weights in words, in the order in which the kernels read them.

use super::super::halves::{Half, f32_from_f16};
use super::super::numbers::{Aligned, Numbers};
use super::super::plan::{Block, Kernel};
use super::super::threads::Threads;
use super::dots::PANEL;

/// A block's weights: `[panel of output channels][parity][tap or product][word][PANEL]`.
#[derive(Debug)]
pub(super) struct Packed {
    pub words: Aligned<u32>,
    /// What the integers of each output channel are multiplied by, `[panel][parity][PANEL]`; none of floats.
    pub factors: Vec<f32>,
    /// The sums of the integers of each output channel, `[panel][parity][PANEL]`; none of floats.
    pub sums: Vec<i32>,
}

/// The kernel of a pair of channels, row by row.
type Taps = [f32; 16];

/// A block's weights as numbers.
struct Source<'a> {
    numbers: Numbers<'a>,
    kernel: Kernel,
    /// The input channels that are packed.
    inputs: usize,
}

impl<'a> Source<'a> {
    fn of(block: &Block<'a>, inputs: usize) -> Self {
        Self { numbers: block.weight, kernel: block.kernel, inputs }
    }

    fn panels(&self) -> usize {
        self.kernel.outputs.div_ceil(PANEL)
    }

    /// The output channel of a lane of a panel.
    fn output(&self, panel: usize, lane: usize) -> Option<usize> {
        Some(panel * PANEL + lane).filter(|output| *output < self.kernel.outputs)
    }

    /// Zeros where there are no such channels.
    fn taps(&self, input: usize, panel: usize, lane: usize) -> Taps {
        let Self { numbers, kernel, inputs } = self;
        let Some(output) = self.output(panel, lane).filter(|_| input < *inputs) else { return [0.0; 16] };
        if kernel.subpixel {
            return std::array::from_fn(|tap| numbers.get(kernel.index(input, output, [tap / 4, tap % 4])));
        }
        let start = kernel.index(input, output, [0, 0]);
        match numbers {
            Numbers::F32(numbers) => {
                let taps = &numbers[start..][..16];
                std::array::from_fn(|tap| f32::from_le_bytes(taps[tap]))
            }
            Numbers::F16(numbers) => {
                let taps = &numbers[start..][..16];
                std::array::from_fn(|tap| f32_from_f16(u16::from_le_bytes(taps[tap])))
            }
            Numbers::I8(_) => std::array::from_fn(|tap| numbers.get(start + tap)),
        }
    }

    /// The taps of an input channel, each for the lanes of a panel.
    fn lanes(&self, input: usize, panel: usize) -> [[f32; PANEL]; 16] {
        let mut lanes = [[0.0; PANEL]; 16];
        for lane in 0..PANEL {
            for (row, tap) in lanes.iter_mut().zip(self.taps(input, panel, lane)) {
                row[lane] = tap;
            }
        }
        lanes
    }

    /// What the integers of a parity and output channel are multiplied by: the file's own factor where it has integers and one
    /// factor for all of them, else what makes them at most 127, by the greatest weight.
    fn factor(&self, parity: usize, panel: usize, lane: usize, most: f32) -> f32 {
        let own = self.output(panel, lane).and_then(|output| {
            let [row, column] = [3 - parity / 2, 3 - parity % 2];
            let corners =
                [(0, row, column), (self.inputs - 1, row, column), (0, row - 2, column), (0, row, column - 2)];
            let indices = corners.map(|(input, row, column)| self.kernel.index(input, output, [row, column]));
            self.numbers.shared_factor(&indices)
        });
        own.unwrap_or(if most > 0.0 { most / 127.0 } else { 1.0 })
    }
}

/// Where a kernel has the taps of a parity's 2x2 convolution: its tap (r, s) is row `3 - 2 r - p`, column `3 - 2 s - q`.
fn parity_taps(parity: usize) -> [usize; 4] {
    let (p, q) = (parity / 2, parity % 2);
    std::array::from_fn(|tap| (3 - 2 * (tap / 2) - p) * 4 + 3 - 2 * (tap % 2) - q)
}

/// The weights of the nine products: in each dimension the first tap, the sum of both, and the second.
fn nine([a, b, c, d]: [f32; 4]) -> [f32; 9] {
    [a, a + b, b, a + c, a + b + (c + d), b + d, c, c + d, d]
}

/// 16-bit weights of 2x2 convolutions: their four taps, or the nine weights of F(2x2, 2x2).
pub(super) fn halves(block: &Block<'_>, half: Half, squares: bool, threads: &Threads) -> Packed {
    let source = Source::of(block, block.kernel.inputs);
    if squares { placed(&source, half, threads, nine) } else { placed(&source, half, threads, |taps| taps) }
}

fn placed<const PLACES: usize>(
    source: &Source<'_>,
    half: Half,
    threads: &Threads,
    places: impl Fn([f32; 4]) -> [f32; PLACES] + Sync,
) -> Packed {
    let count = source.inputs.div_ceil(2);
    let mut words = Aligned::new(source.panels() * 4 * PLACES * count * PANEL);
    let panels = words.chunks_mut(4 * PLACES * count * PANEL).enumerate().collect();
    threads.each(panels, |(panel, words): (usize, &mut [u32])| {
        for word in 0..count {
            let [low, high] = [0, 1].map(|place| source.lanes(2 * word + place, panel));
            for (parity, words) in words.chunks_mut(PLACES * count * PANEL).enumerate() {
                let taps = parity_taps(parity);
                for lane in 0..PANEL {
                    let low = places(taps.map(|tap| low[tap][lane]));
                    let high = places(taps.map(|tap| high[tap][lane]));
                    for place in 0..PLACES {
                        let row = &mut words[(place * count + word) * PANEL..][..PANEL];
                        let pair = [low[place], high[place]].map(|weight| u32::from(half.bits(weight)));
                        match half {
                            Half::Bf16 => row[lane] = pair[0] | pair[1] << 16,
                            Half::F16 => {
                                for (row, bits) in row.chunks_mut(PANEL / 2).zip(pair) {
                                    row[lane / 2] |= bits << (lane % 2 * 16);
                                }
                            }
                        }
                    }
                }
            }
        }
    });
    Packed { words, factors: Vec::new(), sums: Vec::new() }
}

/// One panel of integers: its words, factors and sums.
type Panel<'a> = ((&'a mut [u32], &'a mut [f32]), &'a mut [i32]);

/// Weights of 8 bits of the first `inputs` channels, a factor for each parity and output channel.
pub(super) fn bytes(block: &Block<'_>, inputs: usize, threads: &Threads) -> Packed {
    let source = Source::of(block, inputs);
    let count = source.inputs.div_ceil(4);
    let panels = source.panels() * 4 * PANEL;
    let mut packed =
        Packed { words: Aligned::new(panels * 4 * count), factors: vec![0.0; panels], sums: vec![0; panels] };
    let parts = packed.words.chunks_mut(16 * count * PANEL).zip(packed.factors.chunks_mut(4 * PANEL));
    let parts = parts.zip(packed.sums.chunks_mut(4 * PANEL)).enumerate().collect();
    threads.each(parts, |(panel, part)| bytes_of_panel(&source, panel, part));
    packed
}

fn bytes_of_panel(source: &Source<'_>, panel: usize, ((words, factors), sums): Panel<'_>) {
    let count = source.inputs.div_ceil(4);
    let mut most = [[0.0_f32; PANEL]; 16];
    for input in 0..source.inputs {
        for (most, row) in most.iter_mut().zip(source.lanes(input, panel)) {
            most.iter_mut().zip(row).for_each(|(most, weight)| *most = most.max(weight.abs()));
        }
    }
    for (place, factor) in factors.iter_mut().enumerate() {
        let (parity, lane) = (place / PANEL, place % PANEL);
        let most = parity_taps(parity).into_iter().fold(0.0_f32, |so_far, tap| so_far.max(most[tap][lane]));
        *factor = source.factor(parity, panel, lane, most);
    }
    for word in 0..count {
        let channels = [0, 1, 2, 3].map(|place| source.lanes(4 * word + place, panel));
        for (parity, (factors, sums)) in factors.chunks(PANEL).zip(sums.chunks_mut(PANEL)).enumerate() {
            for (place, tap) in parity_taps(parity).into_iter().enumerate() {
                let words = &mut words[((parity * 4 + place) * count + word) * PANEL..][..PANEL];
                for (channel, taps) in channels.iter().enumerate() {
                    for (lane, weight) in taps[tap].iter().enumerate() {
                        let integer = rounded(weight / factors[lane]).clamp(-128, 127);
                        sums[lane] += integer;
                        words[lane] |= (integer as u32 & 0xFF) << (8 * channel);
                    }
                }
            }
        }
    }
}

/// To the nearest integer, ties to even, of numbers that are no greater than some millions.
fn rounded(x: f32) -> i32 {
    /// Adding it rounds a number to an integer, which the low bits then hold: 1.5 * 2^23.
    const ROUND: f32 = 12_582_912.0;
    (x + ROUND).to_bits().cast_signed().wrapping_sub(ROUND.to_bits().cast_signed())
}
