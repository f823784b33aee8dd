// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/io/json_position.hpp>
#include <nibble/numeric/error.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <new>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace nibble {

namespace detail {
struct json_builder;
}

/// What a JSON text may ask for. `values` bounds the memory of a parse: the text once more, and 96 bytes a value.
struct json_limits {
    std::size_t bytes = std::size_t{64} << 20U;
    std::size_t values = 1'000'000;  ///< leaves, objects and arrays
    std::size_t depth = 16;          ///< objects and arrays inside each other
    std::size_t key_bytes = 1024;
    std::size_t token_bytes = std::size_t{1} << 20U;  ///< of a string or number, as written in the text
};

enum class json_kind : std::uint8_t { null, boolean, integer, number, string, array, object };

/// One value of a json_fields table, under the path of keys and indexes that leads to it.
///   error   the getters refuse a value of another kind with its path and byte
class json_field {
    struct children {
        json_field const** first = nullptr;
        std::size_t count = 0;
    };

public:
    json_kind kind() const { return kind_; }
    bool is_null() const { return kind_ == json_kind::null; }
    std::string_view key() const { return key_; }  ///< empty for the root and the elements of an array

    bool as_bool() const { return get<bool>("true or false"); }
    std::string_view as_string() const { return get<std::string_view>("a string"); }
    double as_number() const {
        return kind_ == json_kind::integer ? static_cast<double>(std::get<std::int64_t>(value_))
                                           : get<double>("a number");
    }
    /// Also of a number such as 1e6 that is an integer of at most 2^53.
    std::int64_t as_integer() const {
        if (auto const* number = std::get_if<double>(&value_);
            number != nullptr && std::abs(*number) <= 0x1p53 && std::trunc(*number) == *number) {
            return static_cast<std::int64_t>(*number);
        }
        return get<std::int64_t>("an integer");
    }

    /// Of an array in order, of an object by key; of any other value none.
    std::span<json_field const* const> members() const {
        auto const* const all = std::get_if<children>(&value_);
        return all == nullptr ? std::span<json_field const* const>() : std::span(all->first, all->count);
    }

    /// The value under a path of keys and, for arrays, indexes from 0; null where there is none.
    template <typename... Segments>
    json_field const* find(Segments const&... path) const {
        json_field const* at = this;
        ((at = at == nullptr ? nullptr : at->child(path)), ...);
        return at;
    }
    /// The same, but nibble::error where there is none.
    template <typename... Segments>
    json_field const& at(Segments const&... path) const {
        json_field const* here = this;
        ((here = &here->child_or_error(path)), ...);
        return *here;
    }

    /// For messages, such as 'text_config.layer_types[3]'.
    std::string path() const {
        std::string const text = raw_path();
        return text.empty() ? "the top level" : detail::in_message(text);
    }

private:
    friend class json_fields;
    friend struct detail::json_builder;

    template <typename T>
    T get(char const* expected) const {
        if (auto const* value = std::get_if<T>(&value_)) {
            return *value;
        }
        constexpr char const* names[]{"null", "a bool", "an integer", "a number", "a string", "an array", "an object"};
        throw error("JSON: " + path() + " at byte " + std::to_string(offset_) + " is " +
                    names[static_cast<std::size_t>(kind_)] + "; expected " + expected);
    }

    json_field const* child(std::string_view key) const {
        if (kind_ != json_kind::object) {
            return nullptr;
        }
        auto const all = members();
        auto const found = std::lower_bound(
            all.begin(), all.end(), key, [](auto const* field, std::string_view text) { return field->key_ < text; });
        return found != all.end() && (*found)->key_ == key ? *found : nullptr;
    }
    template <typename Index>
        requires std::is_integral_v<Index>
    json_field const* child(Index index) const {
        auto const i = static_cast<std::size_t>(index);
        return kind_ == json_kind::array && i < members().size() ? members()[i] : nullptr;
    }
    template <typename Segment>
    json_field const& child_or_error(Segment const& segment) const {
        if (auto const* found = child(segment)) {
            return *found;
        }
        std::string name;
        if constexpr (std::is_integral_v<Segment>) {
            name = "[" + std::to_string(segment) + "]";
        } else {
            name = segment;
        }
        throw error("JSON: " + path() + " at byte " + std::to_string(offset_) + " has no " + detail::in_message(name) +
                    "; is this another kind of file?");
    }

    std::string raw_path() const {
        if (parent_ == nullptr) {
            return {};
        }
        std::string const before = parent_->raw_path();
        if (parent_->kind_ == json_kind::object) {
            return before + (before.empty() ? "" : ".") + std::string(key_.substr(0, 80));
        }
        auto const all = parent_->members();
        return before + "[" + std::to_string(std::find(all.begin(), all.end(), this) - all.begin()) + "]";
    }

    json_field* parent_ = nullptr;
    std::string_view key_;
    std::size_t offset_ = 0;  // behind its last byte, or behind the bracket that opens it
    json_kind kind_ = json_kind::null;
    std::variant<std::monostate, bool, std::int64_t, double, std::string_view, children> value_;
};

/// A JSON text as a flat table of values, owned by the table. Fields stay where they are when the table is moved.
class json_fields {
public:
    json_field const& root() const { return fields_.front(); }

    template <typename... Segments>
    json_field const* find(Segments const&... path) const {
        return root().find(path...);
    }
    template <typename... Segments>
    json_field const& at(Segments const&... path) const {
        return root().at(path...);
    }
    /// Of the object or array at `path`; nibble::error where there is neither.
    template <typename... Segments>
    std::span<json_field const* const> members(Segments const&... path) const {
        auto const& field = at(path...);
        field.template get<json_field::children>("an object or array");
        return field.members();
    }

    json_fields(json_fields&&) = default;
    json_fields& operator=(json_fields&&) = default;

private:
    friend struct detail::json_builder;
    json_fields() = default;

    std::vector<char> text_;  // keys and strings; never grows, since fields view it
    std::deque<json_field> fields_;
    std::vector<json_field const*> members_;
};

namespace detail {

/// Fills a json_fields from the events of nlohmann's parser.
struct json_builder {
    using value = decltype(json_field::value_);

    json_limits limits;
    json_position where{};
    json_fields table{};
    std::vector<json_field*> open{};  // the objects and arrays around `where`
    std::string_view next_key{};

    [[noreturn]] void fail(std::string const& what) const {
        throw error("JSON: " + what + " at byte " + std::to_string(where.offset()) +
                    "; the text is damaged or not what its name says");
    }

    std::string_view keep(std::string const& text) {
        auto const begin = table.text_.size();
        table.text_.insert(table.text_.end(), text.begin(), text.end());
        return {table.text_.data() + begin, text.size()};
    }
    bool add(json_kind kind, value const& what) {
        if (table.fields_.size() == limits.values) {
            fail("more values than the limit of " + std::to_string(limits.values));
        }
        auto& field = table.fields_.emplace_back();
        field.offset_ = where.offset();
        field.kind_ = kind;
        field.value_ = what;
        field.key_ = std::exchange(next_key, {});
        if (!open.empty()) {
            field.parent_ = open.back();
            ++std::get<json_field::children>(open.back()->value_).count;
        }
        return true;
    }
    bool begin(json_kind kind) {
        if (open.size() == limits.depth) {
            fail("objects and arrays nested deeper than the limit of " + std::to_string(limits.depth));
        }
        add(kind, json_field::children{});
        open.push_back(&table.fields_.back());
        return true;
    }
    bool end() {
        open.pop_back();
        return true;
    }

    bool null() { return add(json_kind::null, {}); }
    bool boolean(bool what) { return add(json_kind::boolean, what); }
    bool number_integer(std::int64_t what) { return add(json_kind::integer, what); }
    bool number_unsigned(std::uint64_t what) {
        return what >> 63U ? add(json_kind::number, static_cast<double>(what))
                           : add(json_kind::integer, static_cast<std::int64_t>(what));
    }
    bool number_float(double what, std::string const&) { return add(json_kind::number, what); }
    bool string(std::string& what) { return add(json_kind::string, keep(what)); }
    bool binary(std::vector<std::uint8_t>&) { fail("binary data"); }
    bool key(std::string& what) {
        if (what.size() > limits.key_bytes) {
            fail("a key longer than the limit of " + std::to_string(limits.key_bytes) + " bytes");
        }
        next_key = keep(what);
        return true;
    }
    bool start_object(std::size_t) { return begin(json_kind::object); }
    bool end_object() { return end(); }
    bool start_array(std::size_t) { return begin(json_kind::array); }
    bool end_array() { return end(); }
    bool parse_error(std::size_t, std::string const&, nlohmann::json::exception const&) { fail("invalid JSON"); }

    /// Gives every object and array its part of `members_`: parents come before their children in `fields_`.
    void place_members() {
        table.members_.resize(table.fields_.size());
        auto const** next = table.members_.data();
        for (auto& field : table.fields_) {
            if (auto* const own = std::get_if<json_field::children>(&field.value_)) {
                own->first = next;
                next += std::exchange(own->count, 0);
            }
            if (field.parent_ != nullptr) {
                auto& all = std::get<json_field::children>(field.parent_->value_);
                all.first[all.count++] = &field;
            }
        }
        for (auto const& field : table.fields_) {
            if (field.kind_ != json_kind::object) {
                continue;
            }
            auto const& all = std::get<json_field::children>(field.value_);
            std::sort(all.first, all.first + all.count, [](auto const* a, auto const* b) {
                return a->key_ != b->key_ ? a->key_ < b->key_ : a->offset_ < b->offset_;
            });
            for (std::size_t i = 1; i < all.count; ++i) {
                if (all.first[i]->key_ == all.first[i - 1]->key_) {
                    throw error("JSON: " + all.first[i]->path() + " at byte " + std::to_string(all.first[i]->offset_) +
                                " is there twice; keep one");
                }
            }
        }
    }

    json_fields read(std::string_view text) {
        table.text_.reserve(text.size());
        parse_json(text, limits.token_bytes, *this);
        place_members();
        return std::move(table);
    }
};

}  // namespace detail

/// The values of a JSON text within `limits`; the text itself is not needed afterwards.
///   error   any bytes give a table or a nibble::error with a byte offset; an object with a key twice is refused
///   cost    O(n log n) for n bytes
inline json_fields parse_json_fields(std::span<std::byte const> text, json_limits const& limits = {}) {
    if (text.size() > limits.bytes) {
        throw error("JSON: the text ends at byte " + std::to_string(text.size()) + ", after the limit of " +
                    std::to_string(limits.bytes) + "; raise the limit or use the right file");
    }
    try {
        detail::json_builder builder{limits};
        return builder.read({reinterpret_cast<char const*>(text.data()), text.size()});
    } catch (std::bad_alloc const&) {
        throw error("JSON: no memory for the values of " + std::to_string(text.size()) +
                    " bytes from byte 0; lower the limits or free memory");
    }
}

}  // namespace nibble
