// SPDX-License-Identifier: Apache-2.0
#include "input.hpp"

#include <nibble/numeric/error.hpp>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <string_view>
#include <system_error>

#include <fcntl.h>
#include <unistd.h>

namespace program {

namespace {

std::string name_of_input(std::string const& path) { return path == "-" ? "standard input" : path; }

}  // namespace

std::string read_text(std::string const& path) {
    struct descriptor {
        int number;
        ~descriptor() {
            if (number > STDERR_FILENO) {
                ::close(number);
            }
        }
    } const file{path == "-" ? STDIN_FILENO : ::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
    auto const fail = [&](char const* what) {
        throw nibble::error(name_of_input(path) + ": cannot " + what + ": " + std::generic_category().message(errno) +
                            "; give the path of a file, or - for the standard input.");
    };
    if (file.number < 0) {
        fail("open for reading");
    }
    std::string text;
    for (;;) {
        char part[1 << 16];
        ssize_t const got = ::read(file.number, part, sizeof part);
        if (got == 0) {
            return text;
        }
        if (got > 0) {
            text.append(part, static_cast<std::size_t>(got));
        } else if (errno != EINTR) {
            fail("read");
        }
    }
}

std::vector<std::uint32_t> read_ids(std::string const& path) {
    constexpr std::string_view white = " \t\r\n";
    std::string const text = read_text(path);
    std::vector<std::uint32_t> ids;
    for (std::size_t at = 0; (at = text.find_first_not_of(white, at)) != text.npos;) {
        std::size_t const end = std::min(text.find_first_of(white, at), text.size());
        std::uint32_t id = 0;
        auto const [stop, failure] = std::from_chars(text.data() + at, text.data() + end, id);
        if (failure != std::errc{} || stop != text.data() + end) {
            throw nibble::error(name_of_input(path) + ": '" + text.substr(at, std::min<std::size_t>(end - at, 20)) +
                                "' at byte " + std::to_string(at) +
                                " is not a token id; write decimal ids with spaces between them.");
        }
        ids.push_back(id);
        at = end;
    }
    return ids;
}

}  // namespace program
