// SPDX-License-Identifier: Apache-2.0
#include "training_record.hpp"
#include "input.hpp"

#include <nibble/numeric/error.hpp>

#include <algorithm>
#include <map>
#include <optional>
#include <system_error>

namespace program {

namespace {

/// Throws nibble::error with the place for what is no JSON, or nested too deeply for functions that call themselves.
json parse(std::string_view text, std::string const& place, char const* advice) {
    auto const bounded = [&](int depth, json::parse_event_t, json&) {
        if (depth > json_depth) {
            throw nibble::error(place + ": values are nested more than " + std::to_string(json_depth) + " deep; " +
                                advice);
        }
        return true;
    };
    try {
        return json::parse(text, bounded);
    } catch (json::exception const& e) {
        throw nibble::error(place + ": this is not JSON (" + printable(e.what(), 160) + "); " + advice);
    }
}

/// A number at `key`, `none` where it is missing or null: that is how JSON holds what is not finite.
double number_at(json const& object, char const* key, std::string const& place) {
    auto const found = object.find(key);
    if (found == object.end() || found->is_null()) {
        return step_record::none;
    }
    if (!found->is_number()) {
        throw nibble::error(place + ": '" + key + "' is not a number; write one, or null.");
    }
    return found->get<double>();
}

std::string text_at(json const& object, char const* key, std::string const& place) {
    auto const found = object.find(key);
    if (found == object.end() || !found->is_string()) {
        throw nibble::error(place + ": '" + key + "' is missing or no text; write one.");
    }
    return found->get<std::string>();
}

step_record step_of(json const& line, std::uint64_t step, std::string const& place) {
    auto const skipped = line.find("skipped");
    if (skipped != line.end() && !skipped->is_boolean()) {
        throw nibble::error(place + ": 'skipped' is neither true nor false; write one of them.");
    }
    return {.step = step,
            .loss = number_at(line, "loss", place),
            .norm = number_at(line, "norm", place),
            .rate = number_at(line, "rate", place),
            .tokens = number_at(line, "tokens", place),
            .seconds = number_at(line, "seconds", place),
            .skipped = skipped != line.end() && skipped->get<bool>()};
}

template <class Record>
std::vector<Record> values_of(std::map<std::uint64_t, Record> const& by_step) {
    std::vector<Record> records;
    for (auto const& [step, record] : by_step) {
        records.push_back(record);
    }
    return records;
}

constexpr char const* line_advice = "remove the line, which a crash may have cut, or resume the training.";
constexpr char const* file_advice = "write the file anew, or remove it: the page then leaves it out.";

std::optional<json> read_optional(std::filesystem::path const& path) {
    std::error_code failed;
    if (!std::filesystem::exists(path, failed)) {
        return std::nullopt;
    }
    return parse(read_text(path.string()), path.string(), file_advice);
}

[[noreturn]] void refuse_form(std::filesystem::path const& path, char const* form) {
    throw nibble::error(path.string() + ": this is not " + form + "; " + file_advice);
}

std::vector<comparison_row> rows_of(json const& table, std::filesystem::path const& path) {
    std::vector<comparison_row> rows;
    for (auto const& row : table) {
        std::string const place = path.string() + ": row " + std::to_string(rows.size() + 1);
        if (!row.is_object()) {
            throw nibble::error(place + " is not an object; " + file_advice);
        }
        rows.push_back({.recipe = text_at(row, "recipe", place),
                        .exact = number_at(row, "float", place),
                        .rounded = number_at(row, "rounded", place),
                        .gptq = number_at(row, "gptq", place),
                        .qat = number_at(row, "qat", place),
                        .recovered = number_at(row, "recovered", place),
                        .kl = number_at(row, "kl", place),
                        .top1 = number_at(row, "top1", place),
                        .bytes = number_at(row, "bytes", place),
                        .tokens_per_second = number_at(row, "tokens_per_second", place)});
    }
    return rows;
}

std::vector<code_counts> codes_of(json const& codes, std::filesystem::path const& path) {
    std::vector<code_counts> all;
    for (auto const& one : codes) {
        std::string const place = path.string() + ": tensor " + std::to_string(all.size() + 1);
        if (!one.is_object()) {
            throw nibble::error(place + " is not an object; " + file_advice);
        }
        code_counts tensor{text_at(one, "tensor", place), text_at(one, "scheme", place), {}};
        auto const counts = one.find("counts");
        auto const is_count = [](json const& n) {
            return n.is_number() && n.get<double>() >= 0 && n.get<double>() < 1e18;
        };
        if (counts == one.end() || !counts->is_array() || counts->empty() || !std::ranges::all_of(*counts, is_count)) {
            throw nibble::error(place + ": 'counts' is no list of counts, one a code; " + file_advice);
        }
        tensor.counts = counts->get<std::vector<double>>();
        all.push_back(std::move(tensor));
    }
    return all;
}

}  // namespace

step_records parse_metrics(std::string_view text, std::string const& name) {
    std::map<std::uint64_t, step_record> steps;
    std::map<std::uint64_t, held_out_record> held_out;
    std::size_t number = 0;
    while (!text.empty()) {
        ++number;
        std::size_t const end = std::min(text.find('\n'), text.size());
        std::string_view const line = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        if (line.find_first_not_of(" \t\r") == line.npos) {
            continue;
        }
        bool const is_last = text.find_first_not_of(" \t\r\n") == text.npos;
        if (is_last && !json::accept(line)) {
            break;
        }
        std::string const place = name + ": line " + std::to_string(number);
        json const value = parse(line, place, line_advice);
        if (!value.is_object()) {
            throw nibble::error(place + " is not an object; " + line_advice);
        }
        bool const measured = value.contains("held_out");
        if (!measured && !value.contains("loss")) {
            continue;
        }
        auto const step = value.find("step");
        if (step == value.end() || !step->is_number_unsigned()) {
            throw nibble::error(place + ": 'step' is missing or no whole number; " + line_advice);
        }
        auto const at = step->get<std::uint64_t>();
        if (measured) {
            held_out[at] = {at, number_at(value, "held_out", place)};
        } else {
            steps[at] = step_of(value, at, place);
        }
    }
    if (steps.empty()) {
        throw nibble::error(name + ": there is no step in it; ask again when the training has done one.");
    }
    return {values_of(steps), values_of(held_out)};
}

training_record read_training_record(std::filesystem::path const& folder) {
    constexpr char const* advice = "; give the output folder of `gemma3 train` or `gemma3 qat`.";
    std::error_code failed;
    if (!std::filesystem::is_directory(folder, failed)) {
        throw nibble::error(folder.string() + ": this is not a folder" + advice);
    }
    auto const metrics = folder / "metrics.jsonl";
    if (!std::filesystem::exists(metrics, failed)) {
        throw nibble::error(folder.string() + ": there is no metrics.jsonl in it" + advice);
    }
    training_record record;
    auto const whole = std::filesystem::weakly_canonical(folder, failed);
    json const name = (whole.empty() ? folder : whole).filename().string();
    // A name is bytes; replacing what is not UTF-8 makes it a text.
    record.name = json::parse(name.dump(-1, ' ', false, json::error_handler_t::replace)).get<std::string>();
    record.metrics = parse_metrics(read_text(metrics.string()), metrics.string());
    if (auto run = read_optional(folder / "run.json")) {
        if (!run->is_object()) {
            refuse_form(folder / "run.json", "an object");
        }
        record.run = std::move(*run);
    }
    if (auto const table = read_optional(folder / "table.json")) {
        if (!table->is_array()) {
            refuse_form(folder / "table.json", "a list of rows");
        }
        record.table = rows_of(*table, folder / "table.json");
    }
    if (auto const codes = read_optional(folder / "codes.json")) {
        if (!codes->is_object() || !codes->contains("codes") || !(*codes)["codes"].is_array()) {
            refuse_form(folder / "codes.json", "an object with a list 'codes'");
        }
        record.codes = codes_of((*codes)["codes"], folder / "codes.json");
    }
    return record;
}

}  // namespace program
