// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/scheme/scale_type.hpp>
#include <nibble/scheme/symmetry.hpp>
#include <nibble/tensor/planes.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace nibble {

/// How the scales, or the zeros, of a packed matrix lie in its bytes: [rows][groups], rows being those that have scales
/// of their own. Numbers of a type T follow each other.
template <class T>
struct factor_order {
    std::size_t rows = 0;
    std::size_t groups = 0;

    constexpr std::size_t bytes() const { return rows * groups * sizeof(T); }

    T read(std::byte const* from, std::size_t row, std::size_t group) const {
        T value;
        std::memcpy(&value, from + (row * groups + group) * sizeof(T), sizeof(T));
        return value;
    }
    void write(std::byte* to, std::size_t row, std::size_t group, T value) const {
        std::memcpy(to + (row * groups + group) * sizeof(T), &value, sizeof(T));
    }

    friend bool operator==(factor_order const&, factor_order const&) = default;
};

template <>
struct factor_order<no_zero> {
    std::size_t rows = 0;
    std::size_t groups = 0;

    static constexpr std::size_t bytes() { return 0; }
    static no_zero read(std::byte const*, std::size_t, std::size_t) { return {}; }
    static void write(std::byte*, std::size_t, std::size_t, no_zero) {}

    friend bool operator==(factor_order const&, factor_order const&) = default;
};

/// Of two levels, the fine parts come first, as planes like codes, then the super parts.
template <class Fine, class Super, std::size_t Groups>
struct factor_order<two_level<Fine, Super, Groups>> {
    using value_type = two_level<Fine, Super, Groups>;
    std::size_t rows = 0;
    std::size_t groups = 0;

    constexpr plane_order<width_of<Fine>> fines() const { return {rows, groups}; }
    constexpr std::size_t supers() const {
        return Groups == 0 ? std::size_t{rows * groups != 0} : rows * super_groups();
    }
    constexpr std::size_t bytes() const { return fines().bytes() + supers() * sizeof(Super); }

    value_type read(std::byte const* from, std::size_t row, std::size_t group) const {
        std::uint8_t fine = 0;
        fines().read(from, row, group, {&fine, 1});
        value_type value{Fine::from_bits(fine), {}};
        std::memcpy(&value.super, from + super_at(row, group), sizeof(Super));
        return value;
    }
    /// Where the whole matrix shares the super part, that of the first group is stored.
    void write(std::byte* to, std::size_t row, std::size_t group, value_type value) const {
        std::uint8_t const fine = value.fine.bits;
        fines().write(to, row, group, {&fine, 1});
        if (Groups != 0 || (row == 0 && group == 0)) {
            std::memcpy(to + super_at(row, group), &value.super, sizeof(Super));
        }
    }

    friend bool operator==(factor_order const&, factor_order const&) = default;

private:
    constexpr std::size_t super_groups() const { return Groups == 0 ? 1 : (groups + Groups - 1) / Groups; }
    constexpr std::size_t super_at(std::size_t row, std::size_t group) const {
        std::size_t const index = Groups == 0 ? 0 : row * super_groups() + group / (Groups == 0 ? 1 : Groups);
        return fines().bytes() + index * sizeof(Super);
    }
};

}  // namespace nibble
