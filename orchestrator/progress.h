/* What a person sees while a study runs: one line that is redrawn on a terminal, plain lines elsewhere. Standard error.
 */
#ifndef SWEEP_ORCHESTRATOR_PROGRESS_H
#define SWEEP_ORCHESTRATOR_PROGRESS_H

#include "orchestrator/schedule.h"

#include <stdbool.h>

struct progress {
    const struct schedule *schedule;
    bool quiet, terminal;
    double began, shown;     /* omp_get_wtime(), seconds */
    double flops_left;       /* of the whole study */
    double flops_done;       /* since the program started */
    uint64_t tokens_done;    /* since the program started */
    uint64_t *tokens_of_run; /* [runs] told so far */
};

int progress_begin(struct progress *progress, const struct schedule *schedule, bool quiet, struct error *error);
void progress_end(struct progress *progress);

/* A run has seen so many tokens in all. */
void progress_tokens(struct progress *progress, uint32_t run, uint64_t tokens);

/* A run goes on behind so many tokens, which others have trained. */
void progress_resume(struct progress *progress, uint32_t run, uint64_t tokens);

/* Shows where the study stands: at most every second on a terminal, elsewhere every ten seconds and, as time passes,
 * more rarely. */
void progress_show(struct progress *progress);

/* A line of its own above the redrawn one: printf style, without newline. */
void progress_say(struct progress *progress, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
