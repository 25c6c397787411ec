//! A feature map in memory, and which part of it each thread makes.

use super::elementwise::Differences;
use super::machine::Machine;
use super::numbers::Aligned;
use super::pack::BLOCK;
use super::threads::Threads;

/// Planes of a map for [`super::tile::Tile`]: itself, and its differences downwards, to the right, and both.
const PLANES: usize = 4;

/// A map of several images: `[plane][block of 32 channels][image][row][column][32]`, each image with a border of one zero
/// pixel.
#[derive(Debug, Default)]
pub(super) struct Maps {
    pub data: Aligned<f32>,
    pub images: usize,
    pub side: usize,
    pub blocks: usize,
}

/// What is made by one task: a strip of one block.
#[derive(Debug)]
pub(super) struct Part<'a> {
    pub block: usize,
    pub strip: Strip,
    /// The strip's rows with their borders.
    pub output: &'a mut [f32],
}

/// An output pixel of a strip, and the input pixel at the top left of its parity's taps.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub image: usize,
    /// Row and column of the input, with its border.
    pub input: [usize; 2],
    /// First number of the output, in the strip.
    pub output: usize,
}

/// Rows of images, one below the other with their borders, in one block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Strip {
    /// First row, counted through all images.
    pub first: usize,
    pub rows: usize,
}

impl Maps {
    /// Zeros, with room for differences where there are to be any.
    pub fn new(images: usize, side: usize, channels: usize, differences: bool) -> Self {
        let blocks = channels.div_ceil(BLOCK);
        let planes = if differences { PLANES } else { 1 };
        let mut maps = Self { data: Aligned::default(), images, side, blocks };
        maps.data = Aligned::new(planes * maps.plane());
        maps
    }

    /// Numbers between rows.
    pub fn row(&self) -> usize {
        (self.side + 2) * BLOCK
    }

    /// Numbers between images.
    pub fn image(&self) -> usize {
        (self.side + 2) * self.row()
    }

    /// Numbers between blocks.
    pub fn block(&self) -> usize {
        self.images * self.image()
    }

    /// Numbers between planes.
    pub fn plane(&self) -> usize {
        self.blocks * self.block()
    }

    /// Takes the first plane of one image of other maps, as that of its only image.
    pub fn take(&mut self, from: &Self, image: usize) {
        let (plane, size) = (self.plane(), self.image());
        let blocks = from.data[..from.plane()].chunks(from.block());
        for (to, from) in self.data[..plane].chunks_mut(size).zip(blocks) {
            to.copy_from_slice(&from[image * size..][..size]);
        }
    }

    /// The first plane, in strips of each block.
    pub fn parts(&mut self, strips: &[Strip]) -> Vec<Part<'_>> {
        let (row, block, plane) = (self.row(), self.block(), self.plane());
        let mut parts = Vec::new();
        for (block, mut rest) in self.data[..plane].chunks_mut(block).enumerate() {
            let mut done = 0;
            for strip in strips {
                let (_, after) = rest.split_at_mut((strip.first - done) * row);
                let (output, after) = after.split_at_mut(strip.rows * row);
                (rest, done) = (after, strip.first + strip.rows);
                parts.push(Part { block, strip: *strip, output });
            }
        }
        parts
    }

    /// Fills the planes of differences from the first plane. What has no neighbor, in the last row and column of a border,
    /// keeps no sense, and nothing reads it.
    pub fn differentiate(&mut self, machine: &Machine) {
        let (row, block, plane) = (self.row(), self.block(), self.plane());
        let share = share(self.images * (self.side + 2), self.blocks, &machine.threads) * row;
        let (itself, differences) = self.data.split_at_mut(plane);
        let itself = &*itself;
        let (down, rest) = differences.split_at_mut(plane);
        let (right, both) = rest.split_at_mut(plane);
        let shares = down.chunks_mut(block).zip(right.chunks_mut(block)).zip(both.chunks_mut(block)).enumerate();
        let tasks = shares.flat_map(|(index, ((down, right), both))| {
            let parts = down.chunks_mut(share).zip(right.chunks_mut(share)).zip(both.chunks_mut(share)).enumerate();
            parts.map(move |(part, ((down, right), both))| (index * block + part * share, down, right, both))
        });
        machine.threads.each(tasks.collect(), |(start, down, right, both)| {
            let rows = down.chunks_mut(row).zip(right.chunks_mut(row)).zip(both.chunks_mut(row)).enumerate();
            for (line, ((down, right), both)) in rows {
                let start = start + line * row;
                let Some(below) = itself.get(start + row..start + 2 * row) else { continue };
                let inner = ..row - BLOCK;
                let (down, right, both) = (&mut down[inner], &mut right[inner], &mut both[inner]);
                machine.kernels.vectorized(Differences { here: &itself[start..][..row], below, down, right, both });
            }
        });
    }

    /// Strips of `step` rows inside of one image's border or more, or of whole images: enough of them to keep all threads
    /// busy with `blocks` of each, and none with more than `most` rows where a smaller one is possible.
    pub fn strips(&self, step: usize, most: usize, threads: &Threads) -> Vec<Strip> {
        let wanted = parts(self.blocks, threads);
        let bordered = self.side + 2;
        if self.side <= step || (self.images >= wanted && most >= self.side) {
            let images = self.images.div_ceil(wanted).min(most / self.side).max(1);
            let firsts = (0..self.images).step_by(images);
            let whole =
                |first: usize| Strip { first: first * bordered, rows: images.min(self.images - first) * bordered };
            return firsts.map(whole).collect();
        }
        let rows = self.side.div_ceil(wanted.div_ceil(self.images)).min(most).next_multiple_of(step);
        let firsts = (0..self.images).flat_map(|image| (0..self.side).step_by(rows).map(move |row| (image, row)));
        firsts
            .map(|(image, row)| Strip { first: image * bordered + 1 + row, rows: rows.min(self.side - row) })
            .collect()
    }
}

impl Strip {
    /// Calls for what the strip holds of maps that a block makes from maps of a side, for one parity of output rows and
    /// columns: every `steps`-th input row and column of each image.
    pub fn each_place(self, side: usize, parity: usize, steps: [usize; 2], mut call: impl FnMut(Place)) {
        let ([down, right], row) = ([parity / 2, parity % 2], 2 * (side + 1) * BLOCK);
        for (image, lines) in self.images(2 * side) {
            // The strip may begin inside of this image.
            let top = (image * (2 * side + 2) + 1 + down) as isize - self.first as isize;
            for y in (lines.start / 2..lines.end / 2).step_by(steps[0]) {
                let output = usize::try_from(top + 2 * y as isize).expect("strips begin at even rows") * row;
                for x in (0..side).step_by(steps[1]) {
                    call(Place { image, input: [y + down, x + right], output: output + (2 * x + 1 + right) * BLOCK });
                }
            }
        }
    }

    /// The images and their first and last rows, without border, that the strip holds of maps of a side.
    fn images(self, side: usize) -> impl Iterator<Item = (usize, std::ops::Range<usize>)> {
        let bordered = side + 2;
        let end = self.first + self.rows;
        (self.first / bordered..end.div_ceil(bordered)).map(move |image| {
            let row = |place: usize| place.saturating_sub(image * bordered + 1).min(side);
            (image, row(self.first)..row(end))
        })
    }
}

/// Parts of each of several pieces of work that keep all threads busy to the end.
fn parts(pieces: usize, threads: &Threads) -> usize {
    /// Tasks a thread and layer.
    const TASKS: usize = 6;
    if threads.count() == 1 { 1 } else { (threads.count() * TASKS).div_ceil(pieces) }
}

fn share(rows: usize, pieces: usize, threads: &Threads) -> usize {
    rows.div_ceil(parts(pieces, threads)).max(1)
}
