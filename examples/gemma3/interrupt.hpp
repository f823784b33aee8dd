// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <csignal>

namespace program {

/// While one lives, Ctrl-C only sets a flag; a second one ends the program as ever.
class interrupt {
public:
    /// What becomes of a read that waits for input.
    enum class reads { go_on, end };

    explicit interrupt(reads waiting = reads::go_on) {
        flag = 0;
        struct sigaction action{};
        action.sa_handler = [](int) { flag = 1; };
        action.sa_flags = static_cast<int>(SA_RESETHAND) | (waiting == reads::go_on ? SA_RESTART : 0);
        ::sigaction(SIGINT, &action, &before_);
    }
    interrupt(interrupt const&) = delete;
    interrupt& operator=(interrupt const&) = delete;
    ~interrupt() { ::sigaction(SIGINT, &before_, nullptr); }

    bool requested() const { return flag != 0; }

private:
    static inline std::sig_atomic_t volatile flag = 0;
    struct sigaction before_{};
};

}  // namespace program
