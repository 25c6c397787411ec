"""Holds model files against ONNX's own rules, and their pictures in other engines against those that a test left beside them.

Usage: check_models.py FOLDER MODEL...
Every FOLDER/NAME.onnx has a FOLDER/NAME.json: latent and label, lists of rows as the file's inputs take them, image, a flat
list of what the plain network makes of them in [-1, 1], and allowed and allowed_mean, the largest difference and the largest
mean one. Each MODEL is only checked. FOLDER/triton is a model repository for Triton Inference Server.
"""

import importlib.util
import json
import pathlib
import sys

import numpy
import onnx
import onnxruntime
import openvino
from google.protobuf import text_format


def with_onnxruntime(path, inputs):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return session.run(["image"], inputs)[0]


def with_openvino(path, inputs):
    # Its default on some processors computes in 16 bits.
    settings = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1}
    model = openvino.Core().compile_model(path, "CPU", settings)
    return model(inputs)[model.output("image")]


def signed(image):
    return image if image.dtype == numpy.float32 else (image.astype(numpy.float32) / 255 - 0.5) / 0.5


def inputs_of(path, case):
    types = {value.name: value.type.tensor_type for value in onnx.load(path).graph.input}
    inputs = {}
    for name in ("latent", "label"):
        dtype = onnx.helper.tensor_dtype_to_np_dtype(types[name].elem_type)
        inputs[name] = numpy.array(case[name], dtype=dtype)
    return inputs


def triton_schema():
    """NVIDIA's own messages. Their package imports gRPC; the file of messages does without it."""
    package = importlib.util.find_spec("tritonclient").submodule_search_locations[0]
    path = pathlib.Path(package, "grpc/model_config_pb2.py")
    spec = importlib.util.spec_from_file_location("model_config_pb2", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def shape_of(tensor, batched):
    """A tensor's shape as the server sees it in the model, -1 for a free side."""
    sides = list(tensor.reshape.shape if tensor.HasField("reshape") else tensor.dims)
    return [-1, *sides] if batched else sides


def check_server(model, schema):
    """Holds one model of a repository against NVIDIA's messages, and what it says of tensors against the model's file."""
    config = text_format.Parse((model / "config.pbtxt").read_text(), schema.ModelConfig())
    assert config.name == model.name, f"{model}: named {config.name}"
    graph = onnx.load(model / "1" / config.default_model_filename).graph
    batched = config.max_batch_size > 0
    types = {
        schema.TYPE_FP32: onnx.TensorProto.FLOAT,
        schema.TYPE_INT64: onnx.TensorProto.INT64,
        schema.TYPE_UINT8: onnx.TensorProto.UINT8,
    }
    for said, there in ((config.input, graph.input), (config.output, graph.output)):
        expected = {}
        for value in there:
            tensor = value.type.tensor_type
            sides = [side.dim_value if side.HasField("dim_value") else -1 for side in tensor.shape.dim]
            expected[value.name] = (tensor.elem_type, sides)
        found = {tensor.name: (types[tensor.data_type], shape_of(tensor, batched)) for tensor in said}
        assert found == expected, f"{model}: {found} in the configuration, {expected} in the model"
        assert all(len(tensor.dims) > 0 for tensor in said), f"{model}: a tensor without sides"
    assert config.HasField("dynamic_batching") == batched, model
    assert all(size <= config.max_batch_size for size in config.dynamic_batching.preferred_batch_size), model


def main(folder, models):
    files = sorted(pathlib.Path(folder).glob("*.onnx"))
    if not files:
        sys.exit(f"{folder}: no model files")
    for path in [*map(str, files), *models]:
        onnx.checker.check_model(path, full_check=True)
    failures = 0
    for path in files:
        case = json.loads(path.with_suffix(".json").read_text())
        expected = numpy.array(case["image"], dtype=numpy.float32)
        inputs = inputs_of(path, case)
        for engine in (with_onnxruntime, with_openvino):
            found = signed(engine(str(path), inputs)).reshape(-1)
            difference = numpy.abs(found - expected) if found.shape == expected.shape else numpy.array(numpy.inf)
            worst, mean = float(difference.max()), float(difference.mean())
            verdict = "pass" if worst <= case["allowed"] and mean <= case["allowed_mean"] else "FAIL"
            failures += verdict == "FAIL"
            allowed = f"allowed {case['allowed']:.1e} {case['allowed_mean']:.1e}"
            print(f"{path.name:36} {engine.__name__:18} {worst:.2e} {mean:.2e}  {allowed}  {verdict}")
    repository = sorted(pathlib.Path(folder, "triton").iterdir())
    assert repository, f"{folder}/triton: no models"
    schema = triton_schema()
    for model in repository:
        check_server(model, schema)
    print(f"{len(repository)} models for Triton Inference Server: {', '.join(model.name for model in repository)}")
    if failures:
        sys.exit(f"{failures} comparisons failed")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
