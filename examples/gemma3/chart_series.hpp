// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <optional>
#include <vector>

namespace program {

struct point {
    double x = 0, y = 0;

    bool operator==(point const&) const = default;
};

/// A value that a chart can place: none where it is not finite or beyond 1e100; below 1e-100 it is 0. So sums,
/// differences and quotients of what is drawn neither overflow nor vanish.
inline std::optional<double> drawable(double value) {
    double const magnitude = std::abs(value);
    if (!(magnitude <= 1e100)) {
        return std::nullopt;
    }
    return magnitude < 1e-100 ? 0.0 : value;
}

/// At most `most` (2 or more) of the points, in their order: of each of most / 2 runs of equal length the lowest and
/// the highest, so that no peak is lost.
inline std::vector<point> thinned(std::vector<point> const& points, std::size_t most) {
    if (points.size() <= most) {
        return points;
    }
    std::vector<point> kept;
    std::size_t const runs = most / 2;
    for (std::size_t run = 0; run < runs; ++run) {
        auto const at = [&](std::size_t i) { return points.begin() + static_cast<std::ptrdiff_t>(i); };
        auto const [low, high] =
            std::minmax_element(at(run * points.size() / runs), at((run + 1) * points.size() / runs),
                                [](point a, point b) { return a.y < b.y; });
        kept.push_back(*std::min(low, high));
        if (low != high) {
            kept.push_back(*std::max(low, high));
        }
    }
    return kept;
}

/// The mean of the `width` points around every point, of fewer at the ends, for `most` (2 or more) of the points or
/// all; the first and the last are among them.
inline std::vector<point> moving_average(std::vector<point> const& points, std::size_t width, std::size_t most) {
    std::vector<point> means;
    std::size_t const count = std::min(points.size(), most);
    for (std::size_t i = 0; i < count; ++i) {
        std::size_t const centre = count == 1 ? 0 : i * (points.size() - 1) / (count - 1);
        std::size_t const begin = centre - std::min(centre, width / 2);
        std::size_t const end = std::min(points.size(), centre + (width - width / 2));
        double sum = 0;
        for (std::size_t k = begin; k < end; ++k) {
            sum += points[k].y;
        }
        means.push_back({points[centre].x, sum / static_cast<double>(end - begin)});
    }
    return means;
}

}  // namespace program
