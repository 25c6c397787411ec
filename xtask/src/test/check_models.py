"""Holds model files against ONNX's own rules, and their pictures in other engines against those that a test left beside them.

Usage: check_models.py FOLDER MODEL...
Every FOLDER/NAME.onnx has a FOLDER/NAME.json: latent and label, lists of rows as the file's inputs take them, image, a flat
list of what the plain network makes of them in [-1, 1], and allowed and allowed_mean, the largest difference and the largest
mean one. Each MODEL is only checked.
"""

import json
import pathlib
import sys

import numpy
import onnx
import onnxruntime
import openvino


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
    if failures:
        sys.exit(f"{failures} comparisons failed")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
