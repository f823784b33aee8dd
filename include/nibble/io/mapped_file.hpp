// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/numeric/error.hpp>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <filesystem>
#include <memory>
#include <new>
#include <span>
#include <string>
#include <utility>

namespace nibble {

enum class file_mode { map, read };

/// A file's bytes, read-only. The size is the one fstat gives at open. A mapped file that another process
/// shortens afterwards kills the reader with SIGBUS: where that may happen, take `file_mode::read`.
class mapped_file {
public:
    mapped_file() = default;
    explicit mapped_file(std::filesystem::path const& path, file_mode mode = file_mode::map) {
        struct descriptor {
            int fd;
            ~descriptor() {
                if (fd >= 0) {
                    ::close(fd);
                }
            }
        } const file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
        auto const fail = [&](char const* what) {
            throw error(path.string() + ": cannot " + what + ": " + std::strerror(errno));
        };
        if (file.fd < 0) {
            fail("open for reading");
        }
        struct stat status{};
        if (::fstat(file.fd, &status) != 0) {
            fail("read the size");
        }
        if (!S_ISREG(status.st_mode)) {
            throw error(path.string() + ": not a regular file; give the path of a file");
        }
        auto const size = static_cast<std::size_t>(status.st_size);
        if (size == 0) {
            return;
        }
        if (mode == file_mode::map) {
            void* const at = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.fd, 0);
            if (at == MAP_FAILED) {
                fail("map");
            }
            mapped_ = at;
            bytes_ = {static_cast<std::byte const*>(at), size};
            return;
        }
        try {
            owned_.reset(new std::byte[size]);
        } catch (std::bad_alloc const&) {
            throw error(path.string() + ": no memory for " + std::to_string(size) + " bytes; map the file instead");
        }
        for (std::size_t done = 0; done < size;) {
            auto const got = ::read(file.fd, owned_.get() + done, size - done);
            if (got < 0 && errno == EINTR) {
                continue;
            }
            if (got < 0) {
                fail("read");
            }
            if (got == 0) {
                throw error(path.string() + ": became shorter while read, at byte " + std::to_string(done));
            }
            done += static_cast<std::size_t>(got);
        }
        bytes_ = {owned_.get(), size};
    }
    mapped_file(mapped_file&& other) noexcept
        : mapped_(std::exchange(other.mapped_, nullptr)), owned_(std::move(other.owned_)),
          bytes_(std::exchange(other.bytes_, {})) {}
    mapped_file& operator=(mapped_file&& other) noexcept {
        std::swap(mapped_, other.mapped_);
        std::swap(owned_, other.owned_);
        std::swap(bytes_, other.bytes_);
        return *this;
    }
    ~mapped_file() {
        if (mapped_ != nullptr) {
            ::munmap(mapped_, bytes_.size());
        }
    }

    std::span<std::byte const> bytes() const { return bytes_; }

    /// f(part) for parts of some bytes of the file in sequence, whose memory is given back behind each.
    template <class F>
    void read_once(std::span<std::byte const> bytes, F&& f) const {
        constexpr std::size_t piece = std::size_t{16} << 20;
        while (!bytes.empty()) {
            auto const part = bytes.first((std::min)(piece, bytes.size()));
            f(part);
            drop(part);
            bytes = bytes.subspan(part.size());
        }
    }

    /// Gives back the memory of the whole pages inside `part`, bytes of this file; a later access reads the file again.
    /// Bytes of another file, or of a file that was read, stay as they are.
    void drop(std::span<std::byte const> part) const {
        if (mapped_ == nullptr || part.data() < bytes_.data() ||
            part.data() + part.size() > bytes_.data() + bytes_.size()) {
            return;
        }
        auto const page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
        auto const offset = static_cast<std::size_t>(part.data() - bytes_.data());
        auto const end = (offset + part.size()) / page * page;
        auto const begin = (offset + page - 1) / page * page;
        if (begin < end) {
            ::madvise(static_cast<char*>(mapped_) + begin, end - begin, MADV_DONTNEED);
        }
    }

private:
    void* mapped_ = nullptr;
    std::unique_ptr<std::byte[]> owned_;
    std::span<std::byte const> bytes_;
};

}  // namespace nibble
