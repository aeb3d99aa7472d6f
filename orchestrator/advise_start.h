/* Pretrain, or finetune a multilingual model? What the crossovers of an archive say (laws/crossover.h). */
#ifndef SWEEP_ORCHESTRATOR_ADVISE_START_H
#define SWEEP_ORCHESTRATOR_ADVISE_START_H

#include "orchestrator/fit_source.h"

enum start_choice { START_UNKNOWN, START_PRETRAIN, START_FINETUNE };

/* "unknown", "pretrain", "finetune" */
extern const char *const start_names[];

struct start {
    enum start_choice choice;
    double flops;    /* the compute of the crossover at this size; NaN: not known */
    char basis[160]; /* what that rests on */
};

/* For a model of N parameters of a language and a compute of `flops`. By the power law C = a N^b of the language, or of
 * all languages; where there is none, by the crossover of the language whose size is nearest, when that is within a
 * factor of 2. */
struct start advise_start(const struct fit_source *source, const char *language, double N, double flops);

#endif
