// SPDX-License-Identifier: Apache-2.0
#include "describe.hpp"
#include "options.hpp"
#include "output.hpp"
#include "progress.hpp"
#include "require_finite.hpp"

#include <nibble/gemma3/checkpoint.hpp>
#include <nibble/io/gguf_checksum.hpp>
#include <nibble/tensor/thread_pool.hpp>

#include <algorithm>
#include <charconv>
#include <iomanip>
#include <map>
#include <vector>

namespace program {

namespace nb = nibble;

namespace {

struct listed_tensor {
    std::string name, format;
    std::vector<std::uint64_t> shape;  ///< the contiguous dimension last
    std::uint64_t bytes = 0;
};

/// What a file holds before anyone asks whether it is a model.
struct container {
    std::string format;
    std::uint64_t bytes = 0;  ///< of all tensors
    std::vector<std::pair<std::string, std::string>> pairs{};
    std::vector<listed_tensor> tensors{};
};

std::string text_of(nb::gguf_value const& value) {
    switch (value.type) {
    case nb::gguf_type::string:
        return std::string(value.as_string());
    case nb::gguf_type::boolean:
        return value.as_bool() ? "true" : "false";
    case nb::gguf_type::f32:
    case nb::gguf_type::f64:
        return significant(value.as_float(), 9);
    case nb::gguf_type::array:
        return "[" + std::to_string(value.count) + (value.element == nb::gguf_type::string ? " texts]" : " numbers]");
    case nb::gguf_type::u64:
        return std::to_string(nb::load_unaligned<std::uint64_t>(value.at));
    default:
        return std::to_string(value.as_int());
    }
}

container open_gguf(std::string const& path) {
    auto const file = nb::gguf_file::open(path);
    container result{.format = "GGUF"};
    for (auto const& pair : file.metadata()) {
        result.pairs.emplace_back(pair.key, text_of(pair));
    }
    for (auto const& t : file.tensors()) {
        listed_tensor one{std::string(t.name), std::string(t.type->name), {}, t.bytes.size()};
        one.shape.assign(std::reverse_iterator(t.dims.begin() + t.rank), std::reverse_iterator(t.dims.begin()));
        auto const* scheme = file.find(nb::scheme_key(t.name));
        if (scheme != nullptr && scheme->type == nb::gguf_type::string) {
            one.format = scheme->as_string();
            auto const* shape = file.find(nb::shape_key(t.name));
            if (shape != nullptr && shape->type == nb::gguf_type::array && shape->element == nb::gguf_type::i32) {
                one.shape.clear();
                for (std::uint64_t i = 0; i < std::min<std::uint64_t>(shape->count, 4); ++i) {
                    one.shape.push_back(static_cast<std::uint64_t>((*shape)[i].as_int()));
                }
            }
        }
        result.tensors.push_back(std::move(one));
    }
    return result;
}

container open_safetensors(std::string const& path) {
    auto const file = nb::safetensors_checkpoint::open(path);
    container result{.format = "safetensors"};
    for (auto const* t : file.tensors()) {
        result.tensors.push_back({t->name, std::string(t->dtype), t->shape, t->bytes.size()});
    }
    return result;
}

container open_container(std::filesystem::path const& path) {
    bool const is_safetensors =
        path.extension() == ".safetensors" || path.extension() == ".json" || std::filesystem::is_directory(path);
    container result = is_safetensors ? open_safetensors(path.string()) : open_gguf(path.string());
    for (auto const& t : result.tensors) {
        result.bytes += t.bytes;
    }
    return result;
}

void verify(nb::gguf_file const& file, std::string const& path) {
    try {
        verify_checksum(file);
    } catch (nb::error const& e) {
        throw nb::error(path + ": " + e.what());
    }
}

struct format_total {
    std::size_t tensors = 0;
    std::uint64_t bytes = 0;
};

std::map<std::string, format_total> totals_of(container const& file) {
    std::map<std::string, format_total> totals;
    for (auto const& t : file.tensors) {
        auto& total = totals[t.format];
        ++total.tensors;
        total.bytes += t.bytes;
    }
    return totals;
}

json to_json(nb::gemma3::checkpoint const& file) {
    auto const& c = file.config();
    json result = program::to_json(c);
    std::uint64_t parameters = 0;
    nb::gemma3::for_each_tensor(c, [&](auto const& entry, std::uint32_t) { parameters += entry.count(c); });
    result["parameters"] = parameters;
    result["tied_head"] = file.head() == nullptr;
    result["tokenizer"] = file.words() != nullptr;
    result["end_ids"] = std::vector<std::uint32_t>(file.end_ids().begin(), file.end_ids().end());
    result["activations"] = nb::name_of(file.activations());
    result["kv_cache"] = nb::name_of(file.kv_type());
    return result;
}

json to_json(container const& file) {
    json result{{"format", file.format}, {"tensor_bytes", file.bytes}};
    result["formats"] = json::object();
    for (auto const& [format, total] : totals_of(file)) {
        result["formats"][format] = {{"tensors", total.tensors}, {"bytes", total.bytes}};
    }
    result["metadata"] = json::object();
    for (auto const& [key, value] : file.pairs) {
        result["metadata"][key] = value;
    }
    result["tensors"] = json::array();
    for (auto const& t : file.tensors) {
        result["tensors"].push_back({{"name", t.name}, {"format", t.format}, {"shape", t.shape}, {"bytes", t.bytes}});
    }
    return result;
}

void print_text(container const& file, json const& model) {
    std::cout << file.format << ": " << file.tensors.size() << " tensors of " << bytes_text(file.bytes) << ", "
              << file.pairs.size() << " metadata pairs\n";
    for (auto const& [format, total] : totals_of(file)) {
        std::cout << "  " << std::left << std::setw(10) << printable(format) << ' ' << total.tensors << " tensors, "
                  << bytes_text(total.bytes) << '\n';
    }
    if (!model.empty()) {
        std::cout << "\nGemma 3\n";
        for (auto const& [key, value] : model.items()) {
            std::cout << "  " << std::left << std::setw(22) << key << ' '
                      << (value.is_string() ? value.get<std::string>() : value.dump()) << '\n';
        }
    }
    if (!file.pairs.empty()) {
        std::cout << "\nMetadata\n";
        for (auto const& [key, value] : file.pairs) {
            if (key.starts_with("nibble.tensor.")) {
                continue;  // they say what the list of tensors says
            }
            std::cout << "  " << printable(key) << " = " << printable(value) << '\n';
        }
    }
    std::cout << "\nTensors\n";
    for (auto const& t : file.tensors) {
        std::string shape;
        for (auto const size : t.shape) {
            shape.append(shape.empty() ? "" : " x ").append(std::to_string(size));
        }
        std::cout << "  " << std::left << std::setw(34) << printable(t.name, 120) << ' ' << std::setw(10)
                  << printable(t.format) << ' ' << std::setw(16) << shape << ' ' << bytes_text(t.bytes) << '\n';
    }
}

}  // namespace

void inspect(inspect_options const& options) {
    if (options.stage != "container" && options.stage != "model" && options.stage != "data") {
        throw nb::error("'" + options.stage + "' is not a stage; choose container, model or data.");
    }
    auto const file = open_container(options.path);
    json model = json::object();
    if (options.stage != "container") {
        auto const opened = nb::gemma3::checkpoint::open(options.path);
        model = to_json(opened);
        if (options.stage == "data") {
            nb::thread_pool pool;
            progress const line("reading " + options.path);
            if (opened.gguf() != nullptr) {
                verify(*opened.gguf(), options.path);
            }
            require_finite(nb::cpu(pool), opened);
        }
    }
    if (options.json) {
        json report{{"file", options.path}, {"stage", options.stage}};
        if (!model.empty()) {
            report["model"] = model;
        }
        report["container"] = to_json(file);
        print(report);
    } else {
        print_text(file, model);
    }
}

}  // namespace program
