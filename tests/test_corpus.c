/* corpus/: synthetic languages, vocabularies, shards, held-out documents. */
#include "base/checksum.h"
#include "base/file.h"
#include "base/random.h"
#include "corpus/encode.h"
#include "corpus/shard_writer.h"
#include "corpus/synthetic.h"
#include "corpus/text.h"
#include "corpus/vocabulary.h"
#include "tests/text_files.h"

#include <stdbool.h>
#include <sys/stat.h>
#include <unistd.h>

static struct error error;

static const struct synthetic_settings stock = {.words = 400, .seed = 11};

static void make_languages(const char *folder, const struct synthetic_language *languages, uint32_t count) {
    assert_int_equal(synthetic_write(folder, languages, count, &stock, &error), 0);
}

static char *read_bytes(const char *folder, const char *name, size_t *size) {
    char path[FILE_PATH_SIZE], *bytes;
    assert_int_equal(file_join(path, folder, name, &error), 0);
    assert_int_equal(file_read(path, 1 << 24, &bytes, size, &error), 0);
    return bytes;
}

static void synthetic_text_has_known_bytes_and_its_size(void **state) {
    static const char *const names[] = {"aa.jsonl", "bb.jsonl"};
    static const char *const identities[] = {"f872c82ffbbf20934975db31636074c6", "53e890fd704c513847b1216b721e20b0"};
    const struct synthetic_language languages[] = {{"aa", 0, 0, 0.6, 50000}, {"bb", 7, 3, 0.6, 80000}};
    make_languages(*state, languages, 2);
    for (int l = 0; l < 2; l++) {
        char path[FILE_PATH_SIZE], identity[IDENTITY_SIZE];
        size_t size, total = 0, last = 0, text_size;
        char *bytes = read_bytes(*state, names[l], &size);
        checksum_identity(bytes, size, identity);
        free(bytes);
        assert_string_equal(identity, identities[l]);
        struct text_reader *reader;
        const char *text;
        assert_int_equal(file_join(path, *state, names[l], &error), 0);
        assert_int_equal(text_open(&reader, path, &error), 0);
        while (text_next(reader, &text, &text_size, &error) == 1) {
            last = text_size;
            total += text_size;
        }
        uint64_t first;
        assert_int_equal(text_broken_lines(reader, &first), 0);
        text_close(reader);
        assert_true(total >= languages[l].bytes && total - last < languages[l].bytes);
    }
}

/* The different words of a language, zero-terminated, sorted. */
enum { WORDS_MAX = 1000 };
struct words {
    char word[WORDS_MAX][40];
    size_t count;
};

static int compare_words(const void *left, const void *right) {
    return strcmp(left, right);
}

static bool has_word(const struct words *words, const char *word) {
    return bsearch(word, words->word, words->count, sizeof words->word[0], compare_words) != NULL;
}

static void read_words(struct words *words, const char *folder, const char *language) {
    struct text_files files;
    struct text_reader *reader;
    const char *text;
    size_t size;
    words->count = 0;
    assert_int_equal(text_find(&files, folder, language, &error), 0);
    assert_int_equal(text_open(&reader, files.paths[0], &error), 0);
    text_files_free(&files);
    while (text_next(reader, &text, &size, &error) == 1) {
        char *copy = strdup(text), *rest = copy;
        for (char *word; (word = strtok_r(rest, " .", &rest));) {
            if (has_word(words, word))
                continue;
            assert_true(words->count < WORDS_MAX && strlen(word) < sizeof words->word[0]);
            memcpy(words->word[words->count++], word, strlen(word) + 1);
            qsort(words->word, words->count, sizeof words->word[0], compare_words);
        }
        free(copy);
    }
    text_close(reader);
}

static double share_in_common(const struct words *a, const struct words *b) {
    size_t common = 0;
    for (size_t i = 0; i < a->count; i++)
        common += has_word(b, a->word[i]);
    return (double)common / (double)(a->count < b->count ? a->count : b->count);
}

static void languages_of_a_family_share_words_and_others_do_not(void **state) {
    const struct synthetic_language languages[] = {
        {"aa", 0, 0, 0.6, 100000}, {"ab", 0, 0, 0.6, 100000}, {"ba", 1, 0, 0.6, 100000}, {"ac", 0, 1, 0.6, 100000},
        {"ca", 2, 0, 1, 100000},   {"cb", 2, 0, 1, 100000},   {"cc", 2, 0, 0.3, 100000}, {"cd", 2, 0, 0, 100000}};
    static const struct {
        int a, b;
        double least, most;
    } pairs[] = {
        {0, 1, 0.57, 0.63},                     /* of a family */
        {0, 2, 0, 0.01},                        /* another family */
        {0, 3, 0, 0},                           /* another script */
        {4, 5, 1, 1},       {4, 6, 0.27, 0.33}, /* the smaller share of two */
        {4, 7, 0, 0.01},
    };
    make_languages(*state, languages, 8);
    struct words *words = calloc(8, sizeof *words);
    assert_non_null(words);
    for (int l = 0; l < 8; l++) {
        read_words(&words[l], *state, languages[l].code);
        assert_in_range(words[l].count, 380, 400); /* nearly the whole stock is in the text */
    }
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        const double share = share_in_common(&words[pairs[i].a], &words[pairs[i].b]);
        assert_true(share >= pairs[i].least && share <= pairs[i].most);
    }
    free(words);
}

static void impossible_synthetic_languages_are_refused(void **state) {
    const struct synthetic_language good = {"aa", 0, 0, 0.6, 1000}, script = {"aa", 0, SYNTHETIC_SCRIPTS, 0.6, 1000},
                                    shared = {"aa", 0, 0, 1.5, 1000};
    assert_int_equal(synthetic_write(*state, &script, 1, &stock, &error), -1);
    assert_int_equal(error.code, ERROR_INPUT);
    assert_int_equal(synthetic_write(*state, &shared, 1, &stock, &error), -1);
    assert_non_null(strstr(error.message, "aa: 1.5 of its words"));
    const struct synthetic_settings few = {.words = 3};
    assert_int_equal(synthetic_write(*state, &good, 1, &few, &error), -1);
    assert_int_equal(synthetic_write("/nowhere", &good, 1, &stock, &error), -1);
    assert_int_equal(error.code, ERROR_FAILED);
}

static const struct vocabulary_settings small = {.pieces = 400,
                                                 .reserved = 5,
                                                 .temperature = 100,
                                                 .coverage = 0.999995,
                                                 .byte_fallback = true,
                                                 .sample_bytes = 1000000,
                                                 .seed = 3};
static const char codes[][LANGUAGE_CODE_SIZE] = {"aa", "bb"};

static int train(const char *folder, const char *name, const struct vocabulary_settings *settings) {
    char path[FILE_PATH_SIZE];
    assert_int_equal(file_join(path, folder, name, &error), 0);
    return vocabulary_train(path, folder, codes, 2, settings, &error);
}

static struct vocabulary *make_vocabulary(const char *folder) {
    const struct synthetic_language languages[] = {{"aa", 0, 0, 0.6, 60000}, {"bb", 1, 1, 0.6, 40000}};
    make_languages(folder, languages, 2);
    assert_int_equal(train(folder, "small.model", &small), 0);
    char path[FILE_PATH_SIZE];
    struct vocabulary *vocabulary;
    assert_int_equal(file_join(path, folder, "small.model", &error), 0);
    assert_int_equal(vocabulary_open(&vocabulary, path, &error), 0);
    return vocabulary;
}

static uint64_t piece_bytes_of(const struct vocabulary *vocabulary, const char *text, size_t size, size_t *count) {
    uint16_t *tokens = NULL;
    size_t room = 0;
    uint64_t bytes = 0;
    assert_int_equal(vocabulary_encode(vocabulary, text, size, &tokens, &room, count, &error), 0);
    assert_true(room >= *count);
    for (size_t i = 0; i < *count; i++) {
        assert_true(tokens[i] < vocabulary_size(vocabulary));
        assert_int_not_equal(tokens[i], vocabulary_end(vocabulary));
        bytes += vocabulary_piece_bytes(vocabulary, tokens[i]);
    }
    free(tokens);
    return bytes;
}

static void training_twice_gives_the_same_vocabulary(void **state) {
    struct vocabulary *vocabulary = make_vocabulary(*state);
    assert_int_equal(vocabulary_size(vocabulary), small.pieces);
    assert_int_equal(strlen(vocabulary_identity(vocabulary)), IDENTITY_SIZE - 1);
    size_t size, again_size;
    assert_int_equal(train(*state, "again.model", &small), 0);
    char *bytes = read_bytes(*state, "small.model", &size), *again = read_bytes(*state, "again.model", &again_size);
    assert_int_equal(size, again_size);
    assert_memory_equal(bytes, again, size);
    free(again);
    struct vocabulary_settings other = small; /* a sample of half the text is another one for another seed */
    other.sample_bytes = 50000;
    assert_int_equal(train(*state, "half.model", &other), 0);
    free(bytes);
    bytes = read_bytes(*state, "half.model", &size);
    other.seed++;
    assert_int_equal(train(*state, "other.model", &other), 0);
    again = read_bytes(*state, "other.model", &again_size);
    assert_true(size != again_size || memcmp(bytes, again, size) != 0);
    free(bytes);
    free(again);
    vocabulary_close(vocabulary);
}

static void bytes_of_pieces_add_up_to_the_text(void **state) {
    static const char *const texts[] = {"",      "a",
                                        " ",     "  two  spaces ",
                                        "\n",    "\n\nline\nline\n",
                                        "\t\r ", "quite other letters: \xE4\xB8\xAD\xE6\x96\x87 \xF0\x9F\x98\x80",
                                        "</s>",  "<unk><reserved_0><0x41>"};
    struct vocabulary *vocabulary = make_vocabulary(*state);
    size_t count;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        const size_t size = strlen(texts[i]);
        assert_int_equal(piece_bytes_of(vocabulary, texts[i], size, &count), size);
    }
    static const char sign[] = {'\xE4', '\xB8', '\xAD'};
    size_t size; /* a text of its own language takes far fewer tokens than bytes */
    char *text = read_bytes(*state, "aa.jsonl", &size);
    assert_int_equal(piece_bytes_of(vocabulary, text, size, &count), size);
    assert_true(count < 2 * size / 3);
    /* The same text as one line of 60 kB, longer than what is encoded in one go, without and with spaces. */
    for (size_t i = 0; i < size; i++)
        if (text[i] == '\n')
            text[i] = ' ';
    size_t count_of_line;
    assert_int_equal(piece_bytes_of(vocabulary, text, size, &count_of_line), size);
    assert_true(count_of_line <= count + size / 1000);
    for (size_t i = 0; i + 2 < size; i += 3)
        memcpy(text + i, sign, sizeof sign);
    assert_int_equal(piece_bytes_of(vocabulary, text, size, &count), size);
    free(text);
    vocabulary_close(vocabulary);
}

static void vocabularies_that_cannot_be_are_explained(void **state) {
    struct vocabulary *vocabulary = make_vocabulary(*state);
    vocabulary_close(vocabulary);
    struct vocabulary_settings wrong = small;
    wrong.pieces = 60000;
    assert_int_equal(train(*state, "wrong.model", &wrong), -1);
    assert_int_equal(error.code, ERROR_INPUT);
    assert_non_null(strstr(error.message, "too small for a vocabulary of 60000 pieces; use at most "));
    wrong.pieces = 285; /* room for the bytes, not for the letters */
    assert_int_equal(train(*state, "wrong.model", &wrong), -1);
    assert_non_null(strstr(error.message, "too few for the characters"));
    wrong.pieces = 100;
    assert_int_equal(train(*state, "wrong.model", &wrong), -1);
    assert_non_null(strstr(error.message, "too few pieces"));
    wrong = small;
    wrong.temperature = 0;
    assert_int_equal(train(*state, "wrong.model", &wrong), -1);
    char path[FILE_PATH_SIZE];
    write_text(*state, "bb.jsonl", "nonsense\n", 9, path);
    assert_int_equal(train(*state, "wrong.model", &small), -1);
    assert_non_null(strstr(error.message, "language bb has no documents"));
    unlink(path);
    assert_int_equal(train(*state, "wrong.model", &small), -1);
    assert_non_null(strstr(error.message, "bb.jsonl"));
    assert_int_equal(file_join(path, *state, "wrong.model", &error), 0);
    assert_false(file_exists(path));
}

static void what_is_no_vocabulary_is_refused(void **state) {
    vocabulary_close(make_vocabulary(*state));
    struct vocabulary *vocabulary;
    char path[FILE_PATH_SIZE];
    size_t size;
    char *bytes = read_bytes(*state, "small.model", &size);
    assert_int_equal(vocabulary_open(&vocabulary, "/nowhere.model", &error), -1);
    write_text(*state, "cut.model", bytes, size / 2, path);
    assert_int_equal(vocabulary_open(&vocabulary, path, &error), -1);
    assert_int_equal(error.code, ERROR_INPUT);
    assert_non_null(strstr(error.message, "cut.model"));
    write_text(*state, "empty.model", "", 0, path);
    assert_int_equal(vocabulary_open(&vocabulary, path, &error), -1);
    assert_null(vocabulary);
    free(bytes);
}

/* A shard of 3 documents over 6 pieces. */
static void make_shard(const char *folder, char *path) {
    static const uint8_t piece_bytes[5] = {0, 0, 1, 2, 3};
    static const uint16_t tokens[] = {2, 3, 1, 4, 1, 2, 2, 2, 1};
    static const uint64_t counts[5] = {9, 8, 7, 6, 5};
    struct shard_writer writer;
    assert_int_equal(shard_writer_open(&writer, folder, "xx", "train", "v", "t", piece_bytes, 5, &error), 0);
    assert_int_equal(shard_writer_add(&writer, tokens, 3, 3, &error), 0);
    assert_int_equal(shard_writer_add(&writer, tokens + 3, 2, 3, &error), 0);
    assert_int_equal(shard_writer_add(&writer, tokens + 5, 4, 3, &error), 0);
    const uint16_t beyond = 5;
    assert_int_equal(shard_writer_add(&writer, &beyond, 1, 1, &error), -1);
    assert_int_equal(shard_writer_publish(&writer, counts, &error), 0);
    assert_int_equal(shard_path(path, folder, "xx", "train", &error), 0);
}

static void written_shard_reads_back(void **state) {
    char path[FILE_PATH_SIZE];
    make_shard(*state, path);
    struct shard shard;
    assert_int_equal(shard_open(&shard, path, &error), 0);
    assert_int_equal(shard_verify(&shard, path, &error), 0);
    assert_string_equal(shard.header.language, "xx");
    assert_string_equal(shard.header.split, "train");
    assert_int_equal(shard.header.token_count, 9);
    assert_int_equal(shard.header.document_count, 3);
    assert_int_equal(shard.header.byte_count, 9);
    assert_int_equal(shard.unigram_counts[4], 5);
    assert_int_equal(shard.piece_bytes[3], 2);
    assert_int_equal(shard.tokens[3], 4);
    assert_int_equal(shard.tokens[8], 1);
    shard_close(&shard);
    assert_int_equal(shard_path(path, "folder", "a-code-of-17-chars", "train", &error), -1);
}

/* Without the syncs of file_write, which would take most of the time of tests that write thousands of files. */
static void write_quickly(const char *folder, const char *name, const void *bytes, size_t size, char *path) {
    assert_int_equal(file_join(path, folder, name, &error), 0);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static void damaged_shards_are_refused_wherever_they_are_damaged(void **state) {
    char path[FILE_PATH_SIZE], bad[FILE_PATH_SIZE];
    make_shard(*state, path);
    size_t size;
    char *bytes = read_bytes(*state, "xx.train.tokens", &size);
    struct shard shard;
    const size_t payload = sizeof(struct shard_header);
    for (size_t cut = 0; cut < size; cut += cut < payload || cut + 50 > size ? 1 : 997) {
        write_quickly(*state, "bad", bytes, cut, bad);
        assert_int_equal(shard_open(&shard, bad, &error), -1);
        assert_int_equal(error.code, ERROR_INPUT);
    }
    /* Flipped bits: the header's are seen on opening, those behind the header block by the verification. */
    for (uint64_t trial = 0; trial < 600; trial++) {
        const bool in_header = trial % 2 == 0;
        const uint64_t place = in_header ? random_below(payload, 5, 0, trial)
                                         : SHARD_HEADER_SIZE + random_below(size - SHARD_HEADER_SIZE, 5, 0, trial);
        const char bit = (char)(1 << random_below(8, 5, 1, trial));
        bytes[place] ^= bit;
        write_quickly(*state, "bad", bytes, size, bad);
        bytes[place] ^= bit;
        const int opened = shard_open(&shard, bad, &error);
        assert_int_equal(opened, in_header ? -1 : 0);
        if (opened == 0)
            assert_int_equal(shard_verify(&shard, bad, &error), -1);
        shard_close(&shard);
    }
    free(bytes);
}

/* Headers with wild values and a right checksum: sizes must be held against the file before they are believed. */
static void pipe_is_no_shard(void **state) {
    char path[FILE_PATH_SIZE];
    struct shard shard;
    assert_int_equal(file_join(path, *state, "xx.train.tokens", &error), 0);
    assert_int_equal(mkfifo(path, 0600), 0);
    alarm(10);
    assert_int_equal(shard_open(&shard, path, &error), -1);
    alarm(0);
}

static void forged_shard_headers_never_lead_out_of_the_file(void **state) {
    static const uint64_t wild[] = {0, 1, 8, 9, 10, 255, 65536, 65537, INT64_MAX, UINT64_MAX, UINT64_MAX / 2 + 5};
    char path[FILE_PATH_SIZE], bad[FILE_PATH_SIZE];
    make_shard(*state, path);
    size_t size;
    char *bytes = read_bytes(*state, "xx.train.tokens", &size);
    int opened = 0;
    for (uint64_t trial = 0; trial < 3000; trial++) {
        struct shard_header header;
        memcpy(&header, bytes, sizeof header);
        const uint64_t value = wild[random_below(sizeof wild / sizeof *wild, 6, 0, trial)];
        const uint64_t cut = random_below(4, 6, 1, trial) == 0 ? random_below(40, 6, 2, trial) : 0;
        switch (random_below(5, 6, 3, trial)) {
        case 0:
            header.token_count = value;
            break;
        case 1:
            header.vocabulary_size = (uint32_t)value;
            break;
        case 2:
            memset(header.language, 'x', sizeof header.language);
            break;
        case 3:
            header.token_count = header.token_count - cut / 2;
            break;
        default:
            ((char *)&header)[random_below(sizeof header, 6, 4, trial)] ^= (char)(1 + random_below(255, 6, 5, trial));
        }
        header.header_checksum = checksum64(&header, offsetof(struct shard_header, header_checksum));
        char block[SHARD_HEADER_SIZE + 256];
        assert_true(size <= sizeof block);
        memcpy(block, bytes, size);
        memcpy(block, &header, sizeof header);
        write_quickly(*state, "bad", block, size - cut, bad);
        struct shard shard;
        if (shard_open(&shard, bad, &error) == 0) {
            opened++;
            for (const char *c = shard.header.language; *c; c++)
                assert_in_range(*c, ' ', '~'); /* nothing that a terminal obeys */
            assert_true(shard.tokens + shard.header.token_count ==
                        (const uint16_t *)(const void *)((char *)shard.mapping + size - cut));
            (void)shard_verify(&shard, bad, &error);
            shard_close(&shard);
        }
    }
    assert_in_range(opened, 1, 2999);
    free(bytes);
}

static const struct encode_settings hold_out = {.test_fraction = 0.2, .test_tokens_max = 1000000, .seed = 5};

static struct encode_result encode(const char *folder, const char *language, const char *text,
                                   const struct vocabulary *vocabulary, const struct encode_settings *settings) {
    struct encode_result result;
    char path[1][FILE_PATH_SIZE];
    const struct text_files files = {1, path};
    assert_int_equal(file_join(path[0], folder, text, &error), 0);
    assert_int_equal(encode_language(folder, language, &files, vocabulary, settings, &result, &error), 0);
    return result;
}

static void open_shard(struct shard *shard, const char *folder, const char *language, const char *split) {
    char path[FILE_PATH_SIZE];
    assert_int_equal(shard_path(path, folder, language, split, &error), 0);
    assert_int_equal(shard_open(shard, path, &error), 0);
    assert_int_equal(shard_verify(shard, path, &error), 0);
}

static int compare_hashes(const void *left, const void *right) {
    const uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return (a > b) - (a < b);
}

/* Sorted hashes of the documents of a shard. The caller frees them. */
static uint64_t *document_hashes(const struct shard *shard, uint16_t end) {
    uint64_t *hashes = malloc(shard->header.document_count * sizeof *hashes), count = 0, begin = 0;
    assert_non_null(hashes);
    for (uint64_t i = 0; i < shard->header.token_count; i++) {
        if (shard->tokens[i] != end)
            continue;
        assert_true(count < shard->header.document_count);
        hashes[count++] = checksum64(shard->tokens + begin, (i + 1 - begin) * sizeof *shard->tokens);
        begin = i + 1;
    }
    assert_int_equal(begin, shard->header.token_count);
    assert_int_equal(count, shard->header.document_count);
    qsort(hashes, count, sizeof *hashes, compare_hashes);
    return hashes;
}

static void splits_are_whole_documents_and_hold_the_right_counts(void **state) {
    struct vocabulary *vocabulary = make_vocabulary(*state);
    const struct encode_result result = encode(*state, "aa", "aa.jsonl", vocabulary, &hold_out);
    struct shard train_shard, test_shard;
    open_shard(&train_shard, *state, "aa", "train");
    open_shard(&test_shard, *state, "aa", "test");
    assert_int_equal(result.train_tokens, train_shard.header.token_count);
    assert_int_equal(result.test_tokens, test_shard.header.token_count);
    assert_int_equal(result.train_documents, train_shard.header.document_count);
    const double share = (double)result.test_tokens / (double)(result.test_tokens + result.train_tokens);
    assert_true(share <= 0.2 && share > 0.18);
    assert_string_equal(train_shard.header.vocabulary, vocabulary_identity(vocabulary));
    assert_string_equal(test_shard.header.vocabulary, vocabulary_identity(vocabulary));
    /* Bytes of the pieces are those of the text; unigram counts are those of the training tokens, in both. */
    const uint32_t size = vocabulary_size(vocabulary);
    uint64_t *counts = calloc(size, sizeof *counts), bytes = 0;
    assert_non_null(counts);
    for (uint64_t i = 0; i < result.train_tokens; i++) {
        counts[train_shard.tokens[i]]++;
        bytes += train_shard.piece_bytes[train_shard.tokens[i]];
    }
    assert_int_equal(bytes, train_shard.header.byte_count);
    assert_memory_equal(counts, train_shard.unigram_counts, size * sizeof *counts);
    assert_memory_equal(counts, test_shard.unigram_counts, size * sizeof *counts);
    free(counts);
    const uint16_t end = vocabulary_end(vocabulary);
    uint64_t *train_hashes = document_hashes(&train_shard, end), *test_hashes = document_hashes(&test_shard, end);
    for (uint64_t i = 0; i < result.test_documents; i++)
        assert_null(
            bsearch(&test_hashes[i], train_hashes, result.train_documents, sizeof *train_hashes, compare_hashes));
    free(train_hashes);
    free(test_hashes);
    shard_close(&train_shard);
    shard_close(&test_shard);
    vocabulary_close(vocabulary);
}

static void order_and_repetition_do_not_change_the_split(void **state) {
    struct vocabulary *vocabulary = make_vocabulary(*state);
    const struct encode_result forward = encode(*state, "aa", "aa.jsonl", vocabulary, &hold_out);
    /* The lines backwards, each twice, with a broken one on top. */
    size_t size;
    char *bytes = read_bytes(*state, "aa.jsonl", &size), path[FILE_PATH_SIZE];
    char *other = malloc(2 * size + 16);
    assert_non_null(other);
    size_t used = (size_t)snprintf(other, 16, "broken\n");
    for (size_t end = size; end > 0;) {
        size_t begin = end - 1;
        while (begin > 0 && bytes[begin - 1] != '\n')
            begin--;
        for (int twice = 0; twice < 2; twice++, used += end - begin)
            memcpy(other + used, bytes + begin, end - begin);
        end = begin;
    }
    write_text(*state, "other.jsonl", other, used, path);
    const struct encode_result backward = encode(*state, "other", "other.jsonl", vocabulary, &hold_out);
    assert_int_equal(forward.duplicates, 0);
    assert_int_equal(backward.duplicates, forward.train_documents + forward.test_documents);
    assert_int_equal(backward.broken_lines, 1);
    assert_int_equal(backward.test_documents, forward.test_documents);
    assert_int_equal(backward.train_tokens, forward.train_tokens);
    struct shard a, b;
    open_shard(&a, *state, "aa", "test");
    open_shard(&b, *state, "other", "test");
    uint64_t *a_hashes = document_hashes(&a, vocabulary_end(vocabulary));
    uint64_t *b_hashes = document_hashes(&b, vocabulary_end(vocabulary));
    assert_memory_equal(a_hashes, b_hashes, a.header.document_count * sizeof *a_hashes);
    free(a_hashes);
    free(b_hashes);
    shard_close(&a);
    shard_close(&b);
    free(bytes);
    free(other);
    vocabulary_close(vocabulary);
}

/* The lines of aa.jsonl, cut in three files with a duplicate in the last, are the documents of aa.jsonl. */
static void several_files_are_one_text_and_parts_are_used_again(void **state) {
    struct vocabulary *vocabulary = make_vocabulary(*state);
    const struct encode_result whole = encode(*state, "aa", "aa.jsonl", vocabulary, &hold_out);
    size_t size, begin = 0;
    char *bytes = read_bytes(*state, "aa.jsonl", &size), paths[3][FILE_PATH_SIZE], part[FILE_PATH_SIZE];
    for (int f = 0; f < 3; f++) {
        static const char *const names[] = {"cut-0000.jsonl", "cut-0001.jsonl.zst", "cut-0002.jsonl.gz"};
        size_t end = f == 2 ? size : size * (size_t)(f + 1) / 3;
        while (bytes[end - 1] != '\n')
            end++;
        if (f == 2) /* a line of the second file again */
            while (bytes[--begin - 1] != '\n')
                continue;
        if (f == 0)
            write_text(*state, names[f], bytes + begin, end - begin, paths[f]);
        else
            (f == 1 ? write_zstd : write_gzip)(*state, names[f], bytes + begin, end - begin, paths[f]);
        begin = end;
    }
    struct text_files files;
    struct encode_result result;
    struct part_header header;
    assert_int_equal(text_find(&files, *state, "cut", &error), 0);
    /* Interrupted behind the second file: its part is used again, not made anew. */
    assert_int_equal(encode_file(*state, "cut", files.paths[1], vocabulary, &header, &error), 0);
    assert_int_equal(part_path(part, *state, "cut", files.paths[1], &error), 0);
    struct stat before, after;
    assert_int_equal(stat(part, &before), 0);
    assert_int_equal(encode_file(*state, "cut", files.paths[1], vocabulary, &header, &error), 0);
    assert_int_equal(stat(part, &after), 0);
    assert_int_equal(before.st_ino, after.st_ino);
    /* A part that is cut off, or of other text, is made anew. */
    assert_int_equal(truncate(part, before.st_size - 1), 0);
    assert_int_equal(part_path(part, *state, "cut", files.paths[0], &error), 0);
    assert_int_equal(encode_file(*state, "cut", paths[2], vocabulary, &header, &error), 0);
    char other[FILE_PATH_SIZE];
    assert_int_equal(part_path(other, *state, "cut", paths[2], &error), 0);
    assert_int_equal(rename(other, part), 0);
    assert_int_equal(encode_language(*state, "cut", &files, vocabulary, &hold_out, &result, &error), 0);
    encode_remove_parts(*state, "cut");
    assert_false(file_exists(part));
    assert_int_equal(result.duplicates, 1);
    assert_int_equal(result.train_documents, whole.train_documents);
    static const char *const splits[] = {"train", "test"};
    for (int s = 0; s < 2; s++) {
        struct shard a, b;
        open_shard(&a, *state, "aa", splits[s]);
        open_shard(&b, *state, "cut", splits[s]);
        assert_int_equal(a.header.payload_checksum, b.header.payload_checksum);
        assert_string_not_equal(a.header.text, b.header.text);
        shard_close(&a);
        shard_close(&b);
    }
    text_files_free(&files);
    free(bytes);
    vocabulary_close(vocabulary);
}

static void test_budget_is_a_limit_and_too_little_text_an_error(void **state) {
    struct vocabulary *vocabulary = make_vocabulary(*state);
    struct encode_settings settings = hold_out;
    settings.test_tokens_max = 700;
    const struct encode_result result = encode(*state, "aa", "aa.jsonl", vocabulary, &settings);
    assert_in_range(result.test_tokens, 300, 700);
    char path[1][FILE_PATH_SIZE];
    const struct text_files files = {1, path};
    struct encode_result none;
    write_text(*state, "one.txt", "a single document\n", 18, path[0]);
    assert_int_equal(encode_language(*state, "one", &files, vocabulary, &hold_out, &none, &error), -1);
    assert_int_equal(error.code, ERROR_INPUT);
    assert_non_null(strstr(error.message, "more text"));
    write_text(*state, "none.txt", "\n\n", 2, path[0]);
    assert_int_equal(encode_language(*state, "none", &files, vocabulary, &hold_out, &none, &error), -1);
    assert_non_null(strstr(error.message, "no documents"));
    settings.test_fraction = 1;
    assert_int_equal(encode_language(*state, "one", &files, vocabulary, &settings, &none, &error), -1);
    assert_int_equal(encode_language("/nowhere", "one", &files, vocabulary, &hold_out, &none, &error), -1);
    /* Nothing is left behind by what failed. */
    char command[FILE_PATH_SIZE];
    snprintf(command, sizeof command, "! ls '%s' | grep -E '^(one|none)\\..*tokens|tmp'", (const char *)*state);
    assert_int_equal(system(command), 0); /* NOLINT(cert-env33-c): our own path from mkdtemp */
    vocabulary_close(vocabulary);
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, test_folder_make, test_folder_remove)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_FOLDER(synthetic_text_has_known_bytes_and_its_size),
        IN_FOLDER(languages_of_a_family_share_words_and_others_do_not),
        IN_FOLDER(impossible_synthetic_languages_are_refused),
        IN_FOLDER(training_twice_gives_the_same_vocabulary),
        IN_FOLDER(bytes_of_pieces_add_up_to_the_text),
        IN_FOLDER(vocabularies_that_cannot_be_are_explained),
        IN_FOLDER(what_is_no_vocabulary_is_refused),
        IN_FOLDER(written_shard_reads_back),
        IN_FOLDER(damaged_shards_are_refused_wherever_they_are_damaged),
        IN_FOLDER(pipe_is_no_shard),
        IN_FOLDER(forged_shard_headers_never_lead_out_of_the_file),
        IN_FOLDER(splits_are_whole_documents_and_hold_the_right_counts),
        IN_FOLDER(order_and_repetition_do_not_change_the_split),
        IN_FOLDER(several_files_are_one_text_and_parts_are_used_again),
        IN_FOLDER(test_budget_is_a_limit_and_too_little_text_an_error),
    };
    return cmocka_run_group_tests_name("corpus", tests, NULL, NULL);
}
