// SPDX-License-Identifier: Apache-2.0
#include <nibble/scheme/name.hpp>
#include <nibble/scheme/preset_list.hpp>

#include <catch2/catch_test_macros.hpp>

#include <cstddef>
#include <set>
#include <string>

using namespace nibble;

TEST_CASE("every preset of the list has a name of its own, and no two are one scheme") {
    std::set<std::string> names;
    std::set<std::string> schemes;
    std::size_t count = 0;
    for_each_preset([&]<class S>(named_preset<S> preset) {
        INFO(preset.name);
        ++count;
        names.insert(std::string(preset.name));
        CHECK(schemes.insert(name<S>()).second);
    });
    CHECK(names.size() == count);
}
