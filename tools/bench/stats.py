# SPDX-License-Identifier: GPL-2.0-only
"""The little statistics the benchmark needs: paired differences with an interval that one disturbed slice cannot move."""
import math


def median(values):
    v = sorted(values)
    n = len(v)
    return (v[n // 2] + v[(n - 1) // 2]) / 2


def paired_interval(diffs, z=1.959964):
    """Hodges-Lehmann estimate of the differences' centre and its 95 % interval (Wilcoxon signed rank, normal approximation, right for
    some 20 pairs or more): (centre, low, high)."""
    n = len(diffs)
    walsh = sorted((diffs[i] + diffs[j]) / 2 for i in range(n) for j in range(i, n))
    m = len(walsh)
    k = int(math.floor(n * (n + 1) / 4 - z * math.sqrt(n * (n + 1) * (2 * n + 1) / 24)))
    k = max(k, 0)
    return median(walsh), walsh[k], walsh[m - 1 - k]
