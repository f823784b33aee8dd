// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "input.hpp"

#include <nibble/numeric/error.hpp>

#include <cerrno>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace program {

/// A text file that only grows, by whole lines: on a full disk a line is there or not. Opening it takes away what a
/// process that was killed, or a machine that stopped, has left behind the last whole line.
///   error  nibble::error, for what is no regular file too
class line_file {
public:
    explicit line_file(std::string path)
        : path_(std::move(path)), file_{::open(path_.c_str(), O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0666)} {
        struct stat about{};
        if (file_.descriptor < 0 || ::fstat(file_.descriptor, &about) != 0) {
            fail("opened for writing");
        }
        if (!S_ISREG(about.st_mode)) {
            throw nibble::error(path_ + ": this is no regular file; move it away.");
        }
        end_ = static_cast<off_t>(read_text(path_).rfind('\n') + 1);  // npos + 1 is 0
        if (end_ != about.st_size && ::ftruncate(file_.descriptor, end_) != 0) {
            fail("cut behind its last whole line");
        }
    }
    line_file(line_file const&) = delete;
    line_file& operator=(line_file const&) = delete;

    /// Appends `line` and a line break.
    void append(std::string line) {
        line += '\n';
        for (std::string_view left = line; !left.empty();) {
            ssize_t const written = ::write(file_.descriptor, left.data(), left.size());
            if (written >= 0) {
                left.remove_prefix(static_cast<std::size_t>(written));
            } else if (errno != EINTR) {
                int const reason = errno;
                [[maybe_unused]] int const cut = ::ftruncate(file_.descriptor, end_);  // else by who opens it next
                errno = reason;
                fail("written");
            }
        }
        end_ += static_cast<off_t>(line.size());
    }

    /// Every line is on the disk when this returns.
    void flush() const {
        if (::fsync(file_.descriptor) != 0) {
            fail("flushed to the disk");
        }
    }

private:
    struct owner {
        int descriptor;
        ~owner() {
            if (descriptor >= 0) {
                ::close(descriptor);
            }
        }
    };

    [[noreturn]] void fail(char const* done) const {
        throw nibble::error(path_ + ": could not be " + done + ": " + std::generic_category().message(errno) +
                            "; check its permissions and the free space.");
    }

    std::string path_;
    owner file_;
    off_t end_ = 0;
};

}  // namespace program
