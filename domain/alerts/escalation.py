"""How a chain goes on: whom to tell next, how long to wait then, and when it has come to its end."""

from collections.abc import Callable
from typing import NamedTuple

from domain.alerts.routing import MOST_LOOPS, Chain, ChainStep

LEAST_PAUSE_MS = 300_000  # between the last telling of a chain and its first one when it begins anew


class Stand(NamedTuple):
    """How far a chain has come; `wait_ms` until it goes on: None where it does not say. `told`: somebody was, now."""

    position: int
    loops: int
    wait_ms: int | None
    told: bool


def last_wait_ms(chain: Chain) -> int | None:
    """Return the last wait of a chain, None for one that never waits."""
    waits = [step.wait_s for step in chain.steps if step.wait_s is not None]
    return _ms(waits[-1]) if waits else None


def pause_ms(chain: Chain) -> int:
    """Return how long after its last telling a chain that came to its end begins anew, at the least."""
    return max(last_wait_ms(chain) or 0, LEAST_PAUSE_MS)


def walk(chain: Chain, position: int, loops: int, tell: Callable[[ChainStep], bool]) -> Stand:
    """Return how far the chain has come once it waits or ends; `tell` tells a step's people, and whether any could be.

    To wait after having told nobody would help nobody: the next step comes at once.
    """
    told, steps = False, chain.steps
    while position < len(steps):
        step = steps[position]
        if step.wait_s is not None:
            position += 1
            if told:
                return Stand(position, loops, _ms(step.wait_s), told)
        elif step.loop is not None:
            if told:  # they get the time that whoever is told last gets
                return Stand(position, loops, last_wait_ms(chain), told)
            if loops < min(step.loop, MOST_LOOPS) and last_wait_ms(chain) is not None:
                position, loops = 0, loops + 1
            else:
                position += 1
        else:
            told = tell(step) or told
            position += 1
    return Stand(position, loops, last_wait_ms(chain), told)


def leads_on(chain: Chain, position: int) -> bool:
    """Return whether a chain names somebody from there on, before it ends or begins anew."""
    for step in chain.steps[position:]:
        if step.loop is not None:
            return False
        if step.wait_s is None:
            return True
    return False


def _ms(seconds: float) -> int:
    return max(1_000, round(seconds * 1000))
