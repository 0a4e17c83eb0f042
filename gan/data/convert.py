"""Write labelled images of any format as label tables, a directory for each class or MNIST's files, without loss.

    python -m gan.data.convert datasets/MNIST pictures             # train/, train_labels.csv, test/, test_labels.csv
    python -m gan.data.convert pictures back --to idx              # the very same files again
    python -m gan.data.convert by-class pictures --test-share 0.2  # from by-class/cat/*.jpg, by-class/dog/*.jpg ...

Training needs no conversion: --data-path reads what SRC may be. DST must not exist, or be empty. Picture files are
copied as they are; pixels that are in no picture file are written as PNG.
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
from gan.data.dataset import MAX_MEGAPIXELS, DataSet, ReadOptions
from gan.data.decoding import BadImage, decode, quiet
from gan.data.formats.columns import HEADER, MAX_NAME_LENGTH, row_problem
from gan.data.formats.idx import NAMES, UINT8
from gan.data.formats.tables import FILES
from gan.data.listing import SPLITS, UNREAD_SUFFIXES, Listing, Row, class_order
from gan.data.loading import open_data
from gan.data.pictures import content_of, problem
from gan.errors import MissingError, UserError
from gan.files import check_writable, file_errors, writing
from gan.images import Pixels, encode
from gan.threads import in_order

MAX_IDX_CLASSES = 256


class Item(NamedTuple):
    """A labelled image: a picture of a listing, or pixels (H, W, C); `name` is that of its file in a label table."""

    split: str
    label: str
    name: str
    where: str
    image: Row | Pixels
    listing: Listing | None = None

    def content(self) -> bytes:
        """The picture file."""
        if not isinstance(self.image, Row):
            return encode(self.image, "png")
        assert self.listing is not None
        content = content_of(self.listing, self.image)
        if isinstance(content, BadImage):
            raise UserError(problem(self.listing, self.image, content))
        return content

    def suffix(self) -> str:
        return Path(self.name).suffix.lower()

    def pixels(self, *, max_megapixels: float, exactly: bool = True) -> Pixels:
        if not isinstance(self.image, Row):
            return self.image
        assert self.listing is not None
        try:
            picture = decode(self.content(), max_megapixels=max_megapixels)
            if exactly and (picture.transparent or picture.rounded):
                what = "transparent parts" if picture.transparent else "16 bits per channel"
                raise BadImage(f"has {what}, which IDX files cannot hold")
        except BadImage as error:
            raise UserError(problem(self.listing, self.image, error)) from None
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
    if found == to and source.is_dir() and (to != "folder" or any((source / name).is_file() for name in FILES)):
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
    name, found = open_data(source, ReadOptions(test_share=test_share, split_seed=seed))
    if isinstance(found, DataSet):
        return name, _array_items(found)
    found.tell()
    for row in found.places():
        if row.size < 0:
            raise MissingError(problem(found, row, content_of(found, row)))
    return name, [
        Item(split.name, row.label, found.saved_as(row), found.where(row), row, found)
        for split in found.splits
        for row in split.rows
    ]


def _array_items(dataset: DataSet) -> list[Item]:
    names = dataset.spec.class_names
    splits = (dataset.train_images, dataset.train_labels), (dataset.test_images, dataset.test_labels)
    return [
        Item(split, names[label], f"{number:05d}.png", f"{dataset.source}, {split} image {number}", image)
        for split, (images, labels) in zip(SPLITS, splits, strict=True)
        for number, (image, label) in enumerate(zip(images, labels, strict=True))
    ]


def write_folder(directory: Path, items: list[Item]) -> None:
    """Label tables and the picture files that they name."""
    tables = {split: [", ".join(HEADER)] for split in SPLITS}
    names = Counter((item.split, item.name) for item in items)
    for item in items:
        wrong = row_problem([item.name, item.label], item.split)
        if names[item.split, item.name] > 1:
            wrong = f"{item.name} is the name of {names[item.split, item.name]} images; expected one of each name"
        if wrong and item.suffix() in UNREAD_SUFFIXES:
            item.pixels(max_megapixels=MAX_MEGAPIXELS, exactly=False)  # Which says what it is and what to do.
        if wrong:
            raise UserError(f"{item.where}: {wrong}: rename it")
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
    flags.add_argument("source", type=local_path, metavar="SRC", help="the labelled images, in any format")
    flags.add_argument("target", type=local_path, metavar="DST", help="directory to make")
    flags.add_argument("--to", choices=("folder", "idx", "classes"), default="folder", help="format of DST")
    flags.add_argument(
        "--test-share",
        type=number(float, 0, 1, open_ends=True),
        default=0.1,
        help="of each class, if SRC has no splits",
    )
    flags.add_argument("--seed", type=number(int, 0), default=0, help="decides which images are for testing")
    add_picture_flags(flags)
    convert(**vars(flags.parse_args()))


if __name__ == "__main__":
    sys.exit(exit_status(main))
