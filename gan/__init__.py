"""Conditional generative adversarial networks for labelled images, on TensorFlow and Keras 3."""

import os

# Keras chooses its backend once, when it is first imported; every module here needs this one.
os.environ["KERAS_BACKEND"] = "tensorflow"
