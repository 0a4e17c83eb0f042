#!/usr/bin/env python3
"""Serve a trained GAN over HTTP: a page to draw with at /, the API, and its documentation at /docs.

    ./serve.py -p 8080
    ./serve.py -p 8080 --load-dir pets-64 --watch
    ./serve.py -p 8080 --host 0.0.0.0
    ./serve.py -p 8080 --allow-host gan.example.org

Only this machine can connect unless --host says otherwise, and it has to call the server localhost, 127.0.0.1 or [::1]
unless --allow-host adds a name: that of a proxy in front, for instance. With --watch, a checkpoint that a training run
saves is served without a restart. SIGTERM and Ctrl-C let requests that have come in be answered.
"""

import argparse
import logging
import math
import re
import sys
from importlib.util import find_spec
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))  # Python leaves it out under -I or PYTHONSAFEPATH.

from gan.command_line import add_checkpoint_flags, exit_status, number, parser
from gan.errors import UserError
from gan.starting import import_tensorflow


def check_packages() -> None:
    """Check that the server's own packages are there, before TensorFlow takes its seconds.

    Raises:
        UserError: one is not.
    """
    for name in ("fastapi", "fastapi_offline", "prometheus_client", "uvicorn"):
        if find_spec(name) is None:
            raise UserError(
                f"the package {name} is not installed; run `make .venv`, then `source .venv/bin/activate`, or "
                "`poetry install --with serve`"
            )


def host_name(text: str) -> str:
    """An argparse type: what a Host header may have before its port."""
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]*|\[[0-9A-Fa-f:.]+\]", text):
        raise argparse.ArgumentTypeError(
            f"found {text}, expected a name or an address without a port, such as gan.example.org or [fd00::1]"
        )
    return text.lower()


def main() -> None:
    flags = parser(__doc__)
    flags.add_argument("-p", "--port", type=number(int, 0, 65_535), default=8080, help="TCP port; 0: any that is free")
    flags.add_argument("--host", default="127.0.0.1", help="address to serve at; 0.0.0.0: all of this machine's")
    flags.add_argument(
        "--allow-host",
        type=host_name,
        nargs="+",
        action="extend",
        metavar="NAME",
        help="answer requests to these names, too; without it, a server that only this machine can connect to answers "
        "to localhost alone, and others to any name",
    )
    add_checkpoint_flags(flags)
    flags.add_argument(
        "--watch",
        type=number(float, 0.01, 86_400),
        nargs="?",
        const=5.0,
        metavar="SECONDS",
        help="pick up new checkpoints of the --load-dir; look every so many seconds (5 if none are given)",
    )
    args = flags.parse_args()
    if args.watch is not None and args.checkpoint != "newest":
        flags.error(f"--watch serves the newest checkpoint; leave --checkpoint {args.checkpoint} out")
    check_packages()
    from gan.places import checkpoint_named

    if args.watch is not None and (named := checkpoint_named(args.load_dir)):
        flags.error(f"--watch serves the newest checkpoint, and {args.load_dir} is one; name {named.directory}")
    logging.basicConfig(format="%(message)s", level=logging.WARNING)
    logging.getLogger("gan.serving").setLevel(logging.INFO)

    from gan.serving.server import bind, host_names, listen, serve, url

    with bind(args.host, args.port) as listener:
        import_tensorflow()
        from gan.serving.app import create_app
        from gan.serving.watching import describe, load

        sampler = load(args.load_dir, args.checkpoint)
        watched = None if args.watch is None else args.load_dir
        app = create_app(
            sampler,
            warm=True,
            host_names=host_names(listener, args.allow_host or ()),
            watch_directory=watched,
            watch_seconds=args.watch or math.inf,
        )
        listen(listener)
        logging.getLogger("gan.serving").info("%s serves %s", url(listener), describe(sampler))
        serve(app, listener)


if __name__ == "__main__":
    sys.exit(exit_status(main))
