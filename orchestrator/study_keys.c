#include "orchestrator/study_keys.h"
#include "model/scales.h"
#include "orchestrator/precision.h"
#include "orchestrator/study_draft.h"
#include "worker/run_spec.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

/* Form, place and size of a field, from its type. */
#define FIELD_OF(type, member)                                                                                         \
    _Generic(((type *)0)->member,                                                                                      \
        uint32_t: KEY_U32,                                                                                             \
        int32_t: KEY_I32,                                                                                              \
        uint64_t: KEY_U64,                                                                                             \
        float: KEY_FLOAT,                                                                                              \
        double: KEY_DOUBLE,                                                                                            \
        bool: KEY_FLAG,                                                                                                \
        char *: KEY_NAME),                                                                                             \
        offsetof(type, member), sizeof(((type *)0)->member)
#define DRAFT(member)     FIELD_OF(struct study_draft, member)
#define STUDY(member)     FIELD_OF(struct study_draft, study.member)
#define SIZE(member)      FIELD_OF(struct study_size, member)
#define GROUP(member)     FIELD_OF(struct study_group, member)
#define PRECISION(member) KEY_PRECISION, offsetof(struct study_draft, study.member), sizeof(((struct study *)0)->member)
#define FOLDER(member)    KEY_PATH, offsetof(struct study_draft, study.member), sizeof(((struct study *)0)->member)
#define MAPPING           KEY_MAPPING, 0, 0
#define STRUCTURED        KEY_STRUCTURED, 0, 0
#define LIST              KEY_LIST, 0, 0

#define LANGUAGES_OR_ALL "`all`, or a list of languages"
#define SIZES_OR_ALL     "`all`, or a list of names and scales"
#define GROUPS           "a mapping with the keys below, or a list of such"

/* What groups of every kind may have. */
#define GROUP_SIZES(kind) kind "[].sizes", STRUCTURED, NULL, "`all`", 0, 0, SIZES_OR_ALL, "The sizes."
#define GROUP_TOKENS(kind)                                                                                             \
    kind "[].tokens", GROUP(tokens), NULL, "those of the size", 1, 1e13, "tokens", "Tokens of each of the runs."
#define GROUP_SEED(kind)                                                                                               \
    kind "[].seed", GROUP(seed), NULL, "`training.seed`", 1, 1e15, NULL, "Another seed: the same runs once more."
#define GROUP_NAME(kind)                                                                                               \
    kind "[].name", GROUP(name), NULL, "that of the kind", 0, 0, NULL, "Name of the group, for `sweep plan`."

/* Limits are wide: they keep sums and products in range, and catch values that can only be slips. */
const struct study_key study_keys[] = {
    {"study", STUDY(name), NULL, NULL, 0, 0, NULL, "Name of the study."},
    {"languages", STRUCTURED, NULL, NULL, 0, 0, "a list of codes",
     "Codes of the languages, as in the names of the text files: `en`, `ckb`, `zh-hant`."},
    {"archive", FOLDER(archive), NULL, "`<study>.h5` beside the study file", 0, 0, NULL,
     "The HDF5 archive; its journal lies beside it."},

    {"corpus", MAPPING, NULL, NULL, 0, 0, NULL, "Where text and tokens are, and what is held out for tests."},
    {"corpus.text", FOLDER(text_folder), NULL, NULL, 0, 0, NULL,
     "Folder of `<language>.jsonl` or `.txt`, plain, `.gz` or `.zst`, or of folders `<language>` of such files."},
    {"corpus.tokens", FOLDER(tokens_folder), NULL, NULL, 0, 0, NULL,
     "Folder of the vocabulary and the shards, which are made from the text where they are missing."},
    {"corpus.parallel", FOLDER(parallel_folder), NULL, "no parallel set", 0, 0, NULL,
     "Folder of `<language>.txt`, or of Flores' `.devtest` or `.dev`: the same sentences in all languages, one a "
     "line."},
    {"corpus.test_fraction", STUDY(encode.test_fraction), "0.2", NULL, 0.0001, 0.9, "of the tokens of a language",
     "Held out for tests, as a random sample of documents: at most this share."},
    {"corpus.test_tokens", STUDY(encode.test_tokens_max), "20e6", NULL, 1, 1e12, "tokens a language",
     "And at most so many."},
    {"corpus.seed", STUDY(encode.seed), "1", NULL, 0, 1e15, NULL,
     "Chooses the documents held out, the sample for the vocabulary and the synthetic text."},
    {"corpus.synthetic", MAPPING, NULL, "text is read, not made", 0, 0, NULL,
     "Makes text of invented related languages, in the folder of the text, where it is missing."},
    {"corpus.synthetic.megabytes", DRAFT(synthetic_megabytes), "1", NULL, 0.01, 10000, "MB a language",
     "Text to make."},
    {"corpus.synthetic.words", STUDY(synthetic_settings.words), "2000", NULL, 10, 1e6, NULL, "Words of a language."},
    {"corpus.synthetic.shared_words", STRUCTURED, NULL, "`0.7`", 0, 0, "a number from 0 to 1, or `family: number`",
     "Share of its words that a language has in common with its family: one for all families, or each its own."},
    {"corpus.synthetic.families", STRUCTURED, NULL, NULL, 0, 0, "`family: [language, ...]`",
     "Each language in one family: a family shares words and word order."},
    {"corpus.synthetic.scripts", STRUCTURED, NULL, "a script for each family", 0, 0, "`script: [language, ...]`",
     "Each language in one script: a script is a set of letters."},

    {"vocabulary", MAPPING, "", NULL, 0, 0, NULL, "The SentencePiece unigram vocabulary of all languages together."},
    {"vocabulary.pieces", STUDY(vocabulary.pieces), "64512", NULL, 32, 65536, NULL,
     "Its size, reserved pieces included."},
    {"vocabulary.reserved", STUDY(vocabulary.reserved), "0", NULL, 0, 65000, NULL,
     "Pieces kept free for later use (published: 512)."},
    {"vocabulary.temperature", STUDY(vocabulary.temperature), "100", NULL, 1, 1e6, NULL,
     "A language has a share of the sample proportional to bytes^(1/temperature): 1 as it is, 100 nearly even."},
    {"vocabulary.coverage", STUDY(vocabulary.coverage), "0.999995", NULL, 0.9, 1, "of all characters",
     "Characters that get a piece."},
    {"vocabulary.byte_fallback", STUDY(vocabulary.byte_fallback), "true", NULL, 0, 0, NULL,
     "Other characters become byte pieces (256 of them) instead of one unknown piece."},
    {"vocabulary.sample_megabytes", DRAFT(sample_megabytes), "40", NULL, 0.01, 100000, "MB",
     "Text that its training looks at, all languages together."},

    {"sizes", LIST, NULL, NULL, 0, 0, "a list of mappings with the keys below",
     "Model sizes: a published scale by its number (`sweep scales`), or own dimensions."},
    {"sizes[].scale", SIZE(scale), NULL, "own dimensions", 0, SCALE_COUNT - 1, NULL, "A published scale."},
    {"sizes[].name", SIZE(name), NULL, "`scale <number>`; own dimensions must have one", 0, 0, NULL,
     "Its name in `runs` and in all tables."},
    {"sizes[].layers", SIZE(shape.layers), NULL, "that of the scale", 1, 256, NULL, "Layers."},
    {"sizes[].width", SIZE(shape.width), NULL, "that of the scale", 1, 32768, NULL, "Width d of the model."},
    {"sizes[].heads", SIZE(shape.heads), NULL, "that of the scale", 1, 256, NULL, "Attention heads."},
    {"sizes[].head_size", SIZE(shape.head_size), NULL, "that of the scale", 2, 512, NULL,
     "Width of a head, even; heads x head_size may differ from the width."},
    {"sizes[].feed_forward", SIZE(shape.feed_forward), NULL, "that of the scale", 1, 131072, NULL,
     "Inner width of the gated feed-forward."},
    {"sizes[].tokens", SIZE(tokens), NULL, "`training.tokens`", 1, 1e13, "tokens", "Tokens of a run of this size."},
    {"sizes[].batch", SIZE(batch), NULL, "`training.batch`", 1, 65536, "sequences", "Batch of a run of this size."},
    {"sizes[].ranks", SIZE(ranks), NULL, "one, and the batch is not cut", 1, RUN_RANKS_MAX, NULL,
     "Ranks that train a run of this size together: 1, 2, 4 or 8, at most its batch. The batch is cut into 8 shards, "
     "whose gradients are summed apart: the numbers are the same for any of these, and others than without the key. "
     "Memory of a rank falls as they grow."},

    {"training", MAPPING, NULL, NULL, 0, 0, NULL,
     "How every run is trained: AdamW; the learning rate warms up, is constant, and decays to zero at the end."},
    {"training.tokens", DRAFT(tokens), NULL, NULL, 1, 1e13, "tokens",
     "Tokens that a run sees, of all its languages; rounded up to whole batches."},
    {"training.batch", DRAFT(batch), NULL, "by parameters: < 150 M 256, < 1 B 512, < 2 B 1024, else 2048", 1, 65536,
     "sequences", "Sequences of an optimizer step."},
    {"training.sequence", STUDY(sequence), "2048", NULL, 2, 32768, "tokens", "Tokens of a sequence."},
    {"training.micro_batch", STUDY(micro_batch), NULL, "as many as 8192 tokens hold", 1, 4096, "sequences",
     "Sequences computed at once, at most the batch: bounds the memory."},
    {"training.precision", PRECISION(precision), "fp32", NULL, 0, 0, NULL,
     "Of the operands of matrix products; sums, weights and all that is kept are fp32."},
    {"training.learning_rate", STUDY(optimizer.learning_rate), "2e-4", NULL, 1e-9, 10, NULL,
     "Learning rate of the constant part."},
    {"training.warmup_steps", STUDY(warmup_steps), "1000", NULL, 0, 1e9, NULL, "Steps over which it rises from zero."},
    {"training.decay_fraction", STUDY(decay_fraction), "0.1", NULL, 0, 1, "of the steps",
     "Part at the end over which it falls to zero."},
    {"training.dropout", STUDY(dropout), "0.1", NULL, 0, 0.9, NULL, "Probability that an element is dropped."},
    {"training.weight_decay", STUDY(optimizer.weight_decay), "0.1", NULL, 0, 10, NULL,
     "Decoupled weight decay, of matrices only."},
    {"training.beta1", STUDY(optimizer.beta1), "0.9", NULL, 0, 0.9999, NULL, "Decay of the mean of the gradient."},
    {"training.beta2", STUDY(optimizer.beta2), "0.95", NULL, 0, 0.9999, NULL, "Decay of the mean of its square."},
    {"training.epsilon", STUDY(optimizer.epsilon), "1e-8", NULL, 1e-20, 1, NULL, "Added to the root of that mean."},
    {"training.clip", STUDY(optimizer.clip), "1.0", NULL, 0, 1e9, NULL, "Largest norm of a gradient; 0: not clipped."},
    {"training.seed", STUDY(seed), "1", NULL, 0, 1e15, NULL,
     "Weights, dropout and the order of the data follow from it."},

    {"checkpoints", MAPPING, "", NULL, 0, 0, NULL,
     "How a run that is interrupted goes on: from its last checkpoint, in the folder `<archive>.checkpoints`, with the "
     "same numbers as if nothing had happened."},
    {"checkpoints.minutes", STUDY(checkpoint_minutes), "10", NULL, 0, 1e6, "minutes",
     "A checkpoint every so many minutes; 0: only when the run is told to stop (SIGTERM, SIGUSR1)."},
    {"checkpoints.steps", STUDY(checkpoint_steps), "0", NULL, 0, 1e9, NULL,
     "And every so many optimizer steps; 0: by minutes alone."},
    {"checkpoints.keep", STUDY(checkpoint_keep), "false", NULL, 0, 0, NULL,
     "Whether the last checkpoint of a run stays when the run is done, for `sweep export --run`: three times the size "
     "of its weights. Runs that are done already are not trained again for it."},

    {"retries", MAPPING, "", NULL, 0, 0, NULL,
     "What happens to a run that failed: its cause is recorded, the others go on, and it is tried again from its last "
     "checkpoint."},
    {"retries.most", STUDY(retries), "2", NULL, 0, 1000, NULL,
     "So many times; the same command tries it so often once more."},
    {"retries.learning_rate_factor", STUDY(retry_learning_rate), "1", NULL, 0.001, 1, NULL,
     "Factor on the learning rate each time a run has diverged; below 1 it begins anew. With 1 the same numbers come "
     "again, unless the machine was at fault."},

    {"runs", MAPPING, NULL, NULL, 0, 0, NULL,
     "What is trained, in the order of the file: groups of runs, at least one, of any of these kinds."},
    {"runs.monolingual", LIST, NULL, "no such runs", 0, 0, GROUPS, "A run for each language and size."},
    {"runs.monolingual[].languages", STRUCTURED, NULL, "`all`", 0, 0, LANGUAGES_OR_ALL, "The languages."},
    {"runs.monolingual[].vocabulary", STRUCTURED, NULL, "`shared`", 0, 0, "`shared` or `own`",
     "`own`: each language has a vocabulary and shards of its own, made from its text alone with the same settings, in "
     "the folder `own/<language>` of the tokens; the kind of these runs is `monolingual-own`. Their cross entropy is "
     "in "
     "other tokens: no transfer score and no law of the study uses it."},
    {GROUP_SIZES("runs.monolingual")},
    {GROUP_TOKENS("runs.monolingual")},
    {GROUP_SEED("runs.monolingual")},
    {GROUP_NAME("runs.monolingual")},
    {"runs.bilingual", LIST, NULL, "no such runs", 0, 0, GROUPS,
     "A run for each pair and size, half of the tokens from either language."},
    {"runs.bilingual[].pairs", STRUCTURED, NULL, "`all`", 0, 0, "`all`, or a list of `[language, language]`",
     "The pairs, without order."},
    {GROUP_SIZES("runs.bilingual")},
    {GROUP_TOKENS("runs.bilingual")},
    {GROUP_SEED("runs.bilingual")},
    {GROUP_NAME("runs.bilingual")},
    {"runs.multilingual", LIST, NULL, "no such runs", 0, 0, GROUPS, "A run for each mixture and size."},
    {"runs.multilingual[].mixtures", STRUCTURED, NULL, NULL, 0, 0,
     "`name: [language, ...]`, `name: all`, `name: {language: weight, ...}`, `name: {temperature: T, languages: ...}` "
     "or `name: {unimax: epochs, languages: ..., shares: {language: share}}`",
     "Named mixtures: even, weighted, or by the training tokens that the languages have (docs/corpus.md, Mixtures)."},
    {GROUP_SIZES("runs.multilingual")},
    {GROUP_TOKENS("runs.multilingual")},
    {GROUP_SEED("runs.multilingual")},
    {GROUP_NAME("runs.multilingual")},
    {"runs.finetune", LIST, NULL, "no such runs", 0, 0, GROUPS,
     "A run for each language and size, on that language alone, which begins with the last weights of a multilingual "
     "run "
     "of its size; optimizer and learning rate begin anew. It is evaluated on all languages, first before its first "
     "step: the adaptation scores. The last checkpoint of that multilingual run is kept until all of them are done."},
    {"runs.finetune[].from", GROUP(from), NULL, NULL, 0, 0, NULL, "The mixture of that multilingual run."},
    {"runs.finetune[].languages", STRUCTURED, NULL, "`all`", 0, 0, LANGUAGES_OR_ALL, "The languages."},
    {GROUP_SIZES("runs.finetune")},
    {GROUP_TOKENS("runs.finetune")},
    {GROUP_SEED("runs.finetune")},
    {GROUP_NAME("runs.finetune")},
    {"runs.cooldown", LIST, NULL, "no such runs", 0, 0, GROUPS,
     "A run for each run of a group, that ends after fewer tokens: it shares that run's steps up to where its own "
     "learning "
     "rate decays, and only the decay is trained. A run of many tokens so gives points at several token counts."},
    {"runs.cooldown[].from", GROUP(from), NULL, NULL, 0, 0, NULL,
     "The name of that group, which stands before this one and has the shared vocabulary."},
    {"runs.cooldown[].tokens", GROUP(tokens), NULL, NULL, 1, 1e13, "tokens",
     "Tokens of each of the runs, those that it shares included."},
    {GROUP_SIZES("runs.cooldown")},
    {GROUP_NAME("runs.cooldown")},

    {"evaluation", MAPPING, "", NULL, 0, 0, NULL,
     "What is recorded while a run trains. Intervals are rounded to whole steps, at least one."},
    {"evaluation.every_tokens", STUDY(evaluation_every_tokens), NULL, "1/40 of `training.tokens`", 1, 1e13, "tokens",
     "Every so many tokens, and at the end, the model meets the test set of each of its languages, and their parallel "
     "set."},
    {"evaluation.languages", STRUCTURED, NULL, "`all`", 0, 0, LANGUAGES_OR_ALL,
     "The languages that are tested at all: of every mixture at least one. Fewer save time where mixtures are large."},
    {"evaluation.tokens", STUDY(evaluation_tokens), "20e3", NULL, 1, 1e12, "tokens",
     "Tokens predicted on a test set, at most all of it."},
    {"evaluation.curve_every_tokens", STUDY(curve_tokens), NULL, "1/100 of `training.tokens`", 1, 1e13, "tokens",
     "Every so many tokens the training loss becomes a point of the curve."},

    {"transfer", MAPPING, "", NULL, 0, 0, NULL, "The bilingual transfer scores."},
    {"transfer.reference_tokens", STUDY(reference_tokens), NULL, "0.3 of the tokens of the shortest bilingual run", 1,
     1e13, "tokens",
     "d: a score compares the monolingual run at d with the bilingual run at 2 d. With the default, scores "
     "down to -1 are reached before the learning rate decays."},
    {.path = NULL},
};

const char *study_key_name(const struct study_key *key) {
    const char *dot = strrchr(key->path, '.');
    return dot ? dot + 1 : key->path;
}

bool study_key_is_below(const struct study_key *key, const char *parent) {
    const size_t length = strlen(parent);
    if (length == 0)
        return strchr(key->path, '.') == NULL;
    return strncmp(key->path, parent, length) == 0 && key->path[length] == '.' && !strchr(key->path + length + 1, '.');
}

void study_key_wanted(const struct study_key *key, char wanted[KEY_WANTED_SIZE]) {
    switch (key->form) {
    case KEY_MAPPING:
        snprintf(wanted, KEY_WANTED_SIZE, "a mapping");
        break;
    case KEY_STRUCTURED:
    case KEY_LIST:
        snprintf(wanted, KEY_WANTED_SIZE, "%s", key->unit);
        break;
    case KEY_FLAG:
        snprintf(wanted, KEY_WANTED_SIZE, "true or false");
        break;
    case KEY_PRECISION:
        snprintf(wanted, KEY_WANTED_SIZE, "%s or %s", precision_names[MODEL_FP32], precision_names[MODEL_BF16]);
        break;
    case KEY_NAME:
        snprintf(wanted, KEY_WANTED_SIZE,
                 "a name of at most %zu letters, digits, spaces and - _ . +, beginning with a letter", key->size - 1);
        break;
    case KEY_PATH:
        snprintf(wanted, KEY_WANTED_SIZE, "a path");
        break;
    case KEY_FLOAT:
    case KEY_DOUBLE:
        snprintf(wanted, KEY_WANTED_SIZE, "a number from %.7g to %.7g", key->least, key->most);
        break;
    case KEY_U32:
    case KEY_I32:
    case KEY_U64:
        snprintf(wanted, KEY_WANTED_SIZE, "a whole number from %.7g to %.7g", key->least, key->most);
        break;
    }
}

void study_key_names(const char *parent, char names[KEY_NAMES_SIZE]) {
    size_t used = 0;
    names[0] = '\0';
    for (const struct study_key *key = study_keys; key->path; key++)
        if (study_key_is_below(key, parent) && used < KEY_NAMES_SIZE)
            used +=
                (size_t)snprintf(names + used, KEY_NAMES_SIZE - used, "%s%s", used ? ", " : "", study_key_name(key));
}

bool study_key_in_study(const struct study_key *key) {
    return key->size > 0 && !strstr(key->path, "[]") && key->offset < sizeof(struct study);
}
