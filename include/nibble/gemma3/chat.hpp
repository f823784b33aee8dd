// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/gemma3/tokenizer.hpp>
#include <nibble/numeric/error.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace nibble {

/// Who speaks; a system message may only come first, and goes in front of the first user turn.
enum class chat_role : std::uint8_t { system, user, model };

struct chat_message {
    chat_role role;
    std::string text;
};

/// Ids of a conversation in Gemma's turns, one bos in front, ready for the model's answer:
///   bos { <start_of_turn> role \n text <end_of_turn> \n } <start_of_turn> model \n
/// The texts of turns are trimmed and never parsed for control pieces, so a user cannot forge a turn.
///   error  the turns alternate user, model, user, ..., and the vocabulary has bos and both turn marks
///   param  ask  end with the start of the model's turn
inline std::vector<std::uint32_t> chat_ids(tokenizer const& words, std::span<chat_message const> messages,
                                           bool ask = true) {
    auto const& v = words.vocabulary();
    auto const start = v.find("<start_of_turn>"), end = v.find("<end_of_turn>");
    if (!start || !end || !v.options().bos) {
        throw error(
            "chat: the vocabulary lacks bos, <start_of_turn> or <end_of_turn>; is it an instruction-tuned model?");
    }
    auto const trim = [](std::string_view s) {
        constexpr std::string_view white = " \t\n\v\f\r";
        auto const first = s.find_first_not_of(white);
        return first == s.npos ? std::string() : std::string(s.substr(first, s.find_last_not_of(white) - first + 1));
    };
    std::vector<std::uint32_t> ids{*v.options().bos};
    std::string before;
    std::size_t turn = 0;
    for (std::size_t i = 0; i < messages.size(); ++i) {
        auto const& [role, text] = messages[i];
        if (role == chat_role::system && i == 0) {
            before = text + "\n\n";
            continue;
        }
        if (role != (turn % 2 == 0 ? chat_role::user : chat_role::model)) {
            throw error("chat: message " + std::to_string(i) +
                        " is out of turn; turns alternate user, model, and only the first message may be system");
        }
        ids.push_back(*start);
        words.append(ids, (role == chat_role::user ? "user\n" : "model\n") + (turn == 0 ? before : "") + trim(text));
        ids.push_back(*end);
        words.append(ids, "\n");
        ++turn;
    }
    if (turn == 0) {
        throw error("chat: no user message; give one");
    }
    if (ask) {
        ids.push_back(*start);
        words.append(ids, "model\n");
    }
    return ids;
}

}  // namespace nibble
