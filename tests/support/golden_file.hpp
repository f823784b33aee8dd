// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/numeric/bf16.hpp>
#include <nibble/numeric/e4m3.hpp>
#include <nibble/numeric/e8m0.hpp>
#include <nibble/numeric/f16.hpp>
#include <nibble/tensor/matrix.hpp>

#include <catch2/catch_test_macros.hpp>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <iterator>
#include <map>
#include <sstream>
#include <string>
#include <vector>

/// An array of another system's file: values of type `type`, row-major.
struct golden_array {
    std::string type;
    std::size_t rows, columns;
    char const* data;

    std::size_t count() const { return rows * columns; }

    template <class T>
    T at(std::size_t i) const {
        T value;
        std::memcpy(&value, data + i * sizeof value, sizeof value);
        return value;
    }

    int integer(std::size_t i) const { return type == "u8" ? int{at<std::uint8_t>(i)} : int{at<std::int8_t>(i)}; }

    float value(std::size_t i) const {
        using namespace nibble;
        return type == "f32"    ? at<float>(i)
               : type == "bf16" ? static_cast<float>(at<bf16>(i))
               : type == "f16"  ? static_cast<float>(at<f16>(i))
               : type == "e8m0" ? static_cast<float>(at<e8m0>(i))
               : type == "e4m3" ? static_cast<float>(at<e4m3>(i))
                                : static_cast<float>(integer(i));
    }

    nibble::matrix<float> values() const {
        nibble::matrix<float> x(rows, columns);
        for (std::size_t i = 0; i < count(); ++i) {
            x.data()[i] = value(i);
        }
        return x;
    }
};

/// A case of another system's file: its words behind the preset's name, and its arrays by role.
struct golden_case {
    std::string preset;
    std::vector<std::string> words;
    std::map<std::string, golden_array> arrays;

    std::string const& type() const { return words[0]; }
    std::size_t group() const { return std::stoul(words[3]); }
    golden_array const& operator[](std::string const& role) const { return arrays.at(role); }
};

/// tests/golden/<system>.txt and .bin, as golden_file.py describes them.
class golden_file {
public:
    explicit golden_file(std::string const& system) {
        auto const open = [&](char const* ending) {
            std::ifstream file(NIBBLE_SOURCE_DIR "/tests/golden/" + system + ending, std::ios::binary);
            REQUIRE(file);
            return file;
        };
        auto data = open(".bin");
        data_.assign(std::istreambuf_iterator<char>(data), {});
        auto index = open(".txt");
        for (std::string line; std::getline(index, line);) {
            std::istringstream words(line);
            std::string word;
            words >> word;
            if (word == "case") {
                words >> cases_.emplace_back().preset;
                cases_.back().words.assign(std::istream_iterator<std::string>(words), {});
            } else if (std::size_t first = 0; word != "made" && word != "row") {
                golden_array array{};
                words >> array.type >> array.rows >> array.columns >> first;
                REQUIRE(words);
                array.data = data_.data() + first;
                cases_.back().arrays[word] = array;
            }
        }
    }
    golden_file(golden_file const&) = delete;
    golden_file& operator=(golden_file const&) = delete;

    std::vector<golden_case> const& cases() const { return cases_; }

    /// The one case of this preset whose words begin so, those of the shape left out.
    golden_case const& find(std::string const& preset, std::string const& type, std::size_t group,
                            std::string const& last = {}) const {
        golden_case const* found = nullptr;
        for (golden_case const& c : cases_) {
            if (c.preset == preset && c.type() == type && c.group() == group &&
                (last.empty() || c.words.back() == last)) {
                REQUIRE(found == nullptr);
                found = &c;
            }
        }
        REQUIRE(found != nullptr);
        return *found;
    }

private:
    std::string data_;
    std::vector<golden_case> cases_;
};

/// Σ over the columns c of (c + 1) · the f32 pattern of the value, mod 2^64: how the files sum up a row of values.
template <class Value>
std::uint64_t checksum_of_row(std::size_t columns, Value const& value) {
    std::uint64_t sum = 0;
    for (std::size_t c = 0; c < columns; ++c) {
        sum += (c + 1) * std::uint64_t{std::bit_cast<std::uint32_t>(value(c))};
    }
    return sum;
}
