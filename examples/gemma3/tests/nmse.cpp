// SPDX-License-Identifier: Apache-2.0
// gemma3_nmse GOT WANTED BOUND: whether two files of as many f32 have Σ (got − wanted)² <= BOUND · Σ wanted².
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <vector>

namespace {

std::vector<float> read(char const* path) {
    std::ifstream file(path, std::ios::binary | std::ios::ate);
    std::vector<float> values(file ? static_cast<std::size_t>(file.tellg()) / sizeof(float) : 0);
    file.seekg(0);
    file.read(reinterpret_cast<char*>(values.data()), static_cast<std::streamsize>(values.size() * sizeof(float)));
    return values;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 4) {
        return 2;
    }
    auto const got = read(argv[1]), wanted = read(argv[2]);
    double difference = 0, power = 0;
    for (std::size_t i = 0; i < got.size() && i < wanted.size(); ++i) {
        auto const w = static_cast<double>(wanted[i]);
        double const d = static_cast<double>(got[i]) - w;
        difference += d * d;
        power += w * w;
    }
    double const bound = std::strtod(argv[3], nullptr) * power;
    bool const holds = got.size() == wanted.size() && power > 0 && difference <= bound;
    std::cout << got.size() << " and " << wanted.size() << " values, NMSE " << difference / power << '\n';
    return holds ? 0 : 1;
}
