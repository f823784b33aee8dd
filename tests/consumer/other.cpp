// SPDX-License-Identifier: Apache-2.0
// The standard library and the dependencies first: macros named min and max, as windows.h defines them, are then met by
// this library's headers alone.
#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <boost/hana.hpp>
#include <charconv>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <filesystem>
#include <fstream>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <mutex>
#include <numeric>
#include <optional>
#include <queue>
#include <random>
#include <span>
#include <string>
#include <thread>
#include <tuple>
#include <unordered_map>
#include <unordered_set>
#include <variant>
#include <vector>
#if __has_include(<nlohmann/json.hpp>)
#include <nlohmann/json.hpp>
#endif
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#define min(a, b) (((a) < (b)) ? (a) : (b))
#define max(a, b) (((a) > (b)) ? (a) : (b))
#include "headers.hpp"

int refuse() { throw nibble::error("thrown in one translation unit, caught in the other"); }
