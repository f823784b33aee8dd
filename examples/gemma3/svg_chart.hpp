// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "chart_axis.hpp"
#include "chart_series.hpp"
#include "page_text.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace program {

/// One curve: `style` is the class of its path; `key` says in the caption what it is, where that is not plain.
struct chart_line {
    std::string style;
    std::string key;
    std::vector<point> points;  ///< drawable, x not falling
};

/// A figure of curves over the steps of a run. Texts are escaped here.
struct step_chart {
    std::string id{};  ///< a name of the page's own
    std::string title{}, unit{}, description{};
    std::vector<chart_line> lines{};
    std::vector<double> marks{};  ///< steps to mark below the curves
    std::string marks_key{};
    double first_step = 0, last_step = 0;
    bool small = false;
    bool always_linear = false;  ///< else values that span more than a factor of 50 are drawn by their logarithms
};

namespace detail {

// The box that curves are drawn in; the page stretches it to the width there is, and strokes and texts keep their size.
inline constexpr double chart_width = 1000;
inline constexpr double chart_height = 400;

inline std::string chart_path(std::vector<point> const& points, chart_axis const& x, chart_axis const& y) {
    std::string path;
    for (auto const& p : points) {
        path += (path.empty() ? "M" : " ") + fixed(x.place(p.x) * chart_width, 1) + " " +
                fixed((1 - y.place(p.y)) * chart_height, 1);
    }
    return path;
}

/// A dot a point: a line without length, whose round ends keep their shape when the box is stretched.
inline std::string chart_dots(std::vector<point> const& points, chart_axis const& x, chart_axis const& y) {
    std::string path;
    for (auto const& p : points) {
        path += chart_path({p}, x, y) + "h0";
    }
    return path;
}

inline std::string path_element(std::string const& style, std::string const& path) {
    return path.empty() ? "" : "<path class=\"" + style + "\" d=\"" + path + "\"/>\n";
}

inline std::string key_text(std::string const& style, std::string const& key) {
    return key.empty() ? "" : " <span class=\"key " + style + "\">" + escaped(key) + "</span>";
}

inline std::string svg_begin(std::string const& id, double width, double height, std::string const& title,
                             std::string const& description) {
    return "<svg viewBox=\"0 0 " + fixed(width, 0) + " " + fixed(height, 0) +
           "\" preserveAspectRatio=\"none\" role=\"img\" aria-labelledby=\"" + id + "-title " + id +
           "-text\">\n<title id=\"" + id + "-title\">" + escaped(title) + "</title><desc id=\"" + id + "-text\">" +
           escaped(description) + "</desc>\n";
}

}  // namespace detail

inline std::string figure_of(step_chart const& chart) {
    std::vector<double> values;
    for (auto const& line : chart.lines) {
        for (auto const& p : line.points) {
            values.push_back(p.y);
        }
    }
    double const low = values.empty() ? 0 : *std::min_element(values.begin(), values.end());
    double const high = values.empty() ? 0 : *std::max_element(values.begin(), values.end());
    bool const by_logarithm = !chart.always_linear && low > 0 && high / 50 > low;
    int const about = chart.small ? 3 : 5;
    auto const y =
        by_logarithm ? chart_axis::logarithmic(low, high, about) : chart_axis::linear(low, high, about, true);
    auto const x = chart_axis::linear(chart.first_step, chart.last_step, about, false);

    std::string caption = "<strong>" + escaped(chart.title) + "</strong> " + escaped(chart.unit) +
                          (by_logarithm ? ", logarithmic scale" : "");
    std::string curves, rows, columns, grid;
    for (auto const& line : chart.lines) {
        curves += detail::path_element(line.style, detail::chart_path(line.points, x, y));
        if (line.points.size() == 1 || line.style == "dotted") {
            curves += detail::path_element("dots", detail::chart_dots(line.points, x, y));
        }
        caption += detail::key_text(line.style, line.key);
    }
    std::string marks;
    for (double const step : chart.marks) {
        std::string const mark = "M" + fixed(x.place(step) * detail::chart_width, 0) + " 400v-20";
        if (!marks.ends_with(mark)) {  // one of those that fall together
            marks += mark;
        }
    }
    if (!marks.empty()) {
        curves += detail::path_element("mark", marks);
        caption += detail::key_text("mark", chart.marks_key);
    }
    for (auto const& tick : y.ticks()) {
        rows += "<span style=\"bottom:" + fixed(100 * tick.place, 2) + "%\">" + tick.text + "</span>";
        grid += "M0 " + fixed((1 - tick.place) * detail::chart_height, 1) + "h1000";
    }
    for (auto const& tick : x.ticks()) {
        columns += "<span style=\"left:" + fixed(100 * tick.place, 2) + "%\">" + tick.text + "</span>";
    }
    return "<figure class=\"chart" + std::string(chart.small ? " small" : "") + "\">\n<figcaption>" + caption +
           "</figcaption>\n<div class=\"plot\">\n<div class=\"rows\" aria-hidden=\"true\">" + rows + "</div>\n" +
           detail::svg_begin(chart.id, detail::chart_width, detail::chart_height, chart.title, chart.description) +
           detail::path_element("grid", grid) + curves + "</svg>\n<div class=\"columns\" aria-hidden=\"true\">" +
           columns + "</div>\n</div>\n</figure>\n";
}

/// Bars of counts, the highest as high as the box; at most 256, each then the sum of neighbours.
inline std::string histogram_svg(std::string const& id, std::string const& title, std::string const& description,
                                 std::vector<double> const& counts) {
    std::size_t const merged = (counts.size() + 255) / 256;
    std::vector<double> bars((counts.size() + merged - 1) / merged);
    for (std::size_t i = 0; i < counts.size(); ++i) {
        bars[i / merged] += counts[i];
    }
    double const highest = std::max(1.0, *std::max_element(bars.begin(), bars.end()));
    double const width = 1000 / static_cast<double>(bars.size());
    double const drawn = bars.size() > 64 ? width : 0.86 * width;
    std::string path;
    for (std::size_t i = 0; i < bars.size(); ++i) {
        if (bars[i] > 0) {
            double const height = std::max(0.5, 100 * bars[i] / highest);  // never so low that it cannot be seen
            path += "M" + fixed(static_cast<double>(i) * width, 1) + " 100v-" + fixed(height, 1) + "h" +
                    fixed(drawn, 1) + "v" + fixed(height, 1) + "z";
        }
    }
    return detail::svg_begin(id, 1000, 100, title, description) + detail::path_element("bars", path) +
           "<path class=\"grid\" d=\"M0 100h1000\"/>\n</svg>\n";
}

}  // namespace program
