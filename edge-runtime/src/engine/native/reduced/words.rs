//! A feature map in words: rounded to numbers of 16 bits, or quantized to 8.

use super::super::elementwise::Work;
use super::super::halves::Half;
use super::super::machine::Machine;
use super::super::maps::Maps;
use super::super::numbers::Aligned;
use super::super::pack::BLOCK;

const _: () = assert!(cfg!(target_endian = "little"), "words are made of smaller numbers by their place in memory");

/// Words of a cache line.
const LINE: usize = 16;

/// How a map is reduced.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::engine::native) enum Form {
    /// 16 bits.
    Halves(Half),
    /// 16 bits: the map, its differences downwards and to the right, and both.
    Differences(Half),
    /// 8 bits: by a scale of the layer, or by the numbers of each image.
    Bytes(Option<Quantizer>),
}

impl Form {
    fn planes(self) -> usize {
        if matches!(self, Self::Differences(_)) { 4 } else { 1 }
    }

    /// Channels of a word.
    pub fn channels(self) -> usize {
        if matches!(self, Self::Bytes(_)) { 4 } else { 2 }
    }
}

/// From numbers to 8 bits: `x / scale + zero`, rounded to the nearest, ties to even (ONNX, QuantizeLinear).
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::engine::native) struct Quantizer {
    pub scale: f32,
    pub zero: u8,
}

impl Quantizer {
    /// What covers numbers from `least` to `most`, and 0 exactly. A range that isn't finite has a scale that isn't either.
    fn covering([least, most]: [f32; 2]) -> Self {
        let scale = (most - least) / 255.0;
        let scale = if scale == 0.0 { 1.0 } else { scale };
        // 0 lies in the range, so that this is at most 255.
        Self { scale, zero: (-least / scale).round_ties_even() as u8 }
    }

    #[inline(always)]
    fn bytes(self, numbers: &[f32; BLOCK]) -> [u32; BLOCK / 4] {
        /// Adding it rounds a number to an integer, which the low bits then hold: 1.5 * 2^23.
        const ROUND: f32 = 12_582_912.0;
        let (least, most) = (-f32::from(self.zero), 255.0 - f32::from(self.zero));
        let mut bytes = [0; BLOCK];
        for (byte, x) in bytes.iter_mut().zip(numbers) {
            let x = x / self.scale;
            let x = if x < least { least } else { x };
            let x = if x > most { most } else { x };
            *byte = ((x + ROUND).to_bits() as u8).wrapping_add(self.zero);
        }
        // SAFETY: any bits are numbers.
        unsafe { std::mem::transmute::<[u8; BLOCK], [u32; BLOCK / 4]>(bytes) }
    }
}

/// Rounds a block to the nearest numbers of 16 bits, ties to even.
#[inline(always)]
fn halves(numbers: [f32; BLOCK], form: Half) -> [u32; BLOCK / 2] {
    let mut halves = [0; BLOCK];
    match form {
        Half::Bf16 => halves.iter_mut().zip(numbers).for_each(|(half, x)| *half = Half::Bf16.bits(x)),
        Half::F16 => halves.iter_mut().zip(numbers).for_each(|(half, x)| *half = Half::F16.bits(x)),
    }
    // SAFETY: any bits are numbers.
    unsafe { std::mem::transmute::<[u16; BLOCK], [u32; BLOCK / 2]>(halves) }
}

/// A map of several images: `[plane][image][row][column][step]`, each image with a border of one pixel of zeros.
#[derive(Debug)]
pub(in crate::engine::native) struct Words {
    pub data: Aligned<u32>,
    form: Form,
    images: usize,
    side: usize,
    /// Words between neighboring pixels: an odd number of cache lines, lest pixels share their places in a cache.
    pub step: usize,
    /// Of each image, for [`Form::Bytes`].
    pub quantizers: Vec<Quantizer>,
}

impl Words {
    /// Room for what [`Words::fill`] makes of maps like these.
    pub fn new(form: Form, maps: &Maps) -> Self {
        let lines = (maps.blocks * BLOCK / form.channels()).div_ceil(LINE);
        let step = (lines + usize::from(lines.is_multiple_of(2))) * LINE;
        let (images, side) = (maps.images, maps.side);
        let mut words = Self { data: Aligned::default(), form, images, side, step, quantizers: Vec::new() };
        words.data = Aligned::new(form.planes() * words.plane());
        words
    }

    /// Words between rows.
    pub fn row(&self) -> usize {
        (self.side + 2) * self.step
    }

    /// Words between images.
    pub fn image(&self) -> usize {
        (self.side + 2) * self.row()
    }

    /// Words between planes.
    pub fn plane(&self) -> usize {
        self.images * self.image()
    }

    /// Bytes of a row in all planes.
    pub fn row_bytes(&self) -> usize {
        self.form.planes() * self.row() * size_of::<u32>()
    }

    /// Takes the numbers of the first plane of maps, of which the first `channels` are used. Differences in the last row and
    /// column of a border, which has no neighbor, keep no sense, and nothing reads them.
    pub fn fill(&mut self, maps: &Maps, channels: usize, machine: &Machine) {
        self.quantizers.clear();
        if let Form::Bytes(quantizer) = self.form {
            let of = |image| quantizer.unwrap_or_else(|| Quantizer::covering(range(maps, image, channels, machine)));
            self.quantizers.extend((0..maps.images).map(of));
        }
        let (row, plane, form, step) = (self.row(), self.plane(), self.form, self.step);
        let quantizers = &self.quantizers;
        let mut planes: Vec<_> = self.data.chunks_mut(plane).map(|plane| plane.chunks_mut(row)).collect();
        let mut tasks = Vec::new();
        while let Some(rows) = planes.iter_mut().map(Iterator::next).collect::<Option<Vec<_>>>() {
            tasks.push((tasks.len(), rows));
        }
        machine.threads.each(tasks, |(index, mut rows)| {
            let line = Line { maps, row: index, step };
            let kernels = machine.kernels;
            match (form, &mut *rows) {
                (Form::Differences(half), [itself, down, right, both]) => {
                    kernels.vectorized(Differences { line, half, planes: [itself, down, right, both] });
                }
                (Form::Bytes(_), [words]) => {
                    kernels.vectorized(Bytes { line, words, quantizer: quantizers[index / (maps.side + 2)] });
                }
                (Form::Halves(half), [words]) => kernels.vectorized(Halves { line, half, words }),
                (_, _) => {}
            }
        });
    }
}

/// The least and the most of an image's numbers and 0; not a number where one isn't finite.
fn range(maps: &Maps, image: usize, channels: usize, machine: &Machine) -> [f32; 2] {
    let mut ranges = vec![[0.0_f32; 2]; channels.div_ceil(BLOCK)];
    let blocks = maps.data[..maps.plane()].chunks(maps.block()).zip(&mut ranges).enumerate().collect();
    machine.threads.each(blocks, |(block, (numbers, range))| {
        let numbers = numbers[image * maps.image()..][..maps.image()].as_chunks::<BLOCK>().0;
        let lanes = (channels - block * BLOCK).min(BLOCK);
        *range = machine.kernels.vectorized(Range { numbers, lanes });
    });
    let poison: f32 = ranges.as_flattened().iter().map(|x| x * 0.0).sum();
    ranges.iter().fold([poison; 2], |[least, most], range| {
        [if range[0] < least { range[0] } else { least }, if range[1] > most { range[1] } else { most }]
    })
}

/// The least and the most of the numbers of the first lanes, and 0.
struct Range<'a> {
    numbers: &'a [[f32; BLOCK]],
    lanes: usize,
}

impl Work for Range<'_> {
    type Made = [f32; 2];

    #[inline(always)]
    fn run(self) -> [f32; 2] {
        // What isn't finite makes its product with 0 not a number, and that stays.
        let (mut least, mut most, mut poison) = ([0.0; BLOCK], [0.0; BLOCK], [0.0; BLOCK]);
        for numbers in self.numbers {
            for lane in 0..BLOCK {
                let x = numbers[lane];
                least[lane] = if x < least[lane] { x } else { least[lane] };
                most[lane] = if x > most[lane] { x } else { most[lane] };
                poison[lane] += x * 0.0;
            }
        }
        let poison: f32 = poison.iter().sum();
        let (least, most) = (least.into_iter().take(self.lanes), most.into_iter().take(self.lanes));
        [least.fold(0.0, f32::min) + poison, most.fold(0.0, f32::max) + poison]
    }
}

/// A row of pixels, counted through all images with their borders.
#[derive(Clone, Copy)]
struct Line<'a> {
    maps: &'a Maps,
    row: usize,
    step: usize,
}

impl Line<'_> {
    fn block(&self, block: usize) -> usize {
        block * self.maps.block() + self.row * self.maps.row()
    }

    /// Fills a row of words, `N` for each block of each pixel.
    #[inline(always)]
    fn each<const N: usize>(self, words: &mut [u32], reduce: impl Fn(&[f32; BLOCK]) -> [u32; N]) {
        for block in 0..self.maps.blocks {
            let pixels = self.maps.data[self.block(block)..][..self.maps.row()].as_chunks::<BLOCK>().0;
            for (words, numbers) in words.chunks_mut(self.step).zip(pixels) {
                words[block * N..][..N].copy_from_slice(&reduce(numbers));
            }
        }
    }
}

/// Fills a row of 16 bits.
struct Halves<'a> {
    line: Line<'a>,
    half: Half,
    words: &'a mut [u32],
}

impl Work for Halves<'_> {
    type Made = ();

    #[inline(always)]
    fn run(self) {
        self.line.each(self.words, |numbers| halves(*numbers, self.half));
    }
}

/// Fills a row of 8 bits.
struct Bytes<'a> {
    line: Line<'a>,
    words: &'a mut [u32],
    quantizer: Quantizer,
}

impl Work for Bytes<'_> {
    type Made = ();

    #[inline(always)]
    fn run(self) {
        self.line.each(self.words, |numbers| self.quantizer.bytes(numbers));
    }
}

/// Fills a row of each plane, but for what has no neighbor.
struct Differences<'a> {
    line: Line<'a>,
    half: Half,
    planes: [&'a mut [u32]; 4],
}

impl Work for Differences<'_> {
    type Made = ();

    #[inline(always)]
    fn run(self) {
        const N: usize = BLOCK / 2;
        let Self { line, half, planes: [itself, down, right, both] } = self;
        let row = line.maps.row();
        for block in 0..line.maps.blocks {
            let rows = &line.maps.data[line.block(block)..];
            let here = rows[..row].as_chunks::<BLOCK>().0;
            let Some(below) = rows.get(row..2 * row) else { continue };
            let below = below.as_chunks::<BLOCK>().0;
            for (x, (here, below)) in here.windows(2).zip(below.windows(2)).enumerate() {
                let (mut lower, mut across, mut across_both) = ([0.0; BLOCK], [0.0; BLOCK], [0.0; BLOCK]);
                for lane in 0..BLOCK {
                    lower[lane] = here[0][lane] - below[0][lane];
                    across[lane] = here[0][lane] - here[1][lane];
                    across_both[lane] = lower[lane] - (here[1][lane] - below[1][lane]);
                }
                let place = x * line.step + block * N;
                itself[place..][..N].copy_from_slice(&halves(here[0], half));
                down[place..][..N].copy_from_slice(&halves(lower, half));
                right[place..][..N].copy_from_slice(&halves(across, half));
                both[place..][..N].copy_from_slice(&halves(across_both, half));
            }
        }
    }
}
