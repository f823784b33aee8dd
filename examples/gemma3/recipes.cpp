// SPDX-License-Identifier: Apache-2.0
#include "options.hpp"
#include "output.hpp"

#include <nibble/nn/recipes.hpp>

#include <algorithm>
#include <iomanip>

namespace program {

void recipes(recipes_options const& options) {
    json table = json::array();
    std::size_t width = 0;
    nibble::for_each_recipe([&](auto const& entry) {
        auto const info = nibble::info_of<std::remove_cvref_t<decltype(entry)>::recipe>();
        table.push_back({{"name", entry.name},
                         {"embedding", info.embedding},
                         {"attention", info.attention},
                         {"mlp", info.mlp},
                         {"activations", info.activations},
                         {"kv_cache", info.kv_cache},
                         {"description", entry.description}});
        width = std::max(width, entry.name.size());
    });
    if (options.json) {
        print(table);
        return;
    }
    for (auto const& line : table) {
        std::cout << std::left << std::setw(static_cast<int>(width) + 2) << line["name"].get<std::string>()
                  << line["description"].get<std::string>() << "; " << line["activations"].get<std::string>()
                  << " activations\n";
    }
}

}  // namespace program
