"""What a run on some replicas comes to, as a file of arrays: two strategies of several do not fit into one process.

    python tests/on_replicas.py 4 found.npz

Exits with status 1 if the replicas differ.
"""

import sys
from dataclasses import replace
from pathlib import Path

if __name__ == "__main__":
    replicas, target = int(sys.argv[1]), Path(sys.argv[2])
    sys.path.insert(0, str(Path(__file__).parents[1]))
    from gan.starting import import_tensorflow

    import_tensorflow(devices=f"cpu:{replicas}")

    import keras
    import numpy as np
    from helpers import TINY, tiny_data

    from gan.about import About
    from gan.data.batches import Batches
    from gan.devices.strategy import make_strategy
    from gan.evaluation.scores import Scorer
    from gan.models.classifier import Classifier
    from gan.runs import make_trainer
    from gan.sampling import Sampler, styles

    data = tiny_data(train=400, test=300)
    # Adam's first step is ±rate whatever the gradient's size: of momenta that are kept, one can tell the gradients.
    config = replace(TINY, beta_1=0.5)
    strategy = make_strategy(f"cpu:{replicas}")
    keras.utils.set_random_seed(0)
    with strategy.scope():
        classifier = Classifier(data.spec, config)
    about = About("gan", 0, data.spec, config, data.digest)
    trainer = make_trainer(about, strategy, total_steps=100)
    scorer = Scorer(
        classifier,
        data.test,
        num_classes=3,
        samples=299,
        noise_dims=config.noise_dims,
        seed=0,
        strategy=strategy,
    )
    sampler = Sampler(trainer.networks.average, data.spec, noise_dims=config.noise_dims, strategy=strategy)
    labels = np.eye(3, dtype=np.float32)[np.arange(150) % 3]
    scores = scorer.score(sampler.sample)
    found = {
        "features": scorer.reader.read(data.train_images[:263], data.train_labels[:263]).features,
        "images": sampler.sample(labels, styles(config.noise_dims, seed=0, numbers=range(150))),
        "scores": np.array([scores["fid"], scores["accuracy"], scores["noise_floor"]]),
    }

    batches = Batches(data.train, batch_size=config.gan_batch_size, seed=0)
    metrics = trainer.run(0, batches.take(0, 1))
    found |= {f"metric {name}": value.numpy() for name, value in metrics.items()}
    for name, part in trainer.state.items():
        for index, variable in enumerate(part.variables):
            found[f"variable {name}/{index}"] = variable.numpy()
    grouped = replace(about, config=replace(config, critic="minibatch", gan_batch_size=128), networks={})
    other = make_trainer(grouped, strategy, total_steps=100)
    other.run(0, Batches(data.train, batch_size=128, seed=0).take(0, 1))
    for name, part in other.state.items():
        for index, variable in enumerate(part.variables):
            found[f"variable minibatch {name}/{index}"] = variable.numpy()
    np.savez(target, **found)

    for first in range(1, 100, 33):
        trainer.run(first, batches.take(first, 33))
    for part in trainer.state.values():
        for variable in part.variables:
            one, *others = [copy.numpy() for copy in variable.value.values]
            if len(others) != replicas - 1 or not all(np.array_equal(one, other) for other in others):
                sys.exit(f"{variable.path} differs")
