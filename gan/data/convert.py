"""Convert labelled images between MNIST's files, label tables and a directory for each class, without loss.

    python -m gan.data.convert datasets/MNIST pictures             # train/, train_labels.csv, test/, test_labels.csv
    python -m gan.data.convert pictures back --to idx              # the very same files again
    python -m gan.data.convert by-class pictures --test-share 0.2  # from by-class/cat/*.jpg, by-class/dog/*.jpg ...

What SRC is, is seen by looking. DST must not exist, or be empty. Picture files are copied as they are; pixels that are
in no picture file are written as PNG.
"""

import os
import shutil
import struct
import sys
from collections import Counter
from collections.abc import Callable
from functools import partial as partial_call
from pathlib import Path
from typing import NamedTuple

from tqdm import tqdm

from gan.command_line import add_picture_flags, exit_status, local_path, number, parser
from gan.data.dataset import MAX_MEGAPIXELS, DataSet
from gan.data.decoding import BadImage, decode, quiet
from gan.data.formats.classes import class_directories, left_out, split_files
from gan.data.formats.idx import NAMES, UINT8, has_idx_files, load_idx
from gan.data.formats.listing import (
    FILES,
    HEADER,
    MAX_NAME_LENGTH,
    SPLITS,
    class_order,
    has_listing,
    read_listing,
    row_problem,
    shown,
    warn_of_look_alikes,
)
from gan.errors import MissingError, UserError
from gan.files import check_links, check_writable, file_errors, read_file, writing
from gan.images import Pixels, encode
from gan.threads import in_order

MAX_IDX_CLASSES = 256


class Item(NamedTuple):
    """A labelled image: a picture file, or pixels (H, W, C); `name` is that of its file in a label table."""

    split: str
    label: str
    name: str
    where: str
    image: Path | Pixels

    def content(self) -> bytes:
        """The picture file."""
        return read_file(self.image) if isinstance(self.image, Path) else encode(self.image, "png")

    def suffix(self) -> str:
        return self.image.suffix.lower() if isinstance(self.image, Path) else ".png"

    def pixels(self, *, max_megapixels: float) -> Pixels:
        if not isinstance(self.image, Path):
            return self.image
        try:
            picture = decode(read_file(self.image), max_megapixels=max_megapixels)
            if picture.transparent or picture.rounded:
                what = "transparent parts" if picture.transparent else "16 bits per channel"
                raise BadImage(f"has {what}, which IDX files cannot hold")
        except BadImage as problem:
            raise UserError(f"{self.where}: {self.image.name} {problem}") from None
        return picture.pixels


@file_errors()
def convert(
    source: Path,
    target: Path,
    *,
    to: str,
    test_share: float = 0.1,
    seed: int = 0,
    max_megapixels: float = MAX_MEGAPIXELS,
) -> None:
    """Write the images of `source` to `target` in the format `to`: folder, idx or classes.

    Args:
        source: in any of the formats; it stays as it is.
        target: a new or empty directory; it is there only once it is whole.
        to: the format.
        test_share: of the images of each class, where the source has no splits.
        seed: decides which.
        max_megapixels: of a picture whose pixels are written.

    Raises:
        UserError: the source cannot be used, or not in that format without loss.
    """
    place = target.resolve()
    found, items = read_items(source, test_share=test_share, seed=seed)
    if found == to:
        raise UserError(f"{source} is in the format {to} already; name another one with --to")
    if target.exists() and (not target.is_dir() or any(target.iterdir()) or target.is_mount()):
        raise UserError(f"{target} exists; expected a new directory or an empty one: name another one")
    if source.resolve() in place.parents:
        raise UserError(f"{target} is inside of {source}; expected a place outside of it")
    if to != "classes":
        _check_splits(items)
    check_writable(place.parent)
    place.parent.mkdir(parents=True, exist_ok=True)
    partial = place.with_name(f".{place.name}.part-{os.getpid()}")
    try:
        with writing(target):
            partial.mkdir()
            writers: dict[str, Callable[[Path, list[Item]], None]] = {"folder": write_folder, "classes": write_classes}
            writers["idx"] = partial_call(write_idx, max_megapixels=max_megapixels)
            writers[to](partial, items)
            partial.replace(place)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    counts = Counter(item.split for item in items)
    classes = len({item.label for item in items})
    print(f"{target}: {counts['train']:,} training and {counts['test']:,} test images in {classes:,} classes")


def _check_splits(items: list[Item]) -> None:
    """Check that both splits have images, and that every class has one for training."""
    labels = {split: {item.label for item in items if item.split == split} for split in SPLITS}
    for split, found in labels.items():
        if not found:
            raise UserError(f"there would be no {split} image; expected at least two images of a class")
    if unknown := labels["test"] - labels["train"]:
        raise UserError(f"no training image has the label {class_order(unknown)[0]}; expected one of each class")


def read_items(source: Path, *, test_share: float, seed: int) -> tuple[str, list[Item]]:
    """The format of `source`, and its images, training split first."""
    check_links(source)
    if not source.is_dir():
        raise MissingError(f"{source} is no directory; expected one with labelled images")
    if has_idx_files(source) and has_listing(source):
        raise UserError(f"{source} holds IDX files and label tables; expected one of them: move the other away")
    if has_idx_files(source):
        return "idx", _idx_items(load_idx(source))
    if has_listing(source):
        listing = read_listing(source)
        for split in listing.splits:
            for row in split.rows:
                if row.size < 0:
                    found = "is no file" if split.path(row).exists() else "is not there"
                    raise MissingError(f"{split.where(row)}: {row.name} {found}; expected a picture file")
        return "folder", [
            Item(split.name, row.label, row.name, split.where(row), split.path(row))
            for split in listing.splits
            for row in split.rows
        ]
    if class_directories(source):
        files = split_files(source, test_share=test_share, seed=seed)
        warn_of_look_alikes({label for _, label, _ in files})
        if others := left_out(source):
            print(f"warning: {len(others):,} files are left out, such as {shown(others[0])}", file=sys.stderr)
        return "classes", [
            Item(split, label, f"{label}-{path.name}", shown(str(path)), path) for split, label, path in files
        ]
    raise UserError(
        f"{source} holds no labelled images; expected {', '.join(NAMES)}, or {', '.join(FILES)}, or a directory of "
        ".png or .jpg files for each class"
    )


def _idx_items(dataset: DataSet) -> list[Item]:
    splits = (dataset.train_images, dataset.train_labels), (dataset.test_images, dataset.test_labels)
    return [
        Item(split, str(label), f"{number:05d}.png", f"{dataset.source}, {split} image {number}", image)
        for split, (images, labels) in zip(SPLITS, splits, strict=True)
        for number, (image, label) in enumerate(zip(images, labels, strict=True))
    ]


def write_folder(directory: Path, items: list[Item]) -> None:
    """Label tables and the picture files that they name."""
    tables = {split: [", ".join(HEADER)] for split in SPLITS}
    names = Counter((item.split, item.name) for item in items)
    for item in items:
        problem = row_problem([item.name, item.label], item.split)
        if names[item.split, item.name] > 1:
            problem = f"{item.name} is the name of {names[item.split, item.name]} images; expected one of each name"
        if problem:
            raise UserError(f"{item.where}: {problem}: rename it")
        tables[item.split].append(f"{_quoted(item.name)}, {_quoted(item.label)}")
    for split, lines in tables.items():
        (directory / split).mkdir()
        (directory / f"{split}_labels.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    _write_files([(directory / item.split / item.name, item) for item in items])


def write_classes(directory: Path, items: list[Item]) -> None:
    """A directory for each class; the names of the files keep split and order."""
    for label in {item.label for item in items}:
        if "/" in label or label.startswith(".") or len(label.encode()) > MAX_NAME_LENGTH:
            raise UserError(
                f"the label {label!r} cannot be the name of a directory; expected no / and no . before it, at most "
                f"{MAX_NAME_LENGTH} bytes"
            )
        (directory / label).mkdir()
    numbers = dict.fromkeys(SPLITS, 0)
    files = []
    for item in items:
        files.append((directory / item.label / f"{item.split}-{numbers[item.split]:05d}{item.suffix()}", item))
        numbers[item.split] += 1
    _write_files(files)


def write_idx(directory: Path, items: list[Item], *, max_megapixels: float) -> None:
    """The four files of MNIST, unpacked: grey images of one size, labels 0 to K - 1."""
    classes = class_order({item.label for item in items})
    if classes != [str(number) for number in range(len(classes))] or len(classes) > MAX_IDX_CLASSES:
        found = ", ".join(classes[:5]) + (", ..." if len(classes) > 5 else "")
        raise UserError(
            f"the labels are {found}; IDX files hold only labels 0 to K - 1, K at most {MAX_IDX_CLASSES}: rename them"
        )
    read = partial_call(Item.pixels, max_megapixels=max_megapixels)
    with quiet(), tqdm(total=len(items), desc="images", unit=" images", disable=None) as progress:
        shape = read(items[0]).shape
        for split, images_name, labels_name in zip(SPLITS, NAMES[::2], NAMES[1::2], strict=True):
            part = [item for item in items if item.split == split]
            with (directory / images_name).open("wb") as file:
                file.write(struct.pack(">HBB3I", 0, UINT8, 3, len(part), *shape[:2]))
                for item, pixels in zip(part, in_order(read, part), strict=True):
                    if pixels.shape != shape or pixels.shape[-1] != 1:
                        found = "x".join(map(str, pixels.shape))
                        raise UserError(
                            f"{item.where}: {item.name} is {found}; IDX files hold grey images of one size, "
                            f"{shape[0]}x{shape[1]}x1 here"
                        )
                    file.write(pixels.tobytes())
                    progress.update()
            labels = bytes(int(item.label) for item in part)
            (directory / labels_name).write_bytes(struct.pack(">HBBI", 0, UINT8, 1, len(part)) + labels)


def _write_files(files: list[tuple[Path, Item]]) -> None:
    def write(file: tuple[Path, Item]) -> None:
        path, item = file
        path.write_bytes(item.content())

    with tqdm(total=len(files), desc="images", unit=" images", disable=None) as progress:
        for _ in in_order(write, files):
            progress.update()


def _quoted(value: str) -> str:
    """A value of a CSV file."""
    return '"' + value.replace('"', '""') + '"' if any(character in value for character in ',"') else value


def main() -> None:
    flags = parser(__doc__)
    flags.add_argument("source", type=local_path, metavar="SRC", help="directory of the labelled images")
    flags.add_argument("target", type=local_path, metavar="DST", help="directory to make")
    flags.add_argument("--to", choices=("folder", "idx", "classes"), default="folder", help="format of DST")
    flags.add_argument(
        "--test-share",
        type=number(float, 0, 1, open_ends=True),
        default=0.1,
        help="of each class, if SRC has a directory per class",
    )
    flags.add_argument("--seed", type=number(int, 0), default=0, help="decides which images are for testing")
    add_picture_flags(flags)
    convert(**vars(flags.parse_args()))


if __name__ == "__main__":
    sys.exit(exit_status(main))
