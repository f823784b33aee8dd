// SPDX-License-Identifier: Apache-2.0
// Prints the table of docs/schemes.md: every preset, what it costs, what it loses and what it may be relied on for.
#include <nibble/numeric/random.hpp>
#include <nibble/quantize/laws.hpp>
#include <nibble/quantize/quantize.hpp>
#include <nibble/scheme/bits_per_weight.hpp>
#include <nibble/scheme/name.hpp>
#include <nibble/scheme/preset_list.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <numbers>
#include <string>
#include <string_view>

namespace {

/// Numbers of N(0, 1), by Box and Muller from the library's own random bits.
nibble::matrix<float> normal_numbers() {
    nibble::matrix<float> x(64, 1024);
    for (std::size_t i = 0; i < x.rows() * x.columns(); ++i) {
        auto const uniform = [&](std::uint64_t n) {
            return (static_cast<double>(nibble::random_bits({1, 2, 3}, n)) + 0.5) * 0x1p-32;
        };
        x.data()[i] = static_cast<float>(std::sqrt(-2.0 * std::log(uniform(2 * i))) *
                                         std::cos(2.0 * std::numbers::pi * uniform(2 * i + 1)));
    }
    return x;
}

/// Empty where codes come from a factor that is not stored, which the laws do not see.
template <class S>
std::string laws_of() {
    using nibble::law;
    nibble::law_report report;
    if constexpr (!requires { S::division::multiplies; }) {
        report = nibble::laws<S>();
    }
    struct word {
        law of;
        std::string_view text;
    };
    std::string text;
    for (auto const& [of, name] : {word{law::round_trip, "round trip"}, word{law::half_step, "half step"},
                                   word{law::monotone, "monotone"}, word{law::odd, "odd"}, word{law::zero, "zero"},
                                   word{law::idempotent, "idempotent"}, word{law::power_of_two, "2^k"}}) {
        if (report.obeys(of)) {
            text.append(text.empty() ? "" : ", ").append(name);
        }
    }
    return text;
}

}  // namespace

int main() {
    auto const x = normal_numbers();
    std::puts("| preset | text | bits | error | laws | there |");
    std::puts("|---|---|---:|---:|---|---|");
    nibble::for_each_preset([&]<class S>(nibble::named_preset<S> const& preset) {
        auto const seen = nibble::fake_quantize<S>(nibble::cpu{}, x);
        double error = 0;
        double size = 0;
        for (std::size_t i = 0; i < x.rows() * x.columns(); ++i) {
            double const value = x.data()[i];
            error += std::pow(static_cast<double>(seen.data()[i]) - value, 2);
            size += value * value;
        }
        std::printf("| `%.*s` | `%s` | %.4g | %.4f | %s | %.*s |\n", static_cast<int>(preset.name.size()),
                    preset.name.data(), nibble::name<S>().c_str(), nibble::bits_per_weight<S>, std::sqrt(error / size),
                    laws_of<S>().c_str(), static_cast<int>(preset.counterpart.size()), preset.counterpart.data());
    });
    return 0;
}
