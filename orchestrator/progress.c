#include "orchestrator/progress.h"
#include "orchestrator/amount.h"

#include <math.h>
#include <omp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int progress_begin(struct progress *progress, const struct schedule *schedule, bool quiet, struct error *error) {
    *progress = (struct progress){.schedule = schedule, .quiet = quiet, .began = omp_get_wtime()};
    progress->terminal = isatty(STDERR_FILENO) == 1;
    progress->tokens_of_run = calloc(schedule->plan->count, sizeof *progress->tokens_of_run);
    if (!progress->tokens_of_run)
        return error_set(error, ERROR_FAILED, "no memory for the progress of %zu runs", schedule->plan->count);
    for (size_t run = 0; run < schedule->plan->count; run++)
        if (schedule->status[run] != RUN_DONE)
            progress->flops_left += schedule->plan->runs[run].flops;
    return 0;
}

/* Makes room for a line where the redrawn one stands. */
static void clear_line(const struct progress *progress) {
    if (progress->terminal)
        fputs("\r\033[K", stderr);
}

void progress_end(struct progress *progress) {
    if (!progress->quiet && progress->tokens_of_run)
        clear_line(progress);
    free(progress->tokens_of_run);
    progress->tokens_of_run = NULL;
}

void progress_resume(struct progress *progress, uint32_t run, uint64_t tokens) {
    const struct planned_run *planned = &progress->schedule->plan->runs[run];
    progress->tokens_of_run[run] = tokens;
    const uint64_t shared = planned->tokens - plan_own_tokens(planned);
    progress->flops_left -= planned->flops * (double)(tokens - shared) / (double)plan_own_tokens(planned);
}

void progress_tokens(struct progress *progress, uint32_t run, uint64_t tokens) {
    const struct planned_run *planned = &progress->schedule->plan->runs[run];
    if (tokens <= progress->tokens_of_run[run])
        return;
    const uint64_t more = tokens - progress->tokens_of_run[run];
    const double flops = planned->flops * (double)more / (double)plan_own_tokens(planned);
    progress->tokens_of_run[run] = tokens;
    progress->tokens_done += more;
    progress->flops_done += flops;
    progress->flops_left -= flops;
}

void progress_show(struct progress *progress) {
    const double now = omp_get_wtime();
    /* Lines that stay come ever more rarely: a log of days should not be a book of them. */
    const double pause = progress->terminal ? 1 : fmin(fmax((now - progress->began) / 10, 10), 300);
    if (progress->quiet || now - progress->shown < pause)
        return;
    progress->shown = now;
    const size_t *counts = progress->schedule->counts;
    const double elapsed = now - progress->began;
    char left[AMOUNT_SIZE] = "?";
    if (progress->flops_done > 0)
        amount_seconds(elapsed * progress->flops_left / progress->flops_done, left);
    clear_line(progress);
    fprintf(stderr, "%zu done  %zu running  %zu waiting  %zu failed  %.3g tokens/s  %s left%s", counts[RUN_DONE],
            counts[RUN_RUNNING], counts[RUN_WAITING], counts[RUN_FAILED],
            elapsed > 0 ? (double)progress->tokens_done / elapsed : 0.0, left, progress->terminal ? "" : "\n");
    fflush(stderr);
}

void progress_say(struct progress *progress, const char *format, ...) {
    if (progress->quiet)
        return;
    clear_line(progress);
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    if (progress->terminal)
        progress->shown = 0; /* draw the line again at once */
}
