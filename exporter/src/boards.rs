//! What a model of the contract costs to run, and which boards have the memory for it.

use edge_runtime::Model;
use model_spec::architecture::STEM_SIZE;
use model_spec::variant::{Compute, Precision};
use model_spec::{Architecture, Metadata};

use crate::shown::shown;

/// Name, memory of the smallest version in MiB, processor and the maker's page, tab-separated, a line each.
const BOARDS: &str = include_str!("../data/boards.tsv");
/// Share of a board's memory that is left to a program beside the system and its own work.
const SHARE: f64 = 0.5;
/// What the program itself takes, in bytes: measured with a tiny model, rounded up.
const PROGRAM: u64 = 12 << 20;
const MIB: f64 = (1u64 << 20) as f64;

/// What one picture costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost {
    /// Multiplications.
    pub macs: u64,
    /// The largest layer's input and output together, in bytes of f32: what an engine holds at least that goes layer by layer.
    pub peak_activations: u64,
    /// The file, the weights as the native engine packs them, every feature map and the program, in bytes.
    pub memory: u64,
}

impl Cost {
    /// Of a file of some bytes.
    pub fn of(metadata: &Metadata, file: u64) -> Self {
        let maps = maps(&metadata.architecture);
        let pairs = maps.windows(2).map(|pair| pair.iter().sum());
        // Without dot products the native engine packs integers as f32.
        let stays_f16 = metadata.weights == Precision::F16 && metadata.variant.compute == Compute::F32;
        let weight = if stays_f16 { 2 } else { 4 };
        let packed = weights(&metadata.architecture) * weight;
        // Each map and three more of its size, which are differences between neighboring pixels. NEON needs less: points of one map.
        let kept = 4 * maps.iter().sum::<u64>();
        Self {
            macs: metadata.architecture.generator_macs() as u64,
            peak_activations: pairs.max().unwrap_or(0),
            memory: file + packed + kept + PROGRAM,
        }
    }
}

/// Bytes of each feature map of one picture, from the stem to the picture.
fn maps(architecture: &Architecture) -> Vec<u64> {
    let blocks = architecture.block_channels();
    let outputs = blocks.iter().map(|(_, outputs)| *outputs);
    let channels = blocks.iter().take(1).map(|(inputs, _)| *inputs).chain(outputs);
    let bytes = |(level, channels): (usize, usize)| 4 * channels as u64 * ((STEM_SIZE << level) as u64).pow(2);
    channels.enumerate().map(bytes).collect()
}

fn weights(architecture: &Architecture) -> u64 {
    let dense = architecture.latent_dim * architecture.stem_channels * STEM_SIZE * STEM_SIZE;
    let blocks = architecture.block_channels().into_iter().map(|(inputs, outputs)| 16 * inputs * outputs);
    (dense + blocks.sum::<usize>()) as u64
}

/// Costs and boards as text, for a file that is a model of the contract.
pub fn text(bytes: &[u8]) -> String {
    let model = match Model::from_bytes(bytes.to_vec()) {
        Ok(model) => model,
        Err(error) => {
            let error = shown(&error.to_string());
            return format!("cost       unknown, since this is no model of the contract: {error}\n");
        }
    };
    let cost = Cost::of(model.metadata(), bytes.len() as u64);
    let millions = cost.macs as f64 / 1e6;
    let (peak, memory) = (cost.peak_activations as f64 / MIB, cost.memory as f64 / MIB);
    let mut text = format!(
        "cost       {millions:.1} million multiplications a picture, {peak:.2} MiB of activations at the peak\n"
    );
    text += &format!(
        "memory     {memory:.0} MiB with the native engine, about: file, packed weights, feature maps, program\n"
    );
    text += "boards     half of the smallest version's memory is taken as free\n";
    for board in BOARDS.lines().filter_map(Board::read) {
        let verdict = if board.holds(cost) { "fits" } else { "DOES NOT FIT" };
        text += &format!("  {:<24} {:>5} MiB, {}: {verdict}\n", board.name, board.memory_mib, board.processor);
    }
    text
}

struct Board<'a> {
    name: &'a str,
    memory_mib: u32,
    processor: &'a str,
}

impl<'a> Board<'a> {
    fn read(line: &'a str) -> Option<Self> {
        let mut parts = line.split('\t');
        Some(Self { name: parts.next()?, memory_mib: parts.next()?.parse().ok()?, processor: parts.next()? })
    }

    fn holds(&self, cost: Cost) -> bool {
        cost.memory as f64 <= f64::from(self.memory_mib) * MIB * SHARE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_board_has_a_memory_a_processor_and_a_source() {
        let boards: Vec<Board<'_>> = BOARDS.lines().filter_map(Board::read).collect();
        assert_eq!((boards.len(), BOARDS.lines().count()), (6, 6));
        for line in BOARDS.lines() {
            assert!(line.split('\t').nth(3).is_some_and(|source| source.starts_with("https://")), "{line}");
        }
        assert!(boards.iter().all(|board| board.memory_mib >= 512));
    }

    #[test]
    fn the_peak_is_that_of_the_largest_neighbors() {
        let maps = maps(&Architecture::reference(128, 3).expect("valid"));
        // 513 at 4x4, then 512, 256, 128, 64 and 3 channels at 8 to 128 pixels.
        let expected =
            [513 * 16, 512 * 64, 256 * 256, 128 * 1024, 64 * 4096, 3 * 16384].map(|numbers: u64| 4 * numbers);
        assert_eq!(maps, expected);
        assert_eq!(maps.windows(2).map(|pair| pair[0] + pair[1]).max(), Some(4 * (128 * 1024 + 64 * 4096)));
    }

    #[test]
    fn a_board_holds_what_half_of_its_memory_holds() {
        let board = Board { name: "a", memory_mib: 512, processor: "b" };
        let cost = |memory| Cost { macs: 0, peak_activations: 0, memory };
        assert!(board.holds(cost(256 << 20)) && !board.holds(cost((256 << 20) + 1)));
    }
}
