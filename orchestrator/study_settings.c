/* The resolved settings as text. */
#include "orchestrator/precision.h"
#include "orchestrator/study.h"
#include "orchestrator/study_keys.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print_value(FILE *file, const struct study_key *key, const void *field) {
    fprintf(file, "%s: ", key->path);
    if (key->form == KEY_U32)
        fprintf(file, "%" PRIu32 "\n", *(const uint32_t *)field);
    else if (key->form == KEY_U64)
        fprintf(file, "%" PRIu64 "\n", *(const uint64_t *)field);
    else if (key->form == KEY_FLOAT)
        fprintf(file, "%.9g\n", (double)*(const float *)field);
    else if (key->form == KEY_DOUBLE)
        fprintf(file, "%.17g\n", *(const double *)field);
    else if (key->form == KEY_PRECISION)
        fprintf(file, "%s\n", precision_names[*(const enum model_precision *)field]);
    else
        fprintf(file, "%s\n", *(const bool *)field ? "true" : "false");
}

/* Names and paths say where things are, not what they are: a study may be moved. When checkpoints are taken changes
 * nothing either, and what happens to a run that failed may be decided when it has. */
static bool is_setting(const struct study *study, const struct study_key *key) {
    if (key->form == KEY_MAPPING || key->form == KEY_STRUCTURED || key->form == KEY_LIST || key->form == KEY_NAME ||
        key->form == KEY_PATH)
        return false;
    if (strncmp(key->path, "checkpoints.", 12) == 0 || strncmp(key->path, "retries.", 8) == 0)
        return false;
    if (strncmp(key->path, "corpus.synthetic.", 17) == 0 && !study->synthetic)
        return false;
    return study_key_in_study(key);
}

static void print_corpus(FILE *file, const struct study *study) {
    fprintf(file, "languages:");
    for (uint32_t l = 0; l < study->language_count; l++)
        fprintf(file, " %s", study->languages[l]);
    fprintf(file, "\nvocabulary.sample_bytes: %" PRIu64 "\n", study->vocabulary.sample_bytes);
    for (uint32_t l = 0; study->synthetic && l < study->language_count; l++) {
        const struct synthetic_language *language = &study->synthetic_languages[l];
        fprintf(file, "corpus.synthetic.%s: family %u, script %u, shared_words %.17g, bytes %" PRIu64 "\n",
                language->code, language->family, language->script, language->shared_words, language->bytes);
    }
}

static void print_sizes(FILE *file, const struct study *study) {
    for (uint32_t s = 0; s < study->size_count; s++) {
        const struct study_size *size = &study->sizes[s];
        const struct model_shape *shape = &size->shape;
        fprintf(file,
                "sizes.%s: layers %u, width %u, heads %u, head_size %u, feed_forward %u, tokens %" PRIu64
                ", batch %u%s\n",
                size->name, shape->layers, shape->width, shape->heads, shape->head_size, shape->feed_forward,
                size->tokens, size->batch, size->ranks ? ", cut into shards" : "");
    }
}

/* "runs.KIND" of the first group of its kind, "runs.KIND[2]" of the second. */
enum { GROUP_KEY_SIZE = 48 };
static void group_key(const struct study *study, uint32_t g, char key[GROUP_KEY_SIZE]) {
    uint32_t number = 1;
    for (uint32_t before = 0; before < g; before++)
        number += strcmp(study->groups[before].kind, study->groups[g].kind) == 0;
    if (number == 1)
        snprintf(key, GROUP_KEY_SIZE, "runs.%s", study->groups[g].kind);
    else
        snprintf(key, GROUP_KEY_SIZE, "runs.%s[%u]", study->groups[g].kind, number);
}

static void print_mixture(FILE *file, const struct study *study, const struct study_mixture *mixture) {
    if (mixture->rule.kind == MIXTURE_TEMPERATURE)
        fprintf(file, " temperature %.17g", mixture->rule.value);
    if (mixture->rule.kind == MIXTURE_UNIMAX)
        fprintf(file, " unimax %.17g", mixture->rule.value);
    for (uint32_t i = 0; i < mixture->language_count; i++)
        fprintf(file, " %s %.17g", study->languages[mixture->languages[i]], mixture->given[i]);
    fputc('\n', file);
}

static void print_groups(FILE *file, const struct study *study) {
    for (uint32_t g = 0; g < study->group_count; g++) {
        const struct study_group *group = &study->groups[g];
        char key[GROUP_KEY_SIZE];
        group_key(study, g, key);
        fprintf(file, "%s.sizes:", key);
        for (uint32_t s = 0; s < group->size_count; s++)
            fprintf(file, "%s %s", s ? "," : "", study->sizes[group->sizes[s]].name);
        fputc('\n', file);
        if (group->tokens)
            fprintf(file, "%s.tokens: %" PRIu64 "\n", key, group->tokens);
        if (group->from[0])
            fprintf(file, "%s.from: %s\n", key, group->from);
        if (group->seed != study->seed)
            fprintf(file, "%s.seed: %" PRIu64 "\n", key, group->seed);
        for (uint32_t m = 0; m < group->mixture_count; m++) {
            fprintf(file, "%s.%s:", key, group->mixtures[m].name);
            print_mixture(file, study, &group->mixtures[m]);
        }
    }
}

char *study_settings(const struct study *study) {
    char *text = NULL;
    size_t size;
    FILE *file = open_memstream(&text, &size);
    if (!file)
        return NULL;
    print_corpus(file, study);
    for (const struct study_key *key = study_keys; key->path; key++)
        if (is_setting(study, key))
            print_value(file, key, (const char *)study + key->offset);
    print_sizes(file, study);
    print_groups(file, study);
    const bool failed = ferror(file) != 0;
    if (fclose(file) != 0 || failed) {
        free(text);
        return NULL;
    }
    return text;
}
