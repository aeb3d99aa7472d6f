#include "orchestrator/records.h"
#include "orchestrator/precision.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

void record_of_run(const struct study *study, const struct plan *plan, uint32_t run, struct language_tokens *languages,
                   struct run_record *record) {
    const struct planned_run *planned = &plan->runs[run];
    const struct study_group *group = &study->groups[planned->group];
    const struct study_mixture *mixture = &group->mixtures[planned->mixture];
    const struct study_size *size = &study->sizes[planned->size];
    *record = (struct run_record){
        .run = run,
        .scale = size->scale,
        .layers = size->shape.layers,
        .width = size->shape.width,
        .heads = size->shape.heads,
        .head_size = size->shape.head_size,
        .feed_forward = size->shape.feed_forward,
        .vocabulary = size->shape.vocabulary,
        .parameters = model_parameters(&size->shape),
        .batch = size->batch,
        .sequence = study->sequence,
        .steps = planned->steps,
        .tokens = planned->tokens,
        .flops = planned->flops,
        .seed = group->seed,
        .language_count = mixture->language_count,
        .languages = languages,
    };
    snprintf(record->identity, sizeof record->identity, "%s", planned->identity);
    snprintf(record->kind, sizeof record->kind, "%s", group->kind);
    snprintf(record->name, sizeof record->name, "%s", mixture->name);
    snprintf(record->precision, sizeof record->precision, "%s", precision_names[study->precision]);
    snprintf(record->size, sizeof record->size, "%s", size->name);
    for (uint32_t l = 0; l < mixture->language_count; l++) {
        languages[l] = (struct language_tokens){.run = run, .weight = planned->weights[l]};
        languages[l].tokens = (uint64_t)llround(planned->weights[l] * (double)planned->tokens);
        memcpy(languages[l].language, study->languages[mixture->languages[l]], LANGUAGE_CODE_SIZE);
    }
}
