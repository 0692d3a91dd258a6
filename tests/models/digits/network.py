"""An ensemble of small networks that reads one handwritten digit, in numpy.

Owns: the picture's way into the networks (decode, views) and their forward pass; used by handler.py (serving) and train.py (set-up), so
that both see the same pixels. Does not own: the weights (weights.npz, made by train.py) and the server's request format.
"""
import io

import numpy as np
from PIL import Image

SIDE = 16  # the networks read SIDE x SIDE pixels
CANVAS = 48  # pictures of any size are brought to CANVAS x CANVAS first, so that turning them does not cost detail
TURNS = (-12.0, -8.0, -4.0, 0.0, 4.0, 8.0, 12.0)  # degrees
SHIFTS = tuple((dx, dy) for dy in (-1, 0, 1) for dx in (-1, 0, 1))  # pixels of SIDE
MAX_PIXELS = 4_000_000  # a request cannot make the worker unpack a decompression bomb


def decode(data):
    """Bytes of an image file (any format that Pillow reads) -> canvas with light ink on dark ground."""
    image = Image.open(io.BytesIO(data))
    if image.width * image.height > MAX_PIXELS:
        raise ValueError("picture of %d x %d pixels is too large" % image.size)
    image = image.convert("L").resize((CANVAS, CANVAS), Image.Resampling.BICUBIC)
    pixels = np.asarray(image)
    corners = (pixels[0, 0], pixels[0, -1], pixels[-1, 0], pixels[-1, -1])
    return image.point(lambda v: 255 - v) if np.median(corners) > 127 else image


def views(image):
    """Canvas -> float32 array (views, SIDE * SIDE) in 0..1: the picture turned and moved a little, which people's hands do as well."""
    out = np.empty((len(TURNS), len(SHIFTS), SIDE, SIDE), dtype=np.float32)
    for t, angle in enumerate(TURNS):
        turned = image.rotate(angle, Image.Resampling.BICUBIC) if angle else image
        small = np.asarray(turned.resize((SIDE, SIDE), Image.Resampling.BOX), dtype=np.float32) / 255
        padded = np.pad(small, 1)
        for s, (dx, dy) in enumerate(SHIFTS):
            out[t, s] = padded[1 - dy:1 - dy + SIDE, 1 - dx:1 - dx + SIDE]
    return out.reshape(-1, SIDE * SIDE)


def forward(member, x):
    """One network's activations, layer by layer; the last are the logits."""
    layers = [x]
    for i, (weight, bias) in enumerate(member):
        x = x @ weight + bias
        if i + 1 < len(member):
            x = np.maximum(x, 0)
        layers.append(x)
    return layers


def softmax(logits):
    e = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def classify_all(ensemble, images):
    """Canvases -> array (images, 10) of probabilities: the mean over all views and all networks. Each layer sees all pictures at once."""
    if not images:
        return np.empty((0, 10), dtype=np.float32)
    x = np.concatenate([views(image) for image in images])
    return np.mean([softmax(forward(member, x)[-1]).reshape(len(images), -1, 10).mean(axis=1) for member in ensemble], axis=0)


def classify(ensemble, image):
    """Probabilities of the ten digits."""
    return classify_all(ensemble, [image])[0]


def save(path, ensemble):
    arrays = {}
    for m, member in enumerate(ensemble):
        for i, (weight, bias) in enumerate(member):
            arrays["w%d_%d" % (m, i)], arrays["b%d_%d" % (m, i)] = weight, bias
    np.savez(path, **arrays)


def load(path):
    with np.load(path) as arrays:
        members = 1 + max(int(k[1:].split("_")[0]) for k in arrays.files)
        layers = 1 + max(int(k.split("_")[1]) for k in arrays.files)
        return [[(arrays["w%d_%d" % (m, i)], arrays["b%d_%d" % (m, i)]) for i in range(layers)]
                for m in range(members)]
