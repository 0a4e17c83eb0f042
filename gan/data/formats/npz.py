"""Arrays in an `.npz` file, as Keras has them (`x_train`, `y_train`, `x_test`, `y_test`) and MedMNIST (`train_images`,
`train_labels`, `test_images`, `test_labels`, and a split `val`, which is left out where there is one of test images).

Images are uint8 of (N, H, W) or (N, H, W, C), labels integers or words of (N,) or (N, 1). Nothing that would have to be
unpickled is loaded.

    data = FORMAT.read(Place(Path("pathmnist.npz")), ReadOptions())
"""

import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gan.data.dataset import DataSet, ReadOptions
from gan.data.formats.arrays import Part, make_data_set
from gan.data.formats.format import Format, Place
from gan.data.tree import DAMAGES, ZIP_MAGIC, shown, some
from gan.errors import UserError
from gan.files import file_errors
from gan.images import Pixels

KERAS = {"train": ("x_train", "y_train"), "test": ("x_test", "y_test")}
MEDMNIST = {split: (f"{split}_images", f"{split}_labels") for split in ("train", "test", "val")}


def _fits(place: Place) -> bool:
    if place.is_directory or not place.first.startswith(ZIP_MAGIC):
        return False
    with file_errors(place.path):
        try:
            names = zipfile.ZipFile(place.path).namelist()
        except DAMAGES:
            return place.path.suffix.lower() == ".npz"
    return bool(names) and all(name.endswith(".npy") for name in names)


def _read(place: Place, options: ReadOptions) -> DataSet:
    path = place.path
    try:
        with file_errors(path), zipfile.ZipFile(path) as archive:
            sizes = {info.filename.removesuffix(".npy"): info.file_size for info in archive.infolist()}
    except DAMAGES as error:
        raise UserError(f"{path} is damaged ({error}); download or make it again") from None
    layouts = [layout for layout in (KERAS, MEDMNIST) if layout["train"][0] in sizes]
    if len(layouts) != 1:
        found = "both of them" if layouts else some(sorted(sizes))
        raise UserError(
            f"{path} holds {found}; expected x_train, y_train, x_test and y_test, or train_images and so on"
        )
    (layout,) = layouts
    splits = {split: names for split, names in layout.items() if any(name in sizes for name in names)}
    if missing := [name for names in splits.values() for name in names if name not in sizes]:
        raise UserError(f"{path} lacks {', '.join(missing)}; expected images and labels of each split")
    wanted = [split for split in ("train", "test" if "test" in splits else "val") if split in splits]
    _check_memory(path, sum(sizes[name] for split in wanted for name in splits[split]))
    parts = [_part(path, *splits[split]) for split in wanted]
    left = "; those of val are left out" if "val" in splits and "val" not in wanted else ""
    test = parts[1] if len(parts) > 1 else None
    return make_data_set(parts[0], test, path=path, source=f"arrays in {path}{left}", options=options)


def _check_memory(path: Path, size: int) -> None:
    """Check that arrays of this size in bytes fit into memory."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if size > memory:
        raise UserError(f"{path} unpacks to {size / 1e9:,.1f} GB; expected at most the memory, {memory / 1e9:,.1f} GB")


def _part(path: Path, images_name: str, labels_name: str) -> Part:
    """The images and labels of a split."""
    images, labels = _array(path, images_name), _array(path, labels_name)
    where = f"{path}, {images_name}"
    if images.dtype != np.uint8:
        raise UserError(f"{where} is {images.dtype}; expected uint8, pixels of 0 to 255")
    return Part(_with_channels(where, images), _flat(f"{path}, {labels_name}", labels), where)


def _array(path: Path, name: str) -> NDArray[Any]:
    try:
        with file_errors(path), np.load(path, allow_pickle=False) as arrays:
            return np.asarray(arrays[name])
    except UserError:
        raise
    except DAMAGES as error:
        reason = str(error).partition("\n")[0]
        if "allow_pickle" in reason:
            reason = "it holds Python objects, which would run code as they are loaded"
        raise UserError(
            f"{path}, {name} cannot be read ({reason}); expected an array of numbers: make it again"
        ) from None


def _with_channels(where: str, images: NDArray[Any]) -> Pixels:
    """Images as (N, H, W, C)."""
    if images.ndim == 3:
        return images[..., np.newaxis]
    if images.ndim == 4 and images.shape[-1] in (1, 3):
        return images
    shape = "x".join(map(str, images.shape))
    what = " (channels first)" if images.ndim == 4 and images.shape[1] in (1, 3) else ""
    what = " (volumes)" if images.ndim == 5 or (images.ndim == 4 and not what and images.shape[3] > 4) else what
    raise UserError(f"{where} has the shape {shape}{what}; expected NxHxW or NxHxWx3, grey or RGB images")


def _flat(where: str, labels: NDArray[Any]) -> NDArray[Any]:
    """Labels (N,)."""
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim != 1:
        shape = "x".join(map(str, labels.shape))
        is_one_hot = labels.ndim == 2 and np.isin(labels, (0, 1)).all() and (labels.sum(axis=1) == 1).all()
        what = "a vector of 0 and 1 for each class" if is_one_hot else "several labels per image"
        raise UserError(
            f"{where} has the shape {shape}, {what}; expected one label per image, N or Nx1"
            f"{': save its argmax(axis=1)' if is_one_hot else ''}"
        )
    if labels.dtype.kind not in "iuU":
        raise UserError(f"{where} is {shown(str(labels.dtype))}; expected integers or words")
    return labels


FORMAT = Format("arrays of .npz", _fits, _read)
