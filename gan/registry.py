"""What can be named: a line per objective, network, augmentation, format, metric and export, each a file of its own.

    OBJECTIVES["hinge"]                   # the class; it is imported when it is asked for
    GENERATORS["mine"] = MyGenerator      # for as long as the process lives, such as in a notebook

docs/ideas.md says what each of them is called with. Nothing is imported here, so a config is checked at once.
"""

from collections.abc import Iterator, MutableMapping, Sequence
from importlib import import_module
from typing import Any


def listed(words: Sequence[str]) -> str:
    """`a, b or c`."""
    return " or ".join(filter(None, [", ".join(words[:-1]), words[-1]]))


class Table(MutableMapping[str, Any]):
    """Names and what they stand for: an object, or `module:attribute` for one that is imported when it is asked for."""

    def __init__(self, **entries: Any) -> None:
        self._entries = entries

    def __setitem__(self, name: str, value: Any) -> None:
        self._entries[name] = value

    def __delitem__(self, name: str) -> None:
        del self._entries[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, name: object) -> bool:
        return name in self._entries  # Without an import.

    def __getitem__(self, name: str) -> Any:
        found = self._entries[name]
        if isinstance(found, str):
            module, _, attribute = found.partition(":")
            return getattr(import_module(module), attribute)
        return found

    def checked(self, name: str) -> str:
        """The name, if it is in the table; else a `ValueError`."""
        if name not in self:
            raise ValueError(f"found {name!r}, expected {self.words()}")
        return name

    def words(self) -> str:
        """The names, as `a, b or c`."""
        return listed(list(self))


OBJECTIVES = Table(
    wasserstein="gan.objectives.wasserstein:Wasserstein",
    hinge="gan.objectives.hinge:Hinge",
    relativistic="gan.objectives.relativistic:Relativistic",
)
AUGMENTATIONS = Table(
    translate="gan.objectives.augmentation:translate",
    flip="gan.objectives.augmentation:flip",
)
GENERATORS = Table(dcgan="gan.models.generator:Generator")
CRITICS = Table(
    dcgan="gan.models.critic:Critic",
    minibatch="gan.models.minibatch:MinibatchCritic",
)
CLASSIFIERS = Table(cnn="gan.models.classifier:Classifier")
JUDGES = Table(residual="gan.models.residual:ResidualClassifier")
FORMATS = Table(
    idx="gan.data.formats.idx:FORMAT",
    classes="gan.data.formats.classes:FORMAT",
    folder="gan.data.formats.tables:FORMAT",
    stylegan="gan.data.formats.stylegan:FORMAT",
    npz="gan.data.formats.npz:FORMAT",
    pixels="gan.data.formats.pixels:FORMAT",
    parquet="gan.data.formats.parquet:FORMAT",
    cifar="gan.data.formats.cifar:FORMAT",
)
METRICS = Table(
    fid="gan.evaluation.metrics.frechet:fid",
    class_fid="gan.evaluation.metrics.class_fid:class_fid",
    blocks="gan.evaluation.metrics.blocks:blocks",
    patches="gan.evaluation.metrics.patches:patches_metric",
    colours="gan.evaluation.metrics.colours:colours",
    detector="gan.evaluation.metrics.detector:detector",
    accuracy="gan.evaluation.metrics.accuracy:accuracy",
    judge="gan.evaluation.metrics.judgement:judge_accuracy",
    kid="gan.evaluation.metrics.kid:kid",
    neighbours="gan.evaluation.metrics.neighbours:neighbours",
    diversity="gan.evaluation.metrics.diversity:diversity",
    memorisation="gan.evaluation.metrics.memorisation:memorisation",
    margin="gan.evaluation.metrics.margin:label_margin",
    cas="gan.evaluation.metrics.cas:cas",
)
EXPORTS = Table(
    onnx="gan.export.onnx:write",
    savedmodel="gan.export.savedmodel:write",
    litert="gan.export.litert:write",
    page="gan.export.page:write",
    hub="gan.export.hub:write",
)

NETWORKS = {"generator": GENERATORS, "critic": CRITICS, "classifier": CLASSIFIERS, "judge": JUDGES}
"""The table of each kind of network."""
