//! Counts what a file holds before it is decoded: an empty message takes two bytes of a file and a hundred of memory.

use prost::bytes::Buf;
use prost::encoding::{WireType, decode_key, decode_varint};

use super::contract;
use crate::RuntimeError;

/// The most fields of all messages together; the largest network of the family has some thousands.
const MAX_FIELDS: usize = 200_000;

/// What stands in a length-delimited field, as far as [`crate::onnx`] decodes it.
#[derive(Clone, Copy)]
enum Kind {
    Model,
    Graph,
    Node,
    Attribute,
    Tensor,
    Value,
    Type,
    TensorType,
    Shape,
    /// Numbers in a row, each of which is counted.
    Packed,
    /// Text, bytes, and messages of a few fields.
    Leaf,
}

impl Kind {
    fn of_field(self, tag: u32) -> Self {
        match (self, tag) {
            (Self::Model, 7) => Self::Graph,
            (Self::Graph, 1) => Self::Node,
            (Self::Graph, 5) => Self::Tensor,
            (Self::Graph, 11 | 12) => Self::Value,
            (Self::Node, 5) => Self::Attribute,
            (Self::Attribute, 8) | (Self::Tensor, 1) => Self::Packed,
            (Self::Value, 2) => Self::Type,
            (Self::Type, 1) => Self::TensorType,
            (Self::TensorType, 2) => Self::Shape,
            _ => Self::Leaf,
        }
    }
}

/// Refuses a file of more fields than any network has. One that is no protobuf is left to the decoder, which says where.
pub(super) fn check(file: &[u8]) -> Result<(), RuntimeError> {
    let mut left = MAX_FIELDS;
    let _ = count(file, Kind::Model, &mut left); // what breaks off is no message
    if left == 0 {
        return Err(contract("file", format!("at most {MAX_FIELDS} fields in its messages"), "more"));
    }
    Ok(())
}

/// None where nothing is left, or the bytes are no message.
fn count(mut bytes: &[u8], kind: Kind, left: &mut usize) -> Option<()> {
    while !bytes.is_empty() {
        *left = left.checked_sub(1)?;
        let (tag, wire) = decode_key(&mut bytes).ok()?;
        let length = match wire {
            WireType::Varint => decode_varint(&mut bytes).map(|_| 0).ok()?,
            WireType::SixtyFourBit => 8,
            WireType::ThirtyTwoBit => 4,
            WireType::LengthDelimited => {
                let length = usize::try_from(decode_varint(&mut bytes).ok()?).ok()?;
                let content = bytes.get(..length)?;
                match kind.of_field(tag) {
                    Kind::Leaf => {}
                    Kind::Packed => *left = left.saturating_sub(length),
                    inner => count(content, inner, left)?,
                }
                length
            }
            WireType::StartGroup | WireType::EndGroup => return None,
        };
        bytes.get(..length)?;
        bytes.advance(length);
    }
    Some(())
}
