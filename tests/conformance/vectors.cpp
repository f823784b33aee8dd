// SPDX-License-Identifier: Apache-2.0
#include "conformance/vectors.hpp"

#include <catch2/catch_test_macros.hpp>
#include <nlohmann/json.hpp>

using namespace nibble;
using nlohmann::json;

namespace {

std::uint32_t word(json const& text) {
    return static_cast<std::uint32_t>(std::stoul(text.get<std::string>(), nullptr, 16));
}

template <class T>
T factor_of(json const& j) {
    if constexpr (is_two_level<T>) {
        return {factor_of<typename T::fine_type>(j[0]), factor_of<typename T::super_type>(j[1])};
    } else if constexpr (std::is_same_v<T, float>) {
        return detail::float_of(word(j));
    } else if constexpr (std::is_same_v<T, std::uint8_t>) {
        return j.get<std::uint8_t>();
    } else {
        return T::from_bits(static_cast<decltype(T{}.bits)>(word(j)));
    }
}

/// How many values of a case decode to other bits than the case says.
template <class S>
std::size_t wrong_values(json const& c) {
    using St = storage_of<S>;
    std::size_t const columns = c["columns"];
    std::size_t const group = St::group == 0 ? columns : St::group;
    std::size_t const groups = (columns + group - 1) / group;
    std::size_t wrong = c["codes"].size() != c["x"].size() || c["decoded"].size() != c["x"].size() ? 1 : 0;
    for (std::size_t i = 0; i < c["codes"].size(); ++i) {
        std::size_t const at = i / columns * groups + i % columns / group;
        typename St::zero_type zero{};
        if constexpr (St::has_zero) {
            zero = factor_of<typename St::zero_type>(c["zeros"][at]);
        }
        float const value =
            St::decode(c["codes"][i].get<unsigned>(), factor_of<typename St::scale_type>(c["scales"][at]), zero);
        wrong += detail::bits_of(value) != word(c["decoded"][i]) ? 1 : 0;
    }
    return wrong;
}

}  // namespace

TEST_CASE("conformance vectors parse, say the scheme, and decode to the bits that they give") {
    for_each_preset([]<class S>(named_preset<S> preset) {
        INFO(preset.name);
        json const file = json::parse(conformance::vectors_of<S>(preset.name));
        CHECK(file["schema"] == "nibble-vectors 1");
        CHECK(file["preset"] == preset.name);
        CHECK(parse_scheme(file["scheme"].get<std::string>()) == S::info);
        CHECK(file["cases"].size() == conformance::inputs.size() + 1);
        std::size_t quantized = 0;
        for (json const& c : file["cases"]) {
            if (!c.contains("refused")) {
                INFO(c["name"]);
                ++quantized;
                CHECK(wrong_values<S>(c) == 0);
            }
        }
        CHECK(quantized + 2 >= file["cases"].size());  // "huge" and "large" may be beyond the scale's type
    });
}

TEST_CASE("conformance vectors are the same bytes every time") {
    for_each_preset([]<class S>(named_preset<S> preset) {
        INFO(preset.name);
        CHECK(conformance::vectors_of<S>(preset.name) == conformance::vectors_of<S>(preset.name));
    });
}
