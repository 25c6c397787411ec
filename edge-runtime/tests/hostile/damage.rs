//! Damage that a seeded generator does to good files, of bytes and of messages; the fuzz targets do the same.

use edge_runtime::onnx::{AttributeProto, ModelProto, NodeProto};
use model_spec::latent::philox;

/// Random numbers from a seed and a count.
pub struct Dice {
    seed: u64,
    count: u32,
}

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self { seed, count: 0 }
    }

    fn next(&mut self) -> u32 {
        self.count += 1;
        philox(self.seed, [self.count, 0, 0, 0])[0]
    }

    /// A number below `end`; 0 where there is none.
    pub fn below(&mut self, end: usize) -> usize {
        self.next() as usize % end.max(1)
    }
}

/// Numbers that lengths, sides and offsets break on.
const NASTY: [i64; 12] = [0, 1, -1, 2, 127, 255, 65_536, i32::MAX as i64, i32::MIN as i64, i64::MAX, i64::MIN, 1 << 40];

/// A file with a few bytes changed, inserted, removed, copied or cut off.
pub fn damaged_bytes(good: &[u8], dice: &mut Dice) -> Vec<u8> {
    let mut bytes = good.to_vec();
    for _ in 0..=dice.below(4) {
        // Weights fill the file; its beginning and end hold everything else.
        let near = dice.below(1500).min(bytes.len().saturating_sub(1));
        let place = match dice.below(3) {
            0 => near,
            1 => bytes.len().saturating_sub(1 + near),
            _ => dice.below(bytes.len()),
        };
        match dice.below(6) {
            0 => bytes.truncate(place),
            1 => bytes.insert(place, dice.next() as u8),
            2 if !bytes.is_empty() => drop(bytes.remove(place)),
            3 if !bytes.is_empty() => bytes[place] = [0, 0x7F, 0x80, 0xFF][dice.below(4)],
            4 => {
                let end = (place + dice.below(40)).min(bytes.len());
                let piece = bytes[place..end].to_vec();
                let to = dice.below(bytes.len());
                bytes.splice(to..to, piece);
            }
            _ if !bytes.is_empty() => bytes[place] ^= 1 << dice.below(8),
            _ => {}
        }
    }
    bytes
}

/// A model with a few nodes, weights, attributes or texts that don't fit.
pub fn damaged_message(good: &ModelProto, dice: &mut Dice) -> ModelProto {
    let mut model = good.clone();
    for _ in 0..=dice.below(3) {
        let nasty = NASTY[dice.below(NASTY.len())];
        let entries = model.metadata_props.len();
        let Some(graph) = &mut model.graph else { return model };
        let (nodes, weights) = (graph.node.len(), graph.initializer.len());
        match dice.below(11) {
            0 if nodes > 0 => drop(graph.node.remove(dice.below(nodes))),
            1 if nodes > 1 => graph.node.swap(dice.below(nodes), dice.below(nodes)),
            2 if nodes > 0 => rewire(&mut graph.node, dice),
            3 if nodes > 0 => set_attribute(&mut graph.node[dice.below(nodes)].attribute, nasty, dice),
            4 if weights > 0 => {
                let weight = &mut graph.initializer[dice.below(weights)];
                let sides = weight.dims.len();
                if sides > 0 {
                    weight.dims[dice.below(sides)] = nasty;
                }
            }
            5 if weights > 0 => graph.initializer[dice.below(weights)].data_type = nasty as i32,
            6 if weights > 0 => {
                let raw = &mut graph.initializer[dice.below(weights)].raw_data;
                raw.truncate(dice.below(raw.len()));
            }
            7 if weights > 0 => {
                let raw = &mut graph.initializer[dice.below(weights)].raw_data;
                let place = dice.below(raw.len());
                let mut changed = raw.to_vec();
                changed.iter_mut().skip(place).take(4).for_each(|byte| *byte = 0xFF);
                *raw = changed.into();
            }
            8 if nodes > 0 => {
                let operators = [
                    "Tanh",
                    "Loop",
                    "Cast",
                    "Concat",
                    "Reshape",
                    "ConvTranspose",
                    "Gemm",
                    "Gather",
                    "QuantizeLinear",
                    "DequantizeLinear",
                    "DepthToSpace",
                    "",
                ];
                graph.node[dice.below(nodes)].op_type = operators[dice.below(operators.len())].to_owned();
            }
            9 if entries > 0 => damage_text(&mut model.metadata_props[dice.below(entries)].value, nasty, dice),
            _ => graph.initializer.iter_mut().for_each(|weight| weight.data_location = i32::from(nasty == 1)),
        }
    }
    model
}

fn rewire(nodes: &mut [NodeProto], dice: &mut Dice) {
    let (from, to) = (dice.below(nodes.len()), dice.below(nodes.len()));
    let name = nodes[from].output.first().cloned().unwrap_or_default();
    let inputs = nodes[to].input.len();
    if inputs > 0 {
        nodes[to].input[dice.below(inputs)] = name;
    }
}

fn set_attribute(attributes: &mut Vec<AttributeProto>, nasty: i64, dice: &mut Dice) {
    let count = attributes.len();
    match attributes.get_mut(dice.below(count)) {
        Some(attribute) => {
            attribute.i = nasty;
            attribute.ints.iter_mut().for_each(|value| *value = nasty);
            attribute.f = [0.0, f32::NAN, f32::INFINITY, -1e30][dice.below(4)];
        }
        None => attributes.push(AttributeProto { name: "axis".to_owned(), i: nasty, ..Default::default() }),
    }
}

fn damage_text(text: &mut String, nasty: i64, dice: &mut Dice) {
    let letters: Vec<char> = text.chars().collect();
    let place = dice.below(letters.len());
    let start: String = letters[..place].iter().collect();
    let rest: String = letters[place..].iter().skip(dice.below(3)).collect();
    let piece = [String::new(), nasty.to_string(), "[[[[".to_owned(), "\u{1b}[2J".to_owned(), "\\u0000".to_owned()];
    *text = format!("{start}{}{rest}", piece[dice.below(piece.len())]);
}
