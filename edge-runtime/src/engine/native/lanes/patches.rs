//! The steps of patches, each checked first: inputs and weights at the five points of each dimension, products, outputs.

use super::{Lanes, Operands, Stored, Sums, Vectors, groups, load_row, multiply, store_row};
use crate::engine::native::numbers::Activation;
use crate::engine::native::pack::{BLOCK, WIDTH, Weights};
use crate::engine::native::patches::steps::{Grid, Inputs, Outputs, POINTS, PRODUCTS, Panel, Products, SIDE, STEP};

/// A step of patches, checked before memory is touched.
///
/// # Safety
/// `check` stops at everything that `run` would read or write outside of the slices.
pub(in crate::engine::native) unsafe trait Step: Vectors {
    fn check(&self);
}

// SAFETY: the last patch's last pixel is inside, and so is the last product's last patch.
unsafe impl Step for Inputs<'_> {
    fn check(&self) {
        let Grid { count, across } = self.patches;
        assert!(across > 0 && count > 0 && count.is_multiple_of(across * across));
        assert!(self.to.len() >= (PRODUCTS - 1) * self.patches.plane() + count * BLOCK);
        let images = count / (across * across);
        let last = (images - 1) * self.image + self.first + (across - 1) * SIDE * (self.row + BLOCK);
        assert!(self.from.len() >= last + (POINTS - 1) * self.row + POINTS * BLOCK);
    }
}

impl Vectors for Inputs<'_> {
    #[inline(always)]
    unsafe fn run<L: Lanes>(self) {
        let Self { from, row, image, first, patches, to } = self;
        let (Grid { count, across }, plane) = (patches, patches.plane());
        for patch in 0..count {
            let (index, y, x) = (patch / (across * across), patch / across % across, patch % across);
            let start = index * image + first + (y * row + x * BLOCK) * SIDE;
            for lane in (0..BLOCK).step_by(L::LANES) {
                // SAFETY: checked: every pixel and every point is inside.
                unsafe {
                    let (from, to) = (from.as_ptr().add(start + lane), to.as_mut_ptr().add(patch * BLOCK + lane));
                    let mut half = [[L::zero(); POINTS]; POINTS];
                    for line in 0..POINTS {
                        half[line] = inputs::<L>([0, 1, 2, 3, 4].map(|x| L::load(from.add(line * row + x * BLOCK))));
                    }
                    for column in 0..POINTS {
                        let points = inputs::<L>([0, 1, 2, 3, 4].map(|line: usize| half[line][column]));
                        for line in 0..POINTS {
                            L::store(to.add((line * POINTS + column) * plane), points[line]);
                        }
                    }
                }
            }
        }
    }
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
        let [half, sixth, two] = [0.5, -1.0 / 6.0, -2.0].map(|factor| L::splat(&factor));
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
            let operands = Operands { pixels, step: BLOCK, weights: [row] };
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
            let [near, far, below, both] =
                [0, 1, 2, 3].map(|tap: usize| T::load::<L>(weights.as_ptr().add(tap * all.tap + place)));
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
        assert!(
            self.places.len() <= self.patches
                && self.sums.len() >= PRODUCTS * self.plane()
                && self.panel.bias.len() >= WIDTH
        );
        let last = (SIDE - 1) * (self.panel.row + self.panel.step) + WIDTH;
        assert!(self.places.iter().all(|place| place + last <= self.output.len()));
    }
}

impl Vectors for Outputs<'_> {
    #[inline(always)]
    unsafe fn run<L: Lanes>(self) {
        let plane = self.plane();
        let Self { sums, places, panel, output, .. } = self;
        let Panel { bias, activation, step, row, .. } = *panel;
        for (patch, place) in places.iter().enumerate() {
            for lane in (0..WIDTH).step_by(L::LANES) {
                // SAFETY: checked: every sum and every output is inside.
                unsafe {
                    let from = sums.as_ptr().add(patch * WIDTH + lane);
                    let to = output.as_mut_ptr().add(place + lane);
                    let bias = L::load(bias.as_ptr().add(lane));
                    let mut half = [[L::zero(); SIDE]; POINTS];
                    for line in 0..POINTS {
                        let sums = [0, 1, 2, 3, 4].map(|column| L::load(from.add((line * POINTS + column) * plane)));
                        half[line] = outputs::<L>(sums);
                    }
                    for column in 0..SIDE {
                        let made = outputs::<L>([0, 1, 2, 3, 4].map(|line: usize| half[line][column]));
                        for line in 0..SIDE {
                            let sum = L::add(made[line], bias);
                            store_row::<L, 1>(to.add(line * row + column * step), [sum], activation);
                        }
                    }
                }
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
        let [two, four, eight] = [-2.0, -4.0, -8.0].map(|factor| L::splat(&factor));
        let (sum, difference) = (L::add(m[1], m[2]), L::sub(m[1], m[2]));
        [
            L::add(L::sub(m[0], m[3]), sum),
            L::mul_add(two, m[3], difference),
            L::mul_add(four, m[3], sum),
            L::mul_add(eight, m[3], L::add(difference, m[4])),
        ]
    }
}
