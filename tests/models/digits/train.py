"""Trains the model `digits` at set-up: train.py WHEEL OUTPUT.npz [--pictures FOLDER]

Data: 1,797 real handwritten digits of 8 x 8 pixels (UCI, "Optical Recognition of Handwritten Digits"), which scikit-learn ships; WHEEL is
scikit-learn's wheel, of which only that file is read, so nothing is installed. Every fifth digit is held out and must be read right to
at least 97 %, else nothing is written. Seeded: the same machine gives the same weights. --pictures writes the first
held-out digit of each class as FOLDER/digit-N.png (that is how tests/inputs was made).
"""
import argparse
import csv
import gzip
import os
import sys
import time
import zipfile

import numpy as np
from PIL import Image

import network

MEMBERS, HIDDEN, EPOCHS, BATCH, RATE = 8, 256, 10, 32, 1.5e-3
DATA = "sklearn/datasets/data/digits.csv.gz"
NEEDED = 0.97


def read_digits(wheel):
    with zipfile.ZipFile(wheel) as archive, archive.open(DATA) as packed, gzip.open(packed, "rt") as text:
        rows = np.array([[float(cell) for cell in row] for row in csv.reader(text)])
    pixels = (rows[:, :64].reshape(-1, 8, 8) * (255 / 16)).round().astype(np.uint8)
    return [Image.fromarray(p).resize((network.CANVAS, network.CANVAS), Image.Resampling.BICUBIC) for p in pixels], \
        rows[:, 64].astype(int)


def train_member(rng, x, y):
    """Adam on cross-entropy; x is (digits, views, pixels), and every epoch draws one view of each digit."""
    sizes = (x.shape[2], HIDDEN, HIDDEN, 10)
    member = [(rng.normal(0, np.sqrt(2 / a), (a, b)).astype(np.float32), np.zeros(b, np.float32))
              for a, b in zip(sizes, sizes[1:])]
    first = [[np.zeros_like(p) for p in layer] for layer in member]
    second = [[np.zeros_like(p) for p in layer] for layer in member]
    step = 0
    for _ in range(EPOCHS):
        order = rng.permutation(len(x))
        view = rng.integers(x.shape[1], size=len(x))
        for start in range(0, len(x), BATCH):
            rows = order[start:start + BATCH]
            layers = network.forward(member, x[rows, view[rows]])
            delta = network.softmax(layers[-1])
            delta[np.arange(len(rows)), y[rows]] -= 1
            delta /= len(rows)
            step += 1
            for i in range(len(member) - 1, -1, -1):
                gradients = (layers[i].T @ delta, delta.sum(axis=0))
                delta = (delta @ member[i][0].T) * (layers[i] > 0)
                for j, gradient in enumerate(gradients):
                    first[i][j] += 0.1 * (gradient - first[i][j])
                    second[i][j] += 0.001 * (gradient * gradient - second[i][j])
                    member[i][j][...] -= RATE * (first[i][j] / (1 - 0.9 ** step)) / (
                        np.sqrt(second[i][j] / (1 - 0.999 ** step)) + 1e-8)
    return member


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("wheel")
    parser.add_argument("output")
    parser.add_argument("--pictures", metavar="FOLDER")
    args = parser.parse_args()

    images, y = read_digits(args.wheel)
    held = np.arange(len(y)) % 5 == 4
    if args.pictures:
        for digit in range(10):
            index = np.flatnonzero(held & (y == digit))[0]
            images[index].save(os.path.join(args.pictures, "digit-%d.png" % digit), optimize=True)

    start = time.monotonic()
    x = np.stack([network.views(image) for image in images])
    ensemble = [train_member(np.random.default_rng(seed), x[~held], y[~held]) for seed in range(MEMBERS)]
    read = np.array([network.classify(ensemble, image).argmax() for image, h in zip(images, held) if h])
    right = float(np.mean(read == y[held]))
    print("digits: %d networks trained on %d digits in %.1f s, %.1f %% of %d held-out digits read right" %
          (MEMBERS, (~held).sum(), time.monotonic() - start, 100 * right, held.sum()))
    if right < NEEDED:
        sys.exit("digits: less than %.0f %%: not written" % (100 * NEEDED))
    network.save(args.output, ensemble)


if __name__ == "__main__":
    main()
