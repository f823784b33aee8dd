// SPDX-License-Identifier: Apache-2.0
#include "../report.hpp"
#include "../svg_chart.hpp"
#include "../training_summary.hpp"
#include "markup.hpp"

#include <nibble/numeric/error.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

#include <unistd.h>

using namespace program;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::MessageMatches;

namespace {

/// A folder that goes away with the test.
struct scratch_folder {
    std::filesystem::path path =
        std::filesystem::temp_directory_path() / ("nibble-report-" + std::to_string(::getpid()));

    scratch_folder() {
        std::filesystem::remove_all(path);
        std::filesystem::create_directories(path);
    }
    scratch_folder(scratch_folder const&) = delete;
    scratch_folder& operator=(scratch_folder const&) = delete;
    ~scratch_folder() { std::filesystem::remove_all(path); }

    void write(char const* name, std::string const& text) const {
        std::ofstream(path / name, std::ios::binary) << text;
    }
    std::string read(char const* name) const {
        std::ifstream file(path / name, std::ios::binary);
        return {std::istreambuf_iterator(file), {}};
    }
};

/// What f() prints.
template <class F>
std::string output_of(F const& f) {
    std::ostringstream text;
    struct restored {
        std::streambuf* old;
        ~restored() { std::cout.rdbuf(old); }
    } const guard{std::cout.rdbuf(text.rdbuf())};
    f();
    return text.str();
}

#define REFUSES(expression, ...)                                                                                       \
    CHECK_THROWS_MATCHES(expression, nibble::error, MessageMatches(ContainsSubstring(__VA_ARGS__)))

training_record run_of_losses(std::vector<double> const& losses) {
    training_record record{.name = "out", .metrics = {}, .table = {}, .codes = {}};
    for (double const loss : losses) {
        std::uint64_t const step = record.metrics.steps.size() + 1;
        record.metrics.steps.push_back({.step = step, .loss = loss, .norm = loss, .rate = loss});
        record.metrics.held_out.push_back({step, loss});
    }
    return record;
}

/// Whether every number of the page's paths is one, and lies in the box of its picture.
bool paths_lie_in_their_boxes(markup const& page) {
    double width = 0, height = 0;
    for (auto const& one : page.elements) {
        if (one.name == "svg") {
            std::string const& box = one.attributes.at("viewBox");  // "0 0 width height"
            char* rest = nullptr;
            width = std::strtod(box.c_str() + 4, &rest);
            height = std::strtod(rest, nullptr);
        }
        if (one.name != "path") {
            continue;
        }
        std::string const& d = one.attributes.at("d");
        if (d.find_first_not_of("Mhvz0123456789.- ") != d.npos) {
            return false;
        }
        for (std::size_t at = d.find('M'); at != d.npos; at = d.find('M', at + 1)) {
            char* rest = nullptr;
            double const x = std::strtod(d.c_str() + at + 1, &rest);
            double const y = std::strtod(rest, nullptr);
            if (!(x >= 0 && x <= width && y >= 0 && y <= height)) {
                return false;
            }
        }
    }
    return true;
}

}  // namespace

TEST_CASE("text of a file cannot become markup", "[report]") {
    CHECK(escaped("<b a=\"1\" c='2'>&amp;</b>") == "&lt;b a=&quot;1&quot; c=&#39;2&#39;&gt;&amp;amp;&lt;/b&gt;");
    CHECK(escaped(std::string_view("a\0b\x1b[\n", 6)) == "a\uFFFDb\uFFFD[\n");
    CHECK(escaped("Größe – 大") == "Größe – 大");
}

TEST_CASE("numbers are written for readers", "[report]") {
    CHECK(grouped("7") == "7");
    CHECK(grouped("-123") == "-123");
    CHECK(grouped("-1234567.125") == "-1,234,567.125");
    CHECK(number_text(0) == "0");
    CHECK(number_text(1.3999) == "1.4");
    CHECK(number_text(0.001) == "0.001");
    CHECK(number_text(0.00012345) == "0.0001234");
    CHECK(number_text(12800) == "12,800");
    CHECK(number_text(999999) == "999,999");
    CHECK(number_text(1e6) == "1e6");
    CHECK(number_text(3e-5) == "3e-5");
    CHECK(number_text(-9.99999e-5) == "-0.0001");
    CHECK(number_text(1.25e100) == "1.25e100");
    CHECK(number_text(step_record::none) == "–");
    CHECK(number_text(HUGE_VAL) == "–");
    CHECK(duration_text(3.44) == "3.4 s");
    CHECK(duration_text(59.96) == "1 min 00 s");
    CHECK(duration_text(552) == "9 min 12 s");
    CHECK(duration_text(7500) == "2 h 05 min");
    CHECK(duration_text(-1) == "–");
}

TEST_CASE("thinning keeps the order and every peak, and no more points than asked", "[report]") {
    std::vector<point> points;
    for (int i = 0; i < 10007; ++i) {
        points.push_back({i * 1.0, i % 7 * 0.125});
    }
    points[4321].y = 100;
    points[4322].y = -100;
    auto const kept = thinned(points, 600);
    CHECK(kept.size() <= 600);
    CHECK(kept.size() > 500);
    CHECK(std::ranges::adjacent_find(kept, std::ranges::greater_equal{}, &point::x) == kept.end());
    CHECK(std::ranges::count(kept, points[4321]) == 1);
    CHECK(std::ranges::count(kept, points[4322]) == 1);
    CHECK(std::ranges::all_of(kept, [&](point p) { return points[static_cast<std::size_t>(p.x)] == p; }));
    CHECK(thinned(kept, 600) == kept);
    CHECK(thinned(std::vector<point>(5), 2).size() == 2);
}

TEST_CASE("a moving average is the mean of the points around", "[report]") {
    std::vector<point> points;
    for (int i = 0; i < 100; ++i) {
        points.push_back({i * 1.0, i * 2.0});
    }
    auto const means = moving_average(points, 5, 1000);
    REQUIRE(means.size() == 100);
    CHECK(means[50] == point{50, 100});
    CHECK(means[0] == point{0, 2});      // of 0, 2, 4
    CHECK(means[99] == point{99, 196});  // of 194, 196, 198
    auto const some = moving_average(points, 5, 10);
    CHECK(some.size() == 10);
    CHECK(some.front() == means.front());
    CHECK(some.back() == means.back());
    CHECK(moving_average({{3, 4}}, 1, 10) == std::vector<point>{{3, 4}});
}

TEST_CASE("an axis has a few ticks at round values, whatever its range", "[report]") {
    auto const texts = [](chart_axis const& axis) {
        std::vector<std::string> all;
        for (auto const& tick : axis.ticks()) {
            all.push_back(tick.text);
        }
        return all;
    };
    using list = std::vector<std::string>;
    CHECK(texts(chart_axis::linear(1.3, 5.6, 5, true)) == list{"1", "2", "3", "4", "5", "6"});
    CHECK(texts(chart_axis::linear(1, 2000, 5, false)) == list{"500", "1,000", "1,500", "2,000"});
    CHECK(texts(chart_axis::linear(0, 0.001, 3, true)) == list{"0", "0.0005", "0.0010"});
    CHECK(texts(chart_axis::linear(-1, 1, 3, true)) == list{"-1", "0", "1"});
    CHECK(texts(chart_axis::logarithmic(3, 180, 5)) == list{"2", "5", "10", "20", "50", "100", "200"});
    CHECK(texts(chart_axis::logarithmic(0.002, 3e5, 5)) == list{"0.001", "0.1", "10", "1,000", "100,000"});
    for (double const size : {1e-100, 1e-30, 0.7, 1.0, 3e4, 1e100}) {
        for (double const share : {-1.0, 0.0, 0.999999, 1.0}) {
            for (bool const whole : {false, true}) {
                auto const axis = chart_axis::linear(share * size, size, 5, whole);
                INFO("from " << share << " times " << size);
                CHECK(axis.ticks().size() >= 2);
                CHECK(axis.ticks().size() <= 12);
                CHECK(axis.place(share * size) <= axis.place(size));
            }
        }
    }
    for (double const high : {1e-98, 1e-97, 3e-50, 1e100}) {
        auto const axis = chart_axis::logarithmic(1e-100, high, 5);
        INFO("to " << high);
        CHECK(axis.ticks().size() >= 2);
        CHECK(axis.ticks().size() <= 9);
        CHECK(axis.place(1e-100) == 0);
        CHECK(axis.place(high) > 0.5);
    }
}

TEST_CASE("of lines for one step the last counts, and a cut last line does not", "[report]") {
    auto const records = parse_metrics("{\"step\": 1, \"loss\": 5.5, \"norm\": null, \"skipped\": true}\n"
                                       "{\"step\": 3, \"loss\": 3.5}\r\n"
                                       "\n"
                                       "{\"step\": 3, \"held_out\": 9.5}\n"
                                       "{\"note\": \"of another kind\"}\n"
                                       "{\"step\": 2, \"loss\": 4.5, \"rate\": 0.25, \"tokens\": 64, \"seconds\": 2}\n"
                                       "{\"step\": 3, \"loss\": 3.25}\n"
                                       "{\"step\": 3, \"held_out\": 8.5}\n"
                                       "{\"step\": 4, \"lo",
                                       "m");
    REQUIRE(records.steps.size() == 3);
    CHECK(records.steps[0].skipped);
    CHECK(std::isnan(records.steps[0].norm));
    CHECK(records.steps[1].loss == 4.5);
    CHECK(records.steps[1].rate == 0.25);
    CHECK(records.steps[1].tokens == 64);
    CHECK(records.steps[1].seconds == 2);
    CHECK(records.steps[2].loss == 3.25);
    CHECK(std::isnan(records.steps[2].tokens));
    REQUIRE(records.held_out.size() == 1);
    CHECK(records.held_out[0].perplexity == 8.5);
}

TEST_CASE("a wrong line is named by its number", "[report]") {
    std::string const sound = "{\"step\": 1, \"loss\": 5.5}\n";
    REFUSES(parse_metrics("", "m.jsonl"), "m.jsonl: there is no step");
    REFUSES(parse_metrics("\n{\"step\": 1, \"held_out\": 2}\n", "m.jsonl"), "there is no step");
    REFUSES(parse_metrics("{\"step\": 1, \"lo", "m.jsonl"), "there is no step");
    REFUSES(parse_metrics(sound + "{\"step\": 2, \"lo\n" + sound, "m.jsonl"), "m.jsonl: line 2: this is not JSON");
    REFUSES(parse_metrics(sound + "{\"step\": 2, \"loss\": nan}\n" + sound, "m.jsonl"), "line 2: this is not JSON");
    REFUSES(parse_metrics(sound + "\n[2]\n", "m.jsonl"), "line 3 is not an object");
    REFUSES(parse_metrics("{\"loss\": 5.5}\n" + sound, "m.jsonl"), "line 1: 'step' is missing or no whole number");
    REFUSES(parse_metrics("{\"step\": -1, \"loss\": 5.5}", "m.jsonl"), "no whole number");
    REFUSES(parse_metrics("{\"step\": 1.5, \"loss\": 5.5}", "m.jsonl"), "no whole number");
    REFUSES(parse_metrics("{\"step\": 1, \"loss\": \"5.5\"}", "m.jsonl"), "line 1: 'loss' is not a number");
    REFUSES(parse_metrics("{\"step\": 1, \"loss\": 5.5, \"skipped\": 0}", "m.jsonl"), "'skipped' is neither");
    REFUSES(parse_metrics(std::string(100000, '[') + std::string(100000, ']') + "\n", "m.jsonl"), "nested more than");
}

TEST_CASE("a summary says where a run ended, steps without a finite loss apart", "[report]") {
    training_record run = run_of_losses(std::vector<double>(99, 3.0));
    run.metrics.steps[9].loss = HUGE_VAL;
    run.metrics.steps[10].skipped = true;
    run.metrics.steps[97].loss = 2;
    run.metrics.held_out = {{10, 9.0}, {20, 7.0}, {30, 8.0}, {40, step_record::none}};
    training_summary const summary(run.metrics);
    CHECK(summary.last_step == 99);
    CHECK(summary.skips == std::vector{10.0, 11.0});
    CHECK(summary.losses.size() == 97);
    CHECK(summary.width == 1);
    CHECK(summary.loss == 3);
    CHECK(summary.held_out.step == 30);
    CHECK(summary.least_held_out.step == 20);
    CHECK(std::isnan(summary.tokens));
    CHECK(std::isnan(summary.seconds));
    run.metrics.steps.push_back({.step = 100, .loss = 3.0});
    run.metrics.steps[99].loss = 4;
    run.metrics.steps[9].loss = run.metrics.steps[10].loss = 3;
    run.metrics.steps[10].skipped = false;
    run.metrics.steps[0].tokens = 64;
    run.metrics.steps[5].tokens = 32;
    run.metrics.steps[5].seconds = 0.5;
    CHECK(training_summary(run.metrics).width == 2);
    CHECK(training_summary(run.metrics).tokens == 96);
    CHECK(training_summary(run.metrics).seconds == 0.5);
    CHECK(training_summary(run.metrics).loss == 3.5);
}

TEST_CASE("a page is well-formed, needs nothing else, and says what each picture and cell is", "[report]") {
    std::string const hostile = "</title></td><script src='x'>&\"\x01";
    std::vector<double> losses;
    for (int i = 0; i < 5000; ++i) {
        losses.push_back(5 - i * 0.0005 + i % 3 * 0.1);
    }
    training_record run = run_of_losses(losses);
    run.metrics.steps[100].skipped = true;
    run.name = hostile;
    run.run = {{"command", hostile},
               {hostile, {1, hostile, nullptr}},
               {"recipe", hostile},
               {"parameters", 5242880u},
               {"configuration", {{"blocks", 6}, {"hidden_size", 256}}}};
    run.table = {{.recipe = hostile, .exact = 3.9, .rounded = 412.4, .recovered = 0.84, .bytes = 1234567},
                 {.recipe = "int8", .kl = 1e300, .top1 = -1e300, .bytes = 1e300, .tokens_per_second = 812}};
    for (int i = 0; i < 30; ++i) {
        run.codes.push_back({"blk." + std::to_string(i), hostile, {1, 2, 4, 1}});
    }
    run.codes.push_back({hostile, "f", std::vector<double>(1000, 1e17)});
    run.codes.push_back({"nothing", "f", {0}});
    std::string const page = report_page(run);

    auto const form = read_markup(page);
    CHECK(form.wrong == "");
    CHECK(paths_lie_in_their_boxes(form));
    CHECK(form.named("script").empty());
    CHECK(form.named("link").empty());
    for (char const* const outside : {"http", "url(", "@import", "src=\"", "href="}) {
        INFO(outside);
        CHECK(page.find(outside) == page.npos);
    }
    CHECK(form.named("svg").size() == 4 + run.codes.size());
    CHECK(form.named("desc").size() == form.named("svg").size());
    CHECK(form.named("title").size() == 1 + form.named("svg").size());
    for (auto const& svg : form.named("svg")) {
        CHECK(svg.attributes.contains("aria-labelledby"));
    }
    for (auto const& header : form.named("th")) {
        CHECK(header.attributes.contains("scope"));
    }
    CHECK(form.named("details").size() == 1);

    std::vector<std::string> cells;
    for (auto const& cell : form.named("td")) {
        cells.push_back(cell.text);
    }
    std::vector<std::string> const table{"3.90", "412.4", "–", "–", "84.0 %", "–",     "–",      "1.23 MB", "–",
                                         "–",    "–",     "–", "–", "–",      "1e300", "-1e302", "1e300",   "812"};
    REQUIRE(cells.size() == table.size() + 6);
    CHECK(std::vector(cells.begin(), cells.begin() + std::ssize(table)) == table);
    CHECK(cells[table.size() + 1] == "1, " + escaped(hostile) + ", null");
    CHECK(cells[table.size() + 3] == "5,242,880");
    CHECK(cells[table.size() + 5] == "256");
    CHECK(page.size() < 100000);  // 5,000 steps are drawn by hundreds of points
}

TEST_CASE("values without a place in a chart leave it whole", "[report]") {
    double const nan = step_record::none, huge = 1.7e308;
    for (auto const& losses : std::vector<std::vector<double>>{{2.5},
                                                               {nan},
                                                               {nan, HUGE_VAL, -HUGE_VAL},
                                                               {1, nan, 2, HUGE_VAL, 3},
                                                               {huge, -huge, huge, 1},
                                                               {5e-324, 1, 5e-324},
                                                               {1e100, -1e100, 1e-100},
                                                               {1e-100, 1e100},
                                                               {0, 0, 0},
                                                               {-1, -1000}}) {
        auto const form = read_markup(report_page(run_of_losses(losses)));
        CHECK(form.wrong == "");
        CHECK(paths_lie_in_their_boxes(form));
    }
    CHECK_THAT(report_page(run_of_losses({nan})), ContainsSubstring("No step has a finite loss"));
    training_record late{.name = "", .metrics = {}, .table = {}, .codes = {}};
    late.metrics.steps.push_back({.step = UINT64_MAX, .loss = 1});
    late.metrics.held_out.push_back({0, 3});
    auto const form = read_markup(report_page(late));
    CHECK(form.wrong == "");
    CHECK(paths_lie_in_their_boxes(form));
}

TEST_CASE("the report of a folder is its page, whole or as it was", "[report]") {
    scratch_folder const folder;
    std::string const path = folder.path.string();
    REFUSES(report({.folder = path + "/none"}), "none: this is not a folder; give the output folder");
    REFUSES(report({.folder = path}), "there is no metrics.jsonl");
    folder.write("metrics.jsonl", "");
    REFUSES(report({.folder = path}), "metrics.jsonl: there is no step");
    CHECK_FALSE(std::filesystem::exists(folder.path / "report.html"));

    folder.write("metrics.jsonl", "{\"step\": 1, \"loss\": 5.5}\n{\"step\": 2, \"loss\": 4.5}\n");
    folder.write("run.json", "{\"recipe\": \"int4_g32\"}");
    folder.write("table.json", "[{\"recipe\": \"int4_g32\", \"float\": 3.9, \"gptq\": null}]");
    folder.write("codes.json", "{\"codes\": [{\"tensor\": \"t\", \"scheme\": \"int4.g32\", \"counts\": [1, 2]}]}");
    auto const printed = json::parse(output_of([&] { report({.folder = path, .json = true}); }));
    std::string const page = folder.read("report.html");
    CHECK(printed == json{{"page", path + "/report.html"},
                          {"bytes", page.size()},
                          {"steps", 2},
                          {"skipped", 0},
                          {"loss", 4.5},
                          {"held_out", nullptr}});
    CHECK(output_of([&] { report({.folder = path}); }).starts_with(path + "/report.html: 2 steps, loss 4.5, "));
    CHECK(page == report_page(read_training_record(folder.path)));
    CHECK(read_markup(page).wrong == "");
    CHECK_THAT(page, ContainsSubstring(", recipe int4_g32</p>") && ContainsSubstring("<td>3.90</td>") &&
                         ContainsSubstring("int4.g32, 0.92 of 1 bits"));
    CHECK(read_training_record(folder.path / "").name == folder.path.filename().string());

    auto const refuses_after = [&](char const* name, char const* text, char const* what) {
        std::string const sound = folder.read(name);
        folder.write(name, text);
        INFO(name << ": " << text);
        REFUSES(report({.folder = path}), what);
        folder.write(name, sound);
    };
    refuses_after("run.json", "[]", "run.json: this is not an object");
    refuses_after("run.json", "{", "run.json: this is not JSON");
    refuses_after("table.json", "{}", "table.json: this is not a list of rows");
    refuses_after("table.json", "[{\"recipe\": \"a\"}, 1]", "table.json: row 2 is not an object");
    refuses_after("table.json", "[{\"float\": 1}]", "table.json: row 1: 'recipe' is missing");
    refuses_after("table.json", "[{\"recipe\": \"a\", \"kl\": \"b\"}]", "table.json: row 1: 'kl' is not a number");
    refuses_after("codes.json", "{\"codes\": 1}", "codes.json: this is not an object with a list");
    refuses_after("codes.json", "{\"codes\": [1]}", "codes.json: tensor 1 is not an object");
    for (char const* const counts : {"null", "[]", "[1, -1]", "[1, null]", "[1e300]"}) {
        auto const text =
            std::string("{\"codes\": [{\"tensor\": \"t\", \"scheme\": \"s\", \"counts\": ") + counts + "}]}";
        refuses_after("codes.json", text.c_str(), "tensor 1: 'counts' is no list of counts");
    }
    CHECK(folder.read("report.html") == page);
    CHECK(std::distance(std::filesystem::directory_iterator(folder.path), {}) == 5);  // nothing temporary is left
}

TEST_CASE("the reader of these tests tells broken pages from sound ones", "[report]") {
    auto const wrong = [](char const* body) { return read_markup(std::string("<!DOCTYPE html>\n") + body).wrong; };
    CHECK(wrong("<p id=\"a\">x &lt; y<br/></p>\n") == "");
    CHECK(wrong("<p aria-labelledby=\"a b\"><b id=\"a\"/><b id=\"b\"/></p>") == "");
    for (char const* const broken :
         {"<p>", "<p><b></p></b>", "<p>a & b</p>", "<p>a > b</p>", "<p a=1></p>", "<p a=\"1\" a=\"2\"></p>",
          "<p></p><p></p>", "text", "<p id=\"a\"><b id=\"a\"/></p>", "<p aria-labelledby=\"a\"/>", "<p><</p>",
          "<p a=\"<\"/>", "</p>"}) {
        INFO(broken);
        CHECK(wrong(broken) != "");
    }
}
