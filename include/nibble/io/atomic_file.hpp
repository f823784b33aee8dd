// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/numeric/error.hpp>

#include <cerrno>
#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

namespace nibble {

namespace detail {

/// Makes names that came or went in a folder last; false, with errno, where the system does not.
inline bool flush_folder(std::filesystem::path const& folder) {
    int const directory = ::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0) {
        return false;
    }
    bool const flushed = ::fsync(directory) == 0;
    int const reason = errno;
    ::close(directory);
    errno = reason;
    return flushed;
}

/// `start`, digits, "-", digits, ".tmp": the names that atomic_file gives where `start` is a file's name and ".".
inline bool is_temporary(std::string_view name, std::string_view start) {
    constexpr std::string_view end = ".tmp", digits = "0123456789";
    if (name.size() < start.size() + end.size() || !name.starts_with(start) || !name.ends_with(end)) {
        return false;
    }
    auto const number = name.substr(start.size(), name.size() - start.size() - end.size());
    auto const dash = number.find_first_not_of(digits);
    return dash != 0 && dash != number.npos && number[dash] == '-' && dash + 1 != number.size() &&
           number.find_first_not_of(digits, dash + 1) == number.npos;
}

}  // namespace detail

/// A file that appears whole or not at all: bytes go to a temporary file in the same folder; commit() flushes it to the
/// disk, gives it its name and flushes the folder. A reader sees the old file or the new one, never a part. Without a
/// commit the temporary file is removed.  Errors name the file and the system's reason. POSIX.
class atomic_file {
public:
    /// Where `path` is a link, the file that it leads to is replaced. Throws nibble::error if that is no regular file
    /// (a device, a folder), and if no file can be made in its folder.
    explicit atomic_file(std::filesystem::path path) : path_(std::move(path)) {
        std::error_code failed;
        for (int links = 0; links < 40 && std::filesystem::is_symlink(path_, failed); ++links) {
            path_ = path_.parent_path() / std::filesystem::read_symlink(path_, failed);
        }
        auto const type = std::filesystem::status(path_, failed).type();
        if (type != std::filesystem::file_type::regular && type != std::filesystem::file_type::not_found) {
            throw error("Could not write '" + path_.string() + "', which is no regular file; give the path of a file.");
        }
        // O_EXCL, and another number where a crash has left the name: never a file that someone else writes.
        for (int attempt = 0; descriptor_ < 0; ++attempt) {
            std::string name =
                path_.string() + "." + std::to_string(::getpid()) + "-" + std::to_string(attempt) + ".tmp";
            descriptor_ = ::open(name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
            if (descriptor_ >= 0) {
                temporary_ = std::move(name);
            } else if (errno != EEXIST || attempt == 1000) {
                fail("create a temporary file beside");
            }
        }
    }
    atomic_file(atomic_file const&) = delete;
    atomic_file& operator=(atomic_file const&) = delete;
    ~atomic_file() { abandon(); }

    /// Appends. Throws nibble::error, for example for a full disk.
    void write(std::span<std::byte const> bytes) {
        write_all(bytes, [&](auto left) { return ::write(descriptor_, left.data(), left.size()); });
    }

    /// Puts `bytes` in the place of those at `offset`, which have been written before.
    void overwrite(std::size_t offset, std::span<std::byte const> bytes) {
        write_all(bytes, [&](auto left) {
            auto const at = static_cast<off_t>(offset + bytes.size() - left.size());
            return ::pwrite(descriptor_, left.data(), left.size(), at);
        });
    }

    /// The file has its name and is on the disk when this returns; nothing can be written any more.
    void commit() {
        if (::fsync(descriptor_) != 0) {
            fail("flush");
        }
        if (::close(std::exchange(descriptor_, -1)) != 0) {
            fail("close");
        }
        if (::rename(temporary_.c_str(), path_.c_str()) != 0) {
            fail("rename the finished file to");
        }
        temporary_.clear();
        if (!detail::flush_folder(path_.parent_path())) {
            fail("flush the folder of the finished file");
        }
    }

private:
    /// some(left) writes a part of what is left and says how many bytes.
    template <class F>
    void write_all(std::span<std::byte const> left, F const& some) {
        while (!left.empty()) {
            ssize_t const written = some(left);
            if (written < 0) {
                if (errno == EINTR) {
                    continue;
                }
                fail("write");
            }
            left = left.subspan(static_cast<std::size_t>(written));
        }
    }

    [[noreturn]] void fail(char const* what) {
        std::string const reason = std::generic_category().message(errno);
        abandon();
        throw error("Could not " + std::string(what) + " '" + path_.string() + "': " + reason +
                    "; check the folder, its permissions and the free space.");
    }

    void abandon() noexcept {
        if (descriptor_ >= 0) {
            ::close(std::exchange(descriptor_, -1));
        }
        if (!temporary_.empty()) {
            ::unlink(temporary_.c_str());
            temporary_.clear();
        }
    }

    std::filesystem::path path_;
    std::string temporary_;
    int descriptor_ = -1;
};

/// Removes the temporary files of `path` that processes have left which were killed as they wrote it. No other process
/// may be writing it. What cannot be removed stays.
inline void remove_remains(std::filesystem::path const& path) {
    std::error_code failed;
    std::vector<std::filesystem::path> remains;
    auto const start = path.filename().string() + ".";
    auto const folder = path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
    for (std::filesystem::directory_iterator at(folder, failed), end; !failed && at != end; at.increment(failed)) {
        if (detail::is_temporary(at->path().filename().string(), start)) {
            remains.push_back(at->path());
        }
    }
    for (auto const& one : remains) {
        std::filesystem::remove(one, failed);
    }
}

/// A file of these bytes, which appears whole or not at all.
inline void write_whole_file(std::filesystem::path const& path, std::span<std::byte const> bytes) {
    atomic_file file(path);
    file.write(bytes);
    file.commit();
}

}  // namespace nibble
