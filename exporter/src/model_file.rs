//! Model files of ours as a source: the folded weights that they carry, in f32 or f16.

use std::path::Path;

use edge_runtime::Model;
use edge_runtime::onnx::{TensorProto, data_type};
use half::f16;
use model_spec::architecture::STEM_SIZE;
use model_spec::variant::{Compute, Precision, Rewrite};
use model_spec::weights::KERNEL;
use model_spec::{Architecture, Metadata};

use crate::ExportError;
use crate::fold::{Block, Folded};
use crate::subpixel::kernel_from_squares;

/// Reads what a file says about itself, and its weights.
///
/// # Errors
/// A file outside the contract, one whose weights are stored as integers, or one that another program wrote, whose weights
/// have other names or shapes.
pub fn read(path: &Path) -> Result<(Metadata, Folded), ExportError> {
    let model = Model::open(path)?;
    let metadata = model.metadata().clone();
    let has_integers = metadata.variant.compute == Compute::Int8;
    if has_integers || metadata.weights == Precision::Int8 {
        return Err(ExportError::Format {
            path: path.to_owned(),
            expected: "a model file with f32 or f16 weights as a source".to_owned(),
            found: format!("{} weights", Precision::Int8.name()),
        });
    }
    let folded = folded(&Stored { path, tensors: &model.graph().initializer }, &metadata)?;
    Ok((metadata, folded))
}

fn folded(weights: &Stored<'_>, metadata: &Metadata) -> Result<Folded, ExportError> {
    let Architecture { latent_dim, stem_channels, .. } = metadata.architecture;
    let stem = STEM_SIZE * STEM_SIZE;
    let dense = stem_channels * stem;
    let channels = metadata.architecture.block_channels();
    let last = channels.len().saturating_sub(1);
    let block = |(index, (inputs, outputs)): (usize, (usize, usize))| -> Result<Block, ExportError> {
        let name = |part: &str| format!("block{index}.{part}");
        // A square has four pixels, each with the channel's bias.
        let (shape, copies) = match metadata.variant.rewrite {
            Rewrite::None => ([inputs, outputs, KERNEL, KERNEL], 1),
            Rewrite::Subpixel => ([4 * outputs, inputs, 2, 2], 4),
        };
        let stored = weights.get(&name("weight"), &shape)?;
        let kernel = match metadata.variant.rewrite {
            Rewrite::None => stored,
            Rewrite::Subpixel => kernel_from_squares(&stored, [inputs, outputs]),
        };
        let bias = match index {
            index if index == last => None,
            _ => Some(weights.get(&name("bias"), &[copies * outputs])?[..outputs].to_vec()),
        };
        Ok(Block { inputs, outputs, kernel, bias, calibration: None })
    };
    Ok(Folded {
        label_table: weights.get("label.table", &[metadata.labels.len(), stem])?,
        latent_weight: weights.get("latent.weight", &[dense, latent_dim])?,
        latent_bias: weights.get("latent.bias", &[dense])?,
        blocks: channels.into_iter().enumerate().map(block).collect::<Result<_, _>>()?,
    })
}

/// The weights of a file, whose lengths [`Model`] has checked.
struct Stored<'a> {
    path: &'a Path,
    tensors: &'a [TensorProto],
}

impl Stored<'_> {
    /// The numbers of the weight of a name and shape, row-major.
    fn get(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, ExportError> {
        let problem = |found: String| ExportError::Weight {
            path: self.path.to_owned(),
            name: name.to_owned(),
            expected: format!("shape {shape:?} in f32 or f16, as this exporter writes it"),
            found,
        };
        let half = format!("{name}.f16");
        let tensor = self.tensors.iter().find(|tensor| tensor.name == name || tensor.name == half);
        let tensor = tensor.ok_or_else(|| problem("no weight of this name".to_owned()))?;
        if !tensor.dims.iter().map(|side| usize::try_from(*side).ok()).eq(shape.iter().map(|side| Some(*side))) {
            return Err(problem(format!("shape {:?}", tensor.dims)));
        }
        match tensor.data_type {
            data_type::FLOAT => Ok(tensor.raw_data.as_chunks().0.iter().map(|raw| f32::from_le_bytes(*raw)).collect()),
            data_type::FLOAT16 => {
                Ok(tensor.raw_data.as_chunks().0.iter().map(|raw| f16::from_le_bytes(*raw).to_f32()).collect())
            }
            other => Err(problem(format!("element type {other}"))),
        }
    }
}
