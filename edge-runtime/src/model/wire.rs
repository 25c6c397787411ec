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

/// Why a file is counted no further.
enum Stop {
    /// The bytes are no message.
    NoMessage,
    Many,
    Group,
}

/// Refuses a file of more fields than any network has. One that is no protobuf is left to the decoder, which says where.
pub(super) fn check(file: &[u8]) -> Result<(), RuntimeError> {
    let mut left = MAX_FIELDS;
    match count(file, Kind::Model, &mut left) {
        Err(Stop::Many) => Err(contract("file", format!("at most {MAX_FIELDS} fields in its messages"), "more")),
        // The decoder skips them, and reads what follows.
        Err(Stop::Group) => Err(contract("file", "fields as ONNX has them", "a group")),
        Ok(()) | Err(Stop::NoMessage) => Ok(()),
    }
}

fn count(mut bytes: &[u8], kind: Kind, left: &mut usize) -> Result<(), Stop> {
    let take = |left: &mut usize, fields: usize| {
        *left = left.checked_sub(fields).ok_or(Stop::Many)?;
        Ok(())
    };
    while !bytes.is_empty() {
        take(left, 1)?;
        let (tag, wire) = decode_key(&mut bytes).map_err(|_| Stop::NoMessage)?;
        let length = match wire {
            WireType::Varint => decode_varint(&mut bytes).map(|_| 0).map_err(|_| Stop::NoMessage)?,
            WireType::SixtyFourBit => 8,
            WireType::ThirtyTwoBit => 4,
            WireType::LengthDelimited => {
                let length = decode_varint(&mut bytes).map_err(|_| Stop::NoMessage)?;
                let length = usize::try_from(length).map_err(|_| Stop::NoMessage)?;
                let content = bytes.get(..length).ok_or(Stop::NoMessage)?;
                match kind.of_field(tag) {
                    Kind::Leaf => {}
                    Kind::Packed => take(left, length)?,
                    inner => count(content, inner, left)?,
                }
                length
            }
            WireType::StartGroup | WireType::EndGroup => return Err(Stop::Group),
        };
        bytes.get(..length).ok_or(Stop::NoMessage)?;
        bytes.advance(length);
    }
    Ok(())
}
