#include "corpus/synthetic.h"

#include "base/checksum.h"
#include "base/file.h"
#include "base/random.h"

#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    CONSONANTS = 16,
    VOWELS = 5,
    SYLLABLES = CONSONANTS * VOWELS,
    ENDINGS = 1 + CONSONANTS + SYLLABLES,    /* nothing, a consonant, a third syllable */
    FORMS = SYLLABLES * SYLLABLES * ENDINGS, /* words that can be written: 620 800 */
    WORD_SIZE = 32,                          /* 6 letters of at most 4 bytes, and a zero byte */
    TOPICS = 8,
    FOLLOWERS = 8, /* words that are likely behind a word */
};

/* Letters of the scripts: 16 consonants and 5 vowels (signs behind the consonant in the Indic scripts and Thai). Letter
 * number i of one script stands for letter number i of every other. */
static const char *const consonants[SYNTHETIC_SCRIPTS][CONSONANTS] = {
    {"b", "d", "f", "g", "h", "k", "l", "m", "n", "p", "r", "s", "t", "v", "y", "z"},
    {"б", "д", "ф", "г", "х", "к", "л", "м", "н", "п", "р", "с", "т", "в", "й", "з"},
    {"β", "δ", "φ", "γ", "χ", "κ", "λ", "μ", "ν", "π", "ρ", "σ", "τ", "θ", "ξ", "ζ"},
    {"ब", "द", "फ", "ग", "ह", "क", "ल", "म", "न", "प", "र", "स", "त", "व", "य", "ज"},
    {"բ", "դ", "ֆ", "գ", "հ", "կ", "լ", "մ", "ն", "պ", "ր", "ս", "տ", "վ", "յ", "զ"},
    {"ბ", "დ", "ფ", "გ", "ჰ", "კ", "ლ", "მ", "ნ", "პ", "რ", "ს", "ტ", "ვ", "ყ", "ზ"},
    {"ব", "দ", "ফ", "গ", "হ", "ক", "ল", "ম", "ন", "প", "র", "স", "ত", "ভ", "য", "জ"},
    {"บ", "ด", "ฟ", "ก", "ห", "ค", "ล", "ม", "น", "ป", "ร", "ส", "ต", "ว", "ย", "ซ"},
};
static const char *const vowels[SYNTHETIC_SCRIPTS][VOWELS] = {
    {"a", "e", "i", "o", "u"}, {"а", "е", "и", "о", "у"}, {"α", "ε", "ι", "ο", "υ"}, {"ा", "े", "ि", "ो", "ु"},
    {"ա", "ե", "ի", "ո", "ը"}, {"ა", "ე", "ი", "ო", "უ"}, {"া", "ে", "ি", "ো", "ু"},  {"า", "ะ", "ิ", "อ", "ุ"},
};

/* Meanings by their part in a clause: of four meanings two are things, one is an action, one a modifier. */
enum part { THING, ACTION, MODIFIER, PARTS };

/* Keys of the streams of random numbers, all derived from the seed. */
enum stream { STREAM_MEANINGS, STREAM_FAMILY, STREAM_LANGUAGE };

/* The process of meanings, the same for all languages. */
struct meanings {
    uint64_t key;
    uint32_t count[PARTS]; /* meanings of each part; the first of a part is the sum of those before */
    uint64_t *zipf[PARTS]; /* [count] cumulated 2^32 / rank: integers, so that every machine draws the same */
    uint64_t follower_zipf[FOLLOWERS];
};

/* What a language is while its text is written. */
struct writer {
    const struct meanings *meanings;
    char (*words)[WORD_SIZE]; /* [words]: the word of each meaning */
    uint32_t family;
    uint64_t key;   /* of the text */
    uint64_t drawn; /* random numbers of the text so far: the counter */
    uint64_t bytes; /* of text so far */
    FILE *file;
};

static void cumulate_zipf(uint64_t *cumulated, uint32_t count) {
    uint64_t sum = 0;
    for (uint32_t rank = 0; rank < count; rank++) {
        sum += (UINT64_C(1) << 32) / (rank + 1);
        cumulated[rank] = sum;
    }
}

static int meanings_make(struct meanings *meanings, const struct synthetic_settings *settings, struct error *error) {
    *meanings = (struct meanings){.key = random_u64(settings->seed, STREAM_MEANINGS, 0)};
    meanings->count[ACTION] = meanings->count[MODIFIER] = settings->words / 4;
    meanings->count[THING] = settings->words - 2 * (settings->words / 4);
    cumulate_zipf(meanings->follower_zipf, FOLLOWERS);
    for (int part = 0; part < PARTS; part++) {
        meanings->zipf[part] = malloc(meanings->count[part] * sizeof *meanings->zipf[part]);
        if (!meanings->zipf[part])
            return error_set(error, ERROR_FAILED, "no memory for %" PRIu32 " words", settings->words);
        cumulate_zipf(meanings->zipf[part], meanings->count[part]);
    }
    return 0;
}

static void meanings_free(struct meanings *meanings) {
    for (int part = 0; part < PARTS; part++)
        free(meanings->zipf[part]);
}

/* The next random integer of the text in [0, bound). */
static uint64_t draw(struct writer *writer, uint64_t bound) {
    return random_below(bound, writer->key, 0, writer->drawn++);
}

/* A rank by Zipf's law. */
static uint32_t draw_rank(struct writer *writer, const uint64_t *cumulated, uint32_t count) {
    const uint64_t place = draw(writer, cumulated[count - 1]);
    uint32_t low = 0, high = count - 1;
    while (low < high) { /* the first rank whose cumulated weight is above place */
        const uint32_t middle = (low + high) / 2;
        if (cumulated[middle] > place)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

static uint32_t first_meaning(const struct meanings *meanings, enum part part) {
    return part == THING ? 0 : meanings->count[THING] + (part == MODIFIER ? meanings->count[ACTION] : 0);
}

/* A thing to talk about: every topic has its own frequent ones. */
static uint32_t draw_thing(struct writer *writer, uint32_t topic) {
    const struct meanings *meanings = writer->meanings;
    const uint32_t count = meanings->count[THING];
    const uint32_t rank = draw_rank(writer, meanings->zipf[THING], count);
    return (uint32_t)random_permute(rank, count, random_u64(meanings->key, PARTS, topic));
}

/* A meaning that follows another: mostly one of its usual followers, else any of that part. */
static uint32_t draw_follower(struct writer *writer, uint32_t meaning, enum part part) {
    const struct meanings *meanings = writer->meanings;
    const uint32_t count = meanings->count[part], first = first_meaning(meanings, part);
    if (draw(writer, 8) == 0)
        return first + draw_rank(writer, meanings->zipf[part], count);
    const uint32_t rank = draw_rank(writer, meanings->follower_zipf, FOLLOWERS);
    return first + (uint32_t)random_below(count, meanings->key, part, (uint64_t)meaning << 32 | rank);
}

/* The word of a form: consonant, vowel, consonant, vowel, ending. */
static void write_form(char word[WORD_SIZE], uint64_t form, uint32_t script) {
    const uint64_t ending = form % ENDINGS;
    const uint64_t second = form / ENDINGS % SYLLABLES, first = form / ENDINGS / SYLLABLES;
    int used = snprintf(word, WORD_SIZE, "%s%s%s%s", consonants[script][first / VOWELS], vowels[script][first % VOWELS],
                        consonants[script][second / VOWELS], vowels[script][second % VOWELS]);
    if (ending > CONSONANTS) {
        const uint64_t third = ending - CONSONANTS - 1;
        snprintf(word + used, WORD_SIZE - (size_t)used, "%s%s", consonants[script][third / VOWELS],
                 vowels[script][third % VOWELS]);
    } else if (ending > 0) {
        snprintf(word + used, WORD_SIZE - (size_t)used, "%s", consonants[script][ending - 1]);
    }
}

/* Words by meaning. Forms are dealt out by permutations: within a stock no word occurs twice. */
static void make_words(char (*words)[WORD_SIZE], const struct synthetic_language *language,
                       const struct synthetic_settings *settings, uint64_t language_key) {
    const uint64_t family_key = random_u64(settings->seed, STREAM_FAMILY, language->family);
    const uint64_t choice_key = random_u64(family_key, 0, 0);
    const uint64_t shared = (uint64_t)llround(language->shared_words * settings->words);
    for (uint32_t meaning = 0; meaning < settings->words; meaning++) {
        const bool from_family = random_permute(meaning, settings->words, choice_key) < shared;
        write_form(words[meaning], random_permute(meaning, FORMS, from_family ? family_key : language_key),
                   language->script);
    }
}

static void put_word(struct writer *writer, uint32_t meaning, bool *sentence_begun) {
    const char *word = writer->words[meaning];
    writer->bytes += strlen(word) + *sentence_begun;
    fprintf(writer->file, "%s%s", *sentence_begun ? " " : "", word);
    *sentence_begun = true;
}

/* A sentence of 1 to 3 clauses, 4 to 12 words, in the order of the family. */
static void put_sentence(struct writer *writer, uint32_t topic) {
    static const char orders[6][4] = {"sov", "svo", "vso", "vos", "ovs", "osv"};
    const char *order = orders[writer->family % 6];
    const bool modifier_first = writer->family / 6 % 2 == 0;
    const uint64_t clauses = 1 + draw(writer, 3);
    uint32_t object = 0;
    bool begun = false;
    for (uint64_t clause = 0; clause < clauses; clause++) {
        const bool goes_on = clause > 0 && draw(writer, 2) == 0; /* the object of one clause acts in the next */
        const uint32_t agent = goes_on ? object : draw_thing(writer, topic);
        const uint32_t action = draw_follower(writer, agent, ACTION);
        object = draw_follower(writer, action, THING);
        const bool modified = clauses == 1 || draw(writer, 2) == 0;
        const uint32_t modifier = modified ? draw_follower(writer, object, MODIFIER) : 0;
        for (const char *place = order; *place; place++) {
            if (*place != 'o') {
                put_word(writer, *place == 's' ? agent : action, &begun);
                continue;
            }
            if (modified && modifier_first)
                put_word(writer, modifier, &begun);
            put_word(writer, object, &begun);
            if (modified && !modifier_first)
                put_word(writer, modifier, &begun);
        }
    }
}

/* A document, a JSON line: 3 to 12 sentences on one topic. No letter needs an escape. */
static void put_document(struct writer *writer) {
    const uint32_t topic = (uint32_t)draw(writer, TOPICS);
    const uint64_t sentences = 3 + draw(writer, 10);
    fputs("{\"text\": \"", writer->file);
    for (uint64_t sentence = 0; sentence < sentences; sentence++) {
        const char *gap = sentence > 0 ? " " : "";
        fputs(gap, writer->file);
        put_sentence(writer, topic);
        fputc('.', writer->file);
        writer->bytes += strlen(gap) + 1;
    }
    fputs("\"}\n", writer->file);
}

static int write_language(const char *folder, const struct synthetic_language *language,
                          const struct synthetic_settings *settings, const struct meanings *meanings,
                          struct error *error) {
    char name[LANGUAGE_CODE_SIZE + 8], path[FILE_PATH_SIZE], temporary[FILE_TEMPORARY_SIZE];
    snprintf(name, sizeof name, "%s.jsonl", language->code);
    if (file_join(path, folder, name, error) != 0)
        return -1;
    const uint64_t key =
        random_u64(settings->seed, STREAM_LANGUAGE, checksum64(language->code, strlen(language->code)));
    struct writer writer = {.meanings = meanings, .family = language->family, .key = random_u64(key, 0, 0)};
    writer.words = calloc(settings->words, sizeof *writer.words);
    if (!writer.words)
        return error_set(error, ERROR_FAILED, "%s: no memory for %" PRIu32 " words", path, settings->words);
    make_words(writer.words, language, settings, key);
    writer.file = file_begin(path, temporary, error);
    while (writer.file && writer.bytes < language->bytes && !ferror(writer.file))
        put_document(&writer);
    free(writer.words);
    return writer.file ? file_end(writer.file, !ferror(writer.file), temporary, path, error) : -1;
}

int synthetic_write(const char *folder, const struct synthetic_language *languages, uint32_t language_count,
                    const struct synthetic_settings *settings, struct error *error) {
    if (settings->words < SYNTHETIC_WORDS_MIN || settings->words > SYNTHETIC_WORDS_MAX)
        return error_set(error, ERROR_INPUT, "a synthetic language of %" PRIu32 " words; %d to %d are possible",
                         settings->words, SYNTHETIC_WORDS_MIN, SYNTHETIC_WORDS_MAX);
    for (uint32_t l = 0; l < language_count; l++) {
        if (languages[l].script >= SYNTHETIC_SCRIPTS)
            return error_set(error, ERROR_INPUT, "synthetic language %s: script %" PRIu32 "; scripts are 0 to %d",
                             languages[l].code, languages[l].script, SYNTHETIC_SCRIPTS - 1);
        if (!(languages[l].shared_words >= 0 && languages[l].shared_words <= 1))
            return error_set(error, ERROR_INPUT,
                             "synthetic language %s: %g of its words shared with its family; 0 to 1 is possible",
                             languages[l].code, languages[l].shared_words);
    }
    struct meanings meanings;
    int result = meanings_make(&meanings, settings, error);
    for (uint32_t l = 0; result == 0 && l < language_count; l++)
        result = write_language(folder, &languages[l], settings, &meanings, error);
    meanings_free(&meanings);
    return result;
}
