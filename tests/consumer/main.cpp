// SPDX-License-Identifier: Apache-2.0
// P18: the headers included by two translation units of one program link, and survive macros named min and max.
#include "headers.hpp"

int main() {
    try {
        refuse();
    } catch (nibble::error const&) {
        return 0;
    }
    return 1;
}
