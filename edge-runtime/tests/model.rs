//! Model files from outside: what the contract refuses, and that nothing damaged panics.

mod common;

use std::path::Path;

use common::{LABELS, Network, int, ints};
use edge_runtime::onnx::{AttributeProto, GraphProto, ModelProto, NodeProto, StringStringEntryProto, TensorProto};
use edge_runtime::{Batch, EngineKind, EngineSpec, Generator, Model, RuntimeError, engine};
use model_spec::contract;
use prost::Message;

#[test]
fn a_file_of_the_contract_says_what_it_is() {
    let network = Network::new(&LABELS, 3);
    let folder = tempfile::tempdir().expect("a folder");
    let model = Model::open(&network.write(folder.path())).expect("valid");
    assert_eq!(*model.metadata(), network.metadata());
    assert_eq!(model.bytes(), network.bytes());
    assert!(model.sha256().len() == 64 && model.sha256() == model.sha256().to_lowercase());
    let other = Model::from_bytes(Network::new(&LABELS, 3).rounded().bytes()).expect("valid");
    assert_ne!(model.sha256(), other.sha256());
}

struct Case(&'static str, fn(&mut ModelProto), &'static str);

#[test]
fn whatever_breaks_the_contract_is_named() {
    let cases = [
        Case("no graph", |model| model.graph = None, "file: expected a graph, found none"),
        Case("another domain", |model| model.opset_import[0].domain = "com.x".into(), "domain \"com.x\""),
        Case("a third input", |model| extra_input(graph(model)), "expected [\"latent\", \"label\"]"),
        Case("another input name", |model| graph(model).input[0].name = "z".into(), "found [\"z\", \"label\"]"),
        Case(
            "labels of f32",
            |model| set_type(graph(model), 1, 1),
            "\"label\": expected i64 [batch], found f32 [batch]",
        ),
        Case("a longer latent", |model| set_side(graph(model), 0, 8), "expected f32 [batch, 7], found f32 [batch, 8]"),
        Case("no output", |model| graph(model).output.clear(), "outputs: expected [\"image\"], found []"),
        Case("another label count", |model| set(model, contract::LABELS_KEY, "[\"a\",\"b\"]"), "a table of 2 rows"),
        Case("a label path", |model| set(model, contract::LABELS_KEY, "[\"..\",\"b\",\"c\"]"), "relative path"),
        Case(
            "a label in a folder",
            |model| set(model, contract::LABELS_KEY, "[\"a/b\",\"b\",\"c\"]"),
            "path separator",
        ),
        Case("a label twice", |model| set(model, contract::LABELS_KEY, "[\"a\",\"a\",\"c\"]"), "twice"),
        Case("a control character", |model| set(model, contract::LABELS_KEY, r#"["a\u0007","b","c"]"#), "control"),
        Case("no metadata", |model| model.metadata_props.clear(), "missing: not a model of ours"),
        Case("an unknown operator", |model| node(model, "Tanh").op_type = "Loop".into(), "Loop of 1 inputs"),
        Case("a node of another domain", |model| node(model, "Tanh").domain = "x".into(), "domain \"x\""),
        Case("an unknown attribute", |model| add(node(model, "Tanh"), int("n", 1)), "\"n\""),
        Case("an attribute twice", |model| add(node(model, "Gather"), int("axis", 9)), "\"axis\" twice"),
        Case("another kind", |model| node(model, "Gather").attribute[0].r#type = 7, "kind 2, found 7"),
        Case("another stride", |model| replace(node(model, "ConvT"), ints("strides", &[3, 3])), "strides [2, 2]"),
        Case("huge padding", |model| replace(node(model, "ConvT"), ints("pads", &[i64::MIN; 4])), "pads [1, 1, 1, 1]"),
        Case("another axis", |model| replace(node(model, "Concat"), int("axis", 0)), "axis 1"),
        Case("a missing tensor", |model| node(model, "Tanh").input[0] = "gone".into(), "input \"gone\", found none"),
        Case("a loop", |model| node(model, "Gemm").input[0] = contract::IMAGE.into(), "input \"image\", found none"),
        Case("two definitions", |model| node(model, "Tanh").output[0] = "active".into(), "one definition, found two"),
        Case("no result", |model| drop(graph(model).node.pop()), "a node that makes \"image\""),
        Case("a short weight", |model| weight(model, "dense.weight").raw_data.truncate(2687), "2687 bytes"),
        Case("a negative side", |model| weight(model, "dense.weight").dims[0] = -7, "sides of 0 or more"),
        Case("huge sides", |model| weight(model, "dense.weight").dims = vec![i64::MAX; 4], "raw data of shape"),
        Case("overflowing sides", |model| weight(model, "dense.weight").dims = vec![1 << 32; 2], "raw data of shape"),
        Case("an empty weight", |model| empty(weight(model, "dense.bias")), "1 to 67108864 numbers"),
        Case("text as weights", |model| weight(model, "dense.bias").data_type = 8, "i8, u8, i32 or i64, found type 8"),
        Case("weights elsewhere", |model| weight(model, "dense.bias").data_location = 1, "in this file"),
        Case("no numbers", |model| fill(weight(model, "dense.bias")), "NaN or an infinity"),
        Case("a reshape to more", |model| sides(model, &[-1, 6, 4, 5]), "a shape for [1, 96]"),
        Case("a huge reshape", |model| sides(model, &[i64::MAX, i64::MAX, 4, 4]), "a shape for [1, 96]"),
        Case("a negative reshape", |model| sides(model, &[-1, -1, 4, 4]), "a shape for [1, 96]"),
        Case(
            "levels",
            |model| set(model, contract::PICTURE_KEY, contract::PICTURE_LEVELS),
            "expected u8 [batch, 3, 32",
        ),
        Case("another layout", |model| set(model, contract::PICTURE_KEY, "nhwc"), "found \"nhwc\""),
        Case("a sum of maps", |model| node(model, "Concat").op_type = "Add".into(), "attributes []"),
        Case("a convolution", |model| node(model, "ConvT").op_type = "Conv".into(), "kernel_shape [2, 2]"),
        Case("an empty reshape", |model| sides(model, &[0, 0, 0, 0]), "a shape for [1, 96]"),
    ];
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("model.onnx");
    for Case(name, break_it, expected) in cases {
        let mut model = Network::new(&LABELS, 3).proto();
        break_it(&mut model);
        std::fs::write(&path, model.encode_to_vec()).expect("writable");
        for kind in engines() {
            let error = match Generator::open(&path, &spec(kind)) {
                Ok(_) => panic!("{name}: accepted for {kind:?}"),
                Err(error) => error,
            };
            let message = std::error::Error::source(&error).expect("a cause").to_string();
            assert!(message.contains(expected), "{name}: {kind:?}: {message}");
        }
    }
}

/// What a full reader of ONNX knows of a tensor and this one doesn't: where its numbers would be, were they elsewhere.
#[derive(Clone, PartialEq, Message)]
struct Elsewhere {
    #[prost(int64, repeated, tag = "1")]
    dims: Vec<i64>,
    #[prost(int32, tag = "2")]
    data_type: i32,
    #[prost(string, tag = "8")]
    name: String,
    #[prost(bytes = "vec", tag = "9")]
    raw_data: Vec<u8>,
    #[prost(message, repeated, tag = "13")]
    external_data: Vec<StringStringEntryProto>,
    #[prost(int32, tag = "14")]
    data_location: i32,
}

#[derive(Clone, PartialEq, Message)]
struct MoreWeights {
    #[prost(message, repeated, tag = "5")]
    initializer: Vec<Elsewhere>,
}

#[derive(Clone, PartialEq, Message)]
struct More {
    #[prost(message, optional, tag = "7")]
    graph: Option<MoreWeights>,
}

/// A second graph in a file is joined to the first one (Protocol Buffers, encoding, "last one wins").
#[test]
fn no_engine_reads_another_file_that_a_model_names() {
    let network = Network::new(&LABELS, 3);
    let with = |data_location: i32| {
        let place = |key: &str, value: &str| StringStringEntryProto { key: key.to_owned(), value: value.to_owned() };
        let weight = Elsewhere {
            dims: vec![1],
            data_type: 1,
            name: "more".to_owned(),
            raw_data: vec![0; 4],
            external_data: vec![place("location", "../../../dev/zero"), place("length", "9000000000000")],
            data_location,
        };
        let more = More { graph: Some(MoreWeights { initializer: vec![weight] }) };
        [network.bytes(), more.encode_to_vec()].concat()
    };
    let message = Model::from_bytes(with(1)).expect_err("refused").to_string();
    assert!(message.contains("weight \"more\": expected its numbers in this file"), "{message}");
    for kind in engines() {
        let frame = |bytes: Vec<u8>| {
            let model = Model::from_bytes(bytes).expect("valid");
            Generator::of(&model, &spec(kind)).and_then(|mut generator| generator.frame(1, 2, 3)).expect("runs")
        };
        assert_eq!(frame(with(0)), frame(network.bytes()), "{kind:?}");
    }
}

#[test]
fn a_truncated_file_is_refused_at_every_length() {
    let bytes = Network::new(&LABELS, 3).bytes();
    for length in 0..bytes.len() {
        assert!(Model::from_bytes(bytes[..length].to_vec()).is_err(), "{length} bytes");
    }
}

#[test]
fn convolutions_of_other_channels_than_the_architecture_has_are_refused() {
    let mut model = Network::new(&LABELS, 3).proto();
    let key = model_spec::contract::ARCHITECTURE_KEY;
    let entry = model.metadata_props.iter_mut().find(|entry| entry.key == key).expect("an architecture");
    let mut architecture: serde_json::Value = serde_json::from_str(&entry.value).expect("JSON");
    let width = architecture["widths"][0].as_u64().expect("a width");
    architecture["widths"][0] = (width + 1).into();
    entry.value = architecture.to_string();
    let message = Model::from_bytes(model.encode_to_vec()).expect_err("refused").to_string();
    let expected = "channels of the convolutions: expected (inputs, outputs) of the architecture: ";
    assert!(message.starts_with(expected), "{message}");
}

/// What still passes the checks also runs, like a flipped bit in a weight or an unused name, or is an engine's error,
/// like an operator set that it doesn't know.
#[test]
fn no_flipped_bit_makes_anything_panic() {
    let bytes = Network::new(&LABELS, 3).bytes();
    let mut ran_anyway = 0;
    for place in 0..bytes.len() {
        let mut flipped = bytes.clone();
        flipped[place] ^= 1 << (place % 8);
        let Ok(model) = Model::from_bytes(flipped) else { continue };
        // Weights are most of the file, and one of them is as good as another.
        if place % 64 == 0 || !inside_a_weight(&bytes, place) {
            for kind in engines() {
                let opened = engine::open(&spec(kind), &model);
                let latents = vec![0.5; model.metadata().architecture.latent_dim];
                let ran = opened.and_then(|mut opened| opened.engine.run(&Batch::new(&latents, &[0])));
                match ran {
                    Ok(_) => ran_anyway += 1,
                    Err(RuntimeError::Engine { .. } | RuntimeError::Unsupported { .. }) => {}
                    Err(error) => panic!("{kind:?}, bit {} of byte {place}: {error}", place % 8),
                }
            }
        }
    }
    assert!(ran_anyway > 100, "only {ran_anyway} damaged files ran");
}

#[test]
fn a_file_that_is_too_large_or_no_file_is_refused_unread() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("large.onnx");
    let file = std::fs::File::create(&path).expect("writable");
    file.set_len((1 << 30) + 1).expect("a sparse file");
    let error = Model::open(&path).expect_err("refused");
    let source = std::error::Error::source(&error).expect("a cause").to_string();
    assert_eq!(source, "expected at most 1073741824 bytes, found 1073741825");
    for path in [folder.path(), Path::new("missing.onnx")] {
        let message = Model::open(path).expect_err("refused").to_string();
        assert_eq!(message, format!("read {}", path.display()));
    }
}

/// Those that come with the crate: a library of ONNX Runtime is not part of what is tested here.
#[test]
fn whatever_breaks_the_form_of_integer_products_is_named() {
    let number = |model: &mut ModelProto, name: &str, number: f32| {
        weight(model, name).raw_data = number.to_le_bytes().to_vec().into();
    };
    let node_of = |model: &mut ModelProto, name: &str| -> NodeProto {
        graph(model).node.iter().find(|node| node.output[0] == name).expect("such a node").clone()
    };
    let good = Network::new(&LABELS, 3).int8().proto();
    Model::from_bytes(good.encode_to_vec()).expect("valid");
    let message = |spoil: &dyn Fn(&mut ModelProto)| {
        let mut model = good.clone();
        spoil(&mut model);
        Model::from_bytes(model.encode_to_vec()).err().map(|error| error.to_string()).unwrap_or_default()
    };
    for wrong in [0.0, -0.5, 1e-20, 1e20, -0.0] {
        let found = message(&|model| number(model, "block0.scale", wrong));
        let expected =
            "node \"QuantizeLinear block0.steps\" (QuantizeLinear): expected scales from 1e-12 to 1e12, found ";
        assert_eq!(found, format!("{expected}{wrong:e}"));
        let found = message(&|model| {
            let mut factors = weight(model, "block1.factors").raw_data.to_vec();
            factors[8..12].copy_from_slice(&wrong.to_le_bytes());
            weight(model, "block1.factors").raw_data = factors.into();
        });
        let expected = "node \"DequantizeLinear block1.weight\" (DequantizeLinear): expected scales from 1e-12 to 1e12";
        assert!(found.starts_with(expected), "{found}");
    }
    for wrong in [f32::NAN, f32::INFINITY] {
        let found = message(&|model| number(model, "block1.scale", wrong));
        assert_eq!(found, "weight \"block1.scale\": expected numbers, found NaN or an infinity");
    }
    struct Case(&'static str, Box<dyn Fn(&mut ModelProto)>, &'static str);
    let cases = [
        Case(
            "too few factors",
            Box::new(|model| {
                weight(model, "block0.factors").raw_data.truncate(4);
                weight(model, "block0.factors").dims = vec![1];
            }),
            "\"DequantizeLinear block0.weight\" (DequantizeLinear): expected f32 scales of shape [32]",
        ),
        Case(
            "two scales of a map",
            Box::new(|model| {
                weight(model, "block0.scale").raw_data = vec![0x3F; 8].into();
                weight(model, "block0.scale").dims = vec![2];
            }),
            "(QuantizeLinear): expected f32 scales of shape []",
        ),
        Case(
            "a signed zero point",
            Box::new(|model| weight(model, "block0.zero").data_type = 3),
            "expected a zero point of one u8 among the weights, found i8 []",
        ),
        Case(
            "factors along another axis",
            Box::new(|model| {
                let nodes = &mut graph(model).node;
                nodes
                    .iter_mut()
                    .filter(|node| node.output[0] == "block0.weight")
                    .for_each(|node| node.attribute.clear());
            }),
            "expected a kernel [out, in, 2, 2] in i8 or a bias [out] in i32, axis 0",
        ),
        Case(
            "a scale that is computed",
            Box::new(move |model| {
                let mut early = node_of(model, "latent.map");
                (early.name, early.output[0]) = ("early".to_owned(), "early".to_owned());
                graph(model).node.insert(2, early);
                node(model, "Quantize").input[1] = "early".to_owned();
            }),
            "(QuantizeLinear): expected f32 scales of shape [] among the weights, found f32 [1, 6, 4, 4]",
        ),
        Case(
            "a convolution of steps",
            Box::new(|model| node(model, "Conv").input[0] = "block0.steps".to_owned()),
            "(Conv): expected f32 inputs, found u8",
        ),
        Case(
            "floats in a file of integers",
            Box::new(|model| {
                let plain = Network::new(&LABELS, 3).proto();
                model.graph = plain.graph;
            }),
            "graph: expected a QuantizeLinear for int8 compute, found none",
        ),
        Case(
            "integers in a file of floats",
            Box::new(|model| {
                let plain = Network::new(&LABELS, 3).proto();
                model.metadata_props = plain.metadata_props;
            }),
            "(QuantizeLinear): expected f32 compute, as the metadata say",
        ),
        Case(
            "no bound",
            Box::new(|model| model.metadata_props.retain(|entry| entry.key != contract::BOUND_KEY)),
            "mudra.bound\": is missing, which int8 compute needs",
        ),
        Case("a wide bound", Box::new(|model| set(model, contract::BOUND_KEY, r#"{"max":255,"mean":9}"#)), "1 to 128"),
    ];
    for Case(name, spoil, expected) in cases {
        let found = message(&spoil);
        assert!(found.contains(expected), "{name}: {found}");
    }
}

fn engines() -> impl Iterator<Item = EngineKind> {
    engine::built_in().iter().copied().filter(|kind| *kind != EngineKind::Ort)
}

fn spec(kind: EngineKind) -> EngineSpec {
    EngineSpec { kind, threads: Some(1), ..EngineSpec::default() }
}

fn inside_a_weight(bytes: &[u8], place: usize) -> bool {
    let proto = ModelProto::decode(bytes).expect("valid");
    let weights = proto.graph.map(|graph| graph.initializer).unwrap_or_default();
    weights.iter().filter(|weight| weight.raw_data.len() > 100).any(|weight| {
        let found = bytes.windows(weight.raw_data.len()).position(|window| window == weight.raw_data);
        found.is_some_and(|start| (start..start + weight.raw_data.len()).contains(&place))
    })
}

fn graph(model: &mut ModelProto) -> &mut GraphProto {
    model.graph.as_mut().expect("a graph")
}

fn node<'a>(model: &'a mut ModelProto, operator: &str) -> &'a mut NodeProto {
    graph(model).node.iter_mut().find(|node| node.op_type.starts_with(operator)).expect("such a node")
}

fn weight<'a>(model: &'a mut ModelProto, name: &str) -> &'a mut TensorProto {
    graph(model).initializer.iter_mut().find(|weight| weight.name == name).expect("such a weight")
}

fn sides(model: &mut ModelProto, sides: &[i64]) {
    weight(model, "latent.shape").raw_data = sides.iter().flat_map(|side| side.to_le_bytes()).collect();
}

fn fill(weight: &mut TensorProto) {
    weight.raw_data = vec![0xFF; weight.raw_data.len()].into();
}

fn empty(weight: &mut TensorProto) {
    weight.raw_data.clear();
    weight.dims = vec![0];
}

fn set(model: &mut ModelProto, key: &str, value: &str) {
    let entry = model.metadata_props.iter_mut().find(|entry| entry.key == key).expect("such an entry");
    entry.value = value.to_owned();
}

fn add(node: &mut NodeProto, attribute: AttributeProto) {
    node.attribute.push(attribute);
}

fn replace(node: &mut NodeProto, attribute: AttributeProto) {
    node.attribute.retain(|other| other.name != attribute.name);
    node.attribute.push(attribute);
}

fn extra_input(graph: &mut GraphProto) {
    let mut input = graph.input[0].clone();
    input.name = "third".to_owned();
    graph.input.push(input);
}

fn set_type(graph: &mut GraphProto, input: usize, elem_type: i32) {
    graph.input[input].r#type.as_mut().and_then(|found| found.tensor_type.as_mut()).expect("a tensor").elem_type =
        elem_type;
}

fn set_side(graph: &mut GraphProto, input: usize, side: i64) {
    let tensor = graph.input[input].r#type.as_mut().and_then(|found| found.tensor_type.as_mut()).expect("a tensor");
    tensor.shape.as_mut().expect("a shape").dim[1].dim_value = Some(side);
}
