// SPDX-License-Identifier: Apache-2.0
#include "report.hpp"
#include "report_style.hpp"
#include "svg_chart.hpp"
#include "training_summary.hpp"

#include <cmath>
#include <numeric>

namespace program {

namespace {

/// Curves are thinned to this many points: more than a wide window has to show them.
constexpr std::size_t curve_points = 600;
constexpr std::size_t small_curve_points = 300;
constexpr std::size_t histograms_shown = 24;  ///< the others are folded away

/// All digits of a whole number, as far as a double has them.
std::string whole_text(double count) { return std::abs(count) < 1e15 ? grouped(fixed(count, 0)) : number_text(count); }
std::string whole_text(std::uint64_t count) { return grouped(std::to_string(count)); }

std::string percent_text(double share) {
    return std::abs(share) < 100 ? fixed(100 * share, 1) + " %" : number_text(100 * share);
}

/// Of a column: equal decimals for values of like size.
std::string perplexity_text(double value) {
    return std::abs(value) < 1e7 ? grouped(fixed(value, value < 100 ? 2 : value < 1000 ? 1 : 0)) : number_text(value);
}

std::string divergence_text(double nats) {
    return std::abs(nats) >= 1e-3 && std::abs(nats) < 1e4 ? fixed(nats, 4) : number_text(nats, 2);
}

std::string size_text(double bytes) {
    return bytes >= 0 && bytes < 1e18 ? bytes_text(static_cast<std::uint64_t>(bytes)) : number_text(bytes);
}

std::string fact(std::string const& name, std::string const& value, std::string const& note = {}) {
    return "<div><dt>" + name + "</dt><dd><b>" + value + "</b>" + (note.empty() ? "" : "<small>" + note + "</small>") +
           "</dd></div>\n";
}

std::string facts_of(training_summary const& run) {
    std::string facts = fact("Steps", whole_text(run.last_step),
                             run.skipped != 0 ? whole_text(run.skipped) + " skipped: loss or gradient not finite" : "");
    facts += fact("Training loss", number_text(run.loss),
                  run.width > 1 ? "mean of the last " + whole_text(run.width) + " steps" : "of the last step");
    if (std::isfinite(run.held_out.perplexity)) {
        facts += fact("Held-out perplexity", number_text(run.held_out.perplexity),
                      "least: " + number_text(run.least_held_out.perplexity) + " at step " +
                          whole_text(run.least_held_out.step));
    }
    if (std::isfinite(run.tokens)) {
        facts += fact("Tokens", whole_text(run.tokens));
    }
    if (std::isfinite(run.seconds)) {
        double const speed = run.tokens / run.seconds;
        facts += fact("Time", duration_text(run.seconds), std::isfinite(speed) ? whole_text(speed) + " tokens/s" : "");
    }
    return "<dl class=\"facts\">\n" + facts + "</dl>\n";
}

/// What a curve shows, for who does not see it.
std::string description_of(std::vector<point> const& points) {
    auto const [low, high] =
        std::minmax_element(points.begin(), points.end(), [](point a, point b) { return a.y < b.y; });
    auto const at = [](point p) { return number_text(p.y) + " at step " + whole_text(p.x); };
    return "From " + at(points.front()) + " to " + at(points.back()) + "; lowest " + at(*low) + ", highest " +
           at(*high) + ".";
}

std::string charts_of(step_records const& records, training_summary const& run) {
    step_chart const frame{.first_step = std::max(0.0, static_cast<double>(records.steps.front().step) - 1),
                           .last_step = static_cast<double>(run.last_step)};
    std::string page;
    if (run.losses.empty()) {
        page += "<p>No step has a finite loss. Take a lower learning rate, or a longer warm-up.</p>\n";
    } else {
        step_chart loss = frame;
        loss.id = "loss";
        loss.title = "Training loss";
        loss.unit = "by step, nats a token";
        loss.description = description_of(run.losses);
        if (run.width > 1) {
            loss.lines = {
                {"step", "each step", thinned(run.losses, curve_points)},
                {"mean", "mean of " + whole_text(run.width), moving_average(run.losses, run.width, curve_points / 2)}};
        } else {
            loss.lines = {{"mean", "", run.losses}};
        }
        loss.marks = run.skips;
        loss.marks_key = "skipped";
        page += figure_of(loss);
    }
    std::string smalls;
    auto const add = [&](char const* id, char const* title, char const* unit, char const* style, bool linear,
                         std::vector<point> const& points) {
        if (!points.empty()) {
            step_chart chart = frame;
            chart.id = id;
            chart.title = title;
            chart.unit = unit;
            chart.description = description_of(points);
            chart.lines = {{style, "", thinned(points, small_curve_points)}};
            chart.small = true;
            chart.always_linear = linear;
            chart.last_step = std::max(chart.last_step, points.back().x);
            smalls += figure_of(chart);
        }
    };
    auto const held_out = points_of(records.held_out, &held_out_record::perplexity);
    add("held-out", "Perplexity", "on held-out text", held_out.size() <= 50 ? "dotted" : "only", false, held_out);
    add("norm", "Gradient norm", "before clipping", "only", false, points_of(records.steps, &step_record::norm));
    add("rate", "Learning rate", "", "only", true, points_of(records.steps, &step_record::rate));
    return "<section aria-label=\"Curves\">\n" + page +
           (smalls.empty() ? "" : "<div class=\"smalls\">\n" + smalls + "</div>\n") + "</section>\n";
}

std::string table_of(std::vector<comparison_row> const& rows) {
    std::string body;
    for (auto const& row : rows) {
        body += "<tr><th scope=\"row\">" + escaped(row.recipe) + "</th>";
        auto const cell = [&](double value, auto const& text) {
            body += "<td>" + (std::isfinite(value) ? text(value) : std::string("–")) + "</td>";
        };
        cell(row.exact, perplexity_text);
        cell(row.rounded, perplexity_text);
        cell(row.gptq, perplexity_text);
        cell(row.qat, perplexity_text);
        cell(row.recovered, percent_text);
        cell(row.kl, divergence_text);
        cell(row.top1, percent_text);
        cell(row.bytes, size_text);
        cell(row.tokens_per_second, [](double v) { return number_text(v, 4); });
        body += "</tr>\n";
    }
    std::string head;
    for (char const* const name :
         {"Recipe", "Float", "Rounded", "GPTQ", "QAT", "Recovered", "KL", "Top-1", "Size", "Tokens/s"}) {
        head += "<th scope=\"col\">" + std::string(name) + "</th>";
    }
    return "<section aria-labelledby=\"table\">\n<h2 id=\"table\">What quantization costs</h2>\n"
           "<p class=\"note\">Perplexity on held-out text of the float model, of its weights rounded, quantized by "
           "GPTQ, and after quantization-aware training (QAT). Recovered: (rounded − QAT) / (rounded − float). KL, in "
           "nats a token, and agreement on the most probable token (top-1) are those of QAT with the float model.</p>\n"
           "<div class=\"scroll\" role=\"region\" aria-labelledby=\"table\" tabindex=\"0\">\n"
           "<table class=\"wide\" aria-labelledby=\"table\">\n"
           "<thead><tr>" +
           head + "</tr></thead>\n<tbody>\n" + body + "</tbody>\n</table>\n</div>\n</section>\n";
}

/// Σ −p log₂ p: the bits that a code carries.
double entropy_of(std::vector<double> const& counts) {
    double const total = std::accumulate(counts.begin(), counts.end(), 0.0);
    double bits = 0;
    for (double const count : counts) {
        if (count > 0) {
            bits -= count / total * std::log2(count / total);
        }
    }
    return std::max(0.0, bits);
}

std::string codes_of(std::vector<code_counts> const& codes) {
    std::string shown, folded;
    for (std::size_t i = 0; i < codes.size(); ++i) {
        auto const& one = codes[i];
        double const entropy = entropy_of(one.counts);
        double const capacity = std::log2(static_cast<double>(one.counts.size()));
        auto const highest = std::max_element(one.counts.begin(), one.counts.end()) - one.counts.begin();
        std::string const description = std::to_string(one.counts.size()) + " codes carry " + fixed(entropy, 2) +
                                        " bits; code " + std::to_string(highest) + " of 0 to " +
                                        std::to_string(one.counts.size() - 1) + " is the most frequent.";
        std::string const figure =
            "<figure>\n" +
            histogram_svg("codes-" + std::to_string(i + 1), "Codes of " + one.tensor, description, one.counts) +
            "<figcaption><strong>" + escaped(one.tensor) + "</strong>" + escaped(one.scheme) + ", " +
            fixed(entropy, 2) + " of " + number_text(capacity, 3) + " bits</figcaption>\n</figure>\n";
        (i < histograms_shown ? shown : folded) += figure;
    }
    std::string page = "<section aria-labelledby=\"codes\">\n<h2 id=\"codes\">How often each code is taken</h2>\n"
                       "<p class=\"note\">Lowest code left, highest right; the highest bar fills the box. The number "
                       "is the entropy of the codes.</p>\n<div class=\"codes\">\n" +
                       shown + "</div>\n";
    if (!folded.empty()) {
        page += "<details><summary>" + whole_text(codes.size() - histograms_shown) +
                " more</summary>\n<div class=\"codes\">\n" + folded + "</div></details>\n";
    }
    return page + "</section>\n";
}

/// A value as text: what is in lists with commas between, deeper things as JSON.
std::string value_text(json const& value) {
    if (value.is_string()) {
        return value.get<std::string>();
    }
    if (value.is_null()) {
        return "–";
    }
    if (!value.is_array()) {
        return value.dump();
    }
    std::string list;
    for (auto const& one : value) {
        list += (list.empty() ? "" : ", ") + (one.is_string() ? one.get<std::string>() : one.dump());
    }
    return list;
}

/// The rows of an object, those of objects in it under "outer, inner".
std::string rows_of(json const& object, std::string const& outer = {}) {
    std::string rows;
    for (auto const& [key, value] : object.items()) {
        std::string name = key;
        std::replace(name.begin(), name.end(), '_', ' ');
        name = outer.empty() ? name : outer + ", " + name;
        if (value.is_object()) {
            rows += rows_of(value, name);
        } else {
            bool const counted = key == "parameters" && value.is_number_unsigned();
            rows += "<tr><th scope=\"row\">" + escaped(name) + "</th><td>" +
                    escaped(counted ? grouped(value.dump()) : value_text(value)) + "</td></tr>\n";
        }
    }
    return rows;
}

std::string run_of(json const& run) {
    return "<section aria-labelledby=\"run\">\n<h2 id=\"run\">The run</h2>\n<table class=\"run wide\" "
           "aria-labelledby=\"run\">\n<tbody>\n" +
           rows_of(run) + "</tbody>\n</table>\n</section>\n";
}

}  // namespace

std::string report_page(training_record const& record) {
    training_summary const summary(record.metrics);
    auto const recipe = record.run.find("recipe");
    bool const has_recipe = recipe != record.run.end() && recipe->is_string();
    std::string const name =
        escaped(record.name) + (has_recipe ? ", recipe " + escaped(recipe->get<std::string>()) : "");
    std::string page = "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n"
                       "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n"
                       "<meta name=\"color-scheme\" content=\"light dark\"/>\n<title>Training of " +
                       name + "</title>\n<style>";
    page += report_style;
    page += "</style>\n</head>\n<body>\n<main>\n<h1>Training report</h1>\n<p class=\"quiet\">" + name + "</p>\n";
    page += facts_of(summary);
    page += charts_of(record.metrics, summary);
    if (!record.table.empty()) {
        page += table_of(record.table);
    }
    if (!record.codes.empty()) {
        page += codes_of(record.codes);
    }
    if (!record.run.empty()) {
        page += run_of(record.run);
    }
    return page + "</main>\n</body>\n</html>\n";
}

}  // namespace program
