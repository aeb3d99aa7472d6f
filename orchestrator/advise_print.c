#include "orchestrator/advise_print.h"
#include "orchestrator/command.h"

#include <math.h>
#include <string.h>

double advised_epochs(const struct advised *advised, size_t language) {
    const double unique = advised->laws->unique[language];
    return isfinite(unique) ? advised->plan.D * advised->plan.shares[language] / unique : NAN;
}

double advised_beyond(const struct range *range, double value) {
    return isnan(value) ? NAN : fmax(1, fmax(value / range->most, range->least / value));
}

/* ---- JSON ---- */

static json_t *pair(double low, double high) {
    return json_pack("[o, o]", command_number(low), command_number(high));
}

static json_t *interval(const struct advice_interval *interval) {
    return pair(interval->low, interval->high);
}

static json_t *targets_json(const struct advised *advised) {
    const struct advise_laws *laws = advised->laws;
    json_t *targets = json_object();
    for (size_t t = 0; t < laws->target_count; t++) {
        const struct start *start = &advised->starts[t];
        json_object_set_new(targets, laws->names[laws->targets[t].language],
                            json_pack("{s:f, s:o, s:o, s:s, s:o, s:s}", "weight", laws->targets[t].weight, "loss",
                                      command_number(advised->losses[t]), "interval",
                                      interval(&advised->intervals[ADVICE_TARGET + t]), "start",
                                      start_names[start->choice], "crossover_flops", command_number(start->flops),
                                      "basis", start->basis));
    }
    return targets;
}

static json_t *mixture_json(const struct advised *advised) {
    const struct advise_laws *laws = advised->laws;
    const struct advice_interval *shares = advised->intervals + ADVICE_TARGET + laws->target_count;
    json_t *mixture = json_object();
    for (size_t l = 0; l < laws->languages; l++)
        json_object_set_new(mixture, laws->names[l],
                            json_pack("{s:o, s:o, s:o, s:o, s:o}", "share", command_number(advised->plan.shares[l]),
                                      "interval", interval(&shares[l]), "tokens",
                                      command_number(advised->plan.D * advised->plan.shares[l]), "unique_tokens",
                                      command_number(laws->unique[l]), "epochs",
                                      command_number(advised_epochs(advised, l))));
    return mixture;
}

static json_t *scales_json(const struct advised *advised) {
    const struct advise_laws *laws = advised->laws;
    json_t *scales = json_array();
    for (int s = 0; s < advised->scale_count; s++) {
        const struct advised_scale *scale = &advised->scales[s];
        json_t *losses = json_object();
        for (size_t t = 0; t < laws->target_count; t++)
            json_object_set_new(losses, laws->names[laws->targets[t].language], command_number(scale->losses[t]));
        json_array_append_new(scales,
                              json_pack("{s:i, s:f, s:f, s:o, s:o}", "scale", scale->scale, "N", scale->plan.N, "D",
                                        scale->plan.D, "loss", command_number(scale->plan.loss), "losses", losses));
    }
    return scales;
}

json_t *advise_json(const struct advised *advised) {
    const struct advise_laws *laws = advised->laws;
    const struct advice_plan *plan = &advised->plan;
    const struct advice_interval *N = &advised->intervals[ADVICE_N];
    json_t *notes = json_array(), *object = json_object();
    const char *line = advised->notes;
    for (size_t length; (length = strcspn(line, "\n")) > 0; line += length + 1)
        json_array_append_new(notes, json_stringn(line, length));
    json_object_set_new(object, "law", json_string(laws->law));
    json_object_set_new(object, "points", json_integer((json_int_t)laws->points));
    json_object_set_new(object, "flops", json_real(advised->flops));
    json_object_set_new(object, "core_hours", command_number(advised->core_hours));
    json_object_set_new(object, "gflops_per_core", command_number(advised->gflops));
    json_object_set_new(object, "N", command_number(plan->N));
    json_object_set_new(object, "D", command_number(plan->D));
    json_object_set_new(object, "tokens_per_parameter", command_number(plan->D / plan->N));
    json_object_set_new(object, "loss", command_number(plan->loss));
    json_object_set_new(object, "intervals",
                        json_pack("{s:o, s:o, s:o}", "N", interval(N), "D",
                                  pair(advised->flops / 6 / N->high, advised->flops / 6 / N->low), "loss",
                                  interval(&advised->intervals[ADVICE_LOSS])));
    json_object_set_new(
        object, "fitted",
        json_pack("{s:o, s:o}", "N", pair(laws->N.least, laws->N.most), "D", pair(laws->D.least, laws->D.most)));
    json_object_set_new(object, "extrapolation",
                        json_pack("{s:o, s:o}", "N", command_number(advised_beyond(&laws->N, plan->N)), "D",
                                  command_number(advised_beyond(&laws->D, plan->D))));
    json_object_set_new(object, "targets", targets_json(advised));
    json_object_set_new(object, "mixture", mixture_json(advised));
    json_object_set_new(object, "scales", scales_json(advised));
    json_object_set_new(object, "notes", notes);
    json_object_set_new(object, "seconds", json_real(advised->seconds));
    return object;
}

/* ---- text ---- */

static void print_number(double value, int width, int digits, FILE *out) {
    if (isfinite(value))
        fprintf(out, "%*.*g", width, digits, value);
    else
        fprintf(out, "%*s", width, "?");
}

static void print_interval(double low, double high, FILE *out) {
    if (isfinite(low) && isfinite(high))
        fprintf(out, "   %.4g .. %.4g", low, high);
    else
        fprintf(out, "   ?");
}

static void print_plan(const struct advised *advised, FILE *out) {
    const struct advice_plan *plan = &advised->plan;
    const struct advice_interval *N = &advised->intervals[ADVICE_N], *loss = &advised->intervals[ADVICE_LOSS];
    const double tokens = advised->flops / 6;
    const struct {
        const char *name;
        double value, low, high;
    } rows[] = {{"N, parameters", plan->N, N->low, N->high},
                {"D, tokens", plan->D, tokens / N->high, tokens / N->low},
                {"tokens/parameter", plan->D / plan->N, tokens / N->high / N->high, tokens / N->low / N->low},
                {"mean loss", plan->loss, loss->low, loss->high}};
    fprintf(out, "\n%-18s%11s   95 %% interval\n", "", "best");
    for (int r = 0; r < 4; r++) {
        fprintf(out, "%-18s", rows[r].name);
        print_number(rows[r].value, 11, 4, out);
        print_interval(rows[r].low, rows[r].high, out);
        fputc('\n', out);
    }
}

static void print_targets(const struct advised *advised, FILE *out) {
    const struct advise_laws *laws = advised->laws;
    fprintf(out, "\n%-18s%11s%11s   95 %% interval\n", "target", "weight", "loss");
    for (size_t t = 0; t < laws->target_count; t++) {
        const struct advice_interval *loss = &advised->intervals[ADVICE_TARGET + t];
        fprintf(out, "%-18s", laws->names[laws->targets[t].language]);
        print_number(laws->targets[t].weight, 11, 3, out);
        print_number(advised->losses[t], 11, 4, out);
        print_interval(loss->low, loss->high, out);
        fputc('\n', out);
    }
}

static void print_mixture(const struct advised *advised, FILE *out) {
    const struct advise_laws *laws = advised->laws;
    const struct advice_interval *shares = advised->intervals + ADVICE_TARGET + laws->target_count;
    fprintf(out, "\n%-18s%11s%11s%11s   95 %% interval of the share\n", "mixture", "share", "tokens", "epochs");
    for (size_t l = 0; l < laws->languages; l++) {
        if (advised->plan.shares[l] == 0)
            continue;
        fprintf(out, "%-18s", laws->names[l]);
        print_number(advised->plan.shares[l], 11, 3, out);
        print_number(advised->plan.D * advised->plan.shares[l], 11, 3, out);
        print_number(advised_epochs(advised, l), 11, 3, out);
        print_interval(shares[l].low, shares[l].high, out);
        fputc('\n', out);
    }
}

static void print_scales(const struct advised *advised, FILE *out) {
    fprintf(out, "\n%-18s%11s%11s%11s   at the same budget\n", "published scale", "N", "D", "mean loss");
    for (int s = 0; s < advised->scale_count; s++) {
        const struct advised_scale *scale = &advised->scales[s];
        fprintf(out, "%-18d", scale->scale);
        print_number(scale->plan.N, 11, 4, out);
        print_number(scale->plan.D, 11, 4, out);
        print_number(scale->plan.loss, 11, 4, out);
        fputc('\n', out);
    }
}

static void print_starts(const struct advised *advised, FILE *out) {
    const struct advise_laws *laws = advised->laws;
    fprintf(out, "\n%-10s%-9s%10s   basis\n", "start", "", "crossover");
    for (size_t t = 0; t < laws->target_count; t++) {
        const struct start *start = &advised->starts[t];
        fprintf(out, "%-10s%-9s", laws->names[laws->targets[t].language], start_names[start->choice]);
        print_number(start->flops, 10, 3, out);
        fprintf(out, "   %s\n", start->basis);
    }
}

void advise_print(const struct advised *advised, FILE *out) {
    const struct advise_laws *laws = advised->laws;
    fprintf(out, "Advice for %.4g FLOP", advised->flops);
    if (isfinite(advised->core_hours))
        fprintf(out, " (%.4g core-hours at %.4g GFLOP/s)", advised->core_hours, advised->gflops);
    fprintf(out, ", law %s, %zu points\n", laws->law, laws->points);
    print_plan(advised, out);
    print_targets(advised, out);
    if (laws->languages > 1 || isfinite(laws->unique[0]))
        print_mixture(advised, out);
    if (advised->scale_count > 0)
        print_scales(advised, out);
    print_starts(advised, out);
    if (advised->notes[0])
        fprintf(out, "\nnotes\n%s", advised->notes);
    fprintf(out, "\n%.2f s\n", advised->seconds);
}
