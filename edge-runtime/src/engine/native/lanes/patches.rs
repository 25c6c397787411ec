//! The steps of patches, each checked first: inputs and weights at the five points of each dimension, products, outputs.

use super::{Lanes, Operands, Step, Stored, Sums, Vectors, groups, load_row, multiply, store_row};
use crate::engine::native::numbers::Activation;
use crate::engine::native::pack::{BLOCK, WIDTH, Weights};
use crate::engine::native::patches::steps::{
    AtOnce, Grid, Inputs, Outputs, PATCH, POINTS, PRODUCTS, Panel, Products, SIDE, STEP,
};

// SAFETY: the last patch's last pixel is inside, and so is the last product's last patch.
unsafe impl Step for Inputs<'_> {
    fn check(&self) {
        let Grid { count, across, patch, product, .. } = self.patches;
        assert!(across > 0 && count > 0 && count.is_multiple_of(across * across));
        assert!(self.to.len() >= (PRODUCTS - 1) * product + (count - 1) * patch + BLOCK);
        let images = count / (across * across);
        let last = (images - 1) * self.image + self.first + (across - 1) * SIDE * (self.row + BLOCK);
        assert!(self.from.len() >= last + (POINTS - 1) * self.row + POINTS * BLOCK);
    }
}

impl Vectors for Inputs<'_> {
    #[inline(always)]
    unsafe fn run<L: Lanes>(self) {
        let Self { from, row, image, first, patches, to } = self;
        let Grid { count, across, .. } = patches;
        for patch in 0..count {
            let (index, y, x) = (patch / (across * across), patch / across % across, patch % across);
            let start = index * image + first + (y * row + x * BLOCK) * SIDE;
            for lane in (0..BLOCK).step_by(L::LANES) {
                // SAFETY: checked: every pixel and every point is inside.
                unsafe {
                    let (from, to) =
                        (from.as_ptr().add(start + lane), to.as_mut_ptr().add(patch * patches.patch + lane));
                    let mut half = [[L::zero(); POINTS]; POINTS];
                    for line in 0..POINTS {
                        let mut pixels = [L::zero(); POINTS];
                        for x in 0..POINTS {
                            pixels[x] = L::load(from.add(line * row + x * BLOCK));
                        }
                        half[line] = inputs::<L>(pixels);
                    }
                    for column in 0..POINTS {
                        let points = inputs::<L>(column_of(&half, column));
                        for line in 0..POINTS {
                            L::store(to.add((line * POINTS + column) * patches.product), points[line]);
                        }
                    }
                }
            }
        }
    }
}

/// A column of rows. It is a loop, since vectors aren't inlined into a closure that `map` calls where it isn't inlined first.
#[inline(always)]
fn column_of<V: Copy, const N: usize>(rows: &[[V; N]; POINTS], column: usize) -> [V; POINTS] {
    let mut numbers = [rows[0][column]; POINTS];
    for line in 1..POINTS {
        numbers[line] = rows[line][column];
    }
    numbers
}

/// Five neighboring inputs at the points, with those factors that the weights leave out; those of the point 2 negative, which
/// [`outputs`] takes back.
///
/// # Safety
/// That of [`Lanes`].
#[inline(always)]
unsafe fn inputs<L: Lanes>(d: [L::Vector; POINTS]) -> [L::Vector; POINTS] {
    // SAFETY: the caller's.
    unsafe {
        let (half, sixth, two) = (L::splat(&0.5), L::splat(&(-1.0 / 6.0)), L::splat(&-2.0));
        let across = L::sub(d[3], d[1]);
        let last = L::mul_add(sixth, across, L::zero());
        [
            L::mul_add(half, across, L::sub(d[0], d[2])),
            L::mul_add(half, L::sub(d[2], d[3]), d[1]),
            L::mul_add(half, L::sub(d[2], d[1]), last),
            last,
            L::mul_add(two, across, L::sub(d[4], d[2])),
        ]
    }
}

// SAFETY: the last channel's last tap, and the last patch of its last product, are inside.
unsafe impl Step for Products<'_> {
    fn check(&self) {
        assert!(self.channels > 0 && self.patches > 0 && self.patches.is_multiple_of(STEP));
        assert!(self.weights.len() >= 3 * self.tap + self.channels * WIDTH);
        assert!(self.rows.len() >= PRODUCTS * self.rows_plane() && self.sums.len() >= PRODUCTS * self.sums_plane());
        let last = (self.channels - 1) / BLOCK * self.block + (PRODUCTS - 1) * self.plane;
        assert!(self.input.len() >= last + self.patches * BLOCK);
    }
}

impl Vectors for Products<'_> {
    #[inline(always)]
    unsafe fn run<L: Lanes>(mut self) {
        assert!(L::LANES < WIDTH, "vectors as wide as a panel make patches at once");
        // SAFETY: the caller's, and checked.
        unsafe {
            match self.weights {
                Weights::F32(weights) => rows::<L, f32>(&mut self, weights),
                Weights::F16(weights) => rows::<L, u16>(&mut self, weights),
            }
            // As many sums as registers hold beside the operands.
            match (L::LANES, L::REGISTERS) {
                (1, _) => products::<L, 2, 4>(&mut self),
                (_, 16) => products::<L, 3, 2>(&mut self),
                _ => products::<L, 4, 2>(&mut self),
            }
        }
    }
}

/// All products, `PAIRS` pairs of patches at a time.
///
/// # Safety
/// That of [`Lanes`]; the products must have been checked, and their rows filled.
#[inline(always)]
unsafe fn products<L: Lanes, const PAIRS: usize, const V: usize>(all: &mut Products<'_>) {
    for product in 0..PRODUCTS {
        for (first, is_full) in groups(all.patches / 2, PAIRS) {
            // SAFETY: the caller's.
            unsafe {
                if is_full {
                    some::<L, PAIRS, V>(all, product, first);
                } else {
                    some::<L, 2, V>(all, product, first);
                }
            }
        }
    }
}

/// One product of `PAIRS` pairs of patches from the `first`-th on.
///
/// # Safety
/// That of [`products`].
#[inline(always)]
unsafe fn some<L: Lanes, const PAIRS: usize, const V: usize>(all: &mut Products<'_>, product: usize, first: usize) {
    for lane in (0..WIDTH).step_by(V * L::LANES) {
        // SAFETY: the caller's.
        unsafe {
            let to = all.sums.as_mut_ptr().add(product * all.sums_plane() + 2 * first * WIDTH + lane);
            let mut sums: Sums<L, PAIRS, V> = [[[L::zero(); V]; 2]; PAIRS];
            let mut pixels = [all.input.as_ptr().add(product * all.plane + 2 * first * BLOCK); PAIRS];
            for pair in 0..PAIRS {
                pixels[pair] = pixels[pair].add(2 * pair * BLOCK);
                for half in 0..2 {
                    if all.goes_on {
                        sums[pair][half] = load_row::<L, V>(to.add((2 * pair + half) * WIDTH));
                    }
                }
            }
            let row = all.rows.as_ptr().add(product * all.rows_plane() + lane);
            let operands = Operands { pixels, step: BLOCK, weights: [row], width: WIDTH };
            multiply::<L, f32, PAIRS, V, 1>(&mut sums, (all.channels, all.block), operands);
            for pair in 0..PAIRS {
                for half in 0..2 {
                    store_row::<L, V>(to.add((2 * pair + half) * WIDTH), sums[pair][half], Activation::None);
                }
            }
        }
    }
}

/// Fills the rows of all products.
///
/// # Safety
/// That of [`Lanes`]; the products must have been checked.
#[inline(always)]
unsafe fn rows<L: Lanes, T: Stored>(all: &mut Products<'_>, weights: &[T]) {
    let plane = all.rows_plane();
    for place in (0..all.channels * WIDTH).step_by(L::LANES) {
        // SAFETY: the caller's.
        unsafe {
            let from = weights.as_ptr().add(place);
            let (near, far) = (T::load::<L>(from), T::load::<L>(from.add(all.tap)));
            let (below, both) = (T::load::<L>(from.add(2 * all.tap)), T::load::<L>(from.add(3 * all.tap)));
            let columns = [taps::<L>(near, below), taps::<L>(far, both)];
            for line in 0..POINTS {
                let row = taps::<L>(columns[0][line], columns[1][line]);
                for column in 0..POINTS {
                    L::store(all.rows.as_mut_ptr().add((line * POINTS + column) * plane + place), row[column]);
                }
            }
        }
    }
}

/// Two neighboring taps at the points.
///
/// # Safety
/// That of [`Lanes`].
#[inline(always)]
unsafe fn taps<L: Lanes>(first: L::Vector, second: L::Vector) -> [L::Vector; POINTS] {
    // SAFETY: the caller's.
    unsafe {
        let sum = L::add(first, second);
        [first, sum, L::sub(first, second), L::add(sum, second), second]
    }
}

// SAFETY: all sums, and each patch's last output, are inside.
unsafe impl Step for Outputs<'_> {
    fn check(&self) {
        assert!(self.places.len() <= self.patches && self.sums.len() >= PRODUCTS * self.plane());
        self.panel.check(self.places, self.output.len());
    }
}

impl Vectors for Outputs<'_> {
    #[inline(always)]
    unsafe fn run<L: Lanes>(self) {
        let plane = self.plane();
        let Self { sums, places, panel, output, .. } = self;
        for (patch, place) in places.iter().enumerate() {
            for lane in (0..WIDTH).step_by(L::LANES) {
                // SAFETY: checked: every sum and every output is inside.
                unsafe {
                    let from = sums.as_ptr().add(patch * WIDTH + lane);
                    let to = output.as_mut_ptr().add(place + lane);
                    let mut half = [[L::zero(); SIDE]; POINTS];
                    for line in 0..POINTS {
                        let mut sums = [L::zero(); POINTS];
                        for column in 0..POINTS {
                            sums[column] = L::load(from.add((line * POINTS + column) * plane));
                        }
                        half[line] = outputs::<L>(sums);
                    }
                    finish::<L>(&half, panel, lane, to);
                }
            }
        }
    }
}

// SAFETY: the last channel's last tap, the last patch's last point, and each patch's last output, are inside.
unsafe impl Step for AtOnce<'_> {
    fn check(&self) {
        let Panel { weights, channels, .. } = *self.panel;
        assert!(channels > 0 && weights.len() >= 4 * channels * WIDTH);
        assert!(self.input.len() >= (channels - 1) / BLOCK * self.block + self.places.len() * PATCH);
        self.panel.check(self.places, self.output.len());
    }
}

impl Vectors for AtOnce<'_> {
    #[inline(always)]
    unsafe fn run<L: Lanes>(self) {
        // Others have no registers for it, and need no code for it but in tests.
        if !cfg!(test) && L::LANES != WIDTH {
            unreachable!("narrow vectors make products one after the other");
        }
        // SAFETY: the caller's, and checked.
        unsafe {
            match self.panel.weights {
                Weights::F32(weights) => at_once::<L, f32>(self, weights),
                Weights::F16(weights) => at_once::<L, u16>(self, weights),
            }
        }
    }
}

/// All products of a patch in registers, which need 25 of them for the sums and 7 for weights.
///
/// # Safety
/// That of [`Lanes`]; the patches must have been checked.
#[inline(always)]
unsafe fn at_once<L: Lanes, T: Stored>(all: AtOnce<'_>, weights: &[T]) {
    /// Rows of weights from what is multiplied to what is asked for, since the CPU itself looks less far ahead: in the first
    /// blocks, weights come from the last cache or from memory.
    const AHEAD: usize = 64 * ROW;
    /// Weights of an input channel.
    const ROW: usize = 4 * WIDTH;
    let AtOnce { input, block, places, panel, output } = all;
    for (patch, place) in places.iter().enumerate() {
        for lane in (0..WIDTH).step_by(L::LANES) {
            // SAFETY: checked: every tap, every point and every output is inside; after the last channel pointers may lead out.
            unsafe {
                let mut sums = [[L::zero(); POINTS]; POINTS];
                let mut row = weights.as_ptr().add(lane);
                for channel in (0..panel.channels).step_by(BLOCK) {
                    let mut pixels = input.as_ptr().add(channel / BLOCK * block + patch * PATCH);
                    for _ in channel..panel.channels.min(channel + BLOCK) {
                        for line in (0..ROW).step_by(64 / size_of::<T>()) {
                            L::prefetch(row.wrapping_add(AHEAD + line));
                        }
                        let (near, far) = (T::load::<L>(row), T::load::<L>(row.add(WIDTH)));
                        let (below, both) = (T::load::<L>(row.add(2 * WIDTH)), T::load::<L>(row.add(3 * WIDTH)));
                        let columns = [taps::<L>(near, below), taps::<L>(far, both)];
                        for line in 0..POINTS {
                            let weights = taps::<L>(columns[0][line], columns[1][line]);
                            for column in 0..POINTS {
                                let x = L::splat(pixels.add((line * POINTS + column) * BLOCK));
                                sums[line][column] = L::mul_add(x, weights[column], sums[line][column]);
                            }
                        }
                        (row, pixels) = (row.wrapping_add(ROW), pixels.wrapping_add(1));
                    }
                }
                let mut half = [[L::zero(); SIDE]; POINTS];
                for line in 0..POINTS {
                    half[line] = outputs::<L>(sums[line]);
                }
                finish::<L>(&half, panel, lane, output.as_mut_ptr().add(place + lane));
            }
        }
    }
}

/// Stores the outputs of a patch from the four of each of its lines.
///
/// # Safety
/// That of [`Lanes`]; the outputs of the panel must be inside.
#[inline(always)]
unsafe fn finish<L: Lanes>(half: &[[L::Vector; SIDE]; POINTS], panel: &Panel<'_>, lane: usize, to: *mut f32) {
    // SAFETY: the caller's.
    unsafe {
        let bias = L::load(panel.bias.as_ptr().add(lane));
        for column in 0..SIDE {
            let made = outputs::<L>(column_of(half, column));
            for line in 0..SIDE {
                let sum = L::add(made[line], bias);
                store_row::<L, 1>(to.add(line * panel.row + column * panel.step), [sum], panel.activation);
            }
        }
    }
}

/// Four neighboring outputs from the products of the points.
///
/// # Safety
/// That of [`Lanes`].
#[inline(always)]
unsafe fn outputs<L: Lanes>(m: [L::Vector; POINTS]) -> [L::Vector; SIDE] {
    // SAFETY: the caller's.
    unsafe {
        let (two, four, eight) = (L::splat(&-2.0), L::splat(&-4.0), L::splat(&-8.0));
        let (sum, difference) = (L::add(m[1], m[2]), L::sub(m[1], m[2]));
        [
            L::add(L::sub(m[0], m[3]), sum),
            L::mul_add(two, m[3], difference),
            L::mul_add(four, m[3], sum),
            L::mul_add(eight, m[3], L::add(difference, m[4])),
        ]
    }
}
