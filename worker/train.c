#include "worker/train.h"

#include "base/elementary.h"
#include "model/schedule.h"
#include "worker/training.h"

#include <math.h>
#include <omp.h>

static int train(struct training *training, struct run_ending *ending, struct error *error) {
    const struct run_spec *spec = training->spec;
    const struct learning_rate_schedule schedule = {.base = (double)spec->optimizer.learning_rate,
                                                    .warmup_steps = spec->warmup_steps,
                                                    .steps = spec->steps,
                                                    .decay_fraction = spec->decay_fraction};
    uint64_t begin;
    double sum; /* of the losses since the last curve point */
    if (training_resume(training, &begin, &sum, error) != 0)
        return -1;
    ending->step = begin;
    if (begin == 0 && spec->start[0] && training_evaluate(training, 0, error) != 0)
        return -1;
    const double loss_most = 2 * elementary_log(spec->shape.vocabulary);
    uint64_t summed = begin % spec->curve_steps;
    for (uint64_t step = begin; step < spec->steps; step++) {
        const double learning_rate = schedule_learning_rate(&schedule, step);
        struct training_decision decision = {0};
        double loss;
        if (training_step(training, step, (float)learning_rate, &loss, &decision) != 0)
            return -1;
        const uint64_t done = step + 1;
        if (!(loss <= loss_most)) {
            ending->diverged = true;
            return error_set(error, ERROR_FAILED, "%s at step %llu; a smaller learning rate may help",
                             isfinite(loss) ? "loss explodes" : "loss or gradient is not finite",
                             (unsigned long long)done);
        }
        sum += loss;
        summed++;
        ending->step = done;
        const bool last = done == spec->steps;
        if (last || done % spec->curve_steps == 0) {
            const struct curve_point point = {.run = spec->run,
                                              .step = (uint32_t)done,
                                              .tokens = done * spec->batch * spec->sequence,
                                              .learning_rate = learning_rate,
                                              .loss = sum / (double)summed};
            if (training_leads(training) && training->sink->add_curve(training->sink->context, &point, error) != 0)
                return -1;
            sum = 0;
            summed = 0;
        }
        if ((last || done % spec->evaluation_steps == 0) && training_evaluate(training, done, error) != 0)
            return -1;
        if (training_told(training, training->sink->abandon)) {
            ending->end = RUN_ABANDONED;
            return 0;
        }
        if (training_keep(training, done, sum, error) != 0)
            return -1;
        if (decision.save != 0 && training_save(training, done, sum, error) != 0)
            return -1;
        if (decision.stop != 0) {
            ending->end = RUN_STOPPED;
            return 0;
        }
    }
    for (uint32_t l = 0; l < spec->language_count; l++) {
        training->seen[l] = batches_seen(training->batches, spec->steps, l);
        training->seen[l].run = spec->run;
    }
    return training_leads(training)
               ? training->sink->add_seen(training->sink->context, training->seen, spec->language_count, error)
               : 0;
}

int run_train(const struct run_spec *spec, const struct run_sink *sink, struct run_ending *ending,
              struct error *error) {
    struct training training = {.spec = spec, .sink = sink, .saved = omp_get_wtime()};
    *ending = (struct run_ending){.end = RUN_ENDED};
    int result = training_open(&training, error);
    if (result == 0)
        result = train(&training, ending, error);
    if (result != 0 && training.group.lost) {
        ending->end = RUN_ABANDONED;
        result = 0;
    }
    training_close(&training);
    if (sink->model_seconds)
        *sink->model_seconds += training.model_seconds;
    return result;
}
