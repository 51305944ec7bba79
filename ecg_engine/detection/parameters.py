"""Every parameter of filters and kernels, once, with its source. Nothing is tuned per record or per database.

Times are in seconds; `samples` turns them into samples in one place.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from ecg_engine.detection.wave_parameters import ScoreParameters, WaveParameters

__all__ = [
    "ATRIA",
    "CLASSES",
    "CLEANING",
    "EPISODES",
    "P_TRAIN",
    "QRS",
    "QUALITY",
    "SCORES",
    "VENTRICULAR",
    "WAVES",
    "odd_samples",
    "samples",
]


def samples(seconds: float, fs: float) -> int:
    """Return `seconds` in whole samples, rounded, at least 1 (``int(0.29 * 100)`` is 28).

    Examples
    --------
    >>> samples(0.29, 100), samples(0.001, 100)
    (29, 1)
    """
    return max(1, round(seconds * fs))


def odd_samples(seconds: float, fs: float) -> int:
    """Return `seconds` in samples, rounded to an odd number, so that a window has a centre.

    Examples
    --------
    >>> odd_samples(0.1, 360), odd_samples(0.01, 100)
    (37, 1)
    """
    return 2 * round(seconds * fs / 2) + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class QrsParameters:
    """QRS detection.

    The scheme (band of the QRS, squaring, moving window, adaptive threshold, search back) is that of Pan and Tompkins
    1985 (doi:10.1109/TBME.1985.325532); the level as a median of recent beats is Hamilton's (2002,
    doi:10.1109/CIC.2002.1166717). In place of the slope stands the bend (a second difference), which weakens T and P
    waves and wander with the square of their frequency. The figures marked * were chosen together, once, by random
    search over the AAMI DS1 and paced records of the MIT-BIH Arrhythmia Database, its noise stress test and the CPSC
    2019 sample; two halves of the records were watched apart, and none is critical. Those marked + stand by PTB-XL,
    simulated hearts (``docs/benchmarks.md``), LUDB and MIT-BIH in noise of bedside leads (CinC 2015), MIT-BIH and
    bedside alarms; the sharper bend has the band of Kalidas and Tamil 2017 (IEEE BIBE). Log odds are natural ones.
    """

    grid_hz: float = 180.0  #: signals are thinned to about this rate: a QRS has little above 40 Hz
    smooth_s: float = 0.020  #: * half base of the triangle that smooths
    lag_s: float = 0.031  #: * arm of the second difference: the response is greatest at 1 / (2 * lag) = 16 Hz
    width_s: float = 0.136  #: * window of the mean; a QRS lasts 0.06 to 0.20 s
    block_s: float = 0.25  #: the machine goes on by so much
    begin_s: float = 4.0  #: and first by so much, whose beats make the first level (Pan and Tompkins learn for 2 s)
    apart_s: float = 0.116  #: candidates stand so far apart at least
    top_s: float = 0.464  #: a top is highest within so much: one for each beat up to 120 /min
    span_s: float = 12.75  #: * so much before counts for the level
    threshold: float = 0.536  #: * share of the level
    noise_share: float = 0.177  #: * and this share of the noise above it
    noise_pace: float = 0.03  #: * the noise follows what is no beat by this share a candidate (Pan and Tompkins: 1/8)
    back_share: float = 0.22  #: * share of the level in search back
    back_reach_s: float = 8.0  #: search back reaches no farther
    late: float = 1.35  #: * a beat is late after so many usual RR (Pan and Tompkins: 1.66)
    refractory_s: float = 0.200  #: Pan and Tompkins 1985: physiological refractory period
    margin_s: float = 0.300  #: search back keeps away from its neighbours
    t_window_s: float = 0.35  #: Pan and Tompkins 1985: a T wave falls within it
    t_share: float = 0.471  #: a T wave is lower than this share of its QRS (Pan and Tompkins)
    slope_window_s: float = 0.40  #: what follows a QRS within it is its T wave (Pan and Tompkins 1985: 0.36),
    slope_share: float = 0.35  #: where it is so much less steep (they: half, but so can an aberrant QRS be)
    slow_share: float = 0.15  #: nor is a low beat so much less steep than both beside it (of MIT-BIH's 59,782 none is)
    slope_s: float = 0.012  #: steepness is the largest step over so long, within `locate_s` of the energy's peak
    p_window_s: float = 0.271  #: * a deflection so shortly before a QRS is its P wave
    p_share: float = 0.879  #: * if lower than this share of it: no beat is so soon followed by one so much higher
    low_share: float = 0.54  #: * lower than this share of both neighbours is suspect
    usual_share: float = 1.12  #: * both halves together are no more than so many usual RR
    hold_s: float = 2.0  #: a low beat waits so long at most for the next one to tell
    soon_share: float = 0.65  #: the first or last beat, if low, must not come sooner than this share of the usual RR
    noisy: float = 0.10  #: + a floor of the energy at such a share of a beat's height is noise
    noisy_share: float = 0.90  #: + there, lower than this share of both neighbours is suspect where RR is even
    sharp_s: float = (
        0.016  #: + arm of the sharper bend, taken twice: the response is greatest at 1 / (2 * sharp) = 31 Hz
    )
    sharp_noise: float = 0.22  #: + from such a floor on no beat is higher than it is sharp; below, so much more
    sharp_most: float = (
        6.0  #: + no QRS is held to be sharper (energies): one in ten leads of LUDB is, and pacing spikes
    )
    sharp_quiet: float = 1.3  #: + unless the floor of the sharper energy is so much higher than the other: muscles
    strong: float = 0.15  #: + from such a floor on beats are chosen together, where RR is even
    together_s: float = 1.5  #: + so much of what follows a beat is waited for there
    most_spread: float = 0.20  #: + RR is even that strays by no more than such a share (1.48 times the median's)
    least_spread: float = 0.10  #: + nor is it held to be more even than that
    top_odds: float = 3.6  #: + log odds that a candidate as high as usual is a beat, without noise,
    noise_odds: float = 6.0  #: + and so much less for each floor as high as a beat
    height_odds: float = 6.0  #: + and so much less for each time that it is e times as high or low
    unlikely: float = -4.0  #: + log odds that a beat is missed, or an interval none of the rhythm
    odd: float = -1.75  #: + that a beat is ectopic, stands between two of the rhythm, or has the RR before it again
    split_s: float = 2.0  #: a gap so long splits the rhythm, a shorter one is bridged
    no_vote: float = 1.5  #: a lead whose beats stand out less than this over its own noise has no vote
    locate_s: float = 0.075  #: R lies within so much of the energy's peak
    locate_smooth_s: float = 0.004  #: half window of the mean in which R is sought
    twice_s: float = 0.180  #: two R peaks so near are one QRS
    level_s: float = 0.30  #: half window of the local level that R stands out from
    floor_mv: float = 0.1  #: IEC 60601-2-27: below it a QRS is no beat (0.15 mV may be none, 0.5 mV must be one)


@dataclass(frozen=True, slots=True, kw_only=True)
class AtrialParameters:
    """Atrial activity between the QRS complexes. Times in s.

    Fibrillation has 4 to 9 Hz (Bollmann et al. 2006, doi:10.1093/europace/eul113), flutter 240 to 340 waves a minute,
    slowed by drugs to about 200 (ACC/AHA/HRS 2015, doi:10.1161/CIR.0000000000000311). The rest are windows' lengths.
    """

    rate_hz: float = 100.0  #: leads are thinned to about this rate
    smooth_s: float = 0.02  #: and smoothed by two moving means of so much before
    wander_s: float = 0.6  #: what two moving means of so much leave is the baseline
    longest_s: float = 60.0  #: of a long recording the middle is looked at
    fewest_beats: int = 4
    fewest_alike: int = 3  #: beats that make a median beat
    qrs_s: tuple[float, float] = (0.06, 0.07)  #: a QRS reaches at least so far before and after R
    beat_before_s: float = 0.10  #: the median beat that is subtracted, before R
    beat_after_s: float = 0.55  #: and after it, T included
    beat_rr_share: float = 0.75  #: or so much of RR, where that is less
    f_wave_hz: tuple[float, float] = (4.0, 9.5)  #: the rate of fibrillation waves is sought here
    f_wave_width_hz: float = 0.6  #: their power lies so near to it
    band_hz: tuple[float, float] = (3.0, 15.0)  #: and is held against the power here
    spectrum_smooth_hz: float = 0.22
    flutter_s: tuple[float, float] = (0.16, 0.285)  #: one flutter wave: 210 to 375 a minute
    flutter_wander_s: float = 0.30  #: what two moving means of so much leave is no flutter wave
    flutter_opposite: float = -0.45  #: half a wave later the signal is opposite (correlation)
    least_free_s: float = 0.5  #: so much must be left between the QRS complexes


@dataclass(frozen=True, slots=True, kw_only=True)
class PTrainParameters:
    """P waves wherever they stand. Times in s; a correlation, and shares.

    A P wave lasts 0.08 to 0.12 s; a sinus node's rate lies between 40 and 180 a minute and changes by some
    10 % from beat to beat, a little more around a blocked one (ventriculophasic arrhythmia). Set by these figures and
    simulated blocks, and checked for silence on records without block.
    """

    apart_rr_s: float = 0.8  #: ventricles that the atria do not lead are no faster, or no block is proved by it
    half_s: float = 0.06  #: half of the window in which a P wave is compared
    move_s: float = 0.03  #: a P wave is moved by so much to fit the others
    seed_s: float = 0.06  #: and sought so near to its place at the period
    like: float = 0.80  #: correlation, all leads together, with the usual P wave
    gain: tuple[float, float] = (0.55, 1.7)  #: and so large against it
    bump: float = 0.7  #: where nothing so high as this share of a P wave stands between beats none is looked for
    bump_share: float = 1 / 3  #: nor where it stands in no pause, and in fewer of the intervals than this share
    apart_s: float = 0.24  #: no two P waves stand nearer
    fewest: int = 4  #: P waves that make a train
    least_rr_s: float = 0.5  #: faster ventricles follow their atria, or are not led by them at all
    pp_s: tuple[float, float] = (0.33, 1.5)  #: one P wave to the next
    uneven: float = 0.13  #: PP deviates by so much of itself
    uneven_extra: float = 0.2  #: a P that no QRS follows stands no nearer to its neighbours than PP less so much of it
    even_share: float = 0.85  #: at so many of the intervals at least
    missed_share: float = 0.2  #: so many of those seen may be missing where they should be plain
    vote_share: float = 0.6  #: a PP is taken that has so many of the most votes
    loudest: float = 0.97  #: what is louder than this quantile counts no more than it
    t_end_s: float = 0.45  #: T ends so long after R at most
    t_least_s: float = 0.20  #: and at least
    t_rr_share: float = 0.6  #: or at so much of RR
    t_margin_s: float = 0.04  #: T is subtracted so far beyond its usual end


@dataclass(frozen=True, slots=True, kw_only=True)
class CleaningParameters:
    """Removal of baseline and mains that leaves ST where it is."""

    knot_s: float = 0.020  #: median over the PR segment's end that makes a knot
    knot_before_s: float = 0.008  #: it ends so long before the QRS onset
    knot_step_mv: float = 0.5  #: a knot farther from the line through its neighbours is an artefact, no wander
    mains_hz: tuple[float, ...] = (50.0, 60.0)
    mains_off_hz: float = 2.0  #: mains may stray so far (EN 50160: 1 % in a large grid; generators more)
    mains_pace: float = 0.5  #: how alike, 0 to 1, the sine's turns must be for its frequency to be believed
    mains_window_s: float = 2.0  #: the mains component is taken as steady for so long
    mains_floor_mv: float = 0.005  #: below this amplitude nothing is removed (the usual LSB)
    mains_contrast: float = 4.0  #: the component must stand out so far over its neighbours in frequency


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityParameters:
    """Quality of a lead."""

    flat_mv: float = 0.005  #: a stretch that moves less is flat (one LSB of the coarsest device)
    flat_s: float = 1.0  #: for so long; no QRS for longer than that would still show wander and noise
    flat_share: float = 0.5
    gap_share: float = 0.2
    clip_s: float = 0.02  #: as long at the extreme value in one piece is clipped
    clip_mv: float = 0.2  #: if that value is so far from the usual level
    clip_far_share: float = 0.1  #: and so far against the whole range
    clip_share: float = 0.005
    noisy_share: float = 0.25  #: noise RMS against the QRS swing
    noise_mv: float = 0.06  #: and at least so much
    wander_mv: float = 1.0  #: peak to peak
    mains_mv: float = 0.05
    coarse_hz: float = 125.0  #: noise, wander and score are judged at about this rate, whatever the recording's
    piece_s: float = 10.0  #: the score is that of pieces of about so long: the usual standard recording
    score_flat_mv: float = 0.01  #: for the score, a second that moves by no more is flat (PhysioNet/CinC 2011)
    wander_step_mv: float = 0.5  #: from one second's mean to the next
    off_mv: float = 10.0  #: no heart moves a lead by so much: twice the input range of IEC 60601-2-25
    mains_share: float = 0.5  #: a noisy second with so much of its differences' power at 50 or 60 Hz is mains
    rail_mv: float = 5.0  #: a flat lead beyond it stands at the amplifier's limit (IEC 60601-2-25: inputs of 5 mV)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassParameters:
    """Classes of beats.

    Groups of beats of one shape, each judged as a whole against the patient's own, follow de Chazal and Reilly 2006
    (doi:10.1109/TBME.2006.883802) in adapting to the patient. `weights` and `offset` are a logistic regression that
    ``training/beat_classes.py`` makes again from the AAMI DS1 records of the MIT-BIH Arrhythmia Database (ODC-By,
    doi:10.13026/C2F305), paced ones left out: both leads and each alone, whole and in strips of 10 s. The limits of
    early beats (*) were chosen together by random search over the same records and over resting ECGs without ectopy;
    the optimum is flat.
    """

    smooth_s: float = 0.012  #: each of two moving means
    alike: float = 0.90  #: beats, and groups, at least so alike (correlation) are of one shape
    adapt: float = 0.02  #: a beat changes its group's shape by so much at least
    most_groups: int = 24  #: a beat of yet another shape goes to the likest
    family: int = 4  #: so many of the groups joined into the patient's own are compared with
    habit: float = 0.85  #: a beat after less than this share of the usual RR counts against its group
    habit_cost: float = 0.7  #: a group of only such beats counts so much less
    large_share: float = 0.1  #: the patient's own shape is the narrow one among groups of at least such a share
    group_share: float = 0.8  #: a beat's score is to such a share its group's
    score_limit: float = 4.0  #: with each beat's score held inside this
    threshold: float = 0.5  #: V above it (log odds)
    early: float = 0.12  #: * early is shorter by so much (log) than the level of the last 8 intervals
    sways: float = 4.0  #: * and by so many usual steps between intervals
    step: float = 0.12  #: * the same against the interval before
    step_sways: float = 1.5  #: *
    scatter: float = 0.15  #: * in such scatter (log width of the densest 40 % of 31 intervals) nothing is early: AF
    scatter_share: float = 0.4  #: *
    scatter_beats: int = 31  #: *
    stay: float = 0.6  #: * a run lasts while intervals are below this share of its own mean against the level
    end: float = 0.10  #: * and ends by a jump of so much
    deep: float = 0.40  #: * or was so deep
    longest: float = 150.0  #: * and no longer, in beats: then it is the rhythm
    least: float = 2.0  #: * beats that make a level
    open_end: float = 0.20  #: * a run that the recording's end cuts off is so deep
    late: float = 0.26  #: a pause raises the level by no more
    heart: float = 0.6  #: a beat less like the patient's own (correlation) takes no part in this
    offset: float = -2.700  #: of the score
    weights: Mapping[str, float] = field(default_factory=lambda: dict(_CLASS_WEIGHTS))

    def runs(self) -> tuple[float, ...]:
        """Return what the kernel of early runs needs, in its order."""
        return (
            self.early, self.sways, self.step, self.step_sways, self.scatter, self.stay, self.end, self.deep,
            self.longest, self.least, self.open_end, self.late,
        )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class FusionParameters:
    """Fusion beats.

    A beat that two impulses share lies between the two in shape and time. Limits but the first are round ones, chosen
    on AAMI DS1 records of the MIT-BIH Arrhythmia Database so that few ventricular beats are lost; nine in ten of the
    fusion beats there are of one record, so what they find elsewhere is not known.
    """

    early_s: float = 0.06  #: it comes before its time by no more, s (Marriott and others 1962)
    strays: float = 0.06  #: RR between the patient's own beats (log) strays by no more, or there is no such time
    least_beats: int = 5  #: either shape has so many beats of its own
    least_share: float = 0.30  #: of the usual shape in the sum; less is a ventricular beat
    most_share: float = 0.75  #: more is a usual one
    unexplained: float = 0.25  #: of the beat's power both together leave no more
    against_usual: float = 0.35  #: and no more than such a share of what the usual shape alone leaves
    against_ventricular: float = 0.90  #: or the ventricular one


#: Log odds of V for one unit of each feature of ``_beat_features``; those of a beat's group begin with ``group_``.
_CLASS_WEIGHTS: Final[dict[str, float]] = {
    "like": -0.602,
    "near_like": -0.594,
    "norm": 2.575,
    "wide": 37.630,
    "wide_r": 15.532,
    "lead_wide": 16.316,
    "discordance": -0.935,
    "t_like": -1.199,
    "p_like": -1.309,
    "early": -5.658,
    "both": 3.245,
    "irregular": 2.924,
    "noise": -0.593,
    "group_like": -0.972,
    "group_last_like": -1.671,
    "group_discordance": -0.995,
    "group_early": -0.855,
    "group_pause": 1.572,
}

CLASSES: Final = ClassParameters()
FUSION: Final = FusionParameters()


@dataclass(frozen=True, slots=True, kw_only=True)
class VentricularParameters:
    """Windows in which fast ventricular rhythms are sought.

    The VF filter leakage is that of Kuo and Dillman 1978, its threshold that of the comparison by Amann et al. 2005
    (doi:10.1186/1475-925X-4-60); size, kurtosis and band measures stand for those that were found best together by Li
    et al. 2014 (doi:10.1109/TBME.2013.2275000). The windows are shorter than theirs (5 to 8 s), since a run of five
    beats at 150 per minute lasts 2 s.

    The figures marked * part the annotated runs of the MIT-BIH Arrhythmia Database's records at hand (33 runs of ten
    records: alike by 0.81 and more, or, where the shape changes, by 0.27 and more on a baseline that moves by at most
    0.72) from deflections of moving electrodes in ordinary single-lead strips (median likeness 0.37, wander 1.5).
    """

    window_s: float = 2.5  #: five beats at 120 per minute
    step_s: float = 0.5
    block_s: float = 600.0  #: a long recording is seen in blocks of so long
    rate_hz: float = 125.0  #: the signal is thinned to about so many samples a second
    slow_s: float = 0.4  #: each of two moving means: what they leave is wander
    soft_s: float = 0.032  #: each of two moving means: the main band ends near 10 Hz
    fast_s: float = 0.040  #: what a moving mean over so long takes away is sharp: QRS edges, muscle, spikes
    lags_s: tuple[float, float] = (0.16, 0.62)  #: periods looked for: 97 to 375 per minute
    beat_s: tuple[float, float] = (0.10, 0.14)  #: the usual beat, before and after R
    gains: tuple[float, float] = (0.4, 2.5)  #: a stretch so much smaller or larger than the usual beat is none
    gap_share: float = 0.2  #: a lead with more missing does not count in a window
    single_correlation: float = 0.6  #: of the leads with each other, where there is one only
    long_s: float = 60.0  #: a recording longer than this
    long_step_s: float = 1.0  #: has a window only so often
    long_likelihood: float = 0.9  #: and needs one that is so likely
    single_likelihood: float = 0.8  #: where one lead alone shows anything: it cannot tell a moving electrode by another
    run_alike: float = 0.75  #: * beats of a run are so alike, each to the one before (median correlation), or
    run_unlike: float = 0.25  #: * at least so, where over the run the baseline
    run_wander: float = 0.75  #: * moves by less than so much of the usual beat's swing
    run_level_s: float = 0.6  #: the baseline is the mean over so long
    run_margin_s: float = 0.5  #: the run is seen with so much before and after it
    run_smooth_s: float = 0.02  #: its beats are smoothed over so long,
    run_shift_s: float = 0.05  #: and moved by up to so much where they are laid on each other


ATRIA: Final = AtrialParameters()


@dataclass(frozen=True, slots=True, kw_only=True)
class EpisodeParameters:
    """Episodes of long recordings.

    Irregularity, its window, tolerance and threshold are those of Petrenas et al. 2015
    (doi:10.1016/j.compbiomed.2015.01.019), as published; ``af_smooth`` stands for their slow average, so that an
    episode of half a minute is seen. 30 s make an episode of atrial fibrillation (ESC 2020,
    doi:10.1093/eurheartj/ehaa612). Three beats at 100 per minute make a run, slower ventricular ones are
    idioventricular (AHA/ACC/HRS 2017, doi:10.1161/CIR.0000000000000549). Pauses of 2 and 3 s are those that Holter
    reports list (ISHNE/HRS 2017, doi:10.1111/anec.12447).
    """

    af_window: int = 8  #: intervals that are compared with each other
    af_tolerance_s: float = 0.030  #: two intervals that differ by less are alike
    af_threshold: float = 0.725  #: irregularity against the mean interval, 1/s
    af_bigeminy: float = 2e-4  #: regular alternation leaves less than this between the medians and the means
    af_smooth: int = 31  #: intervals that the decision is averaged over: about half a minute
    af_bridge_s: float = 30.0  #: two episodes so near are one
    af_least_s: float = 30.0  #: a shorter one is none
    p_share: float = 0.6  #: where so many of its ordinary beats have a P wave
    p_spread_s: float = 0.020  #: at so even a distance from QRS (median absolute deviation) it is none either
    pause_s: tuple[float, float] = (2.0, 3.0)  #: the lesser and the greater pause
    run_beats: int = 3
    run_bpm: float = 100.0
    geminy_least: int = 3  #: so many ectopic beats at an even place make a bigeminy or trigeminy
    slow_bpm: float = 50.0  #: of an adult, day and night (ACC/AHA/HRS 2018, doi:10.1161/CIR.0000000000000628)
    rate_intervals: int = 8  #: a rate is that of so many intervals
    rate_least_s: float = 30.0  #: a slow or fast rate that lasts less is no episode
    rate_bridge_s: float = 10.0  #: two episodes so near are one
    noise_share: float = 0.2  #: an interval of which more is noise in every lead is no pause


EPISODES: Final = EpisodeParameters()
P_TRAIN: Final = PTrainParameters()
QRS: Final = QrsParameters()
CLEANING: Final = CleaningParameters()
QUALITY: Final = QualityParameters()
SCORES: Final = ScoreParameters()
VENTRICULAR: Final = VentricularParameters()
WAVES: Final = WaveParameters()
