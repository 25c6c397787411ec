"""Runs a model file in another runtime, for the bench beside it: `peers.py PEER MODEL THREADS`.

Reads a line of JSON, the latent; prints a line with the peer's name, then one with the picture of label 0 as f32 in
base64. For each further line, which is a time in seconds, it runs that long and prints milliseconds a run (median and
least) and the most memory that this process has held, in MB. A peer that can't run here ends with a line that begins with
"absent" and says why.
"""

import base64
import concurrent.futures
import contextlib
import functools
import importlib.metadata
import json
import multiprocessing
import os
import sys
import tempfile
import time
import timeit

import numpy


def onnx_runtime(model, threads, latent):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    inputs = {"latent": latent, "label": numpy.zeros(1, numpy.int64)}
    return f"ONNX Runtime {onnxruntime.__version__}, f32", lambda: session.run(None, inputs)[0]


def openvino_f32(model, threads, latent):
    import openvino

    return openvino_run(openvino.Core().read_model(model), threads, latent, "f32")


def openvino_int8(model, threads, latent):
    import openvino

    with tempfile.TemporaryDirectory() as folder:
        version = aside(quantize, model, latent.shape, f"{folder}/net.xml")
        network = openvino.Core().read_model(f"{folder}/net.xml")
        return openvino_run(network, threads, latent, f"int8 by NNCF {version}")


def quantize(model, shape, path):
    import nncf
    import onnx
    import openvino

    tables = (tensor.dims[0] for tensor in onnx.load(model).graph.initializer if tensor.name.startswith("label.table"))
    labels = next(tables)
    # Latents to measure ranges on: NNCF's default number of samples.
    latents = numpy.random.default_rng(1).standard_normal((300, *shape)).astype(numpy.float32)
    samples = [{"latent": latent, "label": numpy.array([index % labels])} for index, latent in enumerate(latents)]
    # The dense first layer stays in f32.
    ignored = nncf.IgnoredScope(types=["MatMul"])
    network = nncf.quantize(openvino.Core().read_model(model), nncf.Dataset(samples), ignored_scope=ignored)
    openvino.save_model(network, path, compress_to_fp16=False)
    return nncf.__version__


def openvino_run(network, threads, latent, precision):
    import openvino

    # Without the hint it multiplies in bf16 where the processor can.
    settings = {"INFERENCE_NUM_THREADS": threads, "INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"}
    request = openvino.Core().compile_model(network, "CPU", settings).create_infer_request()
    inputs = {"latent": latent, "label": numpy.zeros(1, numpy.int64)}
    version = importlib.metadata.version("openvino")
    return f"OpenVINO {version}, {precision}", lambda: request.infer(inputs, share_outputs=True)["image"]


def pytorch(model, threads, latent):
    import torch

    torch.set_num_threads(threads)
    network = torch_network(model)
    inputs = torch.from_numpy(latent), torch.zeros(1, dtype=torch.long)

    def run():
        with torch.inference_mode():
            return network(*inputs).numpy()

    return f"PyTorch {torch.__version__.split('+')[0]} eager, f32", run


def ncnn(model, threads, latent):
    import ncnn

    with tempfile.TemporaryDirectory() as folder:
        label_map = aside(ncnn_files, model, latent, f"{folder}/net.pt")
        net = ncnn.Net()
        net.opt.num_threads = threads
        # f32, as the others.
        net.opt.use_fp16_packed = net.opt.use_fp16_storage = net.opt.use_fp16_arithmetic = False
        net.opt.use_bf16_storage = False
        net.load_param(f"{folder}/net.ncnn.param")
        net.load_model(f"{folder}/net.ncnn.bin")
    latent, label_map = ncnn.Mat(latent[0]).clone(), ncnn.Mat(label_map[0]).clone()

    def run():
        extractor = net.create_extractor()
        extractor.input("in0", latent)
        extractor.input("in1", label_map)
        return numpy.array(extractor.extract("out0")[1])

    return f"ncnn {ncnn.__version__}, f32", run


def ncnn_files(model, latent, path):
    import pnnx
    import torch

    # pnnx makes up labels to try a network with, some that the table doesn't have: it gets the map of label 0.
    network, label_map = torch_network(model, label_as_map=True)
    pnnx.export(network, path, (torch.from_numpy(latent), label_map), fp16=False)
    return label_map.numpy()


def gemm(model, threads, latent):
    """Not the model: a product of two matrices of 1024 x 1024, by whichever library is faster at it here."""
    left, right = numpy.random.default_rng(0).random((2, 1024, 1024), numpy.float32)
    products = {f"numpy {numpy.__version__}": lambda: left @ right}
    with contextlib.suppress(ImportError):
        import torch

        torch.set_num_threads(threads)
        matrices = torch.from_numpy(left), torch.from_numpy(right)
        products[f"PyTorch {torch.__version__.split('+')[0]}"] = lambda: torch.mm(*matrices).numpy()
    least = {name: min(timeit.repeat(product, number=1, repeat=10)) for name, product in products.items()}
    name = min(least, key=least.get)
    return name, products[name]


def torch_network(model, label_as_map=False):
    """The model as a torch module of latent and label; or one of latent and a label's map, with that of label 0."""
    import onnx
    import torch
    from onnx import helper, numpy_helper
    from torch.nn import functional

    operators = {
        "Cast": lambda x, **_: x.float(),
        "Concat": lambda *maps, **_: torch.cat(maps, 1),
        "ConvTranspose": lambda x, weight, bias=None, **_: functional.conv_transpose2d(x, weight, bias, 2, 1),
        "Gather": lambda table, index, **_: functional.embedding(index, table),
        "Gemm": lambda x, weight, bias, **_: functional.linear(x, weight, bias),
        "LeakyRelu": lambda x, alpha, **_: functional.leaky_relu(x, alpha),
        "Relu": lambda x, **_: torch.relu(x),
        "Reshape": lambda x, shape, **_: x.reshape([1, *shape.tolist()[1:]]),
        "Tanh": lambda x, **_: torch.tanh(x),
    }
    graph = onnx.load(model).graph
    constants = {tensor.name: torch.from_numpy(numpy_helper.to_array(tensor).copy()) for tensor in graph.initializer}
    steps = []
    for node in graph.node:
        attributes = {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
        operator = functools.partial(operators[node.op_type], **attributes)
        inputs, output = list(node.input), node.output[0]
        if all(name in constants for name in inputs):
            constants[output] = operator(*(constants[name] for name in inputs))
        else:
            steps.append((operator, inputs, output))
    if label_as_map:
        label_map = constants["label.table"][:1].reshape(1, -1, 4, 4)
        steps = [step for step in steps if not step[2].startswith("label.")]

    class Network(torch.nn.Module):
        def forward(self, latent, label):
            values = {**constants, "latent": latent, "label.map" if label_as_map else "label": label}
            for operator, inputs, output in steps:
                values[output] = operator(*(values[name] for name in inputs))
            return values["image"]

    network = Network().eval()
    return (network, label_map) if label_as_map else network


def aside(work, *arguments):
    """Runs work in another process, whose memory is not counted."""
    with concurrent.futures.ProcessPoolExecutor(1, multiprocessing.get_context("fork")) as pool:
        return pool.submit(work, *arguments).result()


@contextlib.contextmanager
def quiet():
    """Drops what libraries print to standard output, which is for answers."""
    kept, nowhere = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    try:
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)
        os.close(nowhere)


def peak_mb():
    """Of this program: what getrusage tells begins with the peak of the program that started it."""
    try:
        with open("/proc/self/status") as status:
            return next(int(line.split()[1]) * 1024 / 1e6 for line in status if line.startswith("VmHWM:"))
    except FileNotFoundError:
        return float("nan")


PEERS = {
    "onnx-runtime": onnx_runtime,
    "openvino": openvino_f32,
    "openvino-int8": openvino_int8,
    "pytorch": pytorch,
    "ncnn": ncnn,
    "gemm": gemm,
}


def main():
    peer, model, threads = sys.argv[1:]
    latent = numpy.array([json.loads(sys.stdin.readline())], numpy.float32)
    try:
        with quiet():
            name, run = PEERS[peer](model, int(threads), latent)
            picture = numpy.ascontiguousarray(run(), numpy.float32)
            for _ in range(4):
                run()
    except Exception as error:
        print(f"absent: {type(error).__name__}: {error}".splitlines()[0], flush=True)
        return
    print(name, base64.b64encode(picture.tobytes()).decode(), sep="\n", flush=True)
    for line in sys.stdin:
        start, turn, times = time.perf_counter(), float(line), []
        while time.perf_counter() - start < turn:
            begin = time.perf_counter()
            run()
            times.append(time.perf_counter() - begin)
        print(sorted(times)[len(times) // 2] * 1e3, min(times) * 1e3, peak_mb(), flush=True)


if __name__ == "__main__":
    main()
