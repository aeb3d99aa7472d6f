/* corpus/: batches of mixtures, test sets. */
#include "base/file.h"
#include "base/random.h"
#include "corpus/batches.h"
#include "corpus/shard_writer.h"
#include "corpus/test_set.h"
#include "tests/test.h"

#include <math.h>
#include <stdbool.h>

enum { PIECES = 40000, END = 1, T = 8 };

static struct error error;
static const char codes[][LANGUAGE_CODE_SIZE] = {"aa", "bb", "cc"};

/* A shard whose token i has the value 2 + i: a window tells where it comes from. One document, closed by the end piece.
 * Training counts piece p p times; every piece stands for 2 bytes, the end piece for none. */
static void make_shard(const char *folder, const char *language, const char *split, size_t count,
                       const char *vocabulary) {
    static uint8_t piece_bytes[PIECES];
    static uint64_t counts[PIECES];
    static uint16_t tokens[PIECES];
    assert_true(count + 2 <= PIECES);
    for (size_t i = 0; i < PIECES; i++) {
        piece_bytes[i] = i == END ? 0 : 2;
        counts[i] = i;
        tokens[i] = (uint16_t)(i + 2);
    }
    tokens[count - 1] = END;
    struct shard_writer writer;
    assert_int_equal(
        shard_writer_open(&writer, folder, language, split, vocabulary, "text", piece_bytes, PIECES, &error), 0);
    assert_int_equal(shard_writer_add(&writer, tokens, count, 2 * count - 2, &error), 0);
    assert_int_equal(shard_writer_publish(&writer, counts, &error), 0);
}

/* aa: 30 windows, bb: 7, cc: 1. */
static void make_training_shards(const char *folder) {
    make_shard(folder, "aa", "train", 30 * T + 5, "v");
    make_shard(folder, "bb", "train", 7 * T + 1, "v");
    make_shard(folder, "cc", "train", 2 * T, "v");
}

static struct batches *open_mixture(const char *folder, const double *weights, uint32_t languages, uint32_t batch,
                                    uint64_t key) {
    struct batches *batches;
    assert_int_equal(batches_open(&batches, folder, codes, weights, languages, PIECES, batch, T, key, &error), 0);
    return batches;
}

/* The window that a sequence of T + 1 tokens is, checked to be one whole. Shards end in END only behind it. */
static uint64_t window_of(const uint16_t *tokens) {
    assert_int_equal((tokens[0] - 2) % T, 0);
    for (int i = 1; i <= T; i++)
        assert_true(tokens[i] == tokens[0] + i || tokens[i] == END);
    return (uint64_t)(tokens[0] - 2) / T;
}

static void every_epoch_visits_every_window_once(void **state) {
    make_training_shards(*state);
    const double weight = 3;
    struct batches *batches = open_mixture(*state, &weight, 1, 6, 42); /* 30 windows: an epoch is 5 batches */
    uint16_t tokens[6 * (T + 1)];
    int in_same_place = 0;
    uint64_t first_order[30];
    for (uint64_t epoch = 0; epoch < 4; epoch++) {
        bool visited[30] = {false};
        for (uint64_t b = 0; b < 5; b++) {
            batches_get(batches, 5 * epoch + b, 0, 6, tokens);
            for (size_t i = 0; i < 6; i++) {
                const uint64_t window = window_of(tokens + i * (T + 1));
                assert_true(window < 30);
                assert_false(visited[window]);
                visited[window] = true;
                if (epoch == 0)
                    first_order[6 * b + i] = window;
                else
                    in_same_place += first_order[6 * b + i] == window;
            }
        }
    }
    assert_true(in_same_place < 15); /* of 90; 3 are expected: each epoch has its own order */
    batches_close(batches);
}

static void a_batch_is_a_function_of_its_number_alone(void **state) {
    make_training_shards(*state);
    const double weights[] = {0.5, 0.3, 0.2};
    struct batches *batches = open_mixture(*state, weights, 3, 4, 7), *again = open_mixture(*state, weights, 3, 4, 7);
    struct batches *other = open_mixture(*state, weights, 3, 4, 8);
    uint16_t whole[4 * (T + 1)], row[T + 1], all[50][4 * (T + 1)];
    int different = 0;
    for (uint64_t b = 0; b < 50; b++)
        batches_get(batches, b, 0, 4, all[b]);
    for (uint64_t b = 50; b-- > 0;) { /* another object, another order, one sequence a call */
        for (uint32_t i = 0; i < 4; i++) {
            batches_get(again, b, i, 1, row);
            assert_memory_equal(row, all[b] + i * (T + 1), sizeof row);
        }
        batches_get(other, b, 0, 4, whole);
        different += memcmp(whole, all[b], sizeof whole) != 0;
    }
    assert_true(different > 45);
    batches_close(batches);
    batches_close(again);
    batches_close(other);
}

static void order_within_a_language_does_not_depend_on_the_mixture(void **state) {
    make_shard(*state, "aa", "train", 30 * T + 1, "v");
    make_shard(*state, "bb", "train", 2 * T, "v"); /* only window 0, which starts with token 2, as aa's window 0 does */
    static const char turned[][LANGUAGE_CODE_SIZE] = {"bb", "aa"};
    const double weights[] = {1, 3};
    struct batches *alone = open_mixture(*state, weights, 1, 1, 9), *mixed;
    assert_int_equal(batches_open(&mixed, *state, turned, weights, 2, PIECES, 1, T, 9, &error), 0);
    uint16_t tokens[T + 1];
    uint64_t j = 0;
    for (uint64_t b = 0; b < 200; b++) {
        const bool is_aa = batches_seen(mixed, b + 1, 1).tokens > batches_seen(mixed, b, 1).tokens;
        if (!is_aa)
            continue;
        uint16_t expected[T + 1];
        batches_get(mixed, b, 0, 1, tokens);
        batches_get(alone, j++, 0, 1, expected);
        assert_memory_equal(tokens, expected, sizeof tokens);
    }
    assert_in_range(j, 148, 152);
    batches_close(alone);
    batches_close(mixed);
}

/* Languages are told apart by the length of their shards: cc has window 0 alone, bb 0 to 6. To know the language of a
 * sequence for sure the three shards get distinct tokens here. */
static void make_distinct_shards(const char *folder) {
    static uint8_t piece_bytes[PIECES];
    static uint64_t counts[PIECES];
    uint16_t tokens[5 * T + 1];
    for (uint16_t l = 0; l < 3; l++) {
        for (size_t i = 0; i < 5 * T + 1; i++)
            tokens[i] = (uint16_t)(100 * l + i);
        struct shard_writer writer;
        assert_int_equal(shard_writer_open(&writer, folder, codes[l], "train", "v", "t", piece_bytes, PIECES, &error),
                         0);
        assert_int_equal(shard_writer_add(&writer, tokens, (size_t)(2 * l + 1) * T + 1, 0, &error), 0);
        assert_int_equal(shard_writer_publish(&writer, counts, &error), 0);
    }
}

static void counts_are_those_of_brute_force_and_shares_hold_at_every_length(void **state) {
    make_distinct_shards(*state); /* 1, 3 and 5 windows */
    static const double mixtures[][3] = {{1, 1, 1}, {0.5, 0.3, 0.2}, {98, 1, 1}, {1e-9, 1, 2}, {0.01, 0.9, 0.09}};
    for (size_t m = 0; m < sizeof mixtures / sizeof *mixtures; m++) {
        const double *weights = mixtures[m], sum = weights[0] + weights[1] + weights[2];
        struct batches *batches = open_mixture(*state, weights, 3, 3, 1000 + m);
        uint64_t count[3] = {0};
        bool visited[3][5] = {{false}};
        uint16_t tokens[3 * (T + 1)];
        for (uint64_t b = 0; b < 5000; b++) {
            if (b < 40 || b % 500 == 0)
                for (uint32_t l = 0; l < 3; l++) {
                    const struct language_tokens seen = batches_seen(batches, b, l);
                    uint64_t unique = 0;
                    for (int w = 0; w < 5; w++)
                        unique += visited[l][w];
                    assert_string_equal(seen.language, codes[l]);
                    assert_true(seen.weight == weights[l] / sum);
                    assert_int_equal(seen.tokens, count[l] * T);
                    assert_int_equal(seen.unique_tokens, unique * T);
                    assert_true(seen.epochs == (double)count[l] / (2 * l + 1));
                }
            batches_get(batches, b, 0, 3, tokens);
            for (int i = 0; i < 3; i++) {
                const uint32_t l = tokens[i * (T + 1)] / 100;
                count[l]++;
                visited[l][tokens[i * (T + 1)] % 100 / T] = true;
                for (uint32_t k = 0; k < 3; k++)
                    assert_true(fabs((double)count[k] - (double)(3 * b + i + 1) * weights[k] / sum) < 3);
            }
        }
        batches_close(batches);
    }
}

static void counting_stays_exact_far_out(void **state) {
    make_distinct_shards(*state);
    const double weights[] = {0.2, 0.5, 0.3};
    struct batches *batches = open_mixture(*state, weights, 3, 1, 5);
    uint16_t tokens[T + 1];
    for (uint64_t b = UINT64_C(1) << 50; b < (UINT64_C(1) << 50) + 1000; b++) {
        batches_get(batches, b, 0, 1, tokens);
        uint64_t all = 0;
        for (uint32_t l = 0; l < 3; l++) {
            const uint64_t before = batches_seen(batches, b, l).tokens, now = batches_seen(batches, b + 1, l).tokens;
            assert_int_equal(now - before, l == tokens[0] / 100 ? T : 0);
            assert_true(fabs((double)now / T - (double)(b + 1) * weights[l]) < 16);
            all += now;
        }
        assert_int_equal(all, (b + 1) * T);
    }
    batches_close(batches);
}

static void impossible_mixtures_are_refused(void **state) {
    make_training_shards(*state);
    struct batches *batches;
    const double weights[] = {1, 1}, negative[] = {1, -1}, infinite[] = {1, INFINITY};
    static const char twice[][LANGUAGE_CODE_SIZE] = {"aa", "aa"}, missing[][LANGUAGE_CODE_SIZE] = {"zz"};
    const char *folder = *state;
    assert_int_equal(batches_open(&batches, folder, codes, weights, 0, PIECES, 1, T, 1, &error), -1);
    assert_int_equal(batches_open(&batches, folder, codes, weights, 2, PIECES, 1, 0, 1, &error), -1);
    assert_int_equal(batches_open(&batches, folder, codes, negative, 2, PIECES, 1, T, 1, &error), -1);
    assert_int_equal(batches_open(&batches, folder, codes, infinite, 2, PIECES, 1, T, 1, &error), -1);
    assert_int_equal(batches_open(&batches, folder, twice, weights, 2, PIECES, 1, T, 1, &error), -1);
    assert_non_null(strstr(error.message, "aa is in the mixture twice"));
    assert_int_equal(batches_open(&batches, folder, missing, weights, 1, PIECES, 1, T, 1, &error), -1);
    assert_non_null(strstr(error.message, "zz.train.tokens"));
    assert_int_equal(batches_open(&batches, folder, codes, weights, 2, PIECES - 1, 1, T, 1, &error), -1);
    assert_non_null(strstr(error.message, "aa.train.tokens: a vocabulary of 40000 pieces, the model has 39999"));
    assert_int_equal(batches_open(&batches, folder, codes, weights, 2, PIECES, 1, 7 * T + 1, 1, &error), -1);
    assert_non_null(strstr(error.message, "bb.train.tokens: 57 tokens; at least 58 are needed"));
    make_shard(folder, "bb", "train", 100, "another");
    assert_int_equal(batches_open(&batches, folder, codes, weights, 2, PIECES, 1, T, 1, &error), -1);
    assert_non_null(strstr(error.message, "another vocabulary"));
    /* A shard under a wrong name. */
    char from[FILE_PATH_SIZE], to[FILE_PATH_SIZE];
    assert_int_equal(shard_path(from, folder, "aa", "train", &error), 0);
    assert_int_equal(shard_path(to, folder, "bb", "train", &error), 0);
    assert_int_equal(rename(from, to), 0);
    assert_int_equal(batches_open(&batches, folder, codes + 1, weights, 1, PIECES, 1, T, 1, &error), -1);
    assert_non_null(strstr(error.message, "holds aa.train"));
    assert_null(batches);
}

static void test_set_covers_the_predictions_once(void **state) {
    make_shard(*state, "aa", "test", 50, "v"); /* tokens 2 3 ... 50 END */
    static const uint64_t wanted[] = {1, 7, 8, 9, 48, 49, 50, UINT64_MAX};
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        struct test_set set;
        assert_int_equal(test_set_open(&set, *state, "aa", "test", PIECES, T, wanted[i], &error), 0);
        assert_int_equal(set.predictions, wanted[i] < 49 ? wanted[i] : 49);
        assert_int_equal(set.windows, (set.predictions + T - 1) / T);
        uint64_t place = 0;
        uint16_t tokens[7 * (T + 1)];
        test_set_get(&set, 0, (uint32_t)set.windows, tokens);
        for (uint64_t w = 0; w < set.windows; w++) {
            const uint16_t *row = tokens + w * (T + 1);
            const uint32_t predictions = test_set_predictions(&set, w);
            assert_in_range(predictions, 1, T);
            assert_int_equal(row[0], 2 + place);
            for (uint32_t j = 1; j <= predictions; j++)
                assert_int_equal(row[j], ++place == 49 ? END : 2 + place);
            for (uint32_t j = predictions + 1; j <= T; j++)
                assert_int_equal(row[j], END);
        }
        assert_int_equal(place, set.predictions);
        test_set_close(&set);
    }
}

static void losses_of_the_unigram_model_are_zero_and_bytes_are_those_of_the_text(void **state) {
    make_shard(*state, "aa", "test", 50, "v");
    struct test_set set;
    assert_int_equal(test_set_open(&set, *state, "aa", "test", PIECES, 100, 1000, &error),
                     0); /* T longer than the text */
    assert_int_equal(set.windows, 1);
    uint16_t tokens[101];
    test_set_get(&set, 0, 1, tokens);
    assert_int_equal(tokens[100], END);
    double sum = 0; /* pieces 3 to 50 and END; piece p counts p, 1 is added to each */
    const double total = PIECES + 0.5 * PIECES * (PIECES - 1);
    for (int piece = 3; piece <= 50; piece++)
        sum -= log((piece + 1) / total);
    sum -= log(2 / total);
    assert_true(fabs(set.unigram_loss - sum / 49) < 1e-12);
    assert_true(set.bytes == 96);
    const struct test_losses losses = test_set_losses(&set, sum);
    assert_true(fabs(losses.cross_entropy - sum / 49) < 1e-12);
    assert_true(fabs(losses.unigram_normalised) < 1e-12);
    assert_true(fabs(losses.bits_per_byte - sum / log(2) / 96) < 1e-12);
    assert_true(test_set_losses(&set, sum / 2).unigram_normalised < 0);
    test_set_close(&set);
}

static void impossible_test_sets_are_refused(void **state) {
    struct test_set set;
    assert_int_equal(test_set_open(&set, *state, "aa", "test", PIECES, T, 10, &error), -1);
    assert_non_null(strstr(error.message, "aa.test.tokens"));
    make_shard(*state, "aa", "test", 1, "v");
    assert_int_equal(test_set_open(&set, *state, "aa", "test", PIECES, T, 10, &error), -1);
    make_shard(*state, "aa", "test", 2, "v"); /* predicts the end piece alone */
    assert_int_equal(test_set_open(&set, *state, "aa", "test", PIECES, T, 10, &error), -1);
    assert_non_null(strstr(error.message, "stand for no text"));
    make_shard(*state, "aa", "test", 20, "v");
    assert_int_equal(test_set_open(&set, *state, "aa", "test", PIECES, T, 0, &error), -1);
    assert_int_equal(test_set_open(&set, *state, "aa", "test", 7, T, 10, &error), -1);
    assert_null(set.shard.mapping);
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, test_folder_make, test_folder_remove)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_FOLDER(every_epoch_visits_every_window_once),
        IN_FOLDER(a_batch_is_a_function_of_its_number_alone),
        IN_FOLDER(order_within_a_language_does_not_depend_on_the_mixture),
        IN_FOLDER(counts_are_those_of_brute_force_and_shares_hold_at_every_length),
        IN_FOLDER(counting_stays_exact_far_out),
        IN_FOLDER(impossible_mixtures_are_refused),
        IN_FOLDER(test_set_covers_the_predictions_once),
        IN_FOLDER(losses_of_the_unigram_model_are_zero_and_bytes_are_those_of_the_text),
        IN_FOLDER(impossible_test_sets_are_refused),
    };
    return cmocka_run_group_tests_name("batches", tests, NULL, NULL);
}
