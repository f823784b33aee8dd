// SPDX-License-Identifier: Apache-2.0
#include "engine.hpp"

template nibble::gemma3::model<> nibble::gemma3::load(nibble::gemma3::checkpoint const&,
                                                      nibble::gemma3::load_options const&);
template void nibble::gemma3::forward(nibble::cpu, nibble::gemma3::model<> const&, nibble::gemma3::kv_cache&,
                                      std::span<std::uint32_t const>, nibble::matrix_view<float>);
