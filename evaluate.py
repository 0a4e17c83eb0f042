#!/usr/bin/env python3
"""Say how good a GAN is: many scores, each with its interval and what real images get, and a report to look at.

./evaluate.py                                        # the newest checkpoint in ./checkpoints, against MNIST
./evaluate.py --load-dir pets-64 --data-path pets --resize crop
./evaluate.py --images outputs                       # pictures that ./generate.py or another program made
./evaluate.py --metrics fid cas                      # only these
./evaluate.py --compare runs/plain-* runs/hinge-*    # evaluations side by side
"""

import logging
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))  # Python leaves it out under -I or PYTHONSAFEPATH.

from gan.command_line import add_checkpoint_flags, add_data_flags, exit_status, local_path, number, parser
from gan.freeing import stay_small
from gan.starting import import_tensorflow


def main() -> None:
    flags = parser(__doc__)
    add_checkpoint_flags(flags)
    flags.add_argument("--images", type=local_path, metavar="PATH", help="evaluate these images, not a checkpoint's")
    flags.add_argument(
        "--classifier-dir", type=local_path, help="directory of the classifier's checkpoints (default: the --load-dir)"
    )
    add_data_flags(flags)
    flags.add_argument(
        "--metrics",
        nargs="+",
        action="extend",
        metavar="NAME",
        help="names in gan/registry.py (default: the fast ones)",
    )
    flags.add_argument("--samples", type=number(int, 4), default=10_000, help="test images to compare with, at most")
    flags.add_argument("--seed", type=number(int, 0), default=0, help="decides the styles, as in ./generate.py")
    flags.add_argument(
        "--own-styles", action="store_true", help="a style for each sample, not one for the same number in all classes"
    )
    flags.add_argument(
        "--log-dir",
        type=local_path,
        default=Path("logs/gan"),
        help="where the run's records are, for its film and curves",
    )
    flags.add_argument(
        "--output-dir", type=local_path, default=Path("evaluation"), help="where evaluation.json and report.html go"
    )
    flags.add_argument(
        "--compare",
        nargs="+",
        action="extend",
        type=local_path,
        metavar="RUN",
        help="output directories of earlier evaluations",
    )
    options = vars(flags.parse_args())
    runs = options.pop("compare")
    if options["images"] and options["checkpoint"] != "newest":
        flags.error("--images and --checkpoint: expected one of them")
    if options["images"] and options["own_styles"]:
        flags.error("--own-styles is for samples that are drawn here; pass it to ./generate.py")
    if runs:
        from gan.evaluation.comparison import compare

        compare(runs, options["output_dir"])
        return

    stay_small()
    import_tensorflow()
    logging.getLogger("matplotlib").setLevel(logging.ERROR)  # It tells that it looks at the fonts, the first time.
    from gan.evaluation.evaluating import EvaluationOptions, evaluate_run
    from gan.evaluation.report import write_report
    from gan.evaluation.telling import lines

    found = evaluate_run(EvaluationOptions(**options))
    for line in lines(found):
        print(line)
    print(write_report(found, options["output_dir"], log_dir=options["log_dir"]))


if __name__ == "__main__":
    sys.exit(exit_status(main))
