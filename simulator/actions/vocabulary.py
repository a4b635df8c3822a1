"""The words of the rulebook: operations, roles, what drives them and when."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, StrEnum, auto
from functools import cache

import numpy as np
from numpy.typing import NDArray


class Op(StrEnum):
    """Operations that cores issue. `AC` is one accumulate, of one spike at one destination; `ADD` is every other addition."""

    AC = "ac"
    MAC = "mac"
    ADD = "add"
    MUL = "mul"
    COMPARE = "compare"
    DIV = "div"
    RSQRT = "rsqrt"
    EXP = "exp"
    ERF = "erf"
    TANH = "tanh"
    SIGMOID = "sigmoid"

    @property
    def special(self) -> bool:
        """Whether it takes a special-function unit of an EC core."""
        return self in (Op.DIV, Op.RSQRT, Op.EXP, Op.ERF, Op.TANH, Op.SIGMOID)


class Driver(Enum):
    """What the count of a role grows with."""

    CLOCK = auto()
    """Steps and images: the same whatever fires."""
    SPIKES = auto()
    """Spikes of the site behind it, or of its own."""
    FETCHES = auto()
    """Weight rows that spikes fetch; tokens may share a row."""


class Pass(Enum):
    """How an operation goes through the units of its core."""

    CORE = auto()
    """The lanes of a synapse core; the multipliers of an EC core, or its special functions."""
    UPDATE = auto()
    """A neuron update, which integrates, compares and resets one membrane."""
    WITHIN = auto()
    """Part of another operation's pass."""
    COMBINE = auto()
    """On a synapse core both operations of a theta combine are one neuron update; on an EC core as CORE."""


class Word(Enum):
    """A word of memory: which memory holds it, and how wide it is there."""

    WEIGHT = auto()
    """Weight memory of a synapse core."""
    ACCUMULATOR = auto()
    """State memory of a synapse core."""
    STATE = auto()
    """A membrane on a synapse core; on an EC core any word of its memory."""
    REGISTER = auto()
    """A register of a lane, or of a multiplier."""
    EVENT = auto()
    """A spike, or in a dense pass an activation, that waits in front of a core."""


_WEIGHTS = (Driver.CLOCK, Pass.CORE, Word.WEIGHT)
_SUMS, _SUMS_BY_SPIKES = (Driver.CLOCK, Pass.CORE, Word.ACCUMULATOR), (Driver.SPIKES, Pass.CORE, Word.ACCUMULATOR)
_STATE, _STATE_BY_SPIKES = (Driver.CLOCK, Pass.CORE, Word.STATE), (Driver.SPIKES, Pass.CORE, Word.STATE)


class Role(StrEnum):
    """What an operation or access is for. The value is the name that tables and files print.

    `driven_by` says what its count grows with, `passes` how an operation goes through the units of a core, `word` what an access
    reads or writes (None: no memory of a core), `cut` whether its total depends on how the network is cut into parts,
    or on the units of the chip.
    """

    driven_by: Driver
    passes: Pass
    word: Word | None
    cut: bool

    def __new__(
        cls,
        name: str,
        driven_by: Driver = Driver.CLOCK,
        passes: Pass = Pass.CORE,
        word: Word | None = None,
        cut: bool = False,
    ) -> Role:
        """A role of that name."""
        role = str.__new__(cls, name)
        role._value_ = name
        role.driven_by, role.passes, role.word, role.cut = driven_by, passes, word, cut
        return role

    @property
    def writes(self) -> bool:
        """Whether an access of this role writes."""
        return self.value.endswith(("write", "clear")) or self.value == "stored for later phases"

    # Operations: synapses and convolutions
    SYNAPSE_ROWS = "synapse rows", Driver.SPIKES
    BIAS = "bias"
    PARTIAL_SUMS = "partial sums", Driver.CLOCK, Pass.CORE, None, True
    THETA_COMBINE = "theta combine", Driver.CLOCK, Pass.COMBINE, None, True
    DENSE_HEAD = "dense head"
    # neurons
    INTEGRATE = "integrate", Driver.CLOCK, Pass.UPDATE
    THRESHOLD_COMPARE = "threshold compare", Driver.CLOCK, Pass.WITHIN, None, True
    LEAK = "leak", Driver.CLOCK, Pass.WITHIN
    SOFT_RESET = "soft reset", Driver.SPIKES, Pass.WITHIN
    TRACER = "tracer", Driver.SPIKES, Pass.WITHIN
    NEURON_UPDATE = "neuron update", Driver.CLOCK, Pass.UPDATE
    # EC units and products
    EC_ACCUMULATE = "EC accumulate"
    MEAN = "mean"
    FUNCTION = "function"
    EXPECTATION = "expectation"
    FIRST_PASS = "A(t) S_B(t)", Driver.SPIKES
    SECOND_PASS = "S_A(t-1) B(t)", Driver.SPIKES
    OPERAND_SUMS = "operand sums", Driver.SPIKES, Pass.CORE, None, True
    PRODUCT_ACCUMULATE = "S_K accumulate"
    PASS_SUM = "pass sum"
    FIRST_PRODUCT = "first product", Driver.SPIKES
    SECOND_PRODUCT = "second product", Driver.SPIKES
    PRODUCT_SCALE = "product scale"
    SPIKE_SUM = "spike sum", Driver.SPIKES
    MASK = "mask", Driver.SPIKES
    # front ends, streams, read-out
    FRONT_END = "front end"
    EMBEDDING = "embedding"
    RESIDUAL_ADD = "residual add"
    POOLING = "pooling"
    ROTATION = "rotation"
    GATE = "gate"
    READ_OUT = "read-out"
    NORMALISE = "normalise"

    # Operations of a dense pass
    DENSE_ROWS = "dense rows"
    DENSE_PRODUCT = "dense product"
    STREAM_ADD = "stream add"
    TOKEN_MEAN = "token mean"
    READ_OUT_SCALE = "read-out scale"
    LAYER_NORM = "layer_norm"
    RMS_NORM = "rms_norm"
    SOFTMAX = "softmax"
    GELU = "gelu"
    GELU_TANH = "gelu_tanh"
    QUICK_GELU = "quick_gelu"
    SILU = "silu"
    RELU = "relu"
    SIGMOID = "sigmoid"
    TANH = "tanh"
    RELU6 = "relu6"
    HARD_SIGMOID = "hard_sigmoid"
    HARD_SWISH = "hard_swish"

    # Memory of synapse cores
    WEIGHT_ROWS = "weight rows", Driver.FETCHES, Pass.CORE, Word.WEIGHT
    BIAS_READ = "bias read", *_WEIGHTS
    ACCUMULATOR_READ = "accumulator read", *_SUMS_BY_SPIKES
    ACCUMULATOR_WRITE = "accumulator write", *_SUMS_BY_SPIKES
    ACCUMULATOR_READ_OUT = "accumulator read-out", *_SUMS
    ACCUMULATOR_CLEAR = "accumulator clear", *_SUMS
    PARTIAL_SUM_READ = "partial sum read", *_SUMS
    PARTIAL_SUM_WRITE = "partial sum write", *_SUMS
    # of neurons
    MEMBRANE_READ = "membrane read", *_STATE
    MEMBRANE_WRITE = "membrane write", *_STATE
    THRESHOLD_READ = "threshold read", *_STATE
    TRACER_READ = "tracer read", *_STATE
    TRACER_WRITE = "tracer write", *_STATE
    SYNAPTIC_CURRENT_READ = "synaptic current read", *_STATE
    SYNAPTIC_CURRENT_WRITE = "synaptic current write", *_STATE
    # of EC cores
    EC_STATE_READ = "EC state read", *_STATE
    EC_STATE_WRITE = "EC state write", *_STATE
    ACTIVATION_READ = "activation read", *_STATE
    ACTIVATION_WRITE = "activation write", *_STATE
    PARAMETERS = "parameters", *_STATE
    OPERAND_ROW = "operand row", Driver.FETCHES, Pass.CORE, Word.STATE
    GAIN_READ = "gain read", *_STATE_BY_SPIKES
    OPERAND_LOAD = "operand load", *_STATE
    OPERAND_WRITE = "operand write", *_STATE
    PRODUCT_ACCUMULATOR_READ = "product accumulator read", *_STATE_BY_SPIKES
    PRODUCT_ACCUMULATOR_WRITE = "product accumulator write", *_STATE_BY_SPIKES
    OPERAND_SUM_READ = "operand sum read", *_STATE_BY_SPIKES
    OPERAND_SUM_WRITE = "operand sum write", *_STATE_BY_SPIKES
    DENSE_WEIGHT_ROWS = "dense weight rows", *_STATE
    DENSE_ACCUMULATOR_READ = "dense accumulator read", *_STATE
    DENSE_ACCUMULATOR_WRITE = "dense accumulator write", *_STATE
    CURRENT_READ = "current read", *_STATE
    CURRENT_WRITE = "current write", *_STATE
    POSITION_READ = "position read", *_STATE
    CONSTANT_READ = "constant read", *_STATE
    RESIDUAL_READ = "residual read", *_STATE
    RESIDUAL_WRITE = "residual write", *_STATE
    SUM_READ = "sum read", *_STATE
    SUM_WRITE = "sum write", *_STATE

    # Where dataflow puts words into registers, and events into a buffer
    ACCUMULATOR_UPDATE = "accumulator update", Driver.SPIKES, Pass.CORE, Word.REGISTER
    PRODUCT_ACCUMULATOR_UPDATE = "product accumulator update", Driver.SPIKES, Pass.CORE, Word.REGISTER
    OPERAND_SUM_UPDATE = "operand sum update", Driver.SPIKES, Pass.CORE, Word.REGISTER
    DENSE_ACCUMULATOR_UPDATE = "dense accumulator update", Driver.CLOCK, Pass.CORE, Word.REGISTER
    STATE_UPDATE = "state update", Driver.CLOCK, Pass.CORE, Word.REGISTER
    REGISTER_READ_OUT = "register read-out", Driver.CLOCK, Pass.CORE, Word.REGISTER
    EVENT_WRITE = "event write", Driver.SPIKES, Pass.CORE, Word.EVENT
    EVENT_READ = "event read", Driver.SPIKES, Pass.CORE, Word.EVENT
    # Between phases
    WEIGHTS_IN = "weights in"
    STORED_WRITE = "stored for later phases"
    STORED_READ = "read from earlier phases"

    # The published accountings
    ACCUMULATE = "accumulate", Driver.SPIKES
    DENSE_PASS = "dense pass"
    # Flits, beside partial sums
    SPIKES = "spikes", Driver.SPIKES
    REAL_VALUES = "real values"
    # Static energy and what enters from outside
    CORES_IN_USE = "cores in use"
    IDLE_CORES = "idle cores"
    ALL_CORES = "all cores"
    ROUTERS = "routers"
    MEMORIES = "memories"
    IMAGE_IN = "image in"
    WORD_EMBEDDINGS_IN = "word embeddings in"


class Trigger(Enum):
    """What an action happens for."""

    STEP = auto()
    """A time step; a dense pass is one step."""
    SENT = auto()
    """A spike that the part sends."""
    FIRST_INPUT = auto()
    """A spike of the first input; of a convolution, a weight row that a spike needs there."""
    SECOND_INPUT = auto()
    """A spike of the second input."""
    ARRIVED = auto()
    """A spike that reaches a part of a convolution, however many weight rows it needs."""
    REACHED = auto()
    """An output of a convolution that a spike reaches."""


class Rhythm(Enum):
    """At which steps an action happens."""

    ONCE = auto()
    """At the first step."""
    EVERY = auto()
    """At every step."""
    LATER = auto()
    """At every step but the first."""
    SHOWN = auto()
    """At every step but the first, as long as the sample is shown."""

    def beats(self, steps: int, last: int | None = None) -> NDArray[np.bool_]:
        """Whether it happens at each step, shape (steps,); the sample is shown up to step `last`, None: to the end."""
        return _beats(self, steps, steps if last is None else last)


@cache
def _beats(rhythm: Rhythm, steps: int, shown: int) -> NDArray[np.bool_]:
    step = np.arange(steps)
    beats: NDArray[np.bool_] = {
        Rhythm.ONCE: step == 0,
        Rhythm.EVERY: step >= 0,
        Rhythm.LATER: step > 0,
        Rhythm.SHOWN: (step > 0) & (step < shown),
    }[rhythm]
    beats.flags.writeable = False  # it is handed out again
    return beats


class Side(Enum):
    """Which of the two networks does something: the spiking one, the dense one, or both."""

    BOTH = auto()
    SPIKING = auto()
    DENSE = auto()


class Reuse(Enum):
    """What a row that has been fetched serves, by the dataflow of its core."""

    EACH = auto()
    """One event, or one token."""
    BLOCK = auto()
    """A block of tokens at one step."""
    BATCH = auto()
    """A block of tokens at a batch of steps."""


@dataclass(frozen=True, slots=True)
class Action:
    """An operation of a part: `count` of `op`, per image and step or per event.

    What tokens do not cause one by one is spread over them evenly; `operand_job`: it is done in the job that takes in a product's
    second operand, before any token's.
    """

    role: Role
    op: Op
    count: int
    trigger: Trigger = Trigger.STEP
    rhythm: Rhythm = Rhythm.EVERY
    operand_job: bool = False


@dataclass(frozen=True, slots=True)
class Access:
    """Rows of words that a part reads or writes, for each of `roles`: `rows` of `words`, per image and step or per event.

    `reuse`: what a fetched row serves; of a clocked access that shares, `rows` are per block of tokens.
    """

    roles: tuple[Role, ...]
    rows: int
    words: int
    trigger: Trigger = Trigger.STEP
    rhythm: Rhythm = Rhythm.EVERY
    side: Side = Side.BOTH
    reuse: Reuse = Reuse.EACH
