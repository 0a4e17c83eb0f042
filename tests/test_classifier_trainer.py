from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf
from helpers import TINY, tiny_data

from gan.data.batches import Batches
from gan.evaluation.scores import Reader
from gan.models.classifier import Classifier
from gan.training.classifier import LARGEST_SHIFT, ClassifierTrainer, shifted

DATA = tiny_data()
BATCHES = Batches(DATA.train, batch_size=8, seed=0)


def make_trainer(strategy, config=TINY, *, total_steps: int = 60) -> ClassifierTrainer:
    keras.utils.set_random_seed(0)
    with strategy.scope():
        classifier = Classifier(DATA.spec, config)
    return ClassifierTrainer(classifier, DATA.spec, config=config, total_steps=total_steps, strategy=strategy)


def test_it_learns_and_is_traced_once(one_replica):
    trainer = make_trainer(one_replica, replace(TINY, cls_lr=1e-2))
    losses = [float(trainer.run(step, BATCHES.take(step, 1))["loss/classifier"]) for step in range(60)]
    assert losses[-1] < 0.5 * losses[0]
    assert Reader(trainer.classifier).accuracy(DATA.test_images, DATA.test_labels) == 1.0
    assert trainer.traced.experimental_get_tracing_count() == 1


def test_one_replica_and_two_give_the_same_weights(one_replica, two_replicas):
    trainers = [make_trainer(strategy) for strategy in (one_replica, two_replicas)]
    metrics = [trainer.run(0, BATCHES.take(0, 1)) for trainer in trainers]
    for name in metrics[0]:
        assert float(metrics[0][name]) == pytest.approx(float(metrics[1][name]), rel=1e-4), name
    # Adam's first step is ±rate whatever the gradient's size; its moments are the gradients, so those are compared.
    moments = [
        [v for v in trainer.optimizer.variables if "moment" in v.path or "veloc" in v.path] for trainer in trainers
    ]
    assert len(moments[0]) == 2 * len(trainers[0].classifier.trainable_variables)
    statistics = [trainer.classifier.non_trainable_variables for trainer in trainers]
    for one, two in zip(moments[0] + statistics[0], moments[1] + statistics[1], strict=True):
        scale = np.abs(one.numpy()).max()
        np.testing.assert_allclose(one.numpy(), two.numpy(), rtol=1e-4, atol=1e-4 * scale, err_msg=one.path)


def test_a_batch_is_shifted_as_one_and_black_comes_in():
    images = tf.constant(np.random.default_rng(0).uniform(-0.5, 1.0, (2, 6, 6, 1)).astype(np.float32))
    around = ((0, 0), (LARGEST_SHIFT, LARGEST_SHIFT), (LARGEST_SHIFT, LARGEST_SHIFT), (0, 0))
    padded = np.pad(images.numpy(), around, constant_values=-1.0)
    places = set()
    for seed in range(40):
        found = shifted(images, tf.constant([seed, 1])).numpy()
        matches = [
            (top, left)
            for top in range(2 * LARGEST_SHIFT + 1)
            for left in range(2 * LARGEST_SHIFT + 1)
            if np.array_equal(found, padded[:, top : top + 6, left : left + 6])
        ]
        assert len(matches) == 1
        places |= set(matches)
    assert len(places) > 15


def test_a_batch_that_the_replicas_do_not_divide_is_refused(two_replicas):
    with pytest.raises(ValueError, match="cls_batch_size is 1, which 2 replicas do not divide; use 2"):
        make_trainer(two_replicas, replace(TINY, cls_batch_size=1))
