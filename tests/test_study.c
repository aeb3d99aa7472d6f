/* orchestrator/study*.c: study files, their mistakes, their settings, their reference page. */
#include "orchestrator/study.h"
#include "orchestrator/study_keys.h"
#include "tests/test.h"

#include <math.h>

static const char base[] = "study: test\n"
                           "languages: [en, es, ru]\n"
                           "corpus: {text: text, tokens: tokens}\n"
                           "vocabulary: {pieces: 1000}\n"
                           "sizes:\n"
                           "  - {name: small, layers: 1, width: 16, heads: 2, head_size: 8, feed_forward: 32}\n"
                           "  - scale: 0\n"
                           "training: {tokens: 1e6, batch: 8, sequence: 128, warmup_steps: 10}\n"
                           "runs:\n"
                           "  monolingual: {languages: all, sizes: all}\n"
                           "  bilingual: {pairs: [[en, es]], sizes: [small]}\n"
                           "  multilingual: {mixtures: {three: [en, es, ru]}, sizes: [0]}\n"
                           "evaluation: {every_tokens: 1e5}\n";

/* Reads a text as study file; *said receives the lines of mistakes without "sweep: PATH:". The caller frees it. */
static int read_text(const char *folder, const char *text, size_t size, struct study *study, char **said,
                     struct error *error) {
    char path[FILE_PATH_SIZE], prefix[FILE_PATH_SIZE + 16], *lines;
    size_t length;
    snprintf(path, sizeof path, "%s/study.yaml", folder);
    snprintf(prefix, sizeof prefix, "sweep: %s:", path);
    test_file_write(path, text, size);
    FILE *file = open_memstream(&lines, &length);
    assert_non_null(file);
    const int result = study_read(path, study, file, error);
    assert_int_equal(fclose(file), 0);
    char *to = lines;
    for (const char *from = lines; *from;) {
        assert_memory_equal(from, prefix, strlen(prefix));
        from += strlen(prefix);
        const size_t line = strcspn(from, "\n") + 1;
        memmove(to, from, line);
        to += line;
        from += line;
    }
    *to = '\0';
    *said = lines;
    return result;
}

/* text with its first `from` replaced; the caller frees it. */
static char *replaced(const char *text, const char *from, const char *to) {
    const char *place = strstr(text, from);
    char *result;
    assert_non_null(place);
    assert_true(asprintf(&result, "%.*s%s%s", (int)(place - text), text, to, place + strlen(from)) >= 0);
    return result;
}

/* The settings of a text that must be right. */
static char *settings_of(const char *folder, const char *text) {
    struct study study;
    struct error error;
    char *said;
    const int result = read_text(folder, text, strlen(text), &study, &said, &error);
    assert_string_equal(said, "");
    free(said);
    assert_int_equal(result, 0);
    char *settings = study_settings(&study);
    assert_non_null(settings);
    study_free(&study);
    return settings;
}

static void every_mistake_is_told_with_its_place(void **state) {
    static const struct {
        const char *from, *to, *said;
    } cases[] = {
        /* keys */
        {"vocabulary:", "vocabulry:", "4:1: unknown key 'vocabulry'; did you mean 'vocabulary'?\n"},
        {"batch: 8", "bach: 8, batch: 8", "8:25: unknown key 'bach'; did you mean 'batch'?\n"},
        {"{pieces: 1000}", "{pieces: 1000, zebra: 1}",
         "4:28: unknown key 'zebra'; the keys here are pieces, reserved, temperature, coverage, byte_fallback, "
         "sample_megabytes\n"},
        {"scale: 0", "{scale: 0, layer: 2}", "7:16: unknown key 'layer'; did you mean 'layers'?\n"},
        {"tokens: 1e6, batch", "batch", "8:1: training.tokens is missing; it is a whole number from 1 to 1e+13\n"},
        {"study: test\n", "",
         "1:1: study is missing; it is a name of at most 63 letters, digits, spaces and - _ . +, "
         "beginning with a letter\n"},
        {"{text: text, ", "{", "3:1: corpus.text is missing; it is a path\n"},
        {"tokens: 1e6", "tokens: 1e6, tokens: 2e6", "8:25: key 'tokens' stands already in line 8; keep one of them\n"},
        /* types */
        {"batch: 8", "batch: eight", "8:32: training.batch cannot be 'eight'; it is a whole number from 1 to 65536\n"},
        {"batch: 8", "batch: \"8\"", "8:32: training.batch cannot be '8'; it is a whole number from 1 to 65536\n"},
        {"batch: 8", "batch: 8.5", "8:32: training.batch cannot be '8.5'; it is a whole number from 1 to 65536\n"},
        {"batch: 8", "batch: [8]", "8:32: training.batch cannot be a list; it is a whole number from 1 to 65536\n"},
        {"batch: 8", "batch: ", "8:32: training.batch cannot be nothing; it is a whole number from 1 to 65536\n"},
        {"batch: 8", "batch: 99999999999999999999999999",
         "8:32: training.batch cannot be '99999999999999999999999999'; it is a whole number from 1 to 65536\n"},
        {"batch: 8", "precision: fp16", "8:36: training.precision cannot be 'fp16'; it is fp32 or bf16\n"},
        {"batch: 8", "precision: \"bf16\"", "8:36: training.precision cannot be 'bf16'; it is fp32 or bf16\n"},
        {"batch: 8", "dropout: nan", "8:34: training.dropout cannot be 'nan'; it is a number from 0 to 0.9\n"},
        {"batch: 8", "dropout: 0x0", "8:34: training.dropout cannot be '0x0'; it is a number from 0 to 0.9\n"},
        {"{pieces: 1000}", "{pieces: 1000, byte_fallback: yes}",
         "4:43: vocabulary.byte_fallback cannot be 'yes'; it is true or false\n"},
        {"{pieces: 1000}", "1000",
         "4:13: vocabulary must be a mapping; its keys are pieces, reserved, temperature, coverage, byte_fallback, "
         "sample_megabytes\n"},
        {"study: test", "study: a/b",
         "1:8: study cannot be 'a/b'; it is a name of at most 63 letters, digits, spaces and - _ . +, beginning with a "
         "letter\n"},
        {"{text: text,", "{text: \"a\\nb\",", "3:16: corpus.text cannot be 'a?b'; it is a path\n"},
        /* values */
        {"tokens: tokens}", "tokens: tokens, test_fraction: 1.5}",
         "3:53: corpus.test_fraction cannot be '1.5'; it is a number from 0.0001 to 0.9\n"},
        {"pieces: 1000", "pieces: 70000",
         "4:22: vocabulary.pieces cannot be '70000'; it is a whole number from 32 to 65536\n"},
        {"pieces: 1000", "pieces: 1000, reserved: 800",
         "4:22: vocabulary.pieces: 1060 are taken by reserved, byte and control pieces; take more than 1060\n"},
        {"warmup_steps: 10", "warmup_steps: 978",
         "8:64: training.warmup_steps: 978 steps of warm-up are more than the 977 steps of a run of size 'small'; take "
         "fewer, or more tokens\n"},
        {", warmup_steps: 10", "",
         "8:1: training.warmup_steps: 1000 steps of warm-up are more than the 977 steps of a run of size 'small'; take "
         "fewer, or more tokens\n"},
        {"scale: 0", "{scale: 0, batch: 8000}",
         "7:5: size 'scale 0': one batch of 8000 sequences of 128 tokens is more than the 1000000 tokens of a run; "
         "take more tokens, a smaller batch or shorter sequences\n"},
        {"scale: 0", "{scale: 0, tokens: 1e13, batch: 1}",
         "7:5: size 'scale 0': a run has 78125000000 steps; at most 4294967295\n"},
        {"scale: 0", "{scale: 0, ranks: 6}",
         "7:23: size 'scale 0': a run cannot be shared by 6 ranks; take 1, 2, 4 or 8\n"},
        {"scale: 0", "{scale: 0, ranks: 16}", "7:23: sizes[].ranks cannot be '16'; it is a whole number from 1 to 8\n"},
        {"scale: 0", "{scale: 0, batch: 3, ranks: 4}",
         "7:33: size 'scale 0': a batch of 3 sequences is too small for 4 ranks; take fewer, or a larger batch\n"},
        /* languages */
        {"[en, es, ru]", "[en, es, ru, es]", "2:25: language 'es' is listed twice; keep one\n"},
        {"[en, es, ru]", "[en, es, ru, EN]",
         "2:25: a language cannot be 'EN'; it is a code that begins with two small letters, at most 15 letters, "
         "digits, - and _\n"},
        {"[en, es, ru]", "[en, es, ru, ../x]",
         "2:25: a language cannot be '../x'; it is a code that begins with two small letters, at most 15 letters, "
         "digits, - and _\n"},
        {"[en, es, ru]", "[en, es]", "12:45: 'ru' is not among the languages of the study; add it to `languages`\n"},
        /* sizes */
        {"scale: 0", "scale: 53",
         "7:12: sizes[].scale cannot be '53'; it is a whole number from 0 to 52\n"
         "12:59: '0' is not among `sizes`; take a name or a scale from there\n"},
        {"scale: 0", "{scale: 0, width: 8}", "7:16: a published scale has its own width; drop this or `scale`\n"},
        {"width: 16, ", "",
         "6:5: width is missing; a size is a published `scale` or all of layers, width, heads, "
         "head_size, feed_forward\n"},
        {"head_size: 8", "head_size: 9", "6:62: head_size 9 is odd; rotary positions turn pairs: take an even one\n"},
        {"scale: 0", "{scale: 0, name: small}", "7:5: a size 'small' is there already; give this one another name\n"},
        {"name: small, ", "",
         "6:5: a size of own dimensions needs a name\n"
         "11:42: 'small' is not among `sizes`; take a name or a scale from there\n"},
        {"scale: 0\n", "scale: 0\n  - {scale: 0, name: same}\n",
         "8:5: size 'same' is the same as 'scale 0' in all but its name; keep one\n"},
        /* runs */
        {"languages: all", "languages: [en, de]",
         "10:33: 'de' is not among the languages of the study; add it to `languages`\n"},
        {"languages: all", "languages: some",
         "10:28: languages of runs cannot be 'some'; it is all, or a list of languages\n"},
        {"sizes: all", "sizes: [small, 0, small]", "10:51: size 'small' stands here twice; keep one\n"},
        {"sizes: all", "sizes: []",
         "10:40: sizes of runs cannot be an empty list; it is all, or a list of names and scales, as [0, small]\n"},
        {"{languages: all, sizes: all}", "[]",
         "10:16: a group of runs cannot be an empty list; it is a mapping, or a list of mappings\n"},
        {"{languages: all, sizes: all}", "[{sizes: [0]}, 7]",
         "10:31: a group of runs cannot be '7'; it is a mapping, or a list of mappings\n"},
        {"{languages: all, sizes: all}", "[{sizes: [0]}, {size: [small]}]",
         "10:32: unknown key 'size'; did you mean 'sizes'?\n"},
        {"languages: all,", "tokens: 1000,",
         "10:3: size 'small': one batch of 8 sequences of 128 tokens is more than the 1000 tokens of a run; take more "
         "tokens, a smaller batch or shorter sequences\n"
         "10:3: size 'scale 0': one batch of 8 sequences of 128 tokens is more than the 1000 tokens of a run; take "
         "more "
         "tokens, a smaller batch or shorter sequences\n"},
        {"languages: all,", "tokens: 5000,",
         "10:3: training.warmup_steps: 10 steps of warm-up are more than the 5 steps of a run of size 'small'; take "
         "fewer, or more tokens\n"
         "10:3: training.warmup_steps: 10 steps of warm-up are more than the 5 steps of a run of size 'scale 0'; take "
         "fewer, or more tokens\n"},
        {"bilingual: {pairs: [[en, es]], sizes: [small]}", "finetune: {from: three, sizes: [small]}\n  bilingual:",
         "11:3: no run of a multilingual mixture 'three' at size 'small' to begin from; add it to runs.multilingual\n"},
        {"bilingual: {pairs: [[en, es]], sizes: [small]}", "finetune: {languages: [en], sizes: [0]}",
         "11:3: runs.finetune[].from is missing; it is a name of at most 63 letters, digits, spaces and - _ . +, "
         "beginning with a letter\n"},
        {"evaluation:", "  cooldown: {from: nothing, tokens: 5e5}\nevaluation:",
         "13:20: no group 'nothing' stands before this one, with random weights and the shared vocabulary\n"},
        {"evaluation:", "  cooldown: {from: bilingual, tokens: 5e5}\nevaluation:",
         "13:3: group 'bilingual' has no runs of size 'scale 0' to go on from\n"},
        {"evaluation:", "  cooldown: {from: bilingual, sizes: [small], tokens: 1.1e6}\nevaluation:",
         "13:3: size 'small': a run of 1075 steps decays behind step 967, where those of 'bilingual' are not constant: "
         "that is from step 10 to 879; take other tokens\n"},
        {"every_tokens: 1e5", "every_tokens: 1e5, languages: [ru]",
         "13:44: evaluation.languages: none of mixture 'en' of monolingual runs is here; add one\n"
         "13:44: evaluation.languages: none of mixture 'es' of monolingual runs is here; add one\n"
         "13:44: evaluation.languages: none of mixture 'en+es' of bilingual runs is here; add one\n"},
        {"languages: all,", "vocabulary: mine,", "10:29: vocabulary of runs cannot be 'mine'; it is shared or own\n"},
        {"[[en, es]]", "[[en, es], [es, en]]",
         "11:33: pair es, en stands here twice (pairs have no order); keep one\n"},
        {"[[en, es]]", "[[en, en]]", "11:23: a pair of 'en' with itself; take two languages\n"},
        {"[[en, es]]", "[en, es]",
         "11:23: not a pair; it is a list of two languages, as [en, fr]\n"
         "11:27: not a pair; it is a list of two languages, as [en, fr]\n"},
        {"[[en, es]]", "[[en, xx]]", "11:28: 'xx' is not among the languages of the study; add it to `languages`\n"},
        {"three: [en, es, ru]", "three: [en, es], four: {es: 2, en: 2}",
         "12:46: mixture 'four' is the same as 'three'; keep one\n"},
        {"three: [en, es, ru]", "three: {en: 1, es: -1}",
         "12:48: a weight cannot be '-1'; it is a number from 1e-6 to 1e6\n"},
        {"three: [en, es, ru]", "three: {unimax: 0, languages: [en, es]}",
         "12:45: unimax cannot be '0'; it is a number of epochs up to 1e6\n"},
        {"three: [en, es, ru]", "three: {temperature: 0.5}",
         "12:50: temperature cannot be '0.5'; it is a number from 1 to 1e6\n"},
        {"three: [en, es, ru]", "three: {temperature: 5, shares: {en: 0.1}}",
         "12:53: 'shares' cannot be here; a mixture is {temperature: T, languages: [...]} or {unimax: epochs, "
         "languages: [...], shares: {language: share}}\n"},
        {"three: [en, es, ru]", "three: {unimax: 4, languages: [en, es], shares: {ru: 0.1}}",
         "12:77: 'ru' has a share but is not in the mixture; add it to `languages` here\n"},
        {"three: [en, es, ru]", "three: {unimax: 4, shares: {en: 0.5, ru: 0.5}}",
         "12:48: shares leave nothing to Unimax; take smaller ones, of fewer languages\n"},
        {"three: [en, es, ru]", "three: {unimax: 4}, four: {languages: [ru, es, en], unimax: 4}",
         "12:49: mixture 'four' is the same as 'three'; keep one\n"},
        {"three: [en, es, ru]", "three: [en]", "12:29: mixture 'three' has one language; that is a monolingual run\n"},
        {"three: [en, es, ru]", "3: [en, es]",
         "12:29: a mixture cannot be named '3'; it is a name of at most 63 letters, digits, spaces and - _ . +, "
         "beginning with a letter\n"},
        {"evaluation:", "transfer: {reference_tokens: 6e5}\nevaluation:",
         "13:30: transfer.reference_tokens: a bilingual run of size 'small' has 1000000 tokens, fewer than 2 x 600000; "
         "take at most 500000\n"},
        {"every_tokens: 1e5", "every_tokens: 4e5",
         "13:28: evaluation.every_tokens: the first evaluation of size 'small', at 400384 tokens, comes after the "
         "300000 reference tokens of the transfer scores; take fewer\n"},
        /* synthetic text */
        {"tokens: tokens}", "tokens: tokens, synthetic: {families: {a: [en, es]}}}",
         "3:50: 'ru' is in no family; put it into one\n"},
        {"tokens: tokens}", "tokens: tokens, synthetic: {families: {a: [en, es], b: [es, ru]}}}",
         "3:74: 'es' is in a second family; keep it in one\n"},
        {"tokens: tokens}", "tokens: tokens, synthetic: {words: 100}}",
         "3:38: corpus.synthetic.families is missing; it is `family: [language, ...]`\n"},
        {"tokens: tokens}", "tokens: tokens, synthetic: {families: {a: [en, es, ru]}, shared_words: 1.5}}",
         "3:93: corpus.synthetic.shared_words cannot be '1.5'; it is a number from 0 to 1, or one for each family\n"},
        {"tokens: tokens}", "tokens: tokens, synthetic: {families: {a: [en, es, ru]}, shared_words: [1]}}",
         "3:93: corpus.synthetic.shared_words cannot be a list; it is a number from 0 to 1, or one for each family\n"},
        {"tokens: tokens}",
         "tokens: tokens, synthetic: {families: {a: [en, es], b: [ru]}, shared_words: {c: 1, a: few}}}",
         "3:84: family 'b' is missing here; add its share\n"
         "3:99: 'c' is not among the families; add it or drop it here\n"
         "3:108: corpus.synthetic.shared_words cannot be 'few'; it is a number from 0 to 1, or one for each family\n"},
        /* YAML */
        {"pieces: 1000", "pieces: &a 1000", "4:22: anchors and aliases are not read; write the value out\n"},
        {"pieces: 1000", "pieces: *a", "4:22: anchors and aliases are not read; write the value out\n"},
        {"pieces: 1000", "pieces: !!int 1000", "4:22: tags are not read; leave it out\n"},
        {"pieces: 1000", "[a]: 1000", "4:14: a key must be a word; write 'word: value'\n"},
        {"pieces: 1000", "x: [[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]", "4:31: nested too deep\n"},
        {"evaluation:", "---\nevaluation:", "13:1: a second document; one study a file\n"},
        {"pieces: 1000}", "pieces: 1000",
         "5:6: not YAML: while parsing a flow mapping, did not find expected ',' or '}'\n"},
        {"text: text", "text: \xff", "3:16: not YAML: invalid leading UTF-8 octet\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct study study;
        struct error error = {0};
        char *text = replaced(base, cases[i].from, cases[i].to), *said;
        const int result = read_text(*state, text, strlen(text), &study, &said, &error);
        assert_string_equal(said, cases[i].said);
        assert_int_equal(result, -1);
        assert_int_equal(error.code, ERROR_INPUT);
        free(said);
        free(text);
    }
}

static void all_mistakes_are_told_at_once_in_the_order_of_the_file(void **state) {
    static const char text[] = "study: test\n"
                               "runs:\n"
                               "  bilingual: {pairs: [[en, xx]]}\n"
                               "  quadrilingual:\n"
                               "training: {tokens: many, sequence: 0, wamup_steps: 0}\n"
                               "languages: [en, 7]\n"
                               "corpus: {text: text, tokens: tokens, test_fraction: -1}\n"
                               "sizes: [3]\n";
    static const char expected[] =
        "3:28: 'xx' is not among the languages of the study; add it to `languages`\n"
        "4:3: unknown key 'quadrilingual'; the keys here are monolingual, bilingual, multilingual, "
        "finetune, cooldown\n"
        "5:20: training.tokens cannot be 'many'; it is a whole number from 1 to 1e+13\n"
        "5:36: training.sequence cannot be '0'; it is a whole number from 2 to 32768\n"
        "5:39: unknown key 'wamup_steps'; did you mean 'warmup_steps'?\n"
        "6:17: a language cannot be '7'; it is a code that begins with two small letters, at most 15 letters, digits, "
        "- and _\n"
        "7:53: corpus.test_fraction cannot be '-1'; it is a number from 0.0001 to 0.9\n"
        "8:9: a size cannot be '3'; it is a mapping, as {scale: 0}\n";
    struct study study;
    struct error error = {0};
    char *said;
    assert_int_equal(read_text(*state, text, strlen(text), &study, &said, &error), -1);
    assert_string_equal(said, expected);
    assert_non_null(strstr(error.message, "study.yaml: 8 mistakes;"));
    free(said);
}

static void files_that_are_no_study_are_refused(void **state) {
    static const char *const texts[] = {"",   "# only a comment\n", "just words", "[1, 2]", "42", "~",
                                        "{}", "\xef\xbb\xbf"};
    struct study study;
    struct error error = {0};
    char *said;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        assert_int_equal(read_text(*state, texts[i], strlen(texts[i]), &study, &said, &error), -1);
        assert_memory_equal(said, "1:1: ", 5);
        free(said);
    }
    char *large = malloc((1 << 20) + 1);
    assert_non_null(large);
    memset(large, '#', (1 << 20) + 1);
    assert_int_equal(read_text(*state, large, (1 << 20) + 1, &study, &said, &error), -1);
    assert_non_null(strstr(error.message, "larger than the 1048576 bytes"));
    free(said);
    for (size_t i = 0; i < 1 << 20; i += 4) /* as deep as can be */
        memcpy(large + i, "{a: ", 4);       /* NOLINT(bugprone-not-null-terminated-result): a piece of a text */
    assert_int_equal(read_text(*state, large, 1 << 20, &study, &said, &error), -1);
    free(said);
    for (size_t i = 0; i < 1 << 20; i += 8) {
        char line[32];
        snprintf(line, sizeof line, "k%05zu:\n", (i / 8) % 100000);
        memcpy(large + i, line, 8);
    }
    assert_int_equal(read_text(*state, large, 1 << 20, &study, &said, &error), -1);
    assert_non_null(strstr(said, "1025:1: more than 1024 keys in one mapping"));
    free(said);
    free(large);
    assert_int_equal(study_read("/nowhere/study.yaml", &study, NULL, &error), -1);
    assert_string_equal(error.message, "/nowhere/study.yaml: cannot be read: No such file or directory");
}

static void values_not_given_are_those_of_the_study(void **state) {
    const char *folder = *state;
    static const char text[] = "study: test\n"
                               "languages: [en, no]\n"
                               "corpus: {text: ../text, tokens: /tokens}\n"
                               "sizes: [{scale: 0}, {scale: 12}, {scale: 24}, {scale: 34}]\n"
                               "training: {tokens: 20e9}\n"
                               "runs: {bilingual: , monolingual: {languages: [no]}}\n";
    struct study study;
    struct error error = {0};
    char *said, path[FILE_PATH_SIZE];
    assert_int_equal(read_text(folder, text, strlen(text), &study, &said, &error), 0);
    assert_string_equal(said, "");
    assert_string_equal(study.name, "test");
    assert_string_equal(study.file, text);
    assert_string_equal(study.text_folder, "/tmp/text"); /* the folder of the study lies in /tmp */
    assert_string_equal(study.tokens_folder, "/tokens");
    snprintf(path, sizeof path, "%s/test.h5", folder);
    assert_string_equal(study.archive, path);
    assert_string_equal(study.languages[1], "no");
    assert_true(study.encode.test_fraction == 0.2 && study.encode.test_tokens_max == 20000000);
    assert_true(study.vocabulary.pieces == 64512 && study.vocabulary.temperature == 100);
    assert_true(study.vocabulary.byte_fallback && study.vocabulary.sample_bytes == 40000000);
    assert_true(study.sequence == 2048 && study.warmup_steps == 1000 && study.decay_fraction == 0.1);
    assert_true(study.micro_batch == 4 && study.dropout == 0.1 && study.seed == 1);
    assert_int_equal(study.precision, MODEL_FP32);
    assert_true(study.optimizer.learning_rate == 2e-4f && study.optimizer.beta1 == 0.9f);
    assert_true(study.optimizer.beta2 == 0.95f && study.optimizer.epsilon == 1e-8f);
    assert_true(study.optimizer.weight_decay == 0.1f && study.optimizer.clip == 1.0f);
    const uint32_t batches[] = {256, 512, 512, 2048};
    for (uint32_t s = 0; s < 4; s++) {
        assert_int_equal(study.sizes[s].batch, batches[s]);
        assert_true(study.sizes[s].tokens == 20000000000);
    }
    assert_string_equal(study.sizes[3].name, "scale 34");
    assert_true(study.evaluation_every_tokens == 500000000 && study.curve_tokens == 200000000);
    assert_true(study.reference_tokens == 6e9);
    assert_false(study.synthetic);
    assert_int_equal(study.group_count, 2); /* in the order of the file */
    assert_string_equal(study.groups[0].kind, "bilingual");
    assert_string_equal(study.groups[0].mixtures[0].name, "en+no");
    assert_int_equal(study.groups[0].size_count, 4);
    assert_string_equal(study.groups[1].mixtures[0].name, "no");
    study_free(&study);
    free(said);
}

static void mixtures_are_ordered_and_sum_to_one(void **state) {
    char *text = replaced(base, "three: [en, es, ru]", "three: [ru, en, es], skewed: {ru: 3, en: 1}"), *said;
    struct study study;
    struct error error = {0};
    assert_int_equal(read_text(*state, text, strlen(text), &study, &said, &error), 0);
    const struct study_group *group = &study.groups[2];
    assert_int_equal(group->mixture_count, 2);
    assert_int_equal(group->mixtures[0].language_count, 3);
    for (uint32_t l = 0; l < 3; l++) {
        assert_int_equal(group->mixtures[0].languages[l], l);
        assert_true(fabs(group->mixtures[0].given[l] - 1.0 / 3) < 1e-15);
    }
    assert_int_equal(group->mixtures[1].languages[0], 0);
    assert_int_equal(group->mixtures[1].languages[1], 2);
    assert_true(group->mixtures[1].given[0] == 0.25 && group->mixtures[1].given[1] == 0.75);
    study_free(&study);
    free(said);
    free(text);
}

static void settings_do_not_depend_on_layout_names_or_places(void **state) {
    static const struct {
        const char *from, *to;
    } same[] = {
        {"study: test", "# a comment\nstudy:   'other name'"},
        {"tokens: tokens}", "tokens: /elsewhere}\narchive: /elsewhere.h5"},
        {"training: {tokens: 1e6, batch: 8,", "training:  {\"batch\": 8,   tokens: 1_000_000,\n   "},
        {"- scale: 0", "-\n     scale: 0"},
        {"[[en, es]]", "\n      - - es\n        - en\n     "},
        {"three: [en, es, ru]", "three: {ru: 5, en: 5, es: 5}"},
        {"languages: all, sizes: all", ""},
        {"{languages: all, sizes: all}", "[{name: everything, seed: 1, vocabulary: shared}]"},
    };
    char *settings = settings_of(*state, base);
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        char *text = replaced(base, same[i].from, same[i].to), *other;
        if (strstr(text, "- - es")) { /* block style inside braces is not YAML */
            free(text);
            text = replaced(base, "{pairs: [[en, es]], sizes: [small]}",
                            "\n    pairs:\n      - - es\n        - en\n    sizes: [small]");
        }
        other = settings_of(*state, text);
        assert_string_equal(other, settings);
        free(other);
        free(text);
    }
    free(settings);
}

static void settings_tell_changed_values_apart(void **state) {
    static const struct {
        const char *from, *to;
    } other[] = {
        {"[en, es, ru]", "[en, es, ru, fr]"},
        {"batch: 8", "batch: 9"},
        {"tokens: 1e6", "tokens: 2e6"},
        {"scale: 0", "{scale: 0, tokens: 2e6}"},
        {"scale: 0", "{scale: 0, batch: 16}"},
        {"width: 16", "width: 17"},
        {"[[en, es]]", "[[en, ru]]"},
        {"sizes: all", "sizes: [small]"},
        {"three: [en, es, ru]", "three: {en: 1, es: 1, ru: 2}"},
        {"pieces: 1000", "pieces: 1000, sample_megabytes: 41"},
        {"  monolingual: {languages: all, sizes: all}\n", ""},
        {"evaluation:", "transfer: {reference_tokens: 2e5}\nevaluation:"},
        {"{languages: all, sizes: all}", "[{}, {}]"},
        {"sizes: all", "tokens: 2e6"},
        {"sizes: all", "seed: 2"},
        {"sizes: all", "vocabulary: own"},
    };
    char *settings = settings_of(*state, base);
    for (size_t i = 0; i < sizeof other / sizeof *other; i++) {
        char *text = replaced(base, other[i].from, other[i].to);
        char *changed = settings_of(*state, text);
        assert_string_not_equal(changed, settings);
        free(changed);
        free(text);
    }
    free(settings);
}

/* Puts "name: value, " behind the brace that opens the mapping of a key; NULL: the text has the key already. */
static char *with_key(const char *text, const struct study_key *key, const char *value) {
    char parent[64], opening[80], insertion[192], name[64];
    snprintf(name, sizeof name, "%s: ", study_key_name(key));
    const char *dot = strrchr(key->path, '.');
    assert_non_null(dot);
    snprintf(parent, sizeof parent, "%.*s", (int)(dot - key->path), key->path);
    const char *last = strrchr(parent, '.');
    snprintf(opening, sizeof opening, "%s: {", last ? last + 1 : parent);
    const char *mapping = strstr(text, opening);
    assert_non_null(mapping);
    const char *given = strstr(mapping, name);
    if (given && given < mapping + strcspn(mapping, "\n"))
        return NULL;
    snprintf(insertion, sizeof insertion, "%s%s%s, ", opening, name, value);
    return replaced(text, opening, insertion);
}

static void each_standard_value_may_be_written_out_and_matters(void **state) {
    char *text = replaced(base, "tokens: tokens}", "tokens: tokens, synthetic: {families: {a: [en, es], b: [ru]}}}");
    char *settings = settings_of(*state, text);
    int written = 0, changed = 0;
    for (const struct study_key *key = study_keys; key->path; key++) {
        char value[32];
        if (strncmp(key->path, "checkpoints.", 12) == 0 || strncmp(key->path, "retries.", 8) == 0) /* no settings */
            continue;
        char *explicit = key->standard && key->standard[0] ? with_key(text, key, key->standard) : NULL;
        if (!explicit)
            continue;
        char *same = settings_of(*state, explicit);
        assert_string_equal(same, settings);
        written++;
        free(same);
        free(explicit);
        if (key->form == KEY_FLAG)
            strcpy(value, "false");
        else if (key->form == KEY_PRECISION)
            strcpy(value, "bf16");
        else
            snprintf(value, sizeof value, "%.17g", key->least == atof(key->standard) ? key->most : key->least);
        if (strcmp(key->path, "vocabulary.reserved") == 0)
            strcpy(value, "7"); /* as many as fit */
        char *other = with_key(text, key, value);
        char *different = settings_of(*state, other);
        assert_string_not_equal(different, settings);
        changed++;
        free(different);
        free(other);
    }
    assert_true(written >= 20 && changed == written);
    char *often = replaced(text, "evaluation:", "checkpoints: {minutes: 1, steps: 5, keep: true}\nevaluation:");
    char *same = settings_of(*state, often);
    assert_string_equal(same, settings);
    free(same);
    free(often);
    free(settings);
    free(text);
}

static void words_in_common_are_one_number_or_one_for_each_family(void **state) {
    static const char *const same[] = {"", ", shared_words: 0.7", ", shared_words: {b: 0.7, a: 0.7}"};
    char *settings[4];
    for (int i = 0; i < 4; i++) {
        char synthetic[128];
        snprintf(synthetic, sizeof synthetic, "tokens: tokens, synthetic: {families: {a: [en, ru], b: [es]}%s}}",
                 i < 3 ? same[i] : ", shared_words: {b: 0.25, a: 1}");
        char *text = replaced(base, "tokens: tokens}", synthetic), *said;
        struct study study;
        struct error error = {0};
        assert_int_equal(read_text(*state, text, strlen(text), &study, &said, &error), 0);
        for (uint32_t l = 0; l < 3; l++)
            assert_true(study.synthetic_languages[l].shared_words == (i < 3 ? 0.7 : l == 1 ? 0.25 : 1));
        settings[i] = settings_of(*state, text);
        study_free(&study);
        free(said);
        free(text);
    }
    assert_string_equal(settings[0], settings[1]);
    assert_string_equal(settings[0], settings[2]);
    assert_string_not_equal(settings[0], settings[3]);
    for (int i = 0; i < 4; i++)
        free(settings[i]);
}

static void reference_page_is_that_of_the_table(void **state) {
    (void)state;
    char *made, *stored;
    size_t made_size, stored_size;
    struct error error = {0};
    FILE *file = open_memstream(&made, &made_size);
    assert_non_null(file);
    assert_int_equal(study_write_reference(file), 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(file_read("docs/study-files.md", 1 << 20, &stored, &stored_size, &error), 0);
    assert_string_equal(stored, made); /* else: bin/sweep plan --keys > docs/study-files.md */
    for (const struct study_key *key = study_keys; key->path; key++) {
        char row[80], wanted[KEY_WANTED_SIZE];
        snprintf(row, sizeof row, "\n| `%s` | ", study_key_name(key));
        assert_non_null(strstr(made, row));
        study_key_wanted(key, wanted);
        assert_true(strlen(wanted) < KEY_WANTED_SIZE - 1); /* nothing is cut off */
    }
    free(made);
    free(stored);
}

static void example_of_the_reference_page_is_a_study(void **state) {
    char *page;
    size_t size;
    struct error error = {0};
    assert_int_equal(file_read("docs/study-files.md", 1 << 20, &page, &size, &error), 0);
    char *example = strstr(page, "```yaml\n");
    assert_non_null(example);
    example += strlen("```yaml\n");
    char *end = strstr(example, "```");
    assert_non_null(end);
    *end = '\0';
    free(settings_of(*state, example));
    free(page);
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, test_folder_make, test_folder_remove)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_FOLDER(every_mistake_is_told_with_its_place),
        IN_FOLDER(all_mistakes_are_told_at_once_in_the_order_of_the_file),
        IN_FOLDER(files_that_are_no_study_are_refused),
        IN_FOLDER(values_not_given_are_those_of_the_study),
        IN_FOLDER(mixtures_are_ordered_and_sum_to_one),
        IN_FOLDER(settings_do_not_depend_on_layout_names_or_places),
        IN_FOLDER(settings_tell_changed_values_apart),
        IN_FOLDER(each_standard_value_may_be_written_out_and_matters),
        IN_FOLDER(words_in_common_are_one_number_or_one_for_each_family),
        cmocka_unit_test(reference_page_is_that_of_the_table),
        IN_FOLDER(example_of_the_reference_page_is_a_study),
    };
    return cmocka_run_group_tests_name("study", tests, NULL, NULL);
}
