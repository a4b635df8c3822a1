"""The spikes that messages bring to jobs, summed by job, and what jobs take in, by part."""

from __future__ import annotations

from typing import Any

from synaptile.foundation.types import Int32, Int64
from synaptile.simulator.compiled import uncounted
from synaptile.simulator.schedule.timeline import OPERANDS


@uncounted
def deliver_spikes(sent: Any, trees: Any, receivers: Any, shape: Any, reached: Int32) -> None:
    """Add the elements of each message to every job that it brings spikes to; jobs are numbered as the scheduler numbers them.

    sent: tree, job and elements of each message, number and token of each job. shape: steps of an image, rows of a step. What is
    meant for a step after an image's last reaches no job.
    """
    tree, job, elements, number, token = sent
    first_flow, flows, spiking = trees
    receiver, stride, token_start, delay, row_of = receivers
    steps, rows = shape
    for message in range(tree.shape[0]):
        job_number, job_token = number[job[message]], token[job[message]]
        for at in range(first_flow[tree[message]], first_flow[tree[message] + 1]):
            flow = flows[at]
            step = job_number // rows
            if spiking[flow] == 1 and step % steps + delay[flow] < steps:
                row = row_of[receiver[flow] + (job_token - token_start[flow]) * stride[flow]]
                reached[(step + delay[flow]) * rows + row] += elements[message]


@uncounted
def sum_by_part(jobs: Any, taken: Any, events: Int64, rows: Int64) -> None:
    """Add what jobs take in, spikes and rows, to their parts: `events` (parts, inputs, images, steps), `rows` without inputs."""
    part, token, image, step = jobs
    spikes, fetched = taken
    for job in range(part.shape[0]):
        number = 1 if token[job] == OPERANDS else 0
        events[part[job], number, image[job], step[job]] += spikes[job]
        rows[part[job], image[job], step[job]] += max(fetched[job], 0)


@uncounted
def number_jobs(jobs: Any, of_part: Any, row_of: Int32, shape: Any, number: Int64) -> None:
    """The scheduler's number of each job. of_part: first job, operand jobs and first token of each part; shape as above."""
    part, token, image, step = jobs
    first, operands, token_start = of_part
    steps, rows = shape
    for job in range(part.shape[0]):
        of = part[job]
        local = 0 if token[job] == OPERANDS else token[job] - token_start[of] + operands[of]
        number[job] = (image[job] * steps + step[job]) * rows + row_of[first[of] + local]
