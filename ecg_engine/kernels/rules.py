"""What the machine that finds beats is told, and the places in its state."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

#: Rooms of the tables, in entries.
CANDIDATES = 320
BEATS = 64
#: Room that is kept free in the table of candidates for one block.
SPARE = 128
#: Search back looks so often at a gap, taking it to pieces.
LOOKS = 8
#: A usual RR is the median of so many; a usual height of so many beats.
USUAL_RR, USUAL_BEATS = 10, 12

#: Places in the state of whole numbers: raw samples thinned; thinned samples with an energy; the next to be judged a
#: candidate; candidates; the next to be judged a top; the next to be decided; the tentative beat (-1: none); beats;
#: the next to be given out; the last R (-1: none); end of the last gap that splits; length of the open gap; blocks
#: seen; the first candidate that counts for the level, and the first after them; the tops among them; blocks in which
#: a lead moved; thinned samples of the others; pieces whose least energy was noted; beats whose
#: sharpness was noted, and the time of the last of them; pieces of the sharper energy whose least was noted; blocks for
#: which the energy is kept as it was before noise lowered it; whether beats are chosen together;
#: candidates whose level is noted.
RAW, END, SEEK, N_CANDS, TOPS, DECIDE, TENT, N_BEATS, EMIT, LAST_R, SPLIT, GAP, SEEN, LOW, HIGH = range(15)
N_RANKS, HEARD, SILENT, N_QUIET, N_SHARP, N_SHARP_QUIET, KEPT, NOTED, TOGETHER, JUDGED, STATE_SIZE = range(15, 26)
#: Rows of the table of candidates (the clock stands still in silence; plain is the height that noise does not lower,
#: sharpness the sharper energy over that one), and behind them of beats (RR to the beat before, 0: none).
TIME, HEIGHT, TOP, LEVEL, NOISE, CLOCK, PLAIN, SHARPNESS = range(8)
RR, PLAIN_HEIGHT, BEAT_SHARPNESS = 2, 3, 4
CANDIDATE_ROWS, BEAT_ROWS = 8, 5
#: The sharpness of what did not stand in noise.
UNKNOWN = -1.0
#: The row behind them: heights of the tops that count for the level, increasing.
RANKS = CANDIDATE_ROWS + BEAT_ROWS
#: And one with the roots of the least energies of the last pieces, each as long as a block, in a ring of so many: 4 s.
QUIET = RANKS + 1
QUIETS = 16
#: And one with how sharp beats are, in a ring: of about a minute of noise.
SHARP = QUIET + 1
SHARPS = 64
#: And one with the roots of the least sharper energies of the pieces since noise began, in a ring as the other.
SHARP_QUIET = SHARP + 1
#: And one with how sharp those beats are, increasing.
SHARP_RANKS = SHARP_QUIET + 1
#: And one with what the last beats say of the rhythm.
RHYTHM = SHARP_RANKS + 1


class BeatRules(NamedTuple):
    """Windows and thresholds; all floats, filled by the caller for its rate. See the table of parameters."""

    thin: float  # samples as recorded a thinned sample
    block: float  # thinned samples a block, and so on for every time down to `split`
    begin: float
    width: float
    apart: float
    top: float
    span: float
    refractory: float
    margin: float
    t_window: float
    p_window: float
    slope_window: float
    back_reach: float
    split: float
    hold: float
    together: float
    locate: float  # samples as recorded, down to `twice`
    slope: float
    sharp: float
    locate_smooth: float
    level: float
    twice: float
    threshold: float  # shares
    back_share: float
    noise_share: float
    noise_pace: float
    late: float
    t_share: float
    slope_share: float
    slow_share: float
    p_share: float
    low_share: float
    usual_share: float
    soon_share: float
    noisy: float
    noisy_share: float
    sharp_noise: float
    sharp_most: float
    sharp_quiet: float
    strong: float
    least_spread: float
    most_spread: float
    top_odds: float  # log odds, down to `odd`
    noise_odds: float
    height_odds: float
    unlikely: float
    odd: float
    no_vote: float
    floor: float  # of a QRS, in the signal's unit
    most: float  # what is beyond it is no sample


#: How a row of floats is read as these rules, by their names.
BEAT_RULES: Final = np.dtype((np.record, [(name, np.float64) for name in BeatRules._fields]))
