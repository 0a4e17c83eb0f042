"""From what a user names with `--data-path` to a `DataSet`; the reader is chosen by looking at what is there.

dataset = load_dataset("digits", ReadOptions(image_size=(64, 64), resize="fit"))
"""

import shlex
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path

import numpy as np

from gan.data.dataset import DataSet, ReadOptions
from gan.data.decoding import resized
from gan.data.formats.classes import class_directories
from gan.data.formats.digits import make_digits
from gan.data.formats.folder import load_folder
from gan.data.formats.idx import has_idx_files, is_default, load_idx
from gan.data.formats.listing import FILES, has_listing, shown
from gan.errors import MissingError, UserError
from gan.files import check_links, file_errors
from gan.images import Pixels

BUILT_IN = "digits"
"""The data path that names the built-in set; a directory of that name is `./digits`."""

READ_AS_IT_IS = ReadOptions()


@file_errors()
def load_dataset(data_path: str, options: ReadOptions = READ_AS_IT_IS) -> DataSet:
    """Read the data set at `data_path`.

    Raises:
        UserError: there is none, or it cannot be used. Notes of the error, if it has some, are lines `file:line: what`.
    """
    if data_path == BUILT_IN:
        return _resized(make_digits(), options)
    directory = Path(data_path)
    remedy = f"run ./download_mnist.sh {shlex.quote(data_path)}" if is_default(directory) else "name another one"
    remedy += f", or pass --data-path {BUILT_IN} for the built-in set"
    if not directory.exists():
        check_links(directory)
        raise MissingError(f"{data_path} does not exist; expected a directory of images{_near(directory)}: {remedy}")
    if not directory.is_dir():
        raise UserError(f"{data_path} is a file; expected a directory; {remedy}")
    if has_idx_files(directory) and has_listing(directory):
        raise UserError(f"{data_path} holds IDX files and label tables; expected one of them: move the other away")
    if has_idx_files(directory):
        return _resized(load_idx(directory), options)
    if has_listing(directory):
        return load_folder(directory, options)
    if classes := class_directories(directory):
        raise UserError(
            f"{data_path} holds a directory per class ({_some(classes)}); expected label tables: make them with "
            f"python -m gan.data.convert {shlex.quote(data_path)} OTHER_DIRECTORY"
        )
    found = _some(sorted(entry.name for entry in directory.iterdir())) or "nothing"
    raise UserError(
        f"{data_path} holds {found}; expected the IDX files of MNIST, or {', '.join(FILES)} (docs/own-images.md)"
        f"; {remedy}"
    )


def _resized(dataset: DataSet, options: ReadOptions) -> DataSet:
    """A data set in memory, with images of the size that the options want."""
    size, native, how = options.image_size, dataset.spec.shape[:2], options.resize
    if size is None or size == native:
        return dataset
    if how is None:
        raise UserError(
            f"{dataset.source}: the images are {native[0]}x{native[1]}; expected {size[0]}x{size[1]}, as image_size: "
            "pass --resize fit, crop or pad"
        )
    height, width = size

    def of_size(images: Pixels) -> Pixels:
        made = np.empty((len(images), height, width, images.shape[-1]), np.uint8)
        for image, target in zip(images, made, strict=True):
            target[:] = resized(image, height=height, width=width, how=how)
        return made

    return replace(
        dataset,
        spec=replace(dataset.spec, height=height, width=width),
        train_images=of_size(dataset.train_images),
        test_images=of_size(dataset.test_images),
    )


def _near(directory: Path) -> str:
    """A directory that may have been meant, if there is one."""
    others = [other.name for other in directory.parent.iterdir() if other.is_dir()] if directory.parent.is_dir() else []
    near = get_close_matches(directory.name, others, n=1)
    return f", such as {directory.with_name(near[0])}" if near else ""


def _some(names: list[str]) -> str:
    """The first few names, for an error message."""
    return ", ".join(map(shown, names[:4])) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
