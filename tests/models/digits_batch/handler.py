"""Multi Model Server's entry point of the model `digits_batch`: the networks of `digits`, fed with all pictures of a batch at once.

For a model registered with batch_size and max_batch_delay. Each answer says how many requests its batch had, so that a test can tell whether
the server makes batches at all. network.py and weights.npz are those of `digits`; set-up puts them here. A body that is no picture gets
status 400 without harm to the rest of its batch.
"""
import json
import os

import network

ensemble = None


def initialize(context):
    global ensemble
    ensemble = network.load(os.path.join(context.system_properties["model_dir"], "weights.npz"))


def picture(request):
    for value in request.values():
        if isinstance(value, (bytes, bytearray)):
            return bytes(value)
    raise ValueError("no file in the request")


def handle(batch, context):
    if ensemble is None:
        initialize(context)
    if batch is None:  # the server's call at load time
        return None
    answers, images, places = [None] * len(batch), [], []
    for index, request in enumerate(batch):
        context.set_response_content_type(index, "application/json")
        try:
            images.append(network.decode(picture(request)))
            places.append(index)
        except (ValueError, OSError) as e:
            context.set_response_status(code=400, phrase="not a picture", idx=index)
            answers[index] = json.dumps({"error": str(e)})
    for index, probabilities in zip(places, network.classify_all(ensemble, images)):
        answers[index] = json.dumps({
            "class": int(probabilities.argmax()),
            "batch": len(batch),
            "probabilities": [round(float(p), 6) for p in probabilities],
        })
    return answers
