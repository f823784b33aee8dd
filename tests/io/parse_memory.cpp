// SPDX-License-Identifier: Apache-2.0
// Counts every byte this executable allocates, to hold the readers to the memory they promise.
#include <nibble/io/gguf.hpp>
#include <nibble/io/json_fields.hpp>
#include <nibble/io/safetensors.hpp>

#include <catch2/catch_test_macros.hpp>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <new>
#include <optional>
#include <span>
#include <string>

#include <malloc.h>  // malloc_usable_size

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define NIBBLE_TEST_OWN_NEW 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define NIBBLE_TEST_OWN_NEW 0
#else
#define NIBBLE_TEST_OWN_NEW 1
#endif
#else
#define NIBBLE_TEST_OWN_NEW 1
#endif

namespace {

std::atomic<std::size_t> live{0}, peak{0};

}  // namespace

#if NIBBLE_TEST_OWN_NEW
void* operator new(std::size_t size) {
    void* const at = std::malloc(size == 0 ? 1 : size);
    if (at == nullptr) {
        throw std::bad_alloc();
    }
    std::size_t const now = live += ::malloc_usable_size(at);
    for (auto most = peak.load(); now > most && !peak.compare_exchange_weak(most, now);) {
    }
    return at;
}
void operator delete(void* at) noexcept {
    if (at != nullptr) {
        live -= ::malloc_usable_size(at);
    }
    std::free(at);
}
void operator delete(void* at, std::size_t) noexcept { operator delete(at); }
#endif

namespace {

/// The most bytes that were allocated at one time in `run`, beyond those before it.
template <typename Run>
std::size_t peak_of(Run run) {
    auto const before = live.load();
    peak = before;
    run();
    return peak - before;
}

/// The same for a parse of `file`, if it is refused.
std::optional<std::size_t> refusal_of(std::string const& file) {
    auto const bytes = std::as_bytes(std::span(file));
    bool refused = false;
    auto const most = peak_of([&] {
        try {
            if (file.starts_with("GGUF")) {
                nibble::gguf_file::parse(bytes);
            } else {
                nibble::safetensors_file::parse(bytes);
            }
        } catch (nibble::error const&) {
            refused = true;
        }
    });
    return refused ? std::optional(most) : std::nullopt;
}

std::string number(std::uint64_t value) { return {reinterpret_cast<char const*>(&value), sizeof value}; }
std::string word(std::uint32_t value) { return {reinterpret_cast<char const*>(&value), sizeof value}; }

/// P2's bound, where the header is the whole file.
std::size_t allowed(std::string const& file) { return 2 * file.size() + (std::size_t{1} << 20U); }

}  // namespace

TEST_CASE("P2: refusing a malformed file takes at most twice its header and 1 MiB", "[io]") {
    if (!NIBBLE_TEST_OWN_NEW) {
        SKIP("the sanitizer has its own operator new");
    }
    std::filesystem::path const folder = NIBBLE_SOURCE_DIR "/../shared/malformed";
    if (!std::filesystem::exists(folder)) {
        SKIP("no malformed/ beside the sources");
    }
    int seen = 0;
    for (auto const& item : std::filesystem::directory_iterator(folder)) {
        INFO(item.path().string());
        std::ifstream in(item.path(), std::ios::binary);
        std::string const file{std::istreambuf_iterator<char>(in), {}};
        if (auto const taken = refusal_of(file)) {
            ++seen;
            CHECK(*taken <= allowed(file));
        }
    }
    CHECK(seen > 100);
}

TEST_CASE("P2: the costliest headers that the limits let in are refused within twice their size and 1 MiB", "[io]") {
    if (!NIBBLE_TEST_OWN_NEW) {
        SKIP("the sanitizer has its own operator new");
    }
    nibble::safetensors_limits const limits;
    std::string pairs, tensors;
    for (std::size_t i = 0; i < limits.metadata_pairs; ++i) {
        pairs += (i == 0 ? "\"" : ",\"") + std::to_string(i) + "\":\"\"";
    }
    for (std::size_t i = 0; i < limits.tensors; ++i) {
        tensors += ",\"" + std::to_string(i) + R"(":{"dtype":"U8","shape":[1,1,1,1,1,1,1,0],"data_offsets":[0,0]})";
    }
    std::size_t const large = (std::size_t{3} << 20U) + 1;
    for (auto const& json : {
             R"({"__metadata__":{)" + pairs + "}" + tensors + ",",
             R"({"__metadata__":{)" + pairs + "}" + tensors + "}",
             "{\"" + std::string(large, 'n'),
             R"({"__metadata__":{"a":")" + std::string(large, 'n'),
             R"({"a":{"dtype":"U8","shape":[)" + std::string(large, '1'),
             "{" + std::string(large, ' ') + "x",
         }) {
        auto const file = number(json.size()) + json + "x";
        INFO(json.substr(0, 60) << "… of " << json.size() << " bytes");
        REQUIRE(refusal_of(file).has_value());
        CHECK(*refusal_of(file) <= allowed(file));
    }

    nibble::gguf_limits const gguf;
    std::string file = "GGUF" + word(3) + number(gguf.max_tensors) + number(gguf.max_pairs);
    for (std::uint64_t i = 0; i < gguf.max_pairs; ++i) {
        file += number(3) + std::string{static_cast<char>(i & 127U), static_cast<char>(i >> 7U), 'k'} + word(7) + '\0';
    }
    for (std::uint64_t i = 0; i < gguf.max_tensors; ++i) {
        file += number(2) + std::string{static_cast<char>(i & 127U), static_cast<char>(i >> 7U)} + word(1) + number(0) +
                word(0) + number(i + 1 == gguf.max_tensors ? 1 : 0);
    }
    REQUIRE(refusal_of(file).has_value());
    CHECK(*refusal_of(file) <= allowed(file));
}

TEST_CASE("P2: a table of JSON values takes the text once more and 96 bytes a value", "[io]") {
    if (!NIBBLE_TEST_OWN_NEW) {
        SKIP("the sanitizer has its own operator new");
    }
    std::size_t const count = 300'000, slack = std::size_t{64} << 10U;
    std::string numbers = "[0", keys = "{\"0\":\"\"";
    for (std::size_t i = 1; i < count; ++i) {
        numbers += ",0";
        keys += ",\"" + std::to_string(i) + "\":\"\"";
    }
    for (auto const& text : {numbers + "]", keys + "}"}) {
        auto const most = peak_of(
            [&] { CHECK(nibble::parse_json_fields(std::as_bytes(std::span(text))).members().size() == count); });
        CHECK(most <= text.size() + 96 * (count + 1) + slack);
    }
}
