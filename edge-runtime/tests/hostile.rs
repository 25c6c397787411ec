//! Damage that a seeded generator makes, at the level of bytes and of messages: an error, or pictures that are numbers,
//! from every engine, in little memory, and never a panic.

#[path = "hostile/attempts.rs"]
mod attempts;
mod common;
#[path = "hostile/damage.rs"]
mod damage;
#[path = "hostile/memory.rs"]
mod memory;
#[path = "hostile/mutations.rs"]
mod mutations;

use common::{LABELS, Network};
use damage::{Dice, damaged_bytes, damaged_message};
use edge_runtime::{EngineKind, Model, engine};
use model_spec::contract;
use model_spec::labels::MAX_LABELS;
use prost::Message;

const BYTE_ROUNDS: u32 = 4000;
const MESSAGE_ROUNDS: u32 = 1500;
/// Other than `MUDRA_HOSTILE_CHAINS`, which asks for more.
const CHAINS: u32 = 200;
const LINKS: u32 = 8;

#[global_allocator]
static MEMORY: memory::Counted = memory::Counted::new();

/// What all tests of this file together may hold at a time, in bytes: more than they do, and less than a size that a
/// file only claims to have.
const MOST_HELD: usize = 256 << 20;

fn assert_little_was_held() {
    let most = MEMORY.most();
    assert!(most < MOST_HELD, "{most} bytes held");
}

/// Tells whether it passed as a model.
fn try_all(bytes: &[u8]) -> bool {
    let Some(model) = attempts::model(bytes) else { return false };
    // ONNX Runtime takes part where there has to be one.
    let has_ort = std::env::var_os("MUDRA_REQUIRE_ORT").is_some();
    let kinds = engine::built_in().iter().filter(|kind| has_ort || **kind != EngineKind::Ort);
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
    assert_little_was_held();
}

#[test]
fn damaged_messages_never_panic() {
    let good = [Network::new(&LABELS, 3).proto(), Network::new(&LABELS, 3).int8().proto()];
    let damaged = |round: u32| {
        let good = &good[round as usize % good.len()];
        damaged_message(good, &mut Dice::new(1 << 40 | u64::from(round))).encode_to_vec()
    };
    let passed = (0..MESSAGE_ROUNDS).filter(|round| try_all(&damaged(*round))).count();
    assert!(passed > 10 && passed < MESSAGE_ROUNDS as usize / 2, "{passed} of {MESSAGE_ROUNDS} passed");
    assert_little_was_held();
}

#[test]
fn damaged_pictures_never_panic() {
    let good = mutations::good_picture();
    let damaged = |round: u32| damaged_bytes(&good, &mut Dice::new(2 << 40 | u64::from(round)));
    let passed = (0..BYTE_ROUNDS).filter(|round| attempts::provenance(&damaged(*round))).count();
    // Every chunk has a checksum; only what stands behind the last one may change.
    assert!(passed < BYTE_ROUNDS as usize / 10, "{passed} of {BYTE_ROUNDS} passed");
    assert_little_was_held();
}

#[test]
fn damaged_requests_never_panic() {
    let labels = Network::new(&LABELS, 3).metadata().labels;
    let damaged =
        |round: u32| damaged_bytes(mutations::REQUESTS.as_bytes(), &mut Dice::new(3 << 40 | u64::from(round)));
    let followed: usize = (0..BYTE_ROUNDS).map(|round| attempts::requests(&damaged(round), &labels)).sum();
    let all = BYTE_ROUNDS as usize * attempts::requests(mutations::REQUESTS.as_bytes(), &labels);
    assert!(followed > all / 10 && followed < all * 9 / 10, "{followed} of about {all} followed");
    assert_little_was_held();
}

/// Inputs that follow from one another, from nothing on, as under a fuzzer.
fn chain(number: u32, next: fn(&[u8], u32) -> Option<Vec<u8>>) -> impl Iterator<Item = Vec<u8>> {
    let seeds = (0..LINKS).map(move |link| number * LINKS + link);
    seeds.scan(Vec::new(), move |input, seed| {
        *input = next(input, seed).unwrap_or_else(|| damaged_bytes(input, &mut Dice::new(4 << 40 | u64::from(seed))));
        Some(input.clone())
    })
}

#[test]
fn chains_of_damage_never_panic() {
    let labels = Network::new(&LABELS, 3).metadata().labels;
    let (mut models, mut pictures, mut requests) = (0, 0, 0);
    let wanted = std::env::var("MUDRA_HOSTILE_CHAINS").ok();
    let chains = wanted.map_or(CHAINS, |chains| chains.parse().expect("a number of chains"));
    for number in 0..chains {
        models += chain(number, mutations::model).filter(|bytes| try_all(bytes)).count();
        pictures += chain(number, mutations::picture).filter(|bytes| attempts::provenance(bytes)).count();
        requests += chain(number, mutations::requests).filter(|bytes| attempts::requests(bytes, &labels) > 0).count();
    }
    let all = chains as usize * LINKS as usize;
    for (passed, what) in [(models, "models"), (pictures, "pictures"), (requests, "requests")] {
        assert!(passed >= chains as usize && passed < all, "{passed} of {all} {what} passed");
    }
    assert_little_was_held();
}

/// A number may be more steps than an integer can count.
#[test]
fn steps_of_any_size_saturate() {
    for step in [1e-12_f32, 1e-9, 1e12] {
        let mut proto = Network::new(&LABELS, 3).int8().proto();
        let graph = proto.graph.as_mut().expect("a graph");
        let scales: Vec<String> = graph
            .node
            .iter()
            .filter(|node| node.op_type == "QuantizeLinear")
            .map(|node| node.input[1].clone())
            .collect();
        assert!(!scales.is_empty());
        for weight in graph.initializer.iter_mut().filter(|weight| scales.contains(&weight.name)) {
            weight.raw_data = step.to_le_bytes().to_vec().into();
        }
        assert!(try_all(&proto.encode_to_vec()), "{step}: expected a model that can be read");
    }
}

/// A graph that is cyclic, endless or huge is told before anything runs, so in bounded time.
#[test]
fn more_nodes_or_labels_than_any_network_has_are_refused() {
    let mut model = Network::new(&LABELS, 3).proto();
    let graph = model.graph.as_mut().expect("a graph");
    let node = graph.node[0].clone();
    graph.node.extend(std::iter::repeat_n(node, 10_000));
    let message = refusal(model.encode_to_vec());
    assert!(message.contains("at most 1000 nodes, found 100"), "{message}");

    let many: Vec<String> = (0..=MAX_LABELS).map(|label| format!("label {label}")).collect();
    let mut model = Network::new(&LABELS, 3).proto();
    let labels = model.metadata_props.iter_mut().find(|entry| entry.key == contract::LABELS_KEY).expect("labels");
    labels.value = format!("{many:?}");
    let message = refusal(model.encode_to_vec());
    assert!(message.contains("100001"), "{message}");
}

/// Empty messages and numbers of a byte take a hundred times as much memory as file, so they are counted before.
#[test]
fn more_messages_or_numbers_than_any_network_has_are_refused_before_they_are_decoded() {
    const MILLIONS: usize = 8 << 20;
    let nodes = [10, 0].repeat(MILLIONS / 2);
    let attributes = [&[10][..], &length(MILLIONS), &[42, 0].repeat(MILLIONS / 2)].concat();
    let numbers = [&[42][..], &length(MILLIONS + 5), &[10], &length(MILLIONS), &vec![1; MILLIONS]].concat();
    for (what, graph) in [("nodes", nodes), ("attributes", attributes), ("sides", numbers)] {
        let file = [&[58][..], &length(graph.len()), &graph].concat();
        let message = refusal(file.clone());
        assert!(message.contains("expected at most 200000 fields in its messages"), "{what}: {message}");
        // An empty group, which the decoder would skip.
        let message = refusal([&[0x7B, 0x7C][..], &file].concat());
        assert!(message.contains("found a group"), "{what}: {message}");
    }
    assert_little_was_held();
}

fn refusal(bytes: Vec<u8>) -> String {
    Model::from_bytes(bytes).expect_err("refused").to_string()
}

/// A length as protobuf writes it.
fn length(value: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    prost::encoding::encode_varint(value as u64, &mut bytes);
    bytes
}
