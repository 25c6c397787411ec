//! What the fuzz targets share: the attempts and the damage of edge-runtime's own hostile tests, and good files that
//! each target starts from, so that no corpus has to be kept.

#[path = "../../edge-runtime/tests/hostile/attempts.rs"]
pub mod attempts;
#[path = "../../edge-runtime/tests/common/mod.rs"]
mod common;
#[path = "../../edge-runtime/tests/hostile/damage.rs"]
mod damage;

use common::{LABELS, Network};
use damage::{Dice, damaged_bytes, damaged_message};
use edge_runtime::encode::{self, Format};
use edge_runtime::generator::Origin;
use edge_runtime::onnx::ModelProto;
use edge_runtime::{EngineKind, Frame, Picture};
use model_spec::Labels;
use prost::Message;

/// What is shorter is replaced by a good file.
const SHORTEST: usize = 40;

/// The labels of the good models.
pub fn labels() -> Labels {
    Network::new(&LABELS, 3).metadata().labels
}

/// Reads a model and makes a picture with an engine.
pub fn run(kind: EngineKind, bytes: &[u8]) {
    if let Some(model) = attempts::model(bytes) {
        attempts::picture(kind, &model);
    }
}

/// A mutation of a model: of its messages where it is one, of its bytes, or libFuzzer's own.
pub fn mutated_model(data: &mut [u8], size: usize, max_size: usize, seed: u32) -> usize {
    let mut dice = Dice::new(u64::from(seed));
    let old = data.get(..size).unwrap_or_default();
    let new = match ModelProto::decode(old) {
        _ if size < SHORTEST => good_model(&mut dice),
        Ok(model) if dice.below(3) > 0 => damaged_message(&model, &mut dice).encode_to_vec(),
        _ if dice.below(2) == 0 => damaged_bytes(old, &mut dice),
        _ => return libfuzzer_sys::fuzzer_mutate(data, size, max_size),
    };
    placed(&new, data, max_size)
}

/// A mutation of a PNG of ours.
pub fn mutated_picture(data: &mut [u8], size: usize, max_size: usize, seed: u32) -> usize {
    mutated_bytes(data, size, max_size, seed, good_picture)
}

/// A mutation of JSON lines.
pub fn mutated_requests(data: &mut [u8], size: usize, max_size: usize, seed: u32) -> usize {
    let good = "{\"label\": \"ä\", \"seed\": 7, \"index\": 0, \"out\": \"b.png\"}\n{\"label\": 1}\n\n{\"seed\": 3}";
    mutated_bytes(data, size, max_size, seed, || good.as_bytes().to_vec())
}

fn mutated_bytes(data: &mut [u8], size: usize, max_size: usize, seed: u32, good: impl Fn() -> Vec<u8>) -> usize {
    let mut dice = Dice::new(u64::from(seed));
    let new = match data.get(..size).unwrap_or_default() {
        _ if size < SHORTEST => good(),
        old if dice.below(3) == 0 => damaged_bytes(old, &mut dice),
        _ => return libfuzzer_sys::fuzzer_mutate(data, size, max_size),
    };
    placed(&new, data, max_size)
}

fn placed(new: &[u8], data: &mut [u8], max_size: usize) -> usize {
    let size = new.len().min(max_size).min(data.len());
    data[..size].copy_from_slice(&new[..size]);
    size
}

/// Small, so that few of its bytes are weights, which are all alike.
fn good_model(dice: &mut Dice) -> Vec<u8> {
    let network = Network::sized(&LABELS, [1, 3][dice.below(2)], 32, 1, &[1, 2]);
    if dice.below(2) == 0 { network.rounded() } else { network }.bytes()
}

fn good_picture() -> Vec<u8> {
    let picture = Picture::new(9, 5, 3, (0..135).collect()).expect("9 x 5 x 3");
    let frame = Frame { picture, label: "ä".to_owned(), seed: 7, index: 0 };
    let origin = Origin { engine: "native 0.1.0 avx2".to_owned(), ..Origin::default() };
    encode::encode(&frame.picture, &encode::texts(&frame, &origin), Format::Png).expect("a PNG")
}
