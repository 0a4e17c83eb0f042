"""From what a user names with `--data-path` to a `DataSet`; the reader is chosen by looking at what is there.

dataset = load_dataset("digits", image_size=None)
"""

import shlex
from dataclasses import replace
from pathlib import Path

from gan.data.dataset import DataSet, resize_images
from gan.data.digits import make_digits
from gan.data.idx import has_idx_files, load_idx

BUILT_IN = "digits"
"""The data path that names the built-in set; a directory of that name is `./digits`."""


def load_dataset(data_path: str, *, image_size: tuple[int, int] | None) -> DataSet:
    """Read the data set at `data_path`; where `image_size` (height, width) is given, resize it."""
    dataset = _read(data_path)
    if image_size is None or image_size == dataset.spec.shape[:2]:
        return dataset
    height, width = image_size
    return replace(
        dataset,
        spec=replace(dataset.spec, height=height, width=width),
        train_images=resize_images(dataset.train_images, height=height, width=width),
        test_images=resize_images(dataset.test_images, height=height, width=width),
    )


def _read(data_path: str) -> DataSet:
    if data_path == BUILT_IN:
        return make_digits()
    directory = Path(data_path)
    remedy = f"run ./download_mnist.sh {shlex.quote(data_path)}, or pass --data-path {BUILT_IN} for the built-in set"
    if not directory.exists():
        raise FileNotFoundError(f"{data_path} does not exist; {remedy}")
    if not directory.is_dir():
        raise ValueError(f"{data_path} is a file; expected a directory; {remedy}")
    if has_idx_files(directory):
        return load_idx(directory)
    raise ValueError(f"{data_path} holds {_listing(directory)}; expected the IDX files of MNIST; {remedy}")


def _listing(directory: Path) -> str:
    """The first few names in a directory, for an error message."""
    names = sorted(entry.name for entry in directory.iterdir())
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "") if names else "nothing"
