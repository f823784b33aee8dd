// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

/// What a page is made of, as far as its form goes.
struct markup {
    struct element {
        std::string name;
        std::map<std::string, std::string> attributes;
        std::string text;  ///< between the opening tag and the next tag, as written
    };
    std::vector<element> elements;
    std::string wrong;  ///< the first fault; empty where the page is well-formed

    std::vector<element> named(std::string_view name) const {
        std::vector<element> found;
        for (auto const& one : elements) {
            if (one.name == name) {
                found.push_back(one);
            }
        }
        return found;
    }
};

namespace detail {

inline bool is_sound_text(std::string_view text) {
    for (std::size_t at = 0; at < text.size(); ++at) {
        auto const c = static_cast<unsigned char>(text[at]);
        if (c == '<' || c == '>' || (c < 0x20 && c != '\n' && c != '\t')) {
            return false;
        }
        if (c == '&') {
            std::string_view const rest = text.substr(at);
            bool known = false;
            for (std::string_view const entity : {"&amp;", "&lt;", "&gt;", "&quot;", "&#39;"}) {
                known = known || rest.starts_with(entity);
            }
            if (!known) {
                return false;
            }
        }
    }
    return true;
}

}  // namespace detail

/// Reads a page of the strict form that XML asks for: every tag closed, in order; attributes in quotes, none twice; no
/// bare <, > or &; one root; no id twice, and labels that exist.
inline markup read_markup(std::string_view page) {
    markup result;
    std::vector<std::string> open;
    std::set<std::string> ids;
    bool opened = false;  // the last thing was an opening tag
    auto const fail = [&](std::string what, std::size_t at) {
        result.wrong = what + " at byte " + std::to_string(at) + ": " + std::string(page.substr(at, 60));
        return result;
    };
    constexpr std::string_view first = "<!DOCTYPE html>\n";
    if (!page.starts_with(first)) {
        return fail("no doctype", 0);
    }
    std::size_t at = first.size();
    while (at < page.size()) {
        if (page[at] != '<') {
            std::size_t const end = std::min(page.find('<', at), page.size());
            std::string_view const text = page.substr(at, end - at);
            if (!detail::is_sound_text(text) || (open.empty() && text != "\n")) {
                return fail("bad text", at);
            }
            if (opened) {
                result.elements.back().text = text;
            }
            opened = false;
            at = end;
            continue;
        }
        bool const closes = page.substr(at).starts_with("</");
        std::size_t next = at + (closes ? 2 : 1);
        std::size_t const name_begin = next;
        while (next < page.size() && std::isalnum(static_cast<unsigned char>(page[next])) != 0) {
            ++next;
        }
        std::string const name(page.substr(name_begin, next - name_begin));
        if (closes) {
            if (open.empty() || open.back() != name || next >= page.size() || page[next] != '>') {
                return fail("a closing tag out of order", at);
            }
            open.pop_back();
            opened = false;
            at = next + 1;
            continue;
        }
        if (name.empty() || (open.empty() && !result.elements.empty())) {
            return fail("a tag without a name, or a second root", at);
        }
        markup::element one{name, {}, {}};
        while (next < page.size() && page[next] == ' ') {
            std::size_t const equals = page.find("=\"", next);
            std::size_t const end = equals == page.npos ? page.npos : page.find('"', equals + 2);
            if (end == page.npos) {
                return fail("an attribute without quotes", at);
            }
            std::string const key(page.substr(next + 1, equals - next - 1));
            std::string_view const value = page.substr(equals + 2, end - equals - 2);
            if (key.find_first_of(" <>/\"") != key.npos || !detail::is_sound_text(value) ||
                !one.attributes.emplace(key, value).second || (key == "id" && !ids.emplace(value).second)) {
                return fail("a bad or repeated attribute", next);
            }
            next = end + 1;
        }
        bool const empty = page.substr(next).starts_with("/>");
        if (!empty && !page.substr(next).starts_with(">")) {
            return fail("a tag that does not end", at);
        }
        at = next + (empty ? 2 : 1);
        opened = !empty;
        if (!empty) {
            open.push_back(name);
        }
        result.elements.push_back(std::move(one));
    }
    if (!open.empty()) {
        return fail("<" + open.back() + "> is not closed", page.size());
    }
    for (auto const& one : result.elements) {
        auto const label = one.attributes.find("aria-labelledby");
        for (std::size_t from = 0; label != one.attributes.end() && from < label->second.size();) {
            std::size_t const end = std::min(label->second.find(' ', from), label->second.size());
            std::string const id = label->second.substr(from, end - from);
            if (!ids.contains(id)) {
                result.wrong = "no element has the id '" + id + "' of a label";
            }
            from = end + 1;
        }
    }
    return result;
}
