"""From start to a PNG with ONNX Runtime, as edge-runtime does it: `generate.py MODEL OUT.png`."""

import struct
import sys
import zlib

import numpy
import onnxruntime


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


session = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
dim = {value.name: value.shape for value in session.get_inputs()}["latent"][1]
latent = numpy.random.default_rng().standard_normal((1, dim)).astype(numpy.float32)
image = session.run(["image"], {"latent": latent, "label": numpy.int64([0])})[0][0].transpose(1, 2, 0)
levels = numpy.floor(numpy.clip(image, -1, 1) * 127.5 + 128).clip(0, 255).astype(numpy.uint8)
height, width, channels = levels.shape
header = struct.pack(">IIBBBBB", width, height, 8, {1: 0, 3: 2}[channels], 0, 0, 0)
# A filter byte, none, before each row.
rows = numpy.concatenate([numpy.zeros((height, 1), numpy.uint8), levels.reshape(height, -1)], axis=1)
with open(sys.argv[2], "wb") as file:
    file.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header))
    file.write(chunk(b"IDAT", zlib.compress(rows.tobytes())) + chunk(b"IEND", b""))
