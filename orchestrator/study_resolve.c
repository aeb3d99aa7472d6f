/* What follows from other values of a study file, and what cannot be together. */
#include "model/model.h"
#include "orchestrator/study_draft.h"

#include <math.h>
#include <string.h>

enum { MICRO_BATCH_TOKENS = 8192, BYTE_PIECES = 256, CONTROL_PIECES = 4 };

static void resolve_corpus(struct study_draft *draft) {
    struct study *study = &draft->study;
    study->vocabulary.sample_bytes = (uint64_t)(draft->sample_megabytes * 1e6);
    study->vocabulary.seed = study->encode.seed;
    study->synthetic_settings.seed = study->encode.seed;
    const uint32_t taken =
        study->vocabulary.reserved + CONTROL_PIECES + (study->vocabulary.byte_fallback ? BYTE_PIECES : 0);
    if (study->vocabulary.pieces <= taken)
        mistakes_add(draft->mistakes, draft_place(draft, "vocabulary.pieces"),
                     "vocabulary.pieces: %u are taken by reserved, byte and control pieces; take more than %u", taken,
                     taken);
}

/* The batch of the study, by parameters: arXiv 2510.22037v2, appendix. */
static uint32_t published_batch(const struct model_shape *shape) {
    const uint64_t parameters = model_parameters(shape);
    if (parameters < 150000000)
        return 256;
    if (parameters < 1000000000)
        return 512;
    return parameters < 2000000000 ? 1024 : 2048;
}

static bool shape_is_complete(const struct model_shape *shape) {
    return shape->layers && shape->width && shape->heads && shape->head_size && shape->feed_forward &&
           shape->vocabulary;
}

/* Steps must hold the warm-up and fit 32 bits. place: of the size in the list. */
static void check_steps(struct study_draft *draft, const struct study_size *size, struct place place) {
    const struct study *study = &draft->study;
    const uint64_t batch_tokens = (uint64_t)size->batch * study->sequence;
    const uint64_t steps = (size->tokens + batch_tokens - 1) / batch_tokens;
    if (size->tokens < batch_tokens)
        mistakes_add(draft->mistakes, place,
                     "size '%s': one batch of %u sequences of %u tokens is more than the %llu tokens of a run; take "
                     "more tokens, a smaller batch or shorter sequences",
                     size->name, size->batch, study->sequence, (unsigned long long)size->tokens);
    else if (study->warmup_steps > steps)
        mistakes_add(draft->mistakes, draft_place(draft, "training.warmup_steps"),
                     "training.warmup_steps: %llu steps of warm-up are more than the %llu steps of a run of size '%s'; "
                     "take fewer, or more tokens",
                     (unsigned long long)study->warmup_steps, (unsigned long long)steps, size->name);
    else if (steps > UINT32_MAX)
        mistakes_add(draft->mistakes, place, "size '%s': a run has %llu steps; at most %u", size->name,
                     (unsigned long long)steps, UINT32_MAX);
}

static void resolve_sizes(struct study_draft *draft) {
    struct study *study = &draft->study;
    const struct node *node = draft_find(draft, "sizes");
    node = node ? node->first : NULL;
    for (uint32_t s = 0; s < study->size_count && node; s++, node = node->next) {
        struct study_size *size = &study->sizes[s];
        if (!shape_is_complete(&size->shape))
            continue;
        if (!size->tokens)
            size->tokens = draft->tokens;
        if (!size->batch)
            size->batch = draft->batch ? draft->batch : published_batch(&size->shape);
        if (size->tokens)
            check_steps(draft, size, node->place);
        for (uint32_t o = 0; o < s; o++)
            if (memcmp(&study->sizes[o].shape, &size->shape, sizeof size->shape) == 0 &&
                study->sizes[o].tokens == size->tokens && study->sizes[o].batch == size->batch)
                mistakes_add(draft->mistakes, node->place,
                             "size '%s' is the same as '%s' in all but its name; keep one", size->name,
                             study->sizes[o].name);
    }
}

/* The shortest of the sizes that bilingual runs have, or NULL. */
static const struct study_size *shortest_bilingual(const struct study *study) {
    const struct study_size *shortest = NULL;
    for (uint32_t g = 0; g < study->group_count; g++) {
        const struct study_group *group = &study->groups[g];
        for (uint32_t s = 0; strcmp(group->kind, "bilingual") == 0 && s < group->size_count; s++) {
            const struct study_size *size = &study->sizes[group->sizes[s]];
            if (size->tokens && (!shortest || size->tokens < shortest->tokens))
                shortest = size;
        }
    }
    return shortest;
}

static void resolve_evaluation(struct study_draft *draft) {
    struct study *study = &draft->study;
    if (!study->evaluation_every_tokens)
        study->evaluation_every_tokens = draft->tokens < 40 ? 1 : draft->tokens / 40;
    if (!study->curve_tokens)
        study->curve_tokens = draft->tokens < 100 ? 1 : draft->tokens / 100;

    const struct study_size *shortest = shortest_bilingual(study);
    if (!shortest)
        return;
    if (study->reference_tokens == 0)
        study->reference_tokens = floor(0.3 * (double)shortest->tokens);
    if (2 * study->reference_tokens > (double)shortest->tokens)
        mistakes_add(draft->mistakes, draft_place(draft, "transfer.reference_tokens"),
                     "transfer.reference_tokens: a bilingual run of size '%s' ends at %llu tokens, before 2 x %.17g; "
                     "take at most %llu",
                     shortest->name, (unsigned long long)shortest->tokens, study->reference_tokens,
                     (unsigned long long)shortest->tokens / 2);
    else if ((double)study->evaluation_every_tokens > study->reference_tokens)
        mistakes_add(draft->mistakes, draft_place(draft, "evaluation.every_tokens"),
                     "evaluation.every_tokens: the first evaluation, at %llu tokens, comes after the reference tokens "
                     "of the transfer score, %.17g; take fewer",
                     (unsigned long long)study->evaluation_every_tokens, study->reference_tokens);
}

static void resolve_archive(struct study_draft *draft) {
    struct study *study = &draft->study;
    if (study->archive[0] || !study->name[0])
        return;
    char name[sizeof study->name + 4];
    snprintf(name, sizeof name, "%s.h5", study->name);
    if (file_join(study->archive, draft->folder, name, NULL) != 0)
        mistakes_add(draft->mistakes, draft_place(draft, "study"),
                     "the path of the archive is too long; give `archive`");
}

void draft_resolve(struct study_draft *draft) {
    struct study *study = &draft->study;
    if (!study->micro_batch)
        study->micro_batch = study->sequence > MICRO_BATCH_TOKENS ? 1 : MICRO_BATCH_TOKENS / study->sequence;
    resolve_archive(draft);
    resolve_corpus(draft);
    resolve_sizes(draft);
    resolve_evaluation(draft);
}
