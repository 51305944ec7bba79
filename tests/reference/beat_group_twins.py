"""Slow twins of the kernels that group beats and find runs of early ones: plain NumPy, one beat at a time."""

from __future__ import annotations

import numpy as np


def part_of(row, n_leads, start, width):
    part = row.reshape(n_leads, -1)[:, start : start + width]
    part = (part - part.mean(axis=1, keepdims=True)).ravel()
    return part, float(np.sqrt(np.sum(part**2)))


def likeness(beats, n_leads, start, reach, shapes):
    like, length = np.zeros(len(beats)), np.zeros(len(beats))
    width = shapes.shape[1] // n_leads
    for b, row in enumerate(beats):
        tried = [part_of(row, n_leads, start + s, width) for s in range(-reach, reach + 1)]
        tried = [(float(np.max(shapes @ part)) / long, long) for part, long in tried if long > 0]
        if tried:
            like[b], length[b] = max(tried, key=lambda pair: pair[0])
    return like, length


def group_beats(beats, n_leads, start, reach, width, alike, slowest, most):
    shapes, counts, groups, shifts = [], [], [], []
    for row in beats:
        best = (-2.0, 0, 0)
        for s in range(-reach, reach + 1):
            part, long = part_of(row, n_leads, start + s, width)
            for j, shape in enumerate(shapes):
                if long > 0 and part @ shape / long > best[0]:
                    best = (part @ shape / long, j, s)
        like, at, moved = best
        if not shapes or (like < alike and len(shapes) < most):
            at, moved = len(shapes), 0
            shapes.append(np.zeros(n_leads * width))
            counts.append(0)
        groups.append(at)
        shifts.append(moved)
        counts[at] += 1
        part, long = part_of(row, n_leads, start + moved, width)
        if long > 0:
            share = max(1 / counts[at], slowest)
            mixed = (1 - share) * shapes[at] + share * part / long
            size = np.sqrt(np.sum(mixed**2))
            shapes[at] = mixed / size if size > 0 else mixed
    return np.array(groups), np.array(shifts), len(shapes)


def early_runs(log_rr, scatter, usual, sway, p):
    """Runs are collected whole; levels and steps are lists."""
    early, sways, step, step_sways, irregular, stay, end, deep, longest, least, open_end, late = p
    levels, steps, last, run, seen = [usual] * 3, [sway] * 4, usual, [], 0
    out = np.zeros(len(log_rr), bool)
    for i, x in enumerate(log_rr):
        level, now = np.median(levels[-8:]), np.median(steps[-12:])
        if run:
            mean = np.mean([off for _, off in run])
            if x - level < stay * mean and len(run) < longest:
                run.append((i, x - level))
                continue
            jump = x - log_rr[run[-1][0]]
            short = len(run) < longest
            if short and (jump > max(end, -0.6 * stay * mean) or (len(run) >= 3 and mean < -deep)):
                out[[k for k, _ in run]] = True
            elif len(run) >= 3:
                levels += [log_rr[k] for k, _ in run[-5:]]
            run = []
        else:
            seen += 1
            enough = x - level < -max(early, sways * now) and x - last < -max(step, step_sways * now)
            if enough and scatter[i] < irregular and seen > least:
                run = [(i, x - level)]
                continue
            steps.append(abs(x - last))
        last = x
        levels.append(min(x, level + late))
    if run and len(run) < longest and np.mean([off for _, off in run]) < -open_end:
        out[[k for k, _ in run]] = True
    return out
