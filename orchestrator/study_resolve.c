/* What follows from other values of a study file, and what cannot be together. */
#include "model/model.h"
#include "model/schedule.h"
#include "orchestrator/plan.h"
#include "orchestrator/study_draft.h"

#include <inttypes.h>
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
    if (study->vocabulary.pieces && study->vocabulary.pieces <= taken)
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

static uint64_t steps_of(const struct study *study, const struct study_size *size, uint64_t tokens) {
    const uint64_t batch_tokens = (uint64_t)size->batch * study->sequence;
    return (tokens + batch_tokens - 1) / batch_tokens;
}

/* Whether a run of a size with so many tokens has a number of steps that can be. */
static bool check_steps(struct study_draft *draft, const struct study_size *size, uint64_t tokens, struct place place) {
    const uint64_t steps = steps_of(&draft->study, size, tokens);
    const bool holds_batch = tokens >= (uint64_t)size->batch * draft->study.sequence;
    if (!holds_batch)
        mistakes_add(draft->mistakes, place,
                     "size '%s': one batch of %u sequences of %u tokens is more than the %" PRIu64 " tokens of a run; "
                     "take more tokens, a smaller batch or shorter sequences",
                     size->name, size->batch, draft->study.sequence, tokens);
    else if (steps > UINT32_MAX)
        mistakes_add(draft->mistakes, place, "size '%s': a run has %" PRIu64 " steps; at most %" PRIu32, size->name,
                     steps, UINT32_MAX);
    return holds_batch && steps <= UINT32_MAX;
}

static void check_warmup(struct study_draft *draft, const struct study_size *size, uint64_t steps, struct place place) {
    if (draft->study.warmup_steps > steps)
        mistakes_add(draft->mistakes, place,
                     "training.warmup_steps: %" PRIu64 " steps of warm-up are more than the %" PRIu64
                     " steps of a run of size '%s'; take fewer, or more tokens",
                     draft->study.warmup_steps, steps, size->name);
}

static void check_same(struct study_draft *draft, const struct study_size *size, struct place place) {
    for (const struct study_size *other = draft->study.sizes; other < size; other++)
        if (memcmp(&other->shape, &size->shape, sizeof size->shape) == 0 && other->tokens == size->tokens &&
            other->batch == size->batch && (other->ranks > 0) == (size->ranks > 0) &&
            strcmp(other->name, size->name) != 0)
            mistakes_add(draft->mistakes, place, "size '%s' is the same as '%s' in all but its name; keep one",
                         size->name, other->name);
}

/* Ranks have whole shards, and each a sequence. */
static void check_ranks(struct study_draft *draft, const struct study_size *size, const struct node *node) {
    if ((size->ranks & (size->ranks - 1)) != 0 && size->ranks != 0)
        mistakes_add(draft->mistakes, node_child(node, "ranks")->place,
                     "size '%s': a run cannot be shared by %u ranks; take 1, 2, 4 or 8", size->name, size->ranks);
    else if (size->ranks > size->batch)
        mistakes_add(draft->mistakes, node_child(node, "ranks")->place,
                     "size '%s': a batch of %u sequences is too small for %u ranks; take fewer, or a larger batch",
                     size->name, size->batch, size->ranks);
}

static void resolve_sizes(struct study_draft *draft) {
    struct study *study = &draft->study;
    const struct study_size *shortest = NULL;
    const bool batch_is_given = draft_find(draft, "training.batch") != NULL;
    const struct node *node = draft_find(draft, "sizes");
    node = node ? node->first : NULL;
    for (uint32_t s = 0; s < study->size_count && node; s++, node = node->next) {
        struct study_size *size = &study->sizes[s];
        if (!shape_is_complete(&size->shape))
            continue;
        if (!size->tokens)
            size->tokens = draft->tokens;
        if (!size->batch)
            size->batch = batch_is_given ? draft->batch : published_batch(&size->shape);
        check_same(draft, size, node->place);
        if (size->batch)
            check_ranks(draft, size, node);
        if (!size->tokens || !size->batch || !study->sequence || !check_steps(draft, size, size->tokens, node->place))
            continue;
        if (!shortest || steps_of(study, size, size->tokens) < steps_of(study, shortest, shortest->tokens))
            shortest = size;
    }
    if (shortest)
        check_warmup(draft, shortest, steps_of(study, shortest, shortest->tokens),
                     draft_place(draft, "training.warmup_steps"));
}

/* Groups with tokens of their own. */
static void resolve_groups(struct study_draft *draft) {
    const struct study *study = &draft->study;
    for (uint32_t g = 0; g < study->group_count; g++) {
        const struct study_group *group = &study->groups[g];
        for (uint32_t s = 0; group->tokens && study->sequence && s < group->size_count; s++) {
            const struct study_size *size = &study->sizes[group->sizes[s]];
            if (size->batch && check_steps(draft, size, group->tokens, draft->group_places[g]))
                check_warmup(draft, size, steps_of(study, size, group->tokens), draft->group_places[g]);
        }
    }
}

static bool has_mixture(const struct study_group *group, const char *name) {
    for (uint32_t m = 0; m < group->mixture_count; m++)
        if (strcmp(group->mixtures[m].name, name) == 0)
            return true;
    return false;
}

/* Whether there are multilingual runs of a mixture and size. */
static bool has_runs(const struct study *study, const char *mixture, uint32_t size) {
    for (uint32_t g = 0; g < study->group_count; g++) {
        const struct study_group *group = &study->groups[g];
        for (uint32_t s = 0; s < group->size_count; s++)
            if (group->sizes[s] == size && strcmp(group->kind, "multilingual") == 0 && has_mixture(group, mixture))
                return true;
    }
    return false;
}

/* What finetuned runs begin from is trained, at each of their sizes. */
static void resolve_finetune(struct study_draft *draft) {
    const struct study *study = &draft->study;
    for (uint32_t g = 0; g < study->group_count; g++) {
        const struct study_group *group = &study->groups[g];
        for (uint32_t s = 0; strcmp(group->kind, "finetune") == 0 && group->from[0] && s < group->size_count; s++)
            if (!has_runs(study, group->from, group->sizes[s]))
                mistakes_add(draft->mistakes, draft->group_places[g],
                             "no run of a multilingual mixture '%s' at size '%s' to begin from; add it to "
                             "runs.multilingual",
                             group->from, study->sizes[group->sizes[s]].name);
    }
}

static bool has_size(const struct study_group *group, uint32_t size) {
    for (uint32_t s = 0; s < group->size_count; s++)
        if (group->sizes[s] == size)
            return true;
    return false;
}

/* A cooldown branches off where the learning rate of its trunk is constant. */
static void check_cooldown(struct study_draft *draft, uint32_t g, const struct study_group *trunk, uint32_t s) {
    const struct study *study = &draft->study;
    const struct study_size *size = &study->sizes[s];
    if (!size->batch || !study->sequence || !study->groups[g].tokens)
        return;
    const uint64_t steps = steps_of(study, size, study->groups[g].tokens);
    const uint64_t start = schedule_constant_steps(steps, study->decay_fraction);
    const uint64_t end =
        schedule_constant_steps(steps_of(study, size, study_run_tokens(trunk, size)), study->decay_fraction);
    if (!has_size(trunk, s))
        mistakes_add(draft->mistakes, draft->group_places[g], "group '%s' has no runs of size '%s' to go on from",
                     trunk->name, size->name);
    else if (start == steps || start == 0 || start < study->warmup_steps || start > end)
        mistakes_add(draft->mistakes, draft->group_places[g],
                     "size '%s': a run of %" PRIu64 " steps decays behind step %" PRIu64
                     ", where those of '%s' are not "
                     "constant: that is from step %" PRIu64 " to %" PRIu64 "; take other tokens",
                     size->name, steps, start, trunk->name, study->warmup_steps, end);
}

static void resolve_cooldowns(struct study_draft *draft) {
    const struct study *study = &draft->study;
    for (uint32_t g = 0; g < study->group_count; g++) {
        const struct study_group *group = &study->groups[g], *trunk = study->groups;
        if (strcmp(group->kind, "cooldown") != 0 || !group->mixtures)
            continue;
        while (strcmp(trunk->name, group->from) != 0)
            trunk++;
        for (uint32_t s = 0; s < group->size_count; s++)
            check_cooldown(draft, g, trunk, group->sizes[s]);
        uint32_t siblings = 0;
        for (uint32_t other = 0; other <= g; other++)
            siblings += strcmp(study->groups[other].from, group->from) == 0;
        if (siblings == RUN_KEPT_MAX) /* one is left for the last step: finetuned runs, checkpoints.keep */
            mistakes_add(draft->mistakes, draft->group_places[g], "more than %d cooldowns from group '%s'",
                         RUN_KEPT_MAX - 1, group->from);
    }
}

static void check_evaluated(struct study_draft *draft) {
    const struct study *study = &draft->study;
    for (uint32_t g = 0; study->evaluated && g < study->group_count; g++)
        for (uint32_t m = 0; m < study->groups[g].mixture_count; m++) {
            const struct study_mixture *mixture = &study->groups[g].mixtures[m];
            uint32_t i = 0;
            while (i < mixture->language_count && !study->evaluated[mixture->languages[i]])
                i++;
            if (i == mixture->language_count && i > 0)
                mistakes_add(draft->mistakes, draft_place(draft, "evaluation.languages"),
                             "evaluation.languages: none of mixture '%s' of %s runs is here; add one", mixture->name,
                             study->groups[g].kind);
        }
}

/* The size of the shortest bilingual runs and *tokens of such a run, or NULL. */
static const struct study_size *shortest_bilingual(const struct study *study, uint64_t *tokens) {
    const struct study_size *shortest = NULL;
    *tokens = UINT64_MAX;
    for (uint32_t g = 0; g < study->group_count; g++) {
        const struct study_group *group = &study->groups[g];
        for (uint32_t s = 0; strcmp(group->kind, "bilingual") == 0 && s < group->size_count; s++) {
            const struct study_size *size = &study->sizes[group->sizes[s]];
            const uint64_t run_tokens = study_run_tokens(group, size);
            if (!run_tokens || !size->batch || run_tokens >= *tokens)
                continue;
            shortest = size;
            *tokens = run_tokens;
        }
    }
    return shortest;
}

/* d must lie inside the curves that are compared: behind the first evaluation, and 2 d before the end. */
static void resolve_transfer(struct study_draft *draft) {
    struct study *study = &draft->study;
    uint64_t tokens;
    const struct study_size *shortest = shortest_bilingual(study, &tokens);
    if (!shortest || !study->sequence)
        return;
    if (study->reference_tokens == 0)
        study->reference_tokens = floor(0.3 * (double)tokens);
    const uint64_t first =
        plan_interval_steps(study, shortest, study->evaluation_every_tokens) * shortest->batch * study->sequence;
    if (2 * study->reference_tokens > (double)tokens)
        mistakes_add(draft->mistakes, draft_place(draft, "transfer.reference_tokens"),
                     "transfer.reference_tokens: a bilingual run of size '%s' has %" PRIu64
                     " tokens, fewer than 2 x %.17g; take at most %" PRIu64,
                     shortest->name, tokens, study->reference_tokens, tokens / 2);
    else if ((double)first > study->reference_tokens)
        mistakes_add(draft->mistakes, draft_place(draft, "evaluation.every_tokens"),
                     "evaluation.every_tokens: the first evaluation of size '%s', at %" PRIu64
                     " tokens, comes after the %.17g reference tokens of the transfer scores; take fewer",
                     shortest->name, first, study->reference_tokens);
}

static void resolve_evaluation(struct study_draft *draft) {
    struct study *study = &draft->study;
    if (!study->evaluation_every_tokens)
        study->evaluation_every_tokens = draft->tokens < 40 ? 1 : draft->tokens / 40;
    if (!study->curve_tokens)
        study->curve_tokens = draft->tokens < 100 ? 1 : draft->tokens / 100;
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
    if (!study->micro_batch && study->sequence)
        study->micro_batch = study->sequence > MICRO_BATCH_TOKENS ? 1 : MICRO_BATCH_TOKENS / study->sequence;
    resolve_archive(draft);
    resolve_corpus(draft);
    resolve_sizes(draft);
    resolve_groups(draft);
    resolve_finetune(draft);
    resolve_cooldowns(draft);
    check_evaluated(draft);
    resolve_evaluation(draft);
    resolve_transfer(draft);
}
