import json, sys, numpy, onnxruntime  # pip install onnxruntime; python onnxruntime_10_lines.py MODEL LABEL SEED OUT.ppm
from latent import latent
session = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
labels = json.loads(session.get_modelmeta().custom_metadata_map["mudra.labels"])
dim = {value.name: value.shape for value in session.get_inputs()}["latent"][1]
inputs = {"latent": numpy.float32([latent(int(sys.argv[3]), 0, dim)]), "label": numpy.int64([labels.index(sys.argv[2])])}
image = session.run(["image"], inputs)[0][0].transpose(1, 2, 0)  # [H, W, C] in [-1, 1]
header = "P%d %d %d 255\n" % ({1: 5, 3: 6}[image.shape[2]], image.shape[1], image.shape[0])
levels = numpy.floor(numpy.clip(image, -1, 1) * 127.5 + 128).clip(0, 255).astype(numpy.uint8)  # rounded to nearest
open(sys.argv[4], "wb").write(header.encode() + levels.tobytes())
