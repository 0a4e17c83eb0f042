"""The networks. Each is built from what is known of it, here and nowhere else.

    generator = build(about, "generator", dtype="mixed_bfloat16")

`gan/registry.py` says which class a name stands for. A class takes `(spec, config, dtype=...)`.
"""

from typing import Any

from gan.about import About, OtherVersion
from gan.registry import NETWORKS


def build(about: About, role: str, *, dtype: str = "float32") -> Any:
    """A fresh network: `generator`, `critic` or `classifier`. `dtype` is a Keras dtype policy.

    Raises:
        OtherVersion: there is no such network here.
    """
    name, table = about.networks.get(role), NETWORKS[role]
    if name is None or name not in table:
        raise OtherVersion(f"the {role} is {name!r}; expected {table.words()}: use the version that has it")
    return table[name](about.spec, about.config, dtype=dtype)
