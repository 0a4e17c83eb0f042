"""Runs come out as they did before the step was made faster: these figures are of the code at commit 1f6680b.

There, convolutions, their gradients, Adam and the average were TensorFlow's and Keras's own operations, one by one.
Only the order of sums may differ. To print the figures of the code as it is: `python tests/test_step_figures.py`.
"""

from dataclasses import replace

import numpy as np
import pytest
from helpers import TINY, tiny_about, tiny_data

STEPS = 6
SETTINGS = {
    "grey": (1, replace(TINY, gen_weight_decay=0.1, crit_weight_decay=0.1)),
    "colour, two critic updates": (3, replace(TINY, crit_steps=2, lr_schedule="exponential", decay_steps=3)),
}
FIGURES = {
    "grey": {
        "loss/critic": 10.21502,
        "loss/penalty": 311.4543,
        "loss/generator": -4.383451,
        "gradient/critic": 11775.49,
        "gradient/generator": 49.31046,
        "generator": 0.08492824,
        "average": 0.08508607,
        "critic": 0.08613694,
        "generator_optimizer": 0.4491591,
        "critic_optimizer": 27360.91,
        "guard": 0.25,
    },
    "colour, two critic updates": {
        "loss/critic": 5.330372,
        "loss/penalty": 359.8397,
        "loss/generator": -1.714583,
        "gradient/critic": 10900.18,
        "gradient/generator": 47.90022,
        "generator": 0.08515119,
        "average": 0.08529081,
        "critic": 0.08628266,
        "generator_optimizer": 0.5045813,
        "critic_optimizer": 40547.14,
        "guard": 0.25,
    },
}


def figures(channels: int, config) -> dict[str, float]:
    """The losses of the last step, and of each saved part the mean size of its numbers."""
    from gan.data.batches import Batches
    from gan.devices.strategy import make_strategy
    from gan.runs import make_trainer

    data = tiny_data(height=32, width=16, channels=channels)
    trainer = make_trainer(tiny_about(config, data=data), make_strategy("cpu"), total_steps=10)
    batches = Batches(data.train, batch_size=config.gan_batch_size, seed=config.seed)
    metrics = trainer.run(0, batches.take(0, STEPS * config.crit_steps))
    found = {name: float(value) for name, value in metrics.items() if name.startswith(("loss", "gradient"))}
    for name, part in trainer.state.items():
        sizes = [np.abs(np.asarray(variable)).sum() for variable in part.variables]
        found[name] = float(np.sum(sizes) / sum(np.size(variable) for variable in part.variables))
    return found


@pytest.mark.parametrize("name", SETTINGS)
def test_a_run_differs_from_before_by_rounding_alone(name):
    found = figures(*SETTINGS[name])
    assert found.keys() == FIGURES[name].keys()
    for part, value in FIGURES[name].items():
        assert found[part] == pytest.approx(value, rel=1e-5), part


if __name__ == "__main__":
    for name, settings in SETTINGS.items():
        print(f'    "{name}": {{')
        for part, value in figures(*settings).items():
            print(f'        "{part}": {value:.7g},')
        print("    },")
