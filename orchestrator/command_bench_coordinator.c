/* sweep bench coordinator: what it costs to give out a run and to keep a point of a curve, with the coordinator, the
 * journal and the workers of a real study, whose runs do nothing. */
#include "orchestrator/command.h"
#include "orchestrator/coordinator.h"
#include "orchestrator/ranks.h"
#include "orchestrator/records.h"

#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct bench {
    bool json;
    uint64_t runs, points; /* of a run */
    const char *folder;
};

/* Tells as many curve points as a real run would, and sees nothing. */
static int do_nothing(const struct run_spec *spec, const struct run_sink *sink, struct run_ending *ending,
                      struct error *error) {
    *ending = (struct run_ending){.end = RUN_ENDED, .step = spec->steps};
    if (sink->begin(sink->context, 0, error) != 0)
        return -1;
    for (uint32_t step = spec->curve_steps; step <= spec->steps; step += spec->curve_steps) {
        const struct curve_point point = {.run = spec->run, .step = step, .tokens = step, .loss = 1};
        if (sink->add_curve(sink->context, &point, error) != 0)
            return -1;
    }
    return 0;
}

/* A study of that many runs of one step a point; it points to what its caller holds. */
struct idle_study {
    struct study study;
    struct study_size size;
    struct study_group group;
    bool evaluated;
    uint32_t zero;
    double one;
    uint64_t tokens;
    char language[1][LANGUAGE_CODE_SIZE];
};

static int idle_study_make(struct idle_study *idle, uint64_t runs, uint64_t points, const char *archive,
                           struct error *error) {
    *idle = (struct idle_study){
        .size = {.name = "none", .shape = {1, 1, 1, 2, 1, 2}, .tokens = points ? points : 1, .batch = 1},
        .group = {.kind = "monolingual", .size_count = 1},
        .evaluated = true,
        .one = 1,
        .tokens = 1,
        .language = {"xx"}};
    idle->group.mixture_count = (uint32_t)runs;
    idle->group.sizes = &idle->zero;
    idle->group.mixtures = calloc(runs, sizeof *idle->group.mixtures);
    if (!idle->group.mixtures)
        return error_set(error, ERROR_FAILED, "no memory for %llu runs", (unsigned long long)runs);
    for (uint64_t run = 0; run < runs; run++)
        idle->group.mixtures[run] =
            (struct study_mixture){.name = "xx", .language_count = 1, .languages = &idle->zero, .given = &idle->one};
    idle->study = (struct study){.name = "bench",
                                 .language_count = 1,
                                 .languages = idle->language,
                                 .train_tokens = &idle->tokens,
                                 .size_count = 1,
                                 .sizes = &idle->size,
                                 .sequence = 1,
                                 .micro_batch = 1,
                                 .curve_tokens = points ? 1 : 2,
                                 .evaluation_every_tokens = points + 2,
                                 .evaluation_tokens = 1,
                                 .evaluated = &idle->evaluated,
                                 .group_count = 1,
                                 .groups = &idle->group};
    snprintf(idle->study.archive, sizeof idle->study.archive, "%s", archive);
    return 0;
}

/* Seconds from the first run given out to the last kept. */
static int time_ledger(struct ledger *ledger, struct crew *crew, double *seconds, struct error *error) {
    struct language_tokens languages[1];
    struct run_record record;
    for (size_t run = 0; run < ledger->plan->count; run++) {
        record_of_run(ledger->study, ledger->plan, (uint32_t)run, languages, &record);
        if (journal_add_run(ledger->journal, &record, error) != 0)
            return -1;
    }
    bool stopped;
    const double start = omp_get_wtime();
    const int result = coordinator_run(ledger, crew, do_nothing, &stopped, error);
    *seconds = omp_get_wtime() - start;
    return result == 0 && stopped ? error_set(error, ERROR_FAILED, "stopped") : result;
}

static int time_study(struct bench *bench, uint64_t points, struct crew *crew, double *seconds, struct error *error) {
    char archive[FILE_PATH_SIZE], journal[FILE_PATH_SIZE];
    struct idle_study idle;
    struct plan plan = {0};
    struct schedule schedule = {0};
    struct progress progress = {0};
    struct ledger ledger = {0};
    char empty[] = "", version[] = SWEEP_VERSION;
    const struct study_record record = {empty, empty, empty, version};
    snprintf(archive, sizeof archive, "%.900s/sweep-bench-%ld.h5", bench->folder, (long)getpid());
    snprintf(journal, sizeof journal, "%.1000s.journal", archive);
    int result = idle_study_make(&idle, bench->runs, points, archive, error);
    if (result == 0)
        result = plan_make(&idle.study, &plan, error);
    if (result == 0)
        result = plan_identify(&idle.study, &plan, error);
    if (result == 0)
        result = schedule_make(&schedule, &plan, error);
    if (result == 0)
        result = progress_begin(&progress, &schedule, true, error);
    if (result == 0)
        result = ledger_open(&ledger, &idle.study, &plan, &schedule, &progress, error);
    ledger.journal_path = journal;
    if (result == 0)
        result = journal_create(&ledger.journal, journal, &record, error);
    if (result == 0) {
        result = time_ledger(&ledger, crew, seconds, error);
        unlink(journal);
        unlink(archive); /* a study that takes minutes publishes one */
    }
    ledger_close(&ledger);
    progress_end(&progress);
    schedule_free(&schedule);
    plan_free(&plan);
    free(idle.group.mixtures);
    return result;
}

static int coordinate(const struct command *command, int count, char **words, struct crew *crew, struct error *error) {
    struct bench bench = {.runs = 10000, .points = 20, .folder = "."};
    double without, with;
    const struct option options[] = {
        {.name = "--json", .help = "one JSON object instead of text", .flag = &bench.json},
        {.name = "--runs", .value = "N", .help = "runs (10000)", .count = &bench.runs},
        {.name = "--points", .value = "N", .help = "curve points of a run (20)", .count = &bench.points},
        {.name = "--folder", .value = "DIR", .help = "where the journal is written (.)", .text = &bench.folder},
        {0}};
    const int parsed = command_parse(command, options, count, words, NULL, 0, 0, error);
    if (parsed != 0)
        return parsed < 0 ? -1 : 0;
    if (bench.runs < 1 || bench.runs > 1000000 || bench.points < 1 || bench.points > 1000000)
        return error_set(error, ERROR_INPUT, "bench coordinator: --runs and --points must be 1 to 1000000");
    if (time_study(&bench, 0, crew, &without, error) != 0 || time_study(&bench, bench.points, crew, &with, error) != 0)
        return -1;
    const double run = without / (double)bench.runs;
    const double point = (with - without) / (double)(bench.runs * bench.points);
    const int ranks = crew->machines[0].ranks;
    if (bench.json)
        return command_print_json(json_pack("{s:I, s:i, s:f, s:f}", "runs", (json_int_t)bench.runs, "ranks", ranks,
                                            "seconds_per_run", run, "seconds_per_point", point),
                                  error);
    printf("%llu runs that do nothing, over %d rank%s: %.4f ms a run, journal included; %.2f us a curve point\n",
           (unsigned long long)bench.runs, ranks, ranks == 1 ? "" : "s", 1e3 * run, 1e6 * point);
    return 0;
}

int command_bench_coordinator(const struct command *command, int count, char **words, struct error *error) {
    return ranks_run(command, count, words, do_nothing, coordinate, error);
}
