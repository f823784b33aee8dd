// SPDX-License-Identifier: Apache-2.0
#include <nibble/gemma3/sampler.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <cmath>
#include <cstdint>
#include <limits>
#include <set>
#include <string>
#include <vector>

using Catch::Matchers::ContainsSubstring;
using nibble::gemma3::sampler;
using nibble::gemma3::sampling;

namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();

/// How often each id comes in `draws` draws from the same logits.
std::vector<int> frequencies(sampling const& options, std::vector<float> const& logits, int draws) {
    sampler choose(options);
    std::vector<int> count(logits.size());
    for (int i = 0; i < draws; ++i) {
        ++count[choose(logits)];
    }
    return count;
}

std::set<std::uint32_t> ids_drawn(sampling const& options, std::vector<float> const& logits) {
    auto const count = frequencies(options, logits, 4000);
    std::set<std::uint32_t> ids;
    for (std::uint32_t id = 0; id < count.size(); ++id) {
        if (count[id] != 0) {
            ids.insert(id);
        }
    }
    return ids;
}

/// Pearson's statistic of the counts against e^(logit / temperature) over the ids below `kept`; infinite where another
/// id was drawn. Its mean is kept − 1.
double chi_square(std::vector<int> const& count, std::vector<float> const& logits, double temperature, std::size_t kept,
                  int draws) {
    double sum = 0;
    for (std::size_t id = 0; id < kept; ++id) {
        sum += std::exp(static_cast<double>(logits[id]) / temperature);
    }
    double statistic = 0;
    for (std::size_t id = 0; id < count.size(); ++id) {
        if (id >= kept) {
            statistic = count[id] == 0 ? statistic : HUGE_VAL;
            continue;
        }
        double const expected = draws * std::exp(static_cast<double>(logits[id]) / temperature) / sum;
        statistic += (count[id] - expected) * (count[id] - expected) / expected;
    }
    return statistic;
}

/// A chi-square variable of d degrees exceeds d + 2 √(d t) + 2 t with a probability of at most e^−t; here e^−14 < 1e-6.
///   source  Laurent, Massart, Annals of Statistics 28 (2000), lemma 1
double bound(double degrees) { return degrees + 2 * std::sqrt(degrees * 14) + 2 * 14; }

}  // namespace

TEST_CASE("without a temperature the first of the largest logits is chosen", "[gemma3]") {
    sampler greedy;
    CHECK(greedy(std::vector<float>{0, 3, -1, 3}) == 1);
    CHECK(greedy(std::vector<float>{-infinity, -5}) == 1);
    CHECK(sampler({.temperature = 1, .top_k = 1})(std::vector<float>{1, 1}) == 0);
    CHECK(sampler({.temperature = 1e-30f})(std::vector<float>{1, 1.001f, 1}) == 1);
}

TEST_CASE("logits that say nothing are refused", "[gemma3]") {
    for (float const temperature : {0.0f, 1.0f}) {
        sampler choose({.temperature = temperature});
        CHECK_THROWS_WITH(choose(std::vector<float>{0, std::nanf(""), 1}), ContainsSubstring("logit 1 is nan"));
        CHECK_THROWS_WITH(choose(std::vector<float>{infinity, 1}), ContainsSubstring("logit 0 is inf"));
        CHECK_THROWS_WITH(choose(std::vector<float>{-infinity, -infinity}), ContainsSubstring("none of 2 logits"));
        CHECK_THROWS_WITH(choose(std::vector<float>{}), ContainsSubstring("none of 0 logits"));
    }
}

TEST_CASE("options out of range are refused", "[gemma3]") {
    float const nan = std::nanf("");
    for (float const value : {-1.0f, infinity, nan}) {
        CHECK_THROWS_WITH(sampler({.temperature = value}), ContainsSubstring("temperature"));
    }
    for (float const value : {-0.5f, 0.0f, 1.5f, nan}) {
        CHECK_THROWS_WITH(sampler({.top_p = value}), ContainsSubstring("top_p"));
    }
    for (float const value : {-0.5f, 1.5f, nan}) {
        CHECK_THROWS_WITH(sampler({.min_p = value}), ContainsSubstring("min_p"));
    }
}

TEST_CASE("tokens come as often as their probabilities say", "[gemma3]") {
    std::vector<float> const logits{2, 1.5f, 1, 0.5f, 0, -0.5f, -1, -1.5f};
    constexpr int draws = 40000;
    for (float const temperature : {0.5f, 1.0f, 2.0f}) {
        sampling const options{.temperature = temperature, .top_k = 0, .top_p = 1, .seed = 7};
        auto const count = frequencies(options, logits, draws);
        CHECK(chi_square(count, logits, static_cast<double>(temperature), 8, draws) < bound(7));
        CHECK(chi_square(count, logits, 1.1 * static_cast<double>(temperature), 8, draws) > bound(7));
    }
    auto const count = frequencies({.temperature = 1, .top_k = 3, .top_p = 1, .seed = 7}, logits, draws);
    CHECK(chi_square(count, logits, 1, 3, draws) < bound(2));
}

TEST_CASE("top_k, top_p and min_p leave the tokens that they promise", "[gemma3]") {
    // Probabilities 8, 4, 2, 1, 1 sixteenths, shuffled: ids 3, 1, 4, 0, 2.
    float const two = std::log(2.0f);
    std::vector<float> const logits{0, 2 * two, 0, 3 * two, two};
    using ids = std::set<std::uint32_t>;
    CHECK(ids_drawn({.temperature = 1, .top_k = 0, .top_p = 1}, logits) == ids{0, 1, 2, 3, 4});
    CHECK(ids_drawn({.temperature = 1, .top_k = 9, .top_p = 1}, logits) == ids{0, 1, 2, 3, 4});
    CHECK(ids_drawn({.temperature = 1, .top_k = 2, .top_p = 1}, logits) == ids{1, 3});
    CHECK(ids_drawn({.temperature = 1, .top_k = 4, .top_p = 1}, logits) == ids{0, 1, 3, 4});  // of equals the first
    CHECK(ids_drawn({.temperature = 1, .top_k = 0, .top_p = 0.49f}, logits) == ids{3});
    CHECK(ids_drawn({.temperature = 1, .top_k = 0, .top_p = 0.51f}, logits) == ids{1, 3});
    CHECK(ids_drawn({.temperature = 1, .top_k = 0, .top_p = 0.76f}, logits) == ids{1, 3, 4});
    CHECK(ids_drawn({.temperature = 1, .top_k = 0, .top_p = 1, .min_p = 0.2f}, logits) == ids{1, 3, 4});
    CHECK(ids_drawn({.temperature = 1, .top_k = 0, .top_p = 1, .min_p = 1}, logits) == ids{3});

    // top_p counts of what top_k left: 8 of 12 parts, not of 16.
    CHECK(ids_drawn({.temperature = 1, .top_k = 2, .top_p = 0.7f}, logits) == ids{1, 3});
    CHECK(ids_drawn({.temperature = 1, .top_k = 2, .top_p = 0.6f}, logits) == ids{3});
    // The temperature comes first: halved, the probabilities are 64, 16, 4, 1, 1 parts of 86.
    CHECK(ids_drawn({.temperature = 0.5f, .top_k = 0, .top_p = 0.7f}, logits) == ids{3});
    CHECK(ids_drawn({.temperature = 1, .top_k = 0, .top_p = 0.7f}, logits) == ids{1, 3});
    CHECK(ids_drawn({.temperature = 0.5f, .top_k = 0, .top_p = 1, .min_p = 0.2f}, logits) == ids{1, 3});
}

TEST_CASE("a token without a probability never comes", "[gemma3]") {
    CHECK(ids_drawn({.temperature = 1, .top_k = 0, .top_p = 1}, {0, -infinity, 0, -200}) ==
          std::set<std::uint32_t>{0, 2});
}

TEST_CASE("the same seed gives the same tokens, another seed others", "[gemma3]") {
    std::vector<float> const logits(1000, 0.0f);
    auto const text = [&](std::uint64_t seed) {
        sampler choose({.temperature = 1, .top_k = 0, .top_p = 1, .seed = seed});
        std::vector<std::uint32_t> ids;
        for (int i = 0; i < 20; ++i) {
            ids.push_back(choose(logits));
        }
        return ids;
    };
    CHECK(text(1) == text(1));
    CHECK(text(1) != text(2));
    CHECK(text(1) != text(1 + (std::uint64_t{1} << 32)));
    auto const ids = text(1);
    CHECK(ids != std::vector<std::uint32_t>(ids.size(), ids[0]));  // a step does not repeat the one before
}
