"""An evaluation in lines of text, as `evaluate.py` prints it.

for line in lines(found):
    print(line)
"""

import math

from gan.evaluation.evaluating import Found
from gan.evaluation.evaluation import Score
from gan.evaluation.scores import how_drawn


def lines(found: Found) -> list[str]:
    """For people: the worst first, then every score, then what had too few images."""
    evaluation, facts = found.evaluation, found.facts
    told = []
    if evaluation.worst:
        worst = evaluation.scores[evaluation.worst]
        told.append(
            f"worst: {evaluation.worst}, {worst.times_floor:.1f}x its floor: {found.metrics[worst.metric].says}"
        )
    width = max(map(len, evaluation.scores), default=0)
    for name, score in evaluation.scores.items():
        told.append(f"{name:<{width}}  {score_text(score, found.metrics[score.metric].form)}")
    told.append(
        f"against {facts['samples']['real']:,} test images; classifier {facts['classifier']} ({facts['layer']}), judge "
        f"{facts['judge'] or '–'}; {how_drawn(facts)}; {facts['seconds']:.0f} s"
    )
    return told


def score_text(score: Score, form: str) -> str:
    """A score in one line: `0.365 (0.350 to 0.380), real 0.095 ± 0.003, 3.8x; N = 10,000`."""
    if math.isnan(score.value):
        return f"–: too few images, N = {score.samples:,}"
    text = format(score.value, form)
    if not math.isnan(score.low):
        text += f" ({score.low:{form}} to {score.high:{form}})"
    text += f", real {score.real:{form}}"
    if not math.isnan(score.real_spread):
        text += f" ± {score.real_spread:{form}}"
    if score.times_floor is not None:
        text += f", {score.times_floor:.1f}x"
    return f"{text}; N = {score.samples:,}"
