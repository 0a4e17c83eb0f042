"""Pictures as StyleGAN's `dataset_tool.py` packs them: a zip archive or a directory with `dataset.json`.

    {"labels": [["00000/img00000000.png", 6], ["00000/img00000001.png", 9]]}

It has no splits: a share of each class is drawn for testing.
"""

import json
from typing import Any

from gan.data.dataset import ReadOptions
from gan.data.formats.format import Format, Place
from gan.data.listing import SPLITS, SUFFIXES, Listing, Problems, Row, Split, draw_splits, told_draw
from gan.data.tree import NO_FILE, read_table, shown
from gan.errors import UserError

JSON = "dataset.json"


def _fits(place: Place) -> bool:
    return place.tree is not None and JSON in place.tree.files


def _read(place: Place, options: ReadOptions) -> Listing:
    tree = place.tree
    assert tree is not None
    where = tree.where(JSON)
    try:
        found: Any = json.loads(read_table(tree, JSON))
        labels = found["labels"] if isinstance(found, dict) else None
    except KeyError:
        labels = None
    except (ValueError, RecursionError) as error:
        if isinstance(error, UserError):
            raise
        raise UserError(f"{where} is no JSON ({error}); make the data set again") from None
    if not isinstance(labels, list) or not labels:
        raise UserError(f'{where} has no labels; expected "labels": [["NAME", NUMBER], ...], a class for each picture')
    problems, rows, seen = Problems(), [], set()
    for number, entry in enumerate(labels):
        name, label = entry if isinstance(entry, list) and len(entry) == 2 else (None, None)
        if not isinstance(name, str) or not isinstance(label, int) or isinstance(label, bool) or label < 0:
            what = "several labels" if isinstance(label, list) else shown(json.dumps(entry), 100)
            problems.add(where, f"entry {number} has {what}; expected a name and the number of a class")
            continue
        name = name.removeprefix("./")
        if name in seen:
            problems.add(where, f"entry {number}: {shown(name)} has a label already")
        else:
            seen.add(name)
            rows.append(Row("", str(label), 0, *tree.files.get(name, NO_FILE), name))
    if problems.count:
        raise problems.error(place.path, "make the data set again")
    share, seed = options.test_share, options.split_seed
    parts = draw_splits(rows, share=share, seed=seed)
    others = [name for name in tree.files if name not in seen and name.lower().endswith(SUFFIXES)]
    train, test = (Split(split, parts[split]) for split in SPLITS)
    return Listing(
        place.path,
        train,
        test,
        source=f"pictures of {JSON} in {place.path}{told_draw(share, seed)}",
        place=tree.where,
        read=lambda row: tree.read(row.file),
        again=lambda: _read(Place(place.path), options),
        saved_as=lambda row: row.file.replace("/", "-"),
        notes=(f"{len(others):,} pictures have no label and are left out, such as {shown(others[0])}",)
        if others
        else (),
    )


FORMAT = Format("StyleGAN's data sets", _fits, _read)
