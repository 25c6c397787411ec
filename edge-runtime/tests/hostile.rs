//! Damage that a seeded generator makes, at the level of bytes and of messages: an error, or pictures that are numbers,
//! from every engine, and never a panic.

#[path = "hostile/attempts.rs"]
mod attempts;
mod common;
#[path = "hostile/damage.rs"]
mod damage;

use common::{LABELS, Network};
use damage::{Dice, damaged_bytes, damaged_message};
use edge_runtime::{EngineKind, Model, engine};
use prost::Message;

const BYTE_ROUNDS: u32 = 4000;
const MESSAGE_ROUNDS: u32 = 1500;

/// Tells whether it passed as a model.
fn try_all(bytes: &[u8]) -> bool {
    let Some(model) = attempts::model(bytes) else { return false };
    // A library of ONNX Runtime is not part of what is tested here.
    let kinds = engine::built_in().iter().filter(|kind| **kind != EngineKind::Ort);
    kinds.for_each(|kind| attempts::picture(*kind, &model));
    true
}

#[test]
fn damaged_bytes_never_panic() {
    let good = Network::new(&LABELS, 3).bytes();
    let passed = (0..BYTE_ROUNDS).filter(|round| try_all(&damaged_bytes(&good, &mut Dice::new(u64::from(*round)))));
    let passed = passed.count();
    assert!(
        passed > 10 && passed < BYTE_ROUNDS as usize / 2,
        "{passed} of {BYTE_ROUNDS} passed: the damage is one-sided"
    );
}

#[test]
fn damaged_messages_never_panic() {
    let good = Network::new(&LABELS, 3).proto();
    let damaged = |round: u32| damaged_message(&good, &mut Dice::new(1 << 40 | u64::from(round))).encode_to_vec();
    let passed = (0..MESSAGE_ROUNDS).filter(|round| try_all(&damaged(*round))).count();
    assert!(passed > 10 && passed < MESSAGE_ROUNDS as usize / 2, "{passed} of {MESSAGE_ROUNDS} passed");
}

#[test]
fn damaged_pictures_never_panic() {
    let picture = edge_runtime::Picture::new(9, 5, 3, (0..135).collect()).expect("9 x 5 x 3");
    let texts = vec![("Label", "ä".to_owned()), ("Seed", "7".to_owned())];
    let good = edge_runtime::encode::encode(&picture, &texts, edge_runtime::encode::Format::Png).expect("a PNG");
    let damaged = |round: u32| damaged_bytes(&good, &mut Dice::new(2 << 40 | u64::from(round)));
    let good_ones = (0..BYTE_ROUNDS).filter(|round| attempts::provenance(&damaged(*round)));
    assert_eq!(good_ones.count(), 0, "a picture without its model passed");
}

#[test]
fn damaged_requests_never_panic() {
    let labels = Network::new(&LABELS, 3).metadata().labels;
    let good = "{\"label\": \"ä\", \"seed\": 7, \"index\": 0, \"out\": \"b.png\"}\n{\"label\": 1}\n".repeat(3);
    let damaged = |round: u32| damaged_bytes(good.as_bytes(), &mut Dice::new(3 << 40 | u64::from(round)));
    let followed: usize = (0..BYTE_ROUNDS).map(|round| attempts::requests(&damaged(round), &labels)).sum();
    let all = BYTE_ROUNDS as usize * 6;
    assert!(followed > all / 10 && followed < all * 9 / 10, "{followed} of about {all} followed");
}

/// A graph that is cyclic, endless or huge is told before anything runs, so in bounded time.
#[test]
fn more_nodes_or_labels_than_any_network_has_are_refused() {
    let mut model = Network::new(&LABELS, 3).proto();
    let graph = model.graph.as_mut().expect("a graph");
    let node = graph.node[0].clone();
    graph.node.extend(std::iter::repeat_n(node, 100_000));
    let message = Model::from_bytes(model.encode_to_vec()).expect_err("refused").to_string();
    assert!(message.contains("at most 1000 nodes, found 100"), "{message}");
}
