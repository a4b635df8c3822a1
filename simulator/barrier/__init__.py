"""Time on barrier chips that state what cores take within a step: layers side by side, the slowest core, senders that wait."""

from synaptile.simulator.barrier.measure import StepTiming, step_timing
from synaptile.simulator.barrier.wiring import Wiring, wiring_of

__all__ = ["StepTiming", "Wiring", "step_timing", "wiring_of"]
