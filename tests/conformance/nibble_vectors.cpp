// SPDX-License-Identifier: Apache-2.0
// nibble-vectors FOLDER writes FOLDER/<preset>.json for every preset; docs/conformance.md says what is in them.
#include "conformance/vectors.hpp"

#include <filesystem>
#include <fstream>
#include <iostream>

int main(int count, char** arguments) {
    if (count != 2) {
        std::cerr << "usage: nibble-vectors FOLDER\n";
        return 2;
    }
    std::filesystem::path const folder = arguments[1];
    std::filesystem::create_directories(folder);
    bool written = true;
    nibble::for_each_preset([&]<class S>(nibble::named_preset<S> preset) {
        std::ofstream file(folder / (std::string(preset.name) + ".json"), std::ios::binary);
        file << conformance::vectors_of<S>(preset.name) << std::flush;
        if (!file) {
            std::cerr << "The vectors of " << preset.name << " cannot be written to " << folder << ".\n";
            written = false;
        }
    });
    return written ? 0 : 1;
}
