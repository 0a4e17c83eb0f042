"""A network is one file and one line: a two-layer pair is trained, saved, loaded, drawn from, filmed and served."""

from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf
from fastapi.testclient import TestClient
from helpers import TINY, tiny_about, write_idx

from gan import checkpoints, registry
from gan.about import OtherVersion
from gan.config import load_config
from gan.drawing import generate
from gan.errors import UserError
from gan.models import build
from gan.models.norm import Norm
from gan.registry import CRITICS, GENERATORS, Table
from gan.runs import train_classifier, train_gan
from gan.sampling import Sampler
from gan.serving.app import create_app
from gan.training import run as run_module
from gan.training.run import RunOptions


class DenseGenerator(keras.Model):
    """Two layers, no batch norm: nothing moves but what is trained."""

    def __init__(self, spec, config, *, dtype="float32"):
        super().__init__(name="generator", dtype=dtype)
        self.spec = spec
        self.hidden = keras.layers.Dense(config.gen_width, "relu", dtype=dtype)
        self.pixels = keras.layers.Dense(spec.height * spec.width * spec.channels, "tanh", dtype="float32")
        self(tf.zeros((1, config.noise_dims)), tf.zeros((1, spec.num_classes)))

    def call(self, styles, labels, training=False):
        return tf.reshape(self.pixels(self.hidden(tf.concat([styles, labels], axis=1))), (-1, *self.spec.shape))


class DenseCritic(keras.Model):
    """Two layers, no spectral normalisation, and nothing that follows an update."""

    def __init__(self, spec, config, *, dtype="float32"):
        super().__init__(name="critic", dtype=dtype)
        self.hidden = keras.layers.Dense(config.crit_width, "relu", dtype=dtype)
        self.score = keras.layers.Dense(1, dtype="float32")
        self(tf.zeros((1, *spec.shape)), tf.zeros((1, spec.num_classes)))

    def call(self, images, labels):
        flat = tf.reshape(images, (tf.shape(images)[0], -1))
        return tf.squeeze(self.score(self.hidden(tf.concat([flat, tf.cast(labels, flat.dtype)], axis=1))), axis=1)


class Block(keras.layers.Layer):
    """A layer in a layer, as networks are put together."""

    def __init__(self, inner):
        super().__init__()
        self.inner = [inner]

    def call(self, x):
        return self.inner[0](x)


@pytest.mark.parametrize(
    ("layer", "name"),
    [
        (keras.layers.BatchNormalization, "BatchNormalization"),
        (Norm, "BatchNormalization"),
        (lambda: keras.layers.SpectralNormalization(keras.layers.Dense(4)), "SpectralNormalization"),
    ],
)
def test_a_critic_with_a_layer_that_would_do_nothing_is_refused(layer, name, monkeypatch):
    class Idle(keras.Model):
        def __init__(self, spec, config, *, dtype="float32"):
            super().__init__(name="critic", dtype=dtype)
            self.hidden = Block(layer())
            self(tf.zeros((1, *spec.shape)), tf.zeros((1, spec.num_classes)))

        def call(self, images, labels):
            return tf.reduce_sum(self.hidden(images), axis=[1, 2, 3])

    monkeypatch.setitem(CRITICS, "idle", Idle)
    with pytest.raises(UserError, match=f"^the critic idle has a layer {name}, which does nothing in it: .*spectral"):
        build(tiny_about(replace(TINY, critic="idle")), "critic")


def test_a_pair_of_ones_own_does_all_that_the_first_pair_does(two_replicas, tmp_path, monkeypatch):
    monkeypatch.setattr(run_module, "make_strategy", lambda *_: two_replicas)
    monkeypatch.setitem(GENERATORS, "dense", DenseGenerator)
    monkeypatch.setitem(CRITICS, "dense", DenseCritic)
    write_idx(tmp_path / "data")
    save_dir = tmp_path / "checkpoints"
    options = RunOptions(
        data_path=str(tmp_path / "data"), save_dir=save_dir, log_dir=tmp_path / "logs", record_steps=5, save_steps=5
    )
    config = replace(TINY, generator="dense", critic="dense", gan_epochs=1, penalty_every=2)
    train_classifier(TINY, options)
    scores = train_gan(config, options)
    assert np.isfinite(scores["fid"])
    assert train_gan(replace(config, gan_epochs=2), replace(options, resume=True)) != scores

    path, about, network = checkpoints.load(save_dir, "gan")
    assert about.networks == {"generator": "dense", "critic": "dense"}
    assert (path.name, type(network)) == ("gan-00000020", DenseGenerator)
    generate(load_dir=save_dir, output_dir=tmp_path / "outputs", images_per_class=2)
    assert len(list((tmp_path / "outputs").glob("*.jpg"))) == 20
    assert len(list((tmp_path / "logs").glob("*/film.gif"))) == 1
    with TestClient(create_app(Sampler.from_checkpoint(save_dir))) as client:
        while client.get("/readyz").status_code != 200:
            pass
        answer = client.post("/api/generate-image", json={"labels": [1] + [0] * 9, "seed": 7})
    assert answer.content.startswith(b"\x89PNG")
    assert load_config(save_dir / "config-gan.yaml") == replace(config, gan_epochs=2)

    monkeypatch.delitem(GENERATORS, "dense")
    with pytest.raises(OtherVersion, match=r"in its config: generator: found 'dense' .text., expected dcgan"):
        checkpoints.load(save_dir, "gan")


def test_every_line_names_what_is_there():
    tables = [value for value in vars(registry).values() if isinstance(value, Table)]
    assert len(tables) == 9
    for table in tables:
        for name in table:
            found = table[name]
            assert callable(found) or callable(getattr(found, "measure", None) or found.read)


def test_a_name_that_is_not_there_is_told_with_those_that_are():
    with pytest.raises(ValueError, match=f"^found 'none', expected {GENERATORS.words()}$"):
        GENERATORS.checked("none")
