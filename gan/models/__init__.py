"""The networks. Each is built from what is known of it, here and nowhere else.

    generator = build(about, "generator", dtype="mixed_bfloat16")

`gan/registry.py` says which class a name stands for. A class takes `(spec, config, dtype=...)`.
"""

from typing import Any

from gan.about import About, OtherVersion
from gan.errors import UserError
from gan.registry import NETWORKS

IDLE = {"moving_mean": "BatchNormalization", "vector_u": "SpectralNormalization"}
"""Variables that move only under `training=True`, and the layers of Keras that have them."""


def build(about: About, role: str, *, dtype: str = "float32") -> Any:
    """A fresh network: `generator`, `critic` or `classifier`. `dtype` is a Keras dtype policy.

    Raises:
        OtherVersion: there is no such network here.
        UserError: it is a critic with a layer that would do nothing.
    """
    name, table = about.networks.get(role), NETWORKS[role]
    if name is None or name not in table:
        raise OtherVersion(f"the {role} is {name!r}; expected {table.words()}: use the version that has it")
    network = table[name](about.spec, about.config, dtype=dtype)
    idle = [IDLE[each.name] for each in network.non_trainable_variables if each.name in IDLE]
    if role == "critic" and idle:
        raise UserError(
            f"the critic {name} has a layer {idle[0]}, which does nothing in it: a critic is not called with "
            "training=True; take the layer out, or normalise by the layers of gan/models/spectral.py"
        )
    return network
