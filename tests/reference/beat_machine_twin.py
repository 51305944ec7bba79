"""Slow, obvious twin of the machine that finds beats in one lead without gaps: whole lines first, then each block."""

from __future__ import annotations

import numpy as np

from tests.reference.kernel_twins import locate_r


def bend_energy(x, thin, taps, width):
    """Return the mean squared bend of the thinned signal, which begins at 0 and stands still outside."""
    y = x[: len(x) // thin * thin].reshape(-1, thin).mean(axis=1)
    y = y - y[0]
    reach, half = len(taps), width // 2
    y = np.concatenate([np.zeros(reach + half), y, np.full(reach + half, y[-1])])
    kernel = np.concatenate([taps[::-1], [-2 * taps.sum()], taps])
    bend = np.convolve(y, kernel, mode="valid")
    return np.convolve(bend**2, np.full(width, 1 / width), mode="valid")


def sharp_energy(x, thin, by, smooth, width, n):
    """Return the mean square of `n` samples, smoothed, less the middle of those `by` before and behind, twice over."""
    box = np.ones(2 * smooth + 1)
    line = np.convolve(x, box)[smooth : smooth + len(x)] / np.convolve(np.ones(len(x)), box)[smooth : smooth + len(x)]
    square = np.zeros((n + width) * thin)
    bends = line
    for _ in range(2):
        bends = bends[by:-by] - (bends[: -2 * by] + bends[2 * by :]) / 2
    inner = np.arange(2 * by, len(x) - 2 * by)[: len(square) - 2 * by]
    square[inner] = bends[: len(inner)] ** 2
    thinned = np.pad(square.reshape(-1, thin).mean(axis=1), width // 2)
    return np.convolve(thinned, np.full(width, 1 / width), mode="valid")[:n]


def usual_and_spread(values):
    usual = np.median(values)
    return usual, 1.4826 * np.median(np.abs(np.array(values) / usual - 1))


class Ways:
    """Ways to choose beats among candidates: each a list of candidates, of which some are ectopic, and its log odds."""

    def __init__(self, rules, usual, spread, stray, share, root, pace):
        self.rules, self.usual, self.spread, self.stray = rules, usual, spread, stray
        self.top = rules.top_odds - rules.noise_odds * share
        self.root, self.pace = root, pace
        self.even = np.log(
            2 / (spread * np.sqrt(2 * np.pi))
        )  # a normal density over that of anything between 1/e and e

    def off(self, ratio, whole):
        return -(((max(ratio, whole) / min(ratio, whole) - 1) / self.spread) ** 2) / 2

    def of_interval(self, ratio):
        unlikely = self.rules.unlikely
        fit = max(self.off(ratio, k) + (k - 1) * unlikely for k in range(1, int(ratio) + 2))
        return max(self.even + fit, unlikely * (1 + max(0, np.floor(ratio - 0.5))))

    def around_ectopic(self, ratio):
        k = max(1, int(ratio + 0.5))
        extra = (k - 2) * self.rules.unlikely if k > 1 else self.rules.odd
        return max(self.even + self.off(ratio, k), self.rules.unlikely) + extra

    def of_height(self, ratio):
        away = np.log(ratio)
        beyond = max(0, abs(away) - self.stray)
        score = self.top - self.rules.height_odds * beyond
        return max(score, min(self.top, 0)) if away > 0 else score

    def to_come(self, gone):
        beat = self.even + max(0, self.top)
        if gone <= 1:
            return beat * max(gone, 0)
        k = int(gone)
        return max(
            k * self.rules.unlikely + beat * (gone - k), (k - 1) * self.rules.unlikely + beat + self.off(gone, k)
        )

    def are_one(self, first, second):
        r, (_, at_first, low, _), (_, at_second, high, _) = self.rules, first, second
        gone = at_second - at_first
        p_wave, t_wave = low < r.p_share * high, high < r.t_share * low
        return gone < r.refractory or (gone < r.p_window and p_wave) or (gone < r.t_window and t_wave)

    def best(self, candidates, end):
        """The candidates of the best way."""
        root = (None, self.root, 0.0, 0.0)
        within, outside = [], []  # the best way to each candidate, as a beat of the rhythm or an ectopic one
        for now in candidates:
            time = now[1]
            ways = [(self.of_interval((time - self.root) / self.usual), [])]
            if self.pace > 0:
                ways.append((self.of_interval((time - self.root) / self.pace) + self.rules.odd, []))
            early = [(self.rules.odd if time - self.root < self.usual else -1e9, [])]
            for before, (inside, path), (beside, other) in list(zip(candidates, within, outside, strict=False))[::-1]:
                gone = time - before[1]
                if self.are_one(before, now):
                    continue
                ways.append((inside + self.of_interval(gone / self.usual), path))
                last = (path[-2] if len(path) > 1 else root)[1]
                ways.append((inside + self.rules.odd + self.of_interval(gone / (before[1] - last)), path))
                base = (other[-2] if len(other) > 1 else root)[1]
                ways.append((beside + self.around_ectopic((time - base) / self.usual), other))
                if gone < self.usual:
                    early.append((inside + self.rules.odd, path))
            height = self.of_height(now[3])
            for kind, found in ((within, ways), (outside, early)):
                score, path = max(found, key=lambda way: way[0])
                kind.append((score + height, [*path, now]))
        ends = [(self.to_come((end - self.root) / self.usual), [])]
        for (inside, path), (beside, other) in zip(within, outside, strict=True):
            ends.append((inside + self.to_come((end - path[-1][1]) / self.usual), path))
            base = (other[-2] if len(other) > 1 else root)[1]
            ends.append((beside + self.to_come((end - base) / self.usual - 1), other))
        return [i for i, *_ in max(ends, key=lambda way: way[0])[1]]


class Choice:
    """The beats of one lead, decided block by block.

    `plain` is the energy, `sharp` the sharper one; `energy` is what beats are sought in: in noise the lower of the two.
    """

    def __init__(self, plain, sharp, steepness, rules):
        self.plain, self.sharp, self.energy = plain, sharp, plain.copy()
        self.steepness, self.rules = steepness, rules
        self.at, self.height, self.level, self.noise = [], [], [], []
        self.beats, self.tentative, self.decided, self.given = [], None, 0, []
        self.emitted, self.together = 0, False
        self.hollows, self.sharp_hollows, self.ratios, self.noted = [], [], [], 0

    def is_top(self, i):
        at, height, reach = self.at, self.height, self.rules.top
        return all(height[j] < height[i] for j in range(i) if at[i] - at[j] <= reach) and all(
            height[j] <= height[i] for j in range(i + 1, len(at)) if at[j] - at[i] <= reach
        )

    def first_share(self, end):
        """How noisy the first seconds are by themselves; if they are, how sharp their beats."""
        second = 4 * int(self.rules.block)
        if end < 2 * second or not self.hollows:
            return 0.0
        of = [
            np.median([line[k * second : (k + 1) * second].max() for k in range(end // second)])
            for line in (self.plain, self.sharp)
        ]
        share = float(np.mean(self.hollows[-16:])) / np.sqrt(of[0])
        if share > self.rules.noisy:
            self.ratios = [of[1] / of[0]]
        return share

    def hold_to_sharp(self, begin, end, share):
        """Lower the energy to what the sharper one makes of it, unless that stands too high between beats."""
        r, piece = self.rules, int(self.rules.block)
        for t, _, _ in self.beats[: self.emitted]:
            if t > self.noted and t >= begin - r.back_reach:
                self.ratios.append(self.sharp[t] / self.plain[t])
                self.noted = t
        if not self.ratios:
            return
        usual = min(np.median(self.ratios[-64:]), r.sharp_most)
        beat = np.mean(self.hollows[-16:]) / share * np.sqrt(usual)
        for k in range(begin, end, piece):
            if k + piece <= end:
                self.sharp_hollows.append(float(np.sqrt(self.sharp[k : k + piece : 4].min())))
            if self.sharp_hollows and np.mean(self.sharp_hollows[-16:]) / beat > r.sharp_quiet * share:
                continue
            to = slice(k, min(k + piece, end))
            held = self.sharp[to] / usual * max(1, r.sharp_noise / share) ** 2
            self.energy[to] = np.minimum(self.plain[to], held)

    def usual_rr(self):
        rr = [rr for _, _, rr in self.beats if rr > 0][-10:]
        return float(np.median(rr)) if rr else 0.0

    def add(self, i):
        rr = self.at[i] - self.beats[-1][0] if self.beats else 0.0
        self.beats.append((self.at[i], self.height[i], rr))

    def search_back(self, i):
        r, at, height = self.rules, self.at, self.height
        usual = self.usual_rr()
        if usual == 0.0:
            return
        for _ in range(8):
            left, left_height, _ = self.beats[-1]
            right, chosen = at[i], None
            for _ in range(8):
                if right - left <= r.late * usual:
                    break
                fit = [
                    j
                    for j in range(i)
                    if at[j] > max(left, at[i] - r.back_reach)
                    and right - at[j] >= r.margin
                    and at[j] - left >= r.margin
                    and not (at[j] - left < r.t_window and height[j] < r.t_share * left_height)
                    and np.sqrt(self.plain[at[j]]) >= r.back_share * self.level[j] + r.noise_share * self.noise[j]
                ]
                if not fit:
                    break
                chosen = max(fit, key=lambda j: (height[j], j))
                right = at[chosen]
            if chosen is None:
                return
            self.add(chosen)

    def confirm(self):
        i, self.tentative = self.tentative, None
        if self.beats:
            self.search_back(i)
        self.add(i)

    def passes(self, i, judged):
        """Whether a candidate is above the threshold; the first time its level and the noise are noted."""
        r, at, height = self.rules, self.at, self.height
        before = self.noise[i - 1] if i else 0.0
        new = i == len(self.level)
        if new:
            until = max(at[i] - r.top, r.begin)
            tops = [height[j] for j in range(judged) if self.is_top(j) and at[i] - r.span <= at[j] <= until]
            self.level.append(float(np.median(tops)) if tops else height[i])
            self.noise.append(before)
        above = height[i] >= r.threshold * self.level[i] + r.noise_share * before
        if new and not above:
            self.noise[i] = before + r.noise_pace * (min(height[i], self.level[i]) - before)
        return above

    def rhythm(self):
        """The usual RR, its spread and that of the heights; None where there is no even rhythm."""
        r = self.rules
        rr = [rr for _, _, rr in self.beats if rr > 0][-20:]
        if len(self.beats) < 6 or len(rr) < 5 or max(x for _, _, x in self.beats[-2:]) < r.slope_window:
            return None
        usual, spread = usual_and_spread(rr)
        if spread > r.most_spread:
            return None
        heights = [h for _, h, _ in self.beats[-20:]]
        stray = usual_and_spread(heights)[1]
        return usual, max(spread, r.least_spread), stray if stray <= 1 else 1.0

    def decide_together(self, share, judged, seek, final):
        """Choose what is behind the last beat together; whether that is done."""
        r, at = self.rules, self.at
        rhythm = self.rhythm()
        if rhythm is None:
            if self.together and self.beats:
                self.decided = sum(t <= self.beats[-1][0] for t in at[: self.decided])
            self.together = False
            return False
        for i in range(self.decided, len(at)):
            self.passes(i, judged)
        ends = final or share <= r.strong
        until = seek if final else seek - (max(r.p_window, r.refractory) if ends else r.together)
        root, _, pace = self.beats[-1]
        near = [i for i in range(len(at)) if at[i] >= root + r.refractory][-32:]
        candidates = [(i, at[i], self.height[i], self.height[i] / self.level[i]) for i in near]
        ways = Ways(r, *rhythm, share, root, pace)
        for i in ways.best(candidates, seek):
            if at[i] <= until:
                self.add(i)
        self.tentative, self.together = None, not ends
        self.decided = sum(t <= until for t in at) if ends else len(at)
        return True

    def decide(self, i, judged):
        r, at, height = self.rules, self.at, self.height
        above = self.passes(i, judged)
        last = self.tentative
        if last is not None and at[i] - at[last] >= max(r.p_window, r.refractory):
            self.confirm()
        if not above:
            return
        if last is None and self.beats:
            since, last_height = at[i] - self.beats[-1][0], self.beats[-1][1]
        elif last is not None:
            since, last_height = at[i] - at[last], height[last]
            if since < r.refractory or (since < r.p_window and last_height < r.p_share * height[i]):
                if height[i] > last_height:
                    self.tentative = i
                return
        else:
            since, last_height = np.inf, 0.0
        if since < r.t_window and height[i] < r.t_share * last_height:
            return
        if self.tentative is not None:
            self.confirm()
        self.tentative = i

    def noise_share(self):
        """How high the energy stays in the last 16 pieces, on average, as a share of the level."""
        if not self.hollows or not self.decided:
            return 0.0
        return float(np.mean(self.hollows[-16:])) / self.level[self.decided - 1]

    def may_be_noise(self, q, end):
        r = self.rules
        _, height, rr = self.beats[q]
        if q == 0 or rr == 0 or height >= r.noisy_share * self.beats[q - 1][1]:
            return False
        return rr + end - self.beats[q][0] - r.p_window < r.usual_share * self.usual_rr()

    def is_t_wave(self, q):
        """Pan and Tompkins: soon after a beat, and by far less steep; here also than the steeper of two more."""
        if q < 1 or not 0 < self.beats[q][2] < self.rules.slope_window:
            return False
        steep, last, *earlier = (self.steepness(t) for t, _, _ in self.beats[q::-1][:4])
        near = [0 < rr < self.rules.split for _, _, rr in self.beats[q - 1 :: -1][:2]]
        earlier = earlier[: 0 if not near[0] else 1 if not all(near) else 2]
        return steep < self.rules.slope_share * min([last, max(earlier)] if earlier else [last])

    def is_slow(self, q):
        """A low beat hardly steep against both beside it."""
        r, beats = self.rules, self.beats
        if q < 1 or q > len(beats) - 2 or not all(0 < beats[k][2] < r.split for k in (q, q + 1)):
            return False
        steep = [self.steepness(beats[k][0]) for k in (q - 1, q, q + 1)]
        low = beats[q][1] < r.low_share * min(beats[q - 1][1], beats[q + 1][1])
        return low and steep[1] < r.slow_share * min(steep[0], steep[2])

    def splits(self, q, noisy):
        r, beats = self.rules, self.beats
        if q < 1 or q > len(beats) - 2 or beats[q][2] == 0 or beats[q + 1][2] == 0:
            return False
        beside = min(beats[q - 1][1], beats[q + 1][1])
        low = beats[q][1] < r.low_share * beside
        if not low and not (noisy and beats[q][1] < r.noisy_share * beside):
            return False
        first = max(0, q - 12)
        around = beats[first : q + 6]
        height = np.median([h for _, h, _ in around])
        tall = r.low_share * height
        rr = np.diff([t for k, (t, h, _) in enumerate(around, first) if k != q and h >= tall])
        if len(rr) < 2:
            return False
        usual = np.median(rr)
        even = np.mean(np.abs(rr - usual) <= (r.usual_share - 1) * usual) >= 2 / 3
        return beats[q + 1][0] - beats[q - 1][0] <= r.usual_share * usual and (
            low or (even and beats[q][1] < r.noisy_share * height)
        )

    def give_out(self, end, final, noisy):
        r, beats = self.rules, self.beats
        while self.emitted < len(beats):
            q = self.emitted
            low = q > 0 and beats[q][1] < r.low_share * beats[q - 1][1]
            if self.is_t_wave(q) or self.is_slow(q) or self.splits(q, noisy):
                if q + 1 < len(beats):
                    beats[q + 1] = (*beats[q + 1][:2], beats[q][2] + beats[q + 1][2])
                del beats[q]
                continue
            waits = q == len(beats) - 1 and not final and end - beats[q][0] < r.hold
            if waits and (q == 0 or low or (noisy and self.may_be_noise(q, end))):
                return
            self.emitted += 1
            if len(beats) >= 4:
                rr = 0.0
                if q == len(beats) - 1 and final and low:
                    rr = beats[q][2]
                elif q == 0 and beats[0][1] < r.low_share * beats[1][1]:
                    rr = beats[1][2]
                if 0 < rr < r.soon_share * self.usual_rr():
                    continue
            self.given.append(beats[q][0])

    def block(self, begin, end, final):
        r, piece = self.rules, int(self.rules.block)
        share = self.noise_share() if begin else 0.0
        if self.plain[begin:end].max() > 0:
            for k in range(begin, end - piece + 1, piece):
                self.hollows.append(float(np.sqrt(self.plain[k : k + piece : 4].min())))
            share = self.noise_share() if begin else self.first_share(end)
            if share > r.noisy:
                self.hold_to_sharp(begin, end, share)
        if share <= r.noisy:
            self.sharp_hollows = []
        known = end if final else end - int(r.apart)
        first = self.at[-1] + int(r.apart) + 1 if self.at else 0
        for t in range(max(first, begin - int(r.apart)), known):
            around = self.energy[max(0, t - int(r.apart)) : min(end, t + int(r.apart) + 1)]
            if self.energy[t] > 0 and np.argmax(around) == t - max(0, t - int(r.apart)):
                self.at.append(t)
                self.height.append(float(np.sqrt(self.energy[t])))
        judged = sum(final or t + r.top < end - r.apart for t in self.at)
        seek = max([end - r.apart, *(t + r.apart + 1 for t in self.at)])
        strong = share > r.strong or self.together
        if not (strong and self.decide_together(share, judged, end if final else seek, final)):
            while self.decided < len(self.at):
                self.decide(self.decided, judged)
                self.decided += 1
            certain = seek - max(r.p_window, r.refractory)
            if self.tentative is not None and (final or self.at[self.tentative] <= certain):
                self.confirm()
        self.give_out(end, final, share > r.noisy)


def find_beats(x, rules, taps):
    """Return the R peaks of one lead without gaps."""
    thin, width = int(rules.thin), int(rules.width)
    energy = bend_energy(x, thin, taps, width)
    sharp = sharp_energy(x, thin, int(rules.sharp), int(rules.locate_smooth), width, len(energy))

    def centre(t):
        return min(int(t) * int(rules.thin) + int(rules.thin) // 2, len(x) - 1)

    def steepness(t):
        part = x[max(0, centre(t) - int(rules.locate)) : centre(t) + int(rules.locate) + 1]
        by = int(rules.slope)
        return np.abs(part[by:] - part[:-by]).max(initial=0.0)

    choice = Choice(energy, sharp, steepness, rules)
    delay = len(taps) + width // 2
    raw, end = 0, 0
    while True:
        left = len(energy) - raw
        n = int(rules.begin) + delay if raw == 0 else int(rules.block)
        final = left <= n
        begin, end = end, len(energy) if final else end + n - (delay if raw == 0 else 0)
        raw += n
        choice.block(begin, end, final)
        if final:
            break
    centres = [centre(t) for t in choice.given]
    args = (int(rules.locate), int(rules.locate_smooth), int(rules.level))
    found, swing = locate_r(x[np.newaxis], np.ones(1), np.array(centres, int), *args)
    r_peaks, usual = [], 0.0
    for r, height in zip(found.tolist(), swing, strict=True):
        usual += (height - usual) * (0.1 if usual > 0 else 1.0)
        floor = rules.floor * (1.5 if usual >= 5 * rules.floor else 1.0)
        if height >= floor and (not r_peaks or r - r_peaks[-1] >= rules.twice):
            r_peaks.append(r)
    return r_peaks
