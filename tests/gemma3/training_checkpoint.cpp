// SPDX-License-Identifier: Apache-2.0
#include "trained_golden.hpp"

#include <nibble/gemma3/training_checkpoint.hpp>
#include <nibble/gemma3/vocabulary_hash.hpp>
#include <nibble/io/safetensors.hpp>
#include <nibble/nn/recipes.hpp>
#include <nibble/numeric/random.hpp>
#include <nibble/scheme/gradient.hpp>

#include <catch2/catch_template_test_macros.hpp>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <algorithm>
#include <bit>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <optional>
#include <span>
#include <string>
#include <sys/resource.h>
#include <utility>
#include <vector>

#include <support/scratch_folder.hpp>

using namespace nibble;
using Catch::Matchers::ContainsSubstring;
namespace fs = std::filesystem;

namespace {

using int4_learned = scheme<bits<4>, per_group<32>, scale_as<bf16>, learned_step<>>;
constexpr auto plain =
    recipe(role::otherwise = use<int4_g32>, role::activations = use<int8_activations>, role::kv_cache = keep<bf16>);
constexpr auto learned = recipe(role::otherwise = use<int4_learned>);

gemma3::training_run some_run() { return {.vocabulary = 0x123, .data = {{"text", "a.txt"}, {"batch", "2 x 20"}}}; }

gemma3::trainer_options some_options() { return {.rate = schedule::cosine(1e-2, 1e-3, 2, 9), .seed = 5}; }

/// Losses of some steps on the golden texts, one of which a broken teacher spoils.
template <auto Recipe, class State>
std::vector<double> go_on(gemma3::trainer<State>& t, int steps) {
    auto broken = trained_golden<Recipe>();
    broken.parameters.output_norm[3] = (std::numeric_limits<float>::infinity)();
    auto const ids = trained_ids();
    std::vector<std::uint32_t> next(ids.begin() + 1, ids.end());
    next.push_back(no_target);
    gemma3::training_batch const batch{ids, next, trained_tokens};
    std::vector<double> losses;
    for (int i = 0; i < steps; ++i) {
        gemma3::training_loss const loss{.teacher = t.steps() == 1 ? &broken : nullptr};
        losses.push_back(t.step(cpu{}, {&batch, 1}, loss).loss);
    }
    return losses;
}

constexpr gemma3::configuration small_sizes{.hidden = 16,
                                            .layers = 2,
                                            .heads = 2,
                                            .kv_heads = 1,
                                            .head_dim = 8,
                                            .ffn = 24,
                                            .vocabulary = 32,
                                            .window = 4,
                                            .pattern = 2,
                                            .context = 64};

/// A trainer that has never trained: every number of it is random, in matrices of every kind that can be learned.
template <class State = bf16>
gemma3::trainer<State> random_trainer(std::uint64_t seed, gemma3::configuration const& sizes = small_sizes,
                                      gemma3::trained_recipe recipe = gemma3::trained_recipe_of<learned>(),
                                      gemma3::trainer_options const& options = some_options()) {
    gemma3::trained_model m{.config = sizes, .recipe = recipe, .parameters = gemma3::zero_parameters(sizes)};
    gemma3::for_each_parameter(
        [&](auto const&, std::uint32_t, auto& parameter) {
            if constexpr (requires { parameter.learned; }) {
                parameter.learned.scale = matrix<float>(parameter.values.rows(), 1);
                if (parameter.number == 2) {
                    parameter.learned.step = parameter.learned.zero = parameter.learned.scale;
                }
            }
        },
        m.parameters);
    gemma3::trainer<State> t(std::move(m), options);
    t.resume(1000 + seed, seed, [&](auto& parameters, std::span<State> mean, std::span<State> square) {
        std::uint32_t run = 0;
        auto const fill = [&](auto numbers) {
            for (std::size_t i = 0; i < numbers.size(); ++i) {
                using number = std::remove_reference_t<decltype(numbers[i])>;
                numbers[i] = number(static_cast<float>(random_bits({seed, 0, run}, i) >> 8));
            }
            ++run;
        };
        gemma3::for_each_run([&](gemma3::trained_kind, std::span<float> w) { fill(w); }, parameters);
        fill(mean);
        fill(square);
    });
    return t;
}

/// Every bit of a state.
template <class State>
std::string bits_of(gemma3::trainer<State> const& t) {
    std::string all = std::to_string(t.steps()) + " " + std::to_string(t.skipped()) + " ";
    auto const add = [&](auto numbers) {
        all.append(reinterpret_cast<char const*>(numbers.data()), numbers.size_bytes());
    };
    gemma3::for_each_run([&](gemma3::trained_kind, std::span<float const> w) { add(w); }, t.model().parameters);
    add(t.mean());
    add(t.square());
    return all;
}

void write_file(fs::path const& path, std::string const& bytes) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

/// Writes over a part of a file; much faster, thousands of times, than to write it again.
void put(fs::path const& path, std::size_t at, std::string const& bytes) {
    std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
    file.seekp(static_cast<std::streamoff>(at));
    file << bytes;
}

/// What load_state says, empty where it takes the file. Where it does not, the trainer is as it was.
template <class State>
std::string refusal(fs::path const& path, gemma3::trainer<State>& t, gemma3::training_run const& run = some_run()) {
    auto const before = bits_of(t);
    try {
        gemma3::load_state(path, t, run);
    } catch (error const& e) {
        CHECK((bits_of(t) == before));
        CHECK_THAT(e.what(), ContainsSubstring(path.string()));
        return e.what();
    }
    return "";
}

/// The same bytes with the checksum that they should have.
std::string sealed(std::string bytes) {
    std::string const key = "\"checksum\":\"";
    auto const at = bytes.find(key) + key.size();
    bytes.replace(at, 16, 16, '0');
    xxh64 hash;
    hash.add(std::as_bytes(std::span(bytes)));
    char digits[17];
    std::snprintf(digits, sizeof digits, "%016llx", static_cast<unsigned long long>(hash.value()));
    return bytes.replace(at, 16, digits);
}

std::size_t header_size(std::string const& bytes) {
    std::uint64_t size = 0;
    std::copy_n(bytes.begin(), sizeof size, reinterpret_cast<char*>(&size));
    return 8 + static_cast<std::size_t>(size);
}

std::string changed(std::string text, std::string const& what, std::string const& to) {
    auto const at = text.find(what);
    REQUIRE(at != text.npos);
    return text.replace(at, what.size(), to);
}

}  // namespace

TEMPLATE_TEST_CASE_SIG("P22: a run that is resumed is the run that was not interrupted, bit for bit", "[gemma3]",
                       ((auto Recipe, class State), Recipe, State), (plain, float), (plain, bf16), (learned, float),
                       (learned, bf16)) {
    scratch_folder const folder;
    gemma3::trainer<State> whole(trained_golden<Recipe>(), some_options());
    go_on<Recipe>(whole, 3);
    gemma3::save_state(folder / "middle", whole, some_run());
    auto const losses = go_on<Recipe>(whole, 4);
    gemma3::save_state(folder / "end", whole, some_run());

    auto options = some_options();
    options.recompute = true;  // changes no bit, so it may differ
    gemma3::trainer<State> resumed(trained_golden<Recipe>(), options);
    gemma3::load_state(folder / "middle", resumed, some_run());
    CHECK(resumed.steps() == 3);
    CHECK(resumed.skipped() == 1);
    CHECK(go_on<Recipe>(resumed, 4) == losses);
    CHECK((bits_of(resumed) == bits_of(whole)));
    gemma3::save_state(folder / "again", resumed, some_run());
    CHECK((text_of(folder / "again") == text_of(folder / "end")));
}

TEST_CASE("a checkpoint is safetensors under GGUF's names, values and norms as they are in memory", "[gemma3]") {
    scratch_folder const folder;
    auto const t = random_trainer(7);
    gemma3::save_state(folder / "s", t, some_run());
    auto const bytes = text_of(folder / "s");
    auto const file = safetensors_file::parse(std::as_bytes(std::span(bytes)));
    auto const holds = [&](std::string const& name, std::string_view dtype, std::vector<std::uint64_t> const& shape,
                           auto const* numbers) {
        auto const at = std::ranges::find(file.entries(), name, &safetensors_entry::name);
        REQUIRE(at != file.entries().end());
        CHECK(at->dtype == dtype);
        CHECK(at->shape == shape);
        CHECK(std::memcmp(at->bytes.data(), numbers, at->bytes.size()) == 0);
    };
    auto const& p = t.model().parameters;
    holds("token_embd.weight", "F32", {32, 16}, p.token_embd.values.data());
    holds("token_embd.weight.scale", "F32", {32, 1}, p.token_embd.learned.scale.data());
    holds("blk.0.attn_q.weight", "F32", {16, 16}, p.blocks[0].attn_q.values.data());
    holds("blk.0.attn_q.weight.step", "F32", {16, 1}, p.blocks[0].attn_q.learned.step.data());
    holds("blk.0.attn_q.weight.zero", "F32", {16, 1}, p.blocks[0].attn_q.learned.zero.data());
    holds("blk.1.attn_q_norm.weight", "F32", {8}, p.blocks[1].attn_q_norm.data());
    holds("output_norm.weight", "F32", {16}, p.output_norm.data());
    holds("optimizer.mean", "BF16", {t.mean().size()}, t.mean().data());
    holds("optimizer.square", "BF16", {t.square().size()}, t.square().data());
    // 16 matrices with a scale each, one of them with a step and a zero too, 13 norms and the state.
    CHECK(file.entries().size() == 15 + 15 + 2 + 13 + 2);
    auto const stated = [&](std::string const& key) {
        auto const at = std::ranges::find(file.metadata(), key, &std::pair<std::string, std::string>::first);
        REQUIRE(at != file.metadata().end());
        return at->second;
    };
    CHECK(stated("format") == "nibble training checkpoint 1");
    CHECK(stated("steps") == "1007");
    CHECK(stated("skipped") == "7");
    CHECK(stated("configuration.head_dim") == "8");
    CHECK(stated("recipe.mlp") == name<int4_learned>());
    CHECK(stated("schedule.peak") == "0.01");
    CHECK(stated("schedule.floor") == "0.001");
    CHECK(stated("schedule.warmup") == "2");
    CHECK(stated("schedule.steps") == "9");
    CHECK(stated("vocabulary") == "0000000000000123");
    CHECK(stated("data.batch") == "2 x 20");
    CHECK((sealed(bytes) == bytes));
}

TEST_CASE("P24: a checkpoint cut anywhere, longer, or with any byte changed is refused", "[gemma3]") {
    scratch_folder const folder;
    auto const path = folder / "s";
    gemma3::save_state(path, random_trainer(1), some_run());
    auto const whole = text_of(path);
    auto other = random_trainer(2);

    std::size_t taken = 0;
    std::size_t const header = header_size(whole);
    for (std::size_t i = 0; i < header + 1000; ++i) {
        std::size_t const at = i < header ? i : random_bits({2, 0, 0}, i) % whole.size();
        put(path, at, {static_cast<char>(whole[at] ^ static_cast<char>(1 + random_bits({3, 0, 0}, i) % 255))});
        taken += refusal(path, other).empty() ? 1 : 0;
        put(path, at, {whole[at]});
    }
    put(path, whole.size(), {'\0'});
    taken += refusal(path, other).empty() ? 1 : 0;
    for (std::size_t size = whole.size(); size > 0;) {
        size -= (std::min)(size, size < 64 ? 1 : 1 + random_bits({1, 0, 0}, size) % (whole.size() / 500));
        fs::resize_file(path, size);
        taken += refusal(path, other).empty() ? 1 : 0;
    }
    CHECK(taken == 0);

    write_file(path, whole);
    CHECK(refusal(path, other).empty());
    CHECK((bits_of(other) == bits_of(random_trainer(1))));
}

TEST_CASE("P24: a header that was changed on purpose, checksum and all, gives an error or the same numbers",
          "[gemma3]") {
    scratch_folder const folder;
    auto const path = folder / "s";
    auto const saved = random_trainer(1);
    gemma3::save_state(path, saved, some_run());
    auto const whole = text_of(path);
    auto const same = [](auto a, auto b) { return std::ranges::equal(std::as_bytes(a), std::as_bytes(b)); };
    auto const place = whole.find("\"checksum\"");
    std::size_t taken = 0;
    auto other = random_trainer(2);
    for (std::size_t at = 0; at < header_size(whole); ++at) {
        if (at >= place && at < place + 29) {
            continue;  // `sealed` puts the digits right and needs the key
        }
        std::string damaged = whole;
        bool const is_digit = damaged[at] >= '0' && damaged[at] <= '9';
        auto const bits = random_bits({4, 0, 0}, at);
        damaged[at] = is_digit ? static_cast<char>('0' + (damaged[at] - '0' + 1 + static_cast<int>(bits % 9)) % 10)
                               : static_cast<char>(damaged[at] ^ static_cast<char>(1 + bits % 255));
        put(path, 0, sealed(damaged));
        if (refusal(path, other).empty()) {
            ++taken;  // other counts of steps, or other blanks behind the header
            CHECK(same(other.mean(), saved.mean()));
            CHECK(same(other.square(), saved.square()));
            CHECK(other.model().parameters.output_norm == saved.model().parameters.output_norm);
            CHECK(other.skipped() <= other.steps());
        }
    }
    CHECK(taken > 0);

    auto const refused = [&](std::string const& what, std::string const& to, std::string const& why) {
        write_file(path, sealed(changed(whole, what, to)));
        CHECK_THAT(refusal(path, other), ContainsSubstring(why));
    };
    refused("\"skipped\":\"1\"", "\"skipped\":\"x\"", "no number of 'skipped'");
    refused("\"steps\":\"1001\"", "\"steps\":\"0000\"", "skipped 1 steps of 0");
    refused("checkpoint 1\"", "checkpoint 2\"", "checkpoint 2' in this checkpoint and 'nibble training checkpoint 1'");
    refused("\"data.text\"", "\"data.next\"", "'data.text' is missing in this checkpoint");
    refused("\"F32\",\"shape\":[32,16]", "\"F32\",\"shape\":[16,32]", "token_embd.weight' is F32 [16, 32]");
    refused("blk.1.ffn_up.weight\"", "blk.1.ffn_op.weight\"", "'blk.1.ffn_up.weight' is missing");
    write_file(path, changed(whole, "\"checksum\":", "\"checksun\":"));
    CHECK_THAT(refusal(path, other), ContainsSubstring("no checksum"));
}

TEST_CASE("a checkpoint of another run is refused with both values", "[gemma3]") {
    scratch_folder const folder;
    auto const path = folder / "s";
    gemma3::save_state(path, random_trainer(1), some_run());
    auto const says = [&](auto t, std::vector<std::string> const& parts, gemma3::training_run const& run = some_run()) {
        auto const text = refusal(path, t, run);
        for (auto const& part : parts) {
            CHECK_THAT(text, ContainsSubstring(part));
        }
    };
    auto sizes = small_sizes;
    sizes.ffn = 32;
    says(random_trainer(2, sizes), {"'configuration.ffn' is '24'", "'32' in this run"});
    sizes = small_sizes;
    sizes.rms_epsilon = 1e-5f;
    says(random_trainer(2, sizes), {"'configuration.rms_epsilon' is '1e-06'", "'1e-05' in this run"});

    auto const of_learned = gemma3::trained_recipe_of<learned>();
    auto recipe = of_learned;
    recipe.mlp = &trained_as<float>;
    says(random_trainer(2, small_sizes, recipe), {"'recipe.mlp' is '" + name<int4_learned>() + "'", "'f32' in this"});
    recipe = of_learned;
    recipe.activations = activation_kind::int8;
    says(random_trainer(2, small_sizes, recipe), {"'recipe.activations' is 'f32'", "'int8' in this run"});

    auto const with = [&](auto change) {
        auto options = some_options();
        change(options);
        return random_trainer(2, small_sizes, of_learned, options);
    };
    says(with([](auto& o) { o.rate = schedule::cosine(1e-2, 1e-3, 2, 10); }), {"'schedule.steps' is '9'", "'10'"});
    says(with([](auto& o) { o.adamw.beta2 = 0.999; }), {"'adamw.beta2' is '0.95'", "'0.999'"});
    says(with([](auto& o) { o.adamw.weight_decay = 0.0; }), {"'adamw.weight_decay' is '0.1'", "'0' in"});
    says(with([](auto& o) { o.clip = 2; }), {"'clip' is '1'", "'2'"});
    says(with([](auto& o) { o.seed = 6; }), {"'seed' is '5'", "'6'"});
    says(random_trainer<float>(2), {"'optimizer.state' is 'bf16'", "'f32'"});

    auto run = some_run();
    run.vocabulary = 0xabc;
    says(random_trainer(2), {"'vocabulary' is '0000000000000123'", "'0000000000000abc'"}, run);
    run = some_run();
    run.data[0].second = "b.txt";
    says(random_trainer(2), {"'data.text' is 'a.txt'", "'b.txt'"}, run);
    run = some_run();
    run.data.pop_back();
    says(random_trainer(2), {"more than this program knows"}, run);

    auto const too_long = [&](std::string const& value) {
        gemma3::save_state(folder / "t", random_trainer(1), {.data = {{"text", value}}});
    };
    CHECK_THROWS_WITH(too_long(std::string(5000, 'x')), ContainsSubstring("give a hash"));
    CHECK_THROWS_WITH(too_long("\xff"), ContainsSubstring("UTF-8"));
    CHECK(folder.files().size() == 1);
}

TEST_CASE("the hash of a vocabulary tells apart whatever makes other ids of a text", "[gemma3]") {
    using gemma3::hash_of;
    std::vector<std::string> const pieces{"ab", "c", "d", "e"};
    std::vector<float> const scores{0, -1, -2, -3};
    std::vector<token_kind> const kinds(4, token_kind::normal);
    auto const own = hash_of({pieces, scores, kinds});
    CHECK(hash_of({pieces, scores, kinds}) == own);
    CHECK(hash_of({{"a", "bc", "d", "e"}, scores, kinds}) != own);
    CHECK(hash_of({pieces, {0, -1, -2, -4}, kinds}) != own);
    auto others = kinds;
    others[1] = token_kind::control;
    CHECK(hash_of({pieces, scores, others}) != own);
    CHECK(hash_of({pieces, scores, kinds, {.eos = 0}}) != own);
    CHECK(hash_of({pieces, scores, kinds, {.pad = {}}}) != own);
    CHECK(hash_of({pieces, scores, kinds, {.add_bos = false}}) != own);
    CHECK(hash_of({pieces, scores, kinds, {.add_space_prefix = true}}) != own);
}

TEST_CASE("P24: the newest two checkpoints are kept, and the newest that is whole is resumed", "[gemma3]") {
    scratch_folder const folder;
    auto const save = [&](std::uint64_t seed) { gemma3::save_newest(folder.path, random_trainer(seed), some_run()); };
    auto const file = [&](int step) { return folder / ("state-" + std::to_string(step) + ".safetensors"); };
    auto t = random_trainer(0);
    CHECK_FALSE(gemma3::load_newest(folder.path, t, some_run()));
    CHECK_FALSE(gemma3::load_newest(folder / "not there", t, some_run()));

    write_file(folder / "notes.txt", "not a checkpoint");
    write_file(folder / "state-01.safetensors", "nor is this, whose step would be written 1");
    write_file(folder / "state-998.safetensors.77-0.tmp", "what a killed save has left");
    write_file(folder / "other-998.safetensors.77-0.tmp", "of another program");
    for (std::uint64_t const seed : {8u, 9u, 10u, 11u}) {  // of steps 1008 to 1011
        save(seed);
    }
    std::set<std::string> const kept{"notes.txt", "other-998.safetensors.77-0.tmp", "state-01.safetensors",
                                     "state-1010.safetensors", "state-1011.safetensors"};
    CHECK(folder.files() == kept);
    save(11);
    CHECK(folder.files() == kept);

    auto found = gemma3::load_newest(folder.path, t, some_run());
    REQUIRE(found);
    CHECK(found->path == file(1011));
    CHECK(found->damaged.empty());
    CHECK((bits_of(t) == bits_of(random_trainer(11))));

    auto const newest = text_of(file(1011));
    write_file(file(1011), newest.substr(0, newest.size() / 2));
    found = gemma3::load_newest(folder.path, t, some_run());
    REQUIRE(found);
    CHECK(found->path == file(1010));
    REQUIRE(found->damaged.size() == 1);
    CHECK_THAT(found->damaged[0], ContainsSubstring("state-1011.safetensors: safetensors:"));
    CHECK((bits_of(t) == bits_of(random_trainer(10))));

    auto const previous = text_of(file(1010));
    write_file(file(1010), "");
    CHECK_THROWS_WITH(gemma3::load_newest(folder.path, t, some_run()),
                      ContainsSubstring("no checkpoint of the run is whole") && ContainsSubstring("state-1010") &&
                          ContainsSubstring("state-1011"));
    CHECK((bits_of(t) == bits_of(random_trainer(10))));

    write_file(file(1010), previous);
    write_file(file(1011), newest);
    auto run = some_run();
    run.vocabulary = 1;  // nothing is damaged: an older file would be of another run too
    CHECK_THROWS_WITH(gemma3::load_newest(folder.path, t, run), ContainsSubstring("state-1011.safetensors: 'vocabul"));
    fs::rename(file(1010), file(1012));
    CHECK_THROWS_WITH(gemma3::load_newest(folder.path, t, some_run()),
                      ContainsSubstring("name says step 1012, but it is of step 1010"));
    CHECK_THROWS_WITH(gemma3::load_newest(folder / "notes.txt", t, some_run()), ContainsSubstring("cannot list"));
}

TEST_CASE("P23: a save that finds no room leaves the checkpoints as they were", "[gemma3]") {
    scratch_folder const folder;
    gemma3::save_newest(folder.path, random_trainer(1), some_run());
    gemma3::save_newest(folder.path, random_trainer(2), some_run());
    auto const before = folder.files();
    auto const newest = text_of(folder / "state-1002.safetensors");

    rlimit old{};
    REQUIRE(::getrlimit(RLIMIT_FSIZE, &old) == 0);
    auto const handler = std::signal(SIGXFSZ, SIG_IGN);
    std::string text;
    for (rlim_t const room : {rlim_t{0}, rlim_t{100}, rlim_t{20000}, rlim_t{newest.size() - 1}}) {
        rlimit const narrow{room, old.rlim_max};
        REQUIRE(::setrlimit(RLIMIT_FSIZE, &narrow) == 0);
        try {
            gemma3::save_newest(folder.path, random_trainer(3), some_run());
            text = "";
        } catch (error const& e) {
            text = e.what();
        }
        REQUIRE(::setrlimit(RLIMIT_FSIZE, &old) == 0);
        CHECK_THAT(text, ContainsSubstring("state-1003.safetensors") && ContainsSubstring("free space"));
        CHECK(folder.files() == before);
    }
    std::signal(SIGXFSZ, handler);
    CHECK((text_of(folder / "state-1002.safetensors") == newest));

    auto t = random_trainer(9);
    REQUIRE(gemma3::load_newest(folder.path, t, some_run()));
    CHECK((bits_of(t) == bits_of(random_trainer(2))));
    CHECK_THROWS_WITH(gemma3::save_newest(folder / "not there", t, some_run()), ContainsSubstring("not there"));
}
