//! The kernels, written once over vectors of any width.
//!
//! A feature map lies in memory as `[block of 32 channels][image][row][column][32]`, with a border of one zero pixel around
//! each image. The kernels make tiles of a few pixels by 8 to 48 output channels, whose sums stay in registers.

#![allow(clippy::needless_range_loop, reason = "counted loops over registers, which are unrolled")]

#[cfg(target_arch = "x86_64")]
pub(super) mod avx2;
#[cfg(target_arch = "x86_64")]
pub(super) mod avx2_dots;
#[cfg(target_arch = "x86_64")]
pub(super) mod avx512;
#[cfg(target_arch = "x86_64")]
pub(super) mod avx512_dots;
#[cfg(target_arch = "aarch64")]
pub(super) mod neon;
#[cfg(target_arch = "aarch64")]
pub(super) mod neon_dots;
#[cfg(target_arch = "aarch64")]
pub(super) mod neon_halves;
pub(super) mod patches;
mod pixels;
pub(super) mod scalar;
#[cfg(target_arch = "x86_64")]
pub(super) mod sse2;

use super::numbers::Activation;
use super::pack::{BLOCK, WIDTH, Weights};
use super::tile::{Dense, Shape, Tile};

/// A vector of f32 of one instruction set.
///
/// # Safety
/// Every function may be called only where the CPU has that instruction set, and inside a function that enables it;
/// pointers must be valid for `LANES` numbers, or for one where that is said.
pub(super) unsafe trait Lanes {
    type Vector: Copy;
    const LANES: usize;
    /// Vectors that the CPU has room for.
    const REGISTERS: usize;

    unsafe fn zero() -> Self::Vector;
    unsafe fn load(from: *const f32) -> Self::Vector;
    unsafe fn load_f16(from: *const u16) -> Self::Vector;
    /// Reads one number.
    unsafe fn splat(from: *const f32) -> Self::Vector;
    /// Whether a product can take its factor from any lane of a vector, so that [`Lanes::splat_four`] is one load.
    const BY_LANE: bool = false;
    /// Reads four numbers, each into a vector of its own.
    #[inline(always)]
    unsafe fn splat_four(from: *const f32) -> [Self::Vector; 4] {
        // SAFETY: the caller's.
        unsafe { [Self::splat(from), Self::splat(from.add(1)), Self::splat(from.add(2)), Self::splat(from.add(3))] }
    }
    /// Asks for the cache line of what will be read soon, wherever that is.
    #[inline(always)]
    unsafe fn prefetch<T>(_from: *const T) {}
    unsafe fn store(to: *mut f32, x: Self::Vector);
    /// `a * b + c`, rounded once where there is an instruction for it.
    unsafe fn mul_add(a: Self::Vector, b: Self::Vector, c: Self::Vector) -> Self::Vector;
    unsafe fn add(a: Self::Vector, b: Self::Vector) -> Self::Vector;
    unsafe fn sub(a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// As [`Activation::apply`].
    unsafe fn relu(x: Self::Vector) -> Self::Vector;
    /// As [`Activation::apply`]; the slope is the same in all lanes.
    unsafe fn leaky(x: Self::Vector, slope: Self::Vector) -> Self::Vector;
}

/// Work that is written over vectors of any width.
pub(super) trait Vectors {
    /// # Safety
    /// That of [`Lanes`]; the work must have been checked.
    unsafe fn run<L: Lanes>(self);
}

/// Work that is checked before memory is touched.
///
/// # Safety
/// `check` stops at everything that `run` would read or write outside of the slices.
pub(super) unsafe trait Step: Vectors {
    fn check(&self);
}

/// Stored weights.
pub(super) trait Stored: Copy {
    /// # Safety
    /// That of [`Lanes::load`].
    unsafe fn load<L: Lanes>(from: *const Self) -> L::Vector;
}

impl Stored for f32 {
    #[inline(always)]
    unsafe fn load<L: Lanes>(from: *const Self) -> L::Vector {
        // SAFETY: the caller's.
        unsafe { L::load(from) }
    }
}

impl Stored for u16 {
    #[inline(always)]
    unsafe fn load<L: Lanes>(from: *const Self) -> L::Vector {
        // SAFETY: the caller's.
        unsafe { L::load_f16(from) }
    }
}

/// Sums of a tile: pairs of pixels by vectors of output channels.
type Sums<L, const PAIRS: usize, const V: usize> = [[[<L as Lanes>::Vector; V]; 2]; PAIRS];

/// Where a product reads: a pixel of each pair, and weight rows that are added to each other before they are used.
#[derive(Clone, Copy)]
struct Operands<T, const PAIRS: usize, const TAPS: usize> {
    pixels: [*const f32; PAIRS],
    /// From the first to the second pixel of a pair.
    step: usize,
    weights: [*const T; TAPS],
    /// From a row of weights to the next one.
    width: usize,
}

/// Adds the products of all input channels to the sums; blocks of them are so far from each other.
///
/// # Safety
/// That of [`Lanes`] for every pixel and row that the operands and the shape lead to.
#[inline(always)]
unsafe fn multiply<L: Lanes, T: Stored, const PAIRS: usize, const V: usize, const TAPS: usize>(
    sums: &mut Sums<L, PAIRS, V>,
    (channels, block): (usize, usize),
    operands: Operands<T, PAIRS, TAPS>,
) {
    let Operands { mut pixels, step, mut weights, width } = operands;
    let mut left = channels;
    // SAFETY: the caller's; a block is left after its last channel, weights after the last row.
    unsafe {
        while left > 0 {
            let count = left.min(BLOCK);
            let fours = if L::BY_LANE { count / 4 * 4 } else { 0 };
            for channel in (0..fours).step_by(4) {
                let mut x = [[[L::zero(); 4]; 2]; PAIRS];
                for pair in 0..PAIRS {
                    for half in 0..2 {
                        x[pair][half] = L::splat_four(pixels[pair].add(half * step + channel));
                    }
                }
                for place in 0..4 {
                    let row = weight_row::<L, T, V, TAPS>(&mut weights, width);
                    for pair in 0..PAIRS {
                        for half in 0..2 {
                            for v in 0..V {
                                sums[pair][half][v] = L::mul_add(x[pair][half][place], row[v], sums[pair][half][v]);
                            }
                        }
                    }
                }
            }
            for channel in fours..count {
                let row = weight_row::<L, T, V, TAPS>(&mut weights, width);
                for pair in 0..PAIRS {
                    for half in 0..2 {
                        let x = L::splat(pixels[pair].add(half * step + channel));
                        for v in 0..V {
                            sums[pair][half][v] = L::mul_add(x, row[v], sums[pair][half][v]);
                        }
                    }
                }
            }
            left -= count;
            if left > 0 {
                for pair in 0..PAIRS {
                    pixels[pair] = pixels[pair].add(block);
                }
            }
        }
    }
}

/// The sum of a row of each tap; moves on to the next rows.
///
/// # Safety
/// That of [`multiply`].
#[inline(always)]
unsafe fn weight_row<L: Lanes, T: Stored, const V: usize, const TAPS: usize>(
    weights: &mut [*const T; TAPS],
    width: usize,
) -> [L::Vector; V] {
    // SAFETY: the caller's.
    unsafe {
        let mut row = [L::zero(); V];
        for v in 0..V {
            row[v] = T::load::<L>(weights[0].add(v * L::LANES));
            for tap in 1..TAPS {
                row[v] = L::add(row[v], T::load::<L>(weights[tap].add(v * L::LANES)));
            }
        }
        for tap in 0..TAPS {
            // After the last row this may lead out of the weights.
            weights[tap] = weights[tap].wrapping_add(width);
        }
        row
    }
}

/// Runs a checked tile: many squares product by product and `PAIRS` pairs at a time, few by two pairs, and `V` vectors of
/// channels.
///
/// # Safety
/// That of [`Lanes`]; the tile must have been checked.
#[inline(always)]
unsafe fn tile<L: Lanes, const PAIRS: usize, const V: usize>(tile: &mut Tile<'_>) {
    // SAFETY: the caller's.
    unsafe {
        match tile.weights {
            Weights::F32(weights) => many_or_few::<L, f32, PAIRS, V>(tile, weights),
            Weights::F16(weights) => many_or_few::<L, u16, PAIRS, V>(tile, weights),
        }
    }
}

/// [`tile`] with weights of a type.
///
/// # Safety
/// That of [`tile`].
#[inline(always)]
unsafe fn many_or_few<L: Lanes, T: Stored, const PAIRS: usize, const V: usize>(tile: &mut Tile<'_>, weights: &[T]) {
    /// Pairs from which on widening and adding up weights once for all of them is worth a pass of its own.
    const MANY: usize = 12;
    // SAFETY: the caller's.
    unsafe {
        if tile.pairs.len() >= MANY {
            squares_by_product::<L, T, PAIRS, V>(tile, weights);
        } else {
            by_two_pairs::<L, T, V>(tile, weights);
        }
    }
}

/// Runs a checked tile two pairs and `V` vectors of channels at a time.
///
/// # Safety
/// That of [`Lanes`]; the tile must have been checked.
#[inline(always)]
unsafe fn by_two_pairs<L: Lanes, T: Stored, const V: usize>(tile: &mut Tile<'_>, weights: &[T]) {
    for first in (0..tile.pairs.len()).step_by(2) {
        for lane in (0..WIDTH).step_by(V * L::LANES) {
            // SAFETY: the caller's; a tile has an even number of pairs.
            unsafe { squares::<L, T, 2, V>(tile, weights, first, lane) }
        }
    }
}

/// A 2x2 convolution as F(2x2, 2x2): 9 products for 4 pixels of output instead of 16 (Winograd, Arithmetic
/// Complexity of Computations, 1980; Lavin and Gray, arXiv 1509.09308).
///
/// In one dimension, from inputs d and taps g: `y0 = (d0 - d1) g0 + d1 (g0 + g1)`, `y1 = d1 (g0 + g1) - (d1 - d2) g1`.
/// The differences of the inputs are planes of the feature map: itself, down, right, both.
///
/// # Safety
/// That of [`Lanes`]; the tile must have been checked, and the channels are among its [`WIDTH`].
#[inline(always)]
unsafe fn squares<L: Lanes, T: Stored, const PAIRS: usize, const V: usize>(
    tile: &mut Tile<'_>,
    weights: &[T],
    first: usize,
    lane: usize,
) {
    let shape = tile.shape;
    // SAFETY: that of this function; each call has the taps of its row and column of products.
    unsafe {
        let mut outputs: [Sums<L, PAIRS, V>; 4] = [[[load_row::<L, V>(tile.bias.as_ptr().add(lane)); 2]; PAIRS]; 4];
        let taps = weights.as_ptr().add(lane);
        let tap = |row: usize, column: usize| taps.wrapping_add((row * 2 + column) * shape.channels * WIDTH);
        for i in 0..3 {
            for j in 0..3 {
                let (row, column) = (i / 2, j / 2);
                let mut sums: Sums<L, PAIRS, V> = [[[L::zero(); V]; 2]; PAIRS];
                let (pixels, step) = (planes::<PAIRS>(tile, first, i, j), 2 * BLOCK);
                match (i == 1, j == 1) {
                    (false, false) => {
                        let operands = Operands { pixels, step, weights: [tap(row, column)], width: WIDTH };
                        multiply::<L, T, PAIRS, V, 1>(&mut sums, shape.input(), operands);
                    }
                    (true, false) => {
                        let operands =
                            Operands { pixels, step, weights: [tap(0, column), tap(1, column)], width: WIDTH };
                        multiply::<L, T, PAIRS, V, 2>(&mut sums, shape.input(), operands);
                    }
                    (false, true) => {
                        let operands = Operands { pixels, step, weights: [tap(row, 0), tap(row, 1)], width: WIDTH };
                        multiply::<L, T, PAIRS, V, 2>(&mut sums, shape.input(), operands);
                    }
                    (true, true) => {
                        let weights = [tap(0, 0), tap(0, 1), tap(1, 0), tap(1, 1)];
                        multiply::<L, T, PAIRS, V, 4>(
                            &mut sums,
                            shape.input(),
                            Operands { pixels, step, weights, width: WIDTH },
                        );
                    }
                }
                spread::<L, PAIRS, V>(&mut outputs, &sums, i, j);
            }
        }
        for (place, sums) in outputs.iter().enumerate() {
            for pair in 0..PAIRS {
                let output = tile.pairs[first + pair].output + lane;
                let corner = output + place / 2 * shape.output_row + place % 2 * shape.step;
                for half in 0..2 {
                    let to = tile.output.as_mut_ptr().add(corner + half * 2 * shape.step);
                    store_row::<L, V>(to, sums[pair][half], shape.activation);
                }
            }
        }
    }
}

/// [`squares`] of all pairs of a tile, product by product and to the same bits: the weights of a product are widened and
/// added up once for all of them, and `PAIRS` pairs, with which all registers hold sums, are multiplied at a time.
///
/// # Safety
/// That of [`squares`].
#[inline(always)]
unsafe fn squares_by_product<L: Lanes, T: Stored, const PAIRS: usize, const V: usize>(
    tile: &mut Tile<'_>,
    weights: &[T],
) {
    assert!(tile.rows.len() >= tile.shape.channels * WIDTH);
    for place in 0..9 {
        let (i, j) = (place / 3, place % 3);
        // SAFETY: there is room for a product's weights, and the tile has been checked: it has an even number of pairs, and every
        // pixel of every plane, every row of weights and every output is inside.
        unsafe {
            product_rows::<L, T>(tile.rows, &tile.shape, weights, i, j);
            for (first, is_full) in groups(tile.pairs.len(), PAIRS) {
                if is_full {
                    product::<L, PAIRS, V>(tile, (i, j), first);
                } else {
                    product::<L, 2, V>(tile, (i, j), first);
                }
            }
        }
    }
}

/// Where so many pairs at a time begin, and whether they are as many, of an even number of pairs: two are made at a time where
/// one would be left over.
#[inline(always)]
fn groups(pairs: usize, most: usize) -> impl Iterator<Item = (usize, bool)> {
    let mut next = 0;
    std::iter::from_fn(move || {
        let (first, left) = (next, pairs - next);
        let is_full = left >= most && left - most != 1;
        next += if is_full { most } else { left.min(2) };
        (left > 0).then_some((first, is_full))
    })
}

/// One product of `PAIRS` pairs, added to their outputs.
///
/// # Safety
/// That of [`squares`]; the rows are those of the product.
#[inline(always)]
unsafe fn product<L: Lanes, const PAIRS: usize, const V: usize>(
    tile: &mut Tile<'_>,
    (i, j): (usize, usize),
    first: usize,
) {
    let shape = tile.shape;
    for lane in (0..WIDTH).step_by(V * L::LANES) {
        // SAFETY: the caller's.
        unsafe {
            let mut sums: Sums<L, PAIRS, V> = [[[L::zero(); V]; 2]; PAIRS];
            let (pixels, step) = (planes::<PAIRS>(tile, first, i, j), 2 * BLOCK);
            let operands = Operands { pixels, step, weights: [tile.rows.as_ptr().add(lane)], width: WIDTH };
            multiply::<L, f32, PAIRS, V, 1>(&mut sums, shape.input(), operands);
            spread_to_map::<L, PAIRS, V>(tile, &sums, (i, j), first, lane);
        }
    }
}

/// Fills the rows `[channel][WIDTH]` of product (i, j) of [`squares`]: sums of one, two or four taps.
///
/// # Safety
/// That of [`squares`].
#[inline(always)]
unsafe fn product_rows<L: Lanes, T: Stored>(rows: &mut [f32], shape: &Shape, weights: &[T], i: usize, j: usize) {
    let count = shape.channels * WIDTH;
    let tap = |row: usize, column: usize| weights.as_ptr().wrapping_add((row * 2 + column) * count);
    // SAFETY: the caller's; each call has the taps of its row and column of products.
    unsafe {
        match (i == 1, j == 1) {
            (false, false) => summed::<L, T, 1>(rows, count, [tap(i / 2, j / 2)]),
            (true, false) => summed::<L, T, 2>(rows, count, [tap(0, j / 2), tap(1, j / 2)]),
            (false, true) => summed::<L, T, 2>(rows, count, [tap(i / 2, 0), tap(i / 2, 1)]),
            (true, true) => summed::<L, T, 4>(rows, count, [tap(0, 0), tap(0, 1), tap(1, 0), tap(1, 1)]),
        }
    }
}

/// The first `count` numbers of all taps, added up.
///
/// # Safety
/// That of [`Lanes`], for `count` numbers from each tap on; vectors divide `count`.
#[inline(always)]
unsafe fn summed<L: Lanes, T: Stored, const TAPS: usize>(rows: &mut [f32], count: usize, taps: [*const T; TAPS]) {
    for (place, row) in rows[..count].chunks_exact_mut(L::LANES).enumerate() {
        // SAFETY: the caller's.
        unsafe {
            let mut sum = T::load::<L>(taps[0].add(place * L::LANES));
            for tap in 1..TAPS {
                sum = L::add(sum, T::load::<L>(taps[tap].add(place * L::LANES)));
            }
            L::store(row.as_mut_ptr(), sum);
        }
    }
}

/// As [`spread`], with the outputs in the map: the first product of each begins with the bias, the last one ends with the
/// activation.
///
/// # Safety
/// That of [`squares`].
#[inline(always)]
unsafe fn spread_to_map<L: Lanes, const PAIRS: usize, const V: usize>(
    tile: &mut Tile<'_>,
    sums: &Sums<L, PAIRS, V>,
    (i, j): (usize, usize),
    first: usize,
    lane: usize,
) {
    let shape = tile.shape;
    for place in 0..4 {
        let (row, column) = (place / 2, place % 2);
        if !is_part(i, row) || !is_part(j, column) {
            continue;
        }
        let activation = if (i, j) == (row + 1, column + 1) { shape.activation } else { Activation::None };
        for pair in 0..PAIRS {
            for half in 0..2 {
                let place = row * shape.output_row + (column + half * 2) * shape.step + lane;
                // SAFETY: the caller's.
                unsafe {
                    let to = tile.output.as_mut_ptr().add(tile.pairs[first + pair].output + place);
                    let is_first = (i, j) == (row, column);
                    let mut sum = load_row::<L, V>(if is_first { tile.bias.as_ptr().add(lane) } else { to });
                    for v in 0..V {
                        sum[v] = taken::<L>(sum[v], sums[pair][half][v], i, j);
                    }
                    store_row::<L, V>(to, sum, activation);
                }
            }
        }
    }
}

/// A sum with product (i, j), which an index of 2 makes negative in its dimension.
///
/// # Safety
/// That of [`Lanes`].
#[inline(always)]
unsafe fn taken<L: Lanes>(sum: L::Vector, product: L::Vector, i: usize, j: usize) -> L::Vector {
    // SAFETY: the caller's.
    unsafe { if (i == 2) == (j == 2) { L::add(sum, product) } else { L::sub(sum, product) } }
}

/// Whether the product of an index is part of an output, in one dimension: 0 of output 0, 1 of both, 2 of output 1.
#[inline(always)]
fn is_part(product: usize, output: usize) -> bool {
    product == output || product == output + 1
}

/// The pixels that product (i, j) reads: of the plane that is a difference where an index is not 1, one further where it
/// is not 0.
///
/// # Safety
/// The tile must have been checked.
#[inline(always)]
unsafe fn planes<const PAIRS: usize>(tile: &Tile<'_>, first: usize, i: usize, j: usize) -> [*const f32; PAIRS] {
    let shape = &tile.shape;
    let plane = usize::from(i != 1) + 2 * usize::from(j != 1);
    let offset = plane * shape.plane + i.min(1) * shape.row + j.min(1) * BLOCK;
    let mut pixels = [tile.input.as_ptr(); PAIRS];
    for pair in 0..PAIRS {
        // SAFETY: inside a checked tile.
        pixels[pair] = unsafe { pixels[pair].add(tile.pairs[first + pair].input + offset) };
    }
    pixels
}

/// Adds product (i, j) to the outputs that it is part of, or subtracts it: index 0 is part of output 0, 1 of both, 2 of
/// output 1, negative.
///
/// # Safety
/// That of [`Lanes`].
#[inline(always)]
unsafe fn spread<L: Lanes, const PAIRS: usize, const V: usize>(
    outputs: &mut [Sums<L, PAIRS, V>; 4],
    sums: &Sums<L, PAIRS, V>,
    i: usize,
    j: usize,
) {
    for place in 0..4 {
        let (row, column) = (place / 2, place % 2);
        if !is_part(i, row) || !is_part(j, column) {
            continue;
        }
        for pair in 0..PAIRS {
            for half in 0..2 {
                for v in 0..V {
                    let sum = &mut outputs[place][pair][half][v];
                    // SAFETY: the caller's.
                    *sum = unsafe { taken::<L>(*sum, sums[pair][half][v], i, j) };
                }
            }
        }
    }
}

/// One row of a dense layer's panel, `V` vectors at a time.
///
/// # Safety
/// That of [`Lanes`]; the row must have been checked.
#[inline(always)]
unsafe fn dense<L: Lanes, const V: usize>(dense: &mut Dense<'_>) {
    // SAFETY: the caller's.
    unsafe {
        match dense.weights {
            Weights::F32(weights) => row::<L, f32, V>(dense, weights),
            Weights::F16(weights) => row::<L, u16, V>(dense, weights),
        }
    }
}

/// [`dense`] with weights of a type.
///
/// # Safety
/// That of [`dense`].
#[inline(always)]
unsafe fn row<L: Lanes, T: Stored, const V: usize>(dense: &mut Dense<'_>, weights: &[T]) {
    // SAFETY: checked: a row of BLOCK weights for each input, BLOCK biases, BLOCK outputs.
    unsafe {
        let mut lane = 0;
        while lane < BLOCK {
            let mut sums = load_row::<L, V>(dense.bias.as_ptr().add(lane));
            for (input, x) in dense.input.iter().enumerate() {
                let x = L::splat(x);
                for v in 0..V {
                    let weight = T::load::<L>(weights.as_ptr().add(input * BLOCK + lane + v * L::LANES));
                    sums[v] = L::mul_add(x, weight, sums[v]);
                }
            }
            store_row::<L, V>(dense.output.as_mut_ptr().add(lane), sums, dense.activation);
            lane += V * L::LANES;
        }
    }
}

/// # Safety
/// That of [`Lanes`], for `V` vectors.
#[inline(always)]
unsafe fn load_row<L: Lanes, const V: usize>(from: *const f32) -> [L::Vector; V] {
    // SAFETY: the caller's.
    unsafe {
        let mut row = [L::zero(); V];
        for v in 0..V {
            row[v] = L::load(from.add(v * L::LANES));
        }
        row
    }
}

/// # Safety
/// That of [`Lanes`], for `V` vectors.
#[inline(always)]
unsafe fn store_row<L: Lanes, const V: usize>(to: *mut f32, row: [L::Vector; V], activation: Activation) {
    // SAFETY: the caller's.
    unsafe {
        for v in 0..V {
            L::store(to.add(v * L::LANES), activation.of::<L>(row[v]));
        }
    }
}

impl Activation {
    /// [`Activation::apply`] to each number of a vector.
    ///
    /// # Safety
    /// That of [`Lanes`].
    #[inline(always)]
    pub(super) unsafe fn of<L: Lanes>(self, x: L::Vector) -> L::Vector {
        // SAFETY: the caller's; the slope is one number.
        unsafe {
            match self {
                Self::None => x,
                Self::Relu => L::relu(x),
                Self::Leaky(slope) => L::leaky(x, L::splat(&slope)),
            }
        }
    }
}
