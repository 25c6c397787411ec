//! What comes next after an input, for the seed of a fuzzer; none where its own mutations are to be taken. Too short an
//! input is followed by a good file, so that no corpus has to be kept.

use edge_runtime::encode::{self, Format};
use edge_runtime::generator::Origin;
use edge_runtime::onnx::ModelProto;
use edge_runtime::{Frame, Picture};
use prost::Message;

use crate::common::{LABELS, Network};
use crate::damage::{Dice, damaged_bytes, damaged_message};

const SHORTEST: usize = 40;

/// Requests as `--stdin` reads them.
pub const REQUESTS: &str = "{\"label\": \"ä\", \"seed\": 7, \"index\": 0, \"out\": \"b.png\"}\n{\"label\": 1}\n\n{\"label\": \"1\", \"seed\": 3}\n";

/// A model with damaged messages, where it is one, or bytes.
pub fn model(old: &[u8], seed: u32) -> Option<Vec<u8>> {
    let mut dice = Dice::new(u64::from(seed));
    match ModelProto::decode(old) {
        _ if old.len() < SHORTEST => Some(good_model(&mut dice)),
        Ok(model) if dice.below(3) > 0 => Some(damaged_message(&model, &mut dice).encode_to_vec()),
        _ => (dice.below(2) == 0).then(|| damaged_bytes(old, &mut dice)),
    }
}

/// A PNG of ours with damaged bytes.
pub fn picture(old: &[u8], seed: u32) -> Option<Vec<u8>> {
    bytes(old, seed, good_picture)
}

/// JSON lines with damaged bytes.
pub fn requests(old: &[u8], seed: u32) -> Option<Vec<u8>> {
    bytes(old, seed, || REQUESTS.as_bytes().to_vec())
}

fn bytes(old: &[u8], seed: u32, good: impl Fn() -> Vec<u8>) -> Option<Vec<u8>> {
    let mut dice = Dice::new(u64::from(seed));
    if old.len() < SHORTEST {
        return Some(good());
    }
    (dice.below(3) == 0).then(|| damaged_bytes(old, &mut dice))
}

/// Small, so that few of its bytes are weights, which are all alike.
fn good_model(dice: &mut Dice) -> Vec<u8> {
    let network = Network::sized(&LABELS, [1, 3][dice.below(2)], 32, 1, &[1, 2]);
    let network = if dice.below(2) == 0 { network.rounded() } else { network };
    if dice.below(3) == 0 { network.int8() } else { network }.bytes()
}

/// With everything that `info` and `regenerate` read.
pub fn good_picture() -> Vec<u8> {
    let picture = Picture::new(9, 5, 3, (0..135).collect()).expect("9 x 5 x 3");
    let frame = Frame { picture, label: "ä".to_owned(), seed: 7, index: 0 };
    let origin = Origin { engine: "native 0.1.0 avx2".to_owned(), ..Origin::default() };
    encode::encode(&frame.picture, &encode::texts(&frame, &origin), Format::Png).expect("a PNG")
}
