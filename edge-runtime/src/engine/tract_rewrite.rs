//! What tract's own passes leave to each run, done at load: weights as f32, and transposed convolutions without sums
//! of single values. And a rounding to 8 bits that saturates.

use tract_onnx::tract_core::internal::*;
use tract_onnx::tract_core::model::Rewriter;
use tract_onnx::tract_core::ops::binary::TypedBinOp;
use tract_onnx::tract_core::ops::cnn::{Deconv, KernelFormat, PaddingSpec};
use tract_onnx::tract_core::ops::einsum::EinSum;
use tract_onnx::tract_core::ops::element_wise::ElementWiseOp;
use tract_onnx::tract_core::ops::math::Max;
use tract_onnx::tract_core::ops::nn::DataFormat;
use tract_onnx::tract_core::ops::quant::QuantizeLinearU8;

use super::native::{Work, vectorized};

const KERNEL: usize = 4;
const TAPS: usize = KERNEL * KERNEL;

/// Computes the constants of `model`, and puts a matrix product and [`AddTaps`] for each transposed convolution of the
/// family (4x4, stride 2, padding 1) and a ReLU behind it; others stay. The model is one that tract has decluttered.
pub(super) fn rewrite(model: &mut TypedModel) -> TractResult<()> {
    fold_weights(model)?;
    Rewriter::default()
        .with_rule_for::<Deconv>("rows of taps", rows_of_taps)
        .with_rule_for::<ElementWiseOp>("saturating rounding", saturating_rounding)
        .rewrite(&(), model)
}

element_wise_oop!(round_to_u8,
    RoundToU8 {
        /// Steps of a unit.
        scale: f32,
        zero_point: u8
    },
    [f32] => u8 |op, xs, ys| {
        for (x, y) in xs.iter().zip(ys) {
            let steps = (x * op.scale).round_ties_even() as i32;
            *y = steps.saturating_add(op.zero_point.into()).clamp(0, 255) as u8;
        }
        Ok(())
    }
);

/// tract's own adds the zero point to any i32, and overflows where a number is 2^31 steps of a damaged file.
fn saturating_rounding(
    _: &(),
    model: &TypedModel,
    node: &TypedNode,
    _: &str,
    op: &ElementWiseOp,
) -> TractResult<Option<TypedModelPatch>> {
    let Some(QuantizeLinearU8 { scale, zero_point }) = op.0.downcast_ref() else { return Ok(None) };
    let own = ElementWiseOp(Box::new(RoundToU8 { scale: *scale, zero_point: *zero_point }), None);
    TypedModelPatch::replace_single_op(model, node, &node.inputs, own).map(Some)
}

/// Bytes of folded weights.
const MOST_HELD: usize = 64 << 20;

/// Computes what depends on no input. tract leaves it to each run where the result takes more memory than its
/// operands, as f32 weights do that a file holds in f16 or int8.
fn fold_weights(model: &mut TypedModel) -> TractResult<()> {
    while fold_some(model)? {
        model.compact()?;
    }
    model.compact()
}

/// Whether it stopped, with more to fold: what has been folded holds its operands until the model is made compact.
fn fold_some(model: &mut TypedModel) -> TractResult<bool> {
    let mut held = 0;
    for id in model.eval_order()? {
        let operands: Option<TVec<TValue>> =
            model.node_input_facts(id)?.iter().map(|fact| fact.konst.clone().map(IntoTValue::into_tvalue)).collect();
        let Some(operands) = operands.filter(|operands| !operands.is_empty()) else { continue };
        let node = model.node(id);
        let Some(values) = node.op.eval_out_of_plan(operands)? else { continue };
        let mut patch = TypedModelPatch::default();
        for (slot, value) in values.into_iter().enumerate() {
            held += value.len() * value.datum_type().size_of();
            let folded = patch.add_const(format!("{}.{slot}", node.name), value.into_arc_tensor())?;
            patch.shunt_outside(model, OutletId::new(id, slot), folded)?;
        }
        patch.apply(model)?;
        if held > MOST_HELD {
            return Ok(true);
        }
    }
    Ok(false)
}

fn rows_of_taps(
    _: &(),
    model: &TypedModel,
    node: &TypedNode,
    name: &str,
    deconv: &Deconv,
) -> TractResult<Option<TypedModelPatch>> {
    let [input, kernel, bias] = *node.inputs.as_slice() else { return Ok(None) };
    let (input_fact, kernel_fact) = (model.outlet_fact(input)?, model.outlet_fact(kernel)?);
    let Some(&[batch, inputs, height, width]) = input_fact.shape.as_concrete() else { return Ok(None) };
    let Some(kernel) = kernel_fact.konst.as_ref() else { return Ok(None) };
    let Some(bias) = model.outlet_fact(bias)?.konst.as_ref() else { return Ok(None) };
    let outputs = deconv.pool_spec.output_channels;
    if !in_family(deconv)
        || kernel.shape() != [outputs, inputs, KERNEL, KERNEL]
        || kernel.datum_type() != DatumType::F32
    {
        return Ok(None);
    }
    let bias = bias.broadcast_to_shape(&[outputs])?;
    let matrix = kernel
        .as_ref()
        .clone()
        .into_shape(&[outputs, inputs, TAPS])?
        .move_axis(1, 2)?
        .into_shape(&[outputs * TAPS, inputs])?;

    let mut patch = TypedModelPatch::default();
    let input = patch.tap_model(model, input)?;
    let (rows, columns, pixels) = (height.to_dim(), width.to_dim(), (height * width).to_dim());
    let flatten = AxisOp::Reshape(2, tvec!(rows, columns), tvec!(pixels));
    let flat = patch.wire_node(format!("{name}.pixels"), flatten, &[input])?;
    let matrix = patch.add_const(format!("{name}.matrix"), matrix)?;
    let product = EinSum::new("mk,Nkn->Nmn".parse()?, f32::datum_type());
    let product = patch.wire_node(format!("{name}.product"), product, &[matrix, flat[0]])?;
    let relu = relu_behind(model, node)?;
    let add = AddTaps { batch, outputs, height, width, bias: bias.into_arc_tensor(), is_rectified: relu.is_some() };
    let sum = patch.wire_node(name, add, &product)?;
    patch.shunt_outside(model, relu.unwrap_or(node).id.into(), sum[0])?;
    Ok(Some(patch))
}

/// The ReLU that alone takes what a node makes; tract has it as a maximum with 0.
fn relu_behind<'a>(model: &'a TypedModel, node: &TypedNode) -> TractResult<Option<&'a TypedNode>> {
    let Some(next) = model.single_succ(node.id)? else { return Ok(None) };
    if !next.op_as::<TypedBinOp>().is_some_and(|op| op.0.is::<Max>()) {
        return Ok(None);
    }
    let facts = model.node_input_facts(next.id)?;
    let mut constants = facts.iter().filter_map(|fact| fact.konst.as_ref());
    let is_zero = |constant: &Arc<Tensor>| {
        let all =
            constant.try_as_plain_ram().and_then(|ram| Ok(ram.as_slice::<f32>()?.iter().all(|number| *number == 0.0)));
        all.unwrap_or(false)
    };
    Ok(constants.next().is_some_and(is_zero).then_some(next))
}

/// Whether each output is the sum of the taps that [`AddTaps`] adds.
fn in_family(deconv: &Deconv) -> bool {
    let spec = &deconv.pool_spec;
    spec.data_format == DataFormat::NCHW
        && deconv.kernel_format == KernelFormat::OIHW
        && deconv.group == 1
        && *spec.kernel_shape == [KERNEL, KERNEL]
        && *spec.strides() == [2, 2]
        && *spec.dilations() == [1, 1]
        && spec.padding == PaddingSpec::Explicit(tvec!(1, 1), tvec!(1, 1))
        && *deconv.adjustments == [0, 0]
}

/// Adds products `[batch, outputs * 16, height * width]` and a bias to `[batch, outputs, 2 * height, 2 * width]`, a row of
/// outputs at a time, where tract's own sum takes one product at a time.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct AddTaps {
    batch: usize,
    outputs: usize,
    height: usize,
    width: usize,
    /// One value an output channel.
    bias: Arc<Tensor>,
    /// Whether what is below 0 becomes 0.
    is_rectified: bool,
}

impl Op for AddTaps {
    fn name(&self) -> StaticName {
        "AddTaps".into()
    }

    op_as_typed_op!();
}

impl EvalOp for AddTaps {
    op_out_of_plan!();

    fn eval(&self, _: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let products = args_1!(inputs);
        let products = products.try_as_plain_ram()?;
        let bias = self.bias.try_as_plain_ram()?;
        // SAFETY: every number is written before it is read, and any bits are one.
        let mut pictures = unsafe { Tensor::uninitialized::<f32>(&self.output_shape())? };
        let (products, bias) = (products.as_slice()?, bias.as_slice()?);
        vectorized(Adding { op: self, products, bias, pictures: pictures.try_as_plain_ram_mut()?.as_slice_mut()? });
        Ok(tvec!(pictures.into_tvalue()))
    }
}

impl TypedOp for AddTaps {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let expected = [self.batch, self.outputs * TAPS, self.height * self.width];
        ensure!(*inputs[0].shape.to_tvec() == expected.map(|dim| dim.to_dim()));
        Ok(tvec!(f32::fact(self.output_shape())))
    }

    as_op!();
}

impl AddTaps {
    fn output_shape(&self) -> [usize; 4] {
        [self.batch, self.outputs, 2 * self.height, 2 * self.width]
    }
}

/// [`AddTaps`] at work.
struct Adding<'a> {
    op: &'a AddTaps,
    products: &'a [f32],
    bias: &'a [f32],
    pictures: &'a mut [f32],
}

impl Work for Adding<'_> {
    type Made = ();

    #[inline(always)]
    fn run(self) {
        let &AddTaps { height, width, is_rectified, .. } = self.op;
        let pixels = height * width;
        let planes = self.products.chunks_exact(TAPS * pixels).zip(self.pictures.chunks_exact_mut(4 * pixels));
        for ((taps, plane), &bias) in planes.zip(self.bias.iter().cycle()) {
            for (y, row) in plane.chunks_exact_mut(2 * width).enumerate() {
                // Output 2 i + t - 1 is of input i and tap t.
                let near = columns(taps, [height, width], y / 2, 1 + y % 2);
                let (far, tap) = if y.is_multiple_of(2) { ((y / 2).checked_sub(1), 3) } else { (Some(y / 2 + 1), 0) };
                match far.filter(|input| *input < height) {
                    Some(input) => add_rows([near, columns(taps, [height, width], input, tap)], bias, row),
                    None => add_rows([near], bias, row),
                }
                if is_rectified {
                    for value in row {
                        *value = value.max(0.0);
                    }
                }
            }
        }
    }
}

/// The rows that a row of the kernel makes of an input row, one for each of its columns.
#[inline(always)]
fn columns(taps: &[f32], [height, width]: [usize; 2], input: usize, tap: usize) -> [&[f32]; KERNEL] {
    let from = &taps[tap * KERNEL * height * width..][..KERNEL * height * width];
    [0, 1, 2, 3].map(
        #[inline(always)]
        |column| &from[(column * height + input) * width..][..width],
    )
}

/// A row of outputs, from the rows that columns of the kernel make of each input row: an even column has column 1 of its own
/// pixel and column 3 of the one before, an odd one column 2 of its own and column 0 of the next.
#[inline(always)]
fn add_rows<const INPUTS: usize>(inputs: [[&[f32]; KERNEL]; INPUTS], bias: f32, row: &mut [f32]) {
    let last = row.len() / 2 - 1;
    let (mut first_even, mut last_odd) = (bias, bias);
    for [_, one, two, _] in inputs {
        first_even += one[0];
        last_odd += two[last];
    }
    row[0] = first_even;
    row[2 * last + 1] = last_odd;
    // Between two pixels: the odd output of one and the even output of the next.
    let between = inputs.map(
        #[inline(always)]
        |[zero, one, two, three]| [&two[..last], &zero[1..][..last], &one[1..][..last], &three[..last]],
    );
    for (place, pair) in row[1..][..2 * last].chunks_exact_mut(2).enumerate() {
        let (mut odd, mut even) = (bias, bias);
        for [two, zero, one, three] in between {
            odd += two[place] + zero[place];
            even += one[place] + three[place];
        }
        pair[0] = odd;
        pair[1] = even;
    }
}

#[cfg(test)]
mod tests {
    use tract_onnx::tract_core::ops::cast::cast;
    use tract_onnx::tract_core::ops::cnn::PoolSpec;
    use tract_onnx::tract_core::ops::math::max;

    use super::*;

    /// By the definition: each product goes to the one output that it belongs to.
    fn scattered(op: &AddTaps, products: &[f32], bias: &[f32]) -> Vec<f32> {
        let (height, width) = (2 * op.height, 2 * op.width);
        let mut pictures: Vec<f32> = (0..op.batch * op.outputs * height * width)
            .map(|index| bias[index / (height * width) % op.outputs])
            .collect();
        for (index, product) in products.iter().enumerate() {
            let (rest, pixel) = (index / (op.height * op.width), index % (op.height * op.width));
            let (plane, tap) = (rest / TAPS, rest % TAPS);
            let y = (2 * (pixel / op.width) + tap / KERNEL).checked_sub(1).filter(|&y| y < height);
            let x = (2 * (pixel % op.width) + tap % KERNEL).checked_sub(1).filter(|&x| x < width);
            if let (Some(y), Some(x)) = (y, x) {
                pictures[(plane * height + y) * width + x] += product;
            }
        }
        if op.is_rectified {
            pictures.iter_mut().for_each(|value| *value = value.max(0.0));
        }
        pictures
    }

    #[test]
    fn taps_go_where_the_definition_puts_them() {
        for (batch, outputs, height, width) in [(1, 1, 1, 1), (1, 3, 4, 4), (2, 2, 3, 5), (1, 2, 1, 7), (3, 1, 6, 2)] {
            // Whole numbers, so that the order of a sum does not matter.
            let bias: Vec<f32> = (0..outputs).map(|o| 100.0 * o as f32 - 7.0).collect();
            let products: Vec<f32> =
                (0..batch * outputs * TAPS * height * width).map(|i| (i * 31 % 257) as f32 - 128.0).collect();
            for is_rectified in [false, true] {
                let op = AddTaps { batch, outputs, height, width, bias: rctensor1(&bias), is_rectified };
                let mut pictures = vec![f32::NAN; batch * outputs * 4 * height * width];
                Adding { op: &op, products: &products, bias: &bias, pictures: &mut pictures }.run();
                assert_eq!(pictures, scattered(&op, &products, &bias), "{op:?}");
            }
        }
    }

    /// A transposed convolution and a ReLU, 2 to 3 channels, and their output for an input of counted values.
    fn run(strides: usize, weights: DatumType, rewritten: bool) -> TractResult<(Vec<StaticName>, Tensor)> {
        let mut model = TypedModel::default();
        let input = model.add_source("input", f32::fact([1, 2, 5, 3]))?;
        let kernel: Vec<f32> = (0..3 * 2 * TAPS).map(|i| (i % 13) as f32 - 6.0).collect();
        let kernel = Tensor::from_shape(&[3, 2, KERNEL, KERNEL], &kernel)?.cast_to_dt(weights)?.into_owned();
        let kernel = model.add_const("kernel", kernel)?;
        let kernel = model.wire_node("cast", cast(f32::datum_type()), &[kernel])?[0];
        let bias = model.add_const("bias", tensor1(&[1f32, 2.0, 3.0]))?;
        let spec = PoolSpec::new(
            DataFormat::NCHW,
            tvec!(KERNEL, KERNEL),
            PaddingSpec::Explicit(tvec!(1, 1), tvec!(1, 1)),
            None,
            Some(tvec!(strides, strides)),
            2,
            3,
        );
        let op = Deconv::new(spec, KernelFormat::OIHW, tvec!(0, 0), 1);
        let output = model.wire_node("deconv", op, &[input, kernel, bias])?;
        let zero = model.add_const("zero", Tensor::zero::<f32>(&[1; 4])?)?;
        let output = model.wire_node("relu", max(), &[output[0], zero])?;
        model.select_output_outlets(&output)?;
        if rewritten {
            rewrite(&mut model)?;
        }
        let names = model.nodes.iter().map(|node| node.op.name()).collect();
        let input: Vec<f32> = (0..30).map(|i| i as f32).collect();
        let outputs = model.into_runnable()?.run(tvec!(Tensor::from_shape(&[1, 2, 5, 3], &input)?.into_tvalue()))?;
        Ok((names, outputs[0].clone().into_tensor()))
    }

    #[test]
    fn the_family_is_rewritten_to_the_same_values_whatever_its_weights_are_stored_in() -> TractResult<()> {
        for weights in [DatumType::F32, DatumType::F16, DatumType::I8] {
            let (before, expected) = run(2, weights, false)?;
            assert!(before.contains(&"Deconv".into()) && before.contains(&"Cast".into()));
            let (after, found) = run(2, weights, true)?;
            assert!(after.contains(&"AddTaps".into()) && !after.contains(&"Cast".into()), "{after:?}");
            assert!(before.contains(&"Max".into()) && !after.contains(&"Max".into()), "{before:?} {after:?}");
            assert_eq!(found, expected, "{weights:?}");
        }
        Ok(())
    }

    #[test]
    fn what_is_not_of_the_family_stays() -> TractResult<()> {
        let (before, expected) = run(3, DatumType::F32, false)?;
        let (after, found) = run(3, DatumType::F32, true)?;
        assert!(before.contains(&"Deconv".into()) && after.contains(&"Deconv".into()), "{after:?}");
        assert_eq!(found, expected);
        Ok(())
    }
}
