"""Multi Model Server's entry point of the model `digits`: an image file in, JSON with the class and ten probabilities out.

The body is the image itself or a form field of any name that holds it. A body that is no picture is the client's fault: status 400.
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


def answer(request, index, context):
    try:
        image = network.decode(picture(request))
    except (ValueError, OSError) as e:
        context.set_response_status(code=400, phrase="not a picture", idx=index)
        return json.dumps({"error": str(e)})
    probabilities = network.classify(ensemble, image)
    return json.dumps({
        "class": int(probabilities.argmax()),
        "probabilities": [round(float(p), 6) for p in probabilities],
    })


def handle(batch, context):
    if ensemble is None:
        initialize(context)
    if batch is None:  # the server's call at load time
        return None
    for index in range(len(batch)):
        context.set_response_content_type(index, "application/json")
    return [answer(request, index, context) for index, request in enumerate(batch)]
