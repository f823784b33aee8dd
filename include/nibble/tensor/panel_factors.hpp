// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/scheme/scale_type.hpp>
#include <nibble/scheme/symmetry.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace nibble {

/// The scales, or the zeros, of the rows of a cpu_panel in its bytes: [group][row of the panel], so that one load gives
/// those of a group.
template <class T>
struct panel_factors {
    static constexpr std::size_t rows = 16;

    T const* values;

    static constexpr std::size_t bytes(std::size_t groups) { return groups * rows * sizeof(T); }
    static panel_factors at(std::uint8_t const* from, std::size_t /*groups*/) {
        return {reinterpret_cast<T const*>(from)};
    }
    T read(std::size_t group, std::size_t row) const { return values[group * rows + row]; }
    void write(std::size_t group, std::size_t row, T value) const {
        const_cast<T*>(values)[group * rows + row] = value;
    }
};

template <>
struct panel_factors<no_zero> {
    static constexpr std::size_t bytes(std::size_t) { return 0; }
    static panel_factors at(std::uint8_t const*, std::size_t) { return {}; }
    static no_zero read(std::size_t, std::size_t) { return {}; }
    static void write(std::size_t, std::size_t, no_zero) {}
};

/// Of two levels, the fine parts come first, a byte each; the super parts are [super-block][row of the panel].
template <class Fine, class Super, std::size_t Groups>
struct panel_factors<two_level<Fine, Super, Groups>> {
    using value_type = two_level<Fine, Super, Groups>;
    static constexpr std::size_t rows = 16;

    Fine const* fines;
    Super const* supers;

    static constexpr std::size_t super_groups(std::size_t groups) {
        return Groups == 0 ? 1 : (groups + Groups - 1) / (Groups == 0 ? 1 : Groups);
    }
    static constexpr std::size_t super_of(std::size_t group) {
        return Groups == 0 ? 0 : group / (Groups == 0 ? 1 : Groups);
    }
    static constexpr std::size_t bytes(std::size_t groups) {
        return groups * rows + super_groups(groups) * rows * sizeof(Super);
    }
    static panel_factors at(std::uint8_t const* from, std::size_t groups) {
        return {reinterpret_cast<Fine const*>(from), reinterpret_cast<Super const*>(from + groups * rows)};
    }
    value_type read(std::size_t group, std::size_t row) const {
        return {fines[group * rows + row], supers[super_of(group) * rows + row]};
    }
    void write(std::size_t group, std::size_t row, value_type value) const {
        const_cast<Fine*>(fines)[group * rows + row] = value.fine;
        const_cast<Super*>(supers)[super_of(group) * rows + row] = value.super;
    }
};

}  // namespace nibble
