// SPDX-License-Identifier: Apache-2.0
#include <nibble/numeric/vectorized.hpp>
#include <nibble/quantize/gradient.hpp>  // parameters_at
#include <nibble/quantize/group_gradient.hpp>
#include <nibble/quantize/quantize.hpp>
#include <nibble/scheme/codebook.hpp>
#include <nibble/scheme/compose.hpp>
#include <nibble/scheme/foreign.hpp>

#include <support/instruction_sets.hpp>

#include <catch2/catch_test_macros.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

using namespace nibble;

namespace {

matrix<float> wave(std::size_t rows, std::size_t columns, float size) {
    matrix<float> w(rows, columns);
    for (std::size_t i = 0; i < rows * columns; ++i) {
        w.data()[i] = size * std::sin(static_cast<float>(i) * 1.7f);
    }
    return w;
}

/// dw and the sums of a group, element by element and by group_gradient on every instruction set.
template <class S>
void require_gradient_of_elements() {
    using G = typename S::gradient;
    for (std::size_t const count : {1u, 16u, 45u}) {
        auto const w = wave(1, count, 5.0f);
        auto const dvalue = wave(1, count, 0.7f);
        auto const wq = quantize<S>(cpu{}, w);
        std::vector<std::uint8_t> codes(count);
        wq.codes(0, 0, codes);
        auto p = detail::parameters_at<S>(wq, {}, 0, 0);
        for (float const shrink : {1.0f, 0.5f, 0.0f}) {  // half a step clips much
            p.step *= shrink;
            std::vector<float> dw(count);
            detail::parameter_sums sums, sizes;
            for (std::size_t k = 0; k < count; ++k) {
                auto const d = G::derivative(detail::element_of<float, S>(p, w(0, k), codes[k]));
                auto const outer = static_cast<double>(dvalue(0, k));
                dw[k] = dvalue(0, k) * d.input;
                auto const add = [&](double& sum, double& size, float term) {
                    sum += outer * static_cast<double>(term);
                    size += std::fabs(outer * static_cast<double>(term));
                };
                add(sums.scale, sizes.scale, d.scale);
                add(sums.step, sizes.step, d.step);
                add(sums.zero, sizes.zero, S::storage::has_zero_point ? d.zero_point : d.offset);
            }
            for (isa const set : supported_sets()) {
                std::vector<float> got(count);
                detail::parameter_sums g;
                detail::vectorized(set, [&] {
                    g = detail::group_gradient<S, G>(p, w.row(0), codes.data(), dvalue.data(), got.data());
                });
                CHECK(got == dw);
                // Two orders of a sum, each within (terms − 1) u of the sum of their sizes; products of floats are
                // exact.
                auto const near = [&](double a, double b, double size) {
                    return std::fabs(a - b) <= 2 * static_cast<double>(count) * 0x1p-53 * size;
                };
                CHECK((!detail::sums_scale<G> || near(g.scale, sums.scale, sizes.scale)));
                CHECK((!G::learns_step || near(g.step, sums.step, sizes.step)));
                CHECK((!G::learns_zero || near(g.zero, sums.zero, sizes.zero)));
            }
        }
    }
}

}  // namespace

TEST_CASE("a group has the gradient of its elements, on every instruction set", "[quantize]") {
    require_gradient_of_elements<scheme<bits<4>, per_channel>>();
    require_gradient_of_elements<scheme<bits<2>, per_channel, learned_step<>>>();
    require_gradient_of_elements<scheme<bits<4>, per_channel, scale_as<float>, dual_scale<>>>();
    require_gradient_of_elements<scheme<bits<3>, per_channel, reciprocal, dynamic_scale<>>>();
    require_gradient_of_elements<scheme<nf4, per_channel, learned_step<clip_inclusive>>>();
    require_gradient_of_elements<bitnet_b158_tokens>();
    require_gradient_of_elements<scheme<bits<4>, asymmetric, per_channel, learned_step_and_offset<>>>();
    require_gradient_of_elements<scheme<bits<4>, asymmetric_offset, per_channel, learned_step_and_offset<>>>();
}
