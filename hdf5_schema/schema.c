#include "hdf5_schema/schema.h"
#include "hdf5_schema/archive.h"

#include <string.h>

/* The type of a column is that of the field, so that the two cannot disagree. */
#define COLUMN_TYPE(value)                                                                                             \
    _Generic((value),                                                                                                  \
        uint32_t: COLUMN_U32,                                                                                          \
        int32_t: COLUMN_I32,                                                                                           \
        uint64_t: COLUMN_U64,                                                                                          \
        double: COLUMN_F64,                                                                                            \
        char *: COLUMN_TEXT)
#define FIELD(structure, field) ((structure *)0)->field
#define NAMED(structure, name, field, units, long_name)                                                                \
    {                                                                                                                  \
        name, COLUMN_TYPE(FIELD(structure, field)), offsetof(structure, field), sizeof(FIELD(structure, field)),       \
            units, long_name                                                                                           \
    }
#define COLUMN(structure, field, units, long_name) NAMED(structure, #field, field, units, long_name)

static const struct column run_columns[] = {
#define RUN(field, units, long_name) COLUMN(struct run_record, field, units, long_name)
    RUN(run, NULL, "number of the run in the plan, from 0"),
    RUN(identity, NULL, "hash of the resolved specification of the run"),
    RUN(kind, NULL, "monolingual, bilingual, multilingual, finetune, monolingual-own or cooldown"),
    RUN(name, NULL, "name of the mixture"),
    RUN(size, NULL, "name of the model size"),
    RUN(scale, NULL, "published scale; -1: own dimensions"),
    RUN(layers, "1", "layers of the model"),
    RUN(width, "1", "width d of the model"),
    RUN(heads, "1", "attention heads of a layer"),
    RUN(head_size, "1", "size of an attention head"),
    RUN(feed_forward, "1", "width of the feed-forward part"),
    RUN(vocabulary, "1", "pieces of the vocabulary, V"),
    RUN(parameters, "1", "parameters N of the model, embedding included"),
    RUN(batch, "sequences", "sequences of an optimizer step"),
    RUN(sequence, "tokens", "tokens of a sequence"),
    RUN(precision, NULL, "precision of matrix products: fp32 or bf16"),
    RUN(steps, "steps", "optimizer steps planned"),
    RUN(tokens, "tokens", "training tokens planned, of all languages"),
    RUN(flops, "FLOP", "floating-point operations planned, training and evaluation"),
    RUN(seed, NULL, "seed of the study"),
};

static const struct column outcome_columns[] = {
    {"status", COLUMN_STATUS, offsetof(struct run_outcome, status), sizeof(enum run_status), NULL,
     "waiting, running, done or failed"},
    COLUMN(struct run_outcome, cause, NULL, "why the run failed, empty otherwise"),
};

static const struct column slice_columns[] = {
#define SLICE(field, long_name) COLUMN(struct run_slice, field, "rows", long_name)
    SLICE(curve_start, "first row of the run in /curves"),
    SLICE(curve_count, "rows of the run in /curves"),
    SLICE(loss_start, "first row of the run in /losses"),
    SLICE(loss_count, "rows of the run in /losses"),
};

static const struct column execution_columns[] = {
#define EXECUTION(field, units, long_name) COLUMN(struct run_outcome, field, units, long_name)
    EXECUTION(run, NULL, "number of the run"),
    EXECUTION(attempt, "1", "attempts begun so far; one that was interrupted and goes on is the same"),
    EXECUTION(resumed, "steps", "steps of the checkpoint that the last attempt went on from, 0: none"),
    EXECUTION(step, "steps", "optimizer steps done when the last attempt ended, or began if it has not ended"),
    EXECUTION(learning_rate, "1", "learning rate of the last attempt: that of the study, or less after it diverged"),
    EXECUTION(ranks, "1", "ranks that trained the run together"),
    EXECUTION(threads, "1", "threads of a rank"),
    EXECUTION(isa, NULL, "instruction set of the kernels"),
    EXECUTION(seconds, "seconds", "wall clock of the last attempt"),
    EXECUTION(started, "seconds since 1970-01-01T00:00:00Z", "when the last attempt began"),
};

static const struct column mixture_columns[] = {
#define LANGUAGE(field, units, long_name) COLUMN(struct language_tokens, field, units, long_name)
    LANGUAGE(run, NULL, "number of the run"),
    LANGUAGE(language, NULL, "language of the mixture"),
    LANGUAGE(weight, "1", "share of the mixture"),
    LANGUAGE(tokens, "tokens", "tokens of the language planned, repetitions counted"),
    LANGUAGE(unique_tokens, "tokens", "tokens of the language planned, repetitions not counted"),
    LANGUAGE(epochs, "1", "passes planned over the training text of the language"),
};

static const struct column token_columns[] = {
    LANGUAGE(run, NULL, "number of the run"),
    LANGUAGE(language, NULL, "language of the mixture"),
    LANGUAGE(weight, "1", "share of the mixture"),
    LANGUAGE(tokens, "tokens", "tokens of the language seen, repetitions counted"),
    LANGUAGE(unique_tokens, "tokens", "tokens of the language seen, repetitions not counted"),
    LANGUAGE(epochs, "1", "passes made over the training text of the language"),
};

static const struct column curve_columns[] = {
#define CURVE(field, units, long_name) COLUMN(struct curve_point, field, units, long_name)
    CURVE(run, NULL, "number of the run"),
    CURVE(step, "steps", "optimizer steps done"),
    CURVE(tokens, "tokens", "tokens seen, of all languages"),
    CURVE(learning_rate, "1", "learning rate of the last step"),
    CURVE(loss, "nats/token", "mean training cross entropy of the steps since the point before"),
};

static const struct column loss_columns[] = {
#define LOSS(field, units, long_name) COLUMN(struct loss_point, field, units, long_name)
    LOSS(run, NULL, "number of the run"),
    LOSS(step, "steps", "optimizer steps done"),
    LOSS(language, NULL, "language of the test set"),
    LOSS(set, NULL, "test set"),
    LOSS(tokens, "tokens", "tokens seen, of all languages"),
    LOSS(tokens_target, "tokens", "tokens seen of the language of the test set"),
    LOSS(cross_entropy, "nats/token", "cross entropy"),
    LOSS(unigram_normalised, "nats/token", "vocabulary-insensitive loss (Tao et al. 2024)"),
    LOSS(bits_per_byte, "bits/byte", "cross entropy by bytes of text"),
};

static const struct column transfer_columns[] = {
#define TRANSFER(field, units, long_name) COLUMN(struct transfer_record, field, units, long_name)
    TRANSFER(size, NULL, "name of the model size"),
    TRANSFER(source, NULL, "source language"),
    TRANSFER(target, NULL, "target language"),
    TRANSFER(d, "tokens", "reference tokens of the monolingual run"),
    TRANSFER(reference_loss, "nats/token", "loss of the monolingual run at d; NaN: predicted"),
    TRANSFER(sigma, "tokens",
             "total tokens at which the bilingual run reaches that loss; for a bound the last it saw; NaN: predicted"),
    TRANSFER(bts, "1", "bilingual transfer score, -(sigma - 2 d) / d, mean over seeds"),
    TRANSFER(seeds, "1", "seeds with which its runs were trained; 0: predicted"),
    TRANSFER(deviation, "1", "standard deviation of bts over seeds; NaN: fewer than two"),
    TRANSFER(state, NULL,
             "measured; bound: the loss was never reached and bts is an upper bound; predicted: by a random forest, "
             "from finetuned runs"),
};

static const struct column adaptation_columns[] = {
#define ADAPTATION(field, units, long_name) COLUMN(struct adaptation_record, field, units, long_name)
    ADAPTATION(size, NULL, "name of the model size"),
    ADAPTATION(source, NULL, "language that the run was finetuned on"),
    ADAPTATION(target, NULL, "language of the test set"),
    ADAPTATION(d_max, "tokens", "tokens of finetuning that the score covers"),
    ADAPTATION(fas, "nats/token", "finetuning adaptation score, the mean gain over these tokens"),
    ADAPTATION(deviation, "nats/token", "loss at their end minus loss before finetuning"),
};

static const struct column crossover_columns[] = {
#define CROSSOVER(field, units, long_name) COLUMN(struct crossover_record, field, units, long_name)
    CROSSOVER(size, NULL, "name of the model size"),
    CROSSOVER(language, NULL, "language of both runs and of the test set"),
    CROSSOVER(parameters, "1", "parameters N of the model, embedding included"),
    CROSSOVER(tokens, "tokens", "where the run from scratch passes below the finetuned run; NaN: not measured"),
    CROSSOVER(low, "tokens", "lower end of its interval"),
    CROSSOVER(high, "tokens", "upper end of its interval; infinite: none is known"),
    CROSSOVER(state, NULL, "measured; later: not before low; earlier: before high"),
};

static const struct column law_columns[] = {
#define LAW(field, units, long_name) COLUMN(struct law_record, field, units, long_name)
    LAW(law, NULL, "name of the law"),
    LAW(language, NULL, "target language; all: every language or pair together"),
    LAW(loss, NULL, "column of /losses that was fitted"),
    LAW(points, "1", "points of the fit"),
    LAW(objective, "1", "value of the objective at its minimum"),
    LAW(r2, "1", "coefficient of determination"),
};

static const struct column law_parameter_columns[] = {
#define PARAMETER(field, long_name) NAMED(struct law_parameter_row, #field, parameter.field, NULL, long_name)
    COLUMN(struct law_parameter_row, law_row, NULL, "row of /laws"),
    PARAMETER(name, "name of the parameter"),
    PARAMETER(value, "fitted value, in the units of the law"),
    PARAMETER(standard_error, "its standard error; NaN: not determined"),
};

#define TABLE(group, keys, structure, columns, about)                                                                  \
    { group, about, sizeof(structure), columns, sizeof(columns) / sizeof *(columns), keys }

const struct table schema_tables[TABLE_COUNT] = {
    [TABLE_RUNS] = TABLE("runs", 1, struct run_record, run_columns, "One row a run of the plan; row i is run i."),
    [TABLE_OUTCOMES] = TABLE("runs", 0, struct run_outcome, outcome_columns, NULL),
    [TABLE_SLICES] = TABLE("runs", 0, struct run_slice, slice_columns, NULL),
    [TABLE_EXECUTION] =
        TABLE("execution", 1, struct run_outcome, execution_columns,
              "Where and when each run ran; row i is run i. All other groups are equal bit for bit when a study is run "
              "again with the same instruction set and threads; this one is not."),
    [TABLE_MIXTURES] =
        TABLE("mixtures", 2, struct language_tokens, mixture_columns, "Planned: one row a run and language."),
    [TABLE_TOKENS] =
        TABLE("tokens", 2, struct language_tokens, token_columns, "Seen by finished runs: one row a run and language."),
    [TABLE_CURVES] =
        TABLE("curves", 2, struct curve_point, curve_columns, "Training curves, by run, then step; one row a point."),
    [TABLE_LOSSES] = TABLE("losses", 4, struct loss_point, loss_columns,
                           "Losses on held-out text, by run, step, language and set; one row an evaluation."),
    [TABLE_TRANSFER] = TABLE("transfer", 3, struct transfer_record, transfer_columns,
                             "Bilingual transfer scores; one row a size and ordered pair."),
    [TABLE_ADAPTATION] = TABLE("adaptation", 3, struct adaptation_record, adaptation_columns,
                               "Finetuning adaptation scores; one row a size, source and target."),
    [TABLE_CROSSOVERS] = TABLE("crossovers", 2, struct crossover_record, crossover_columns,
                               "Pretrain or finetune: one row a size and language that has both runs."),
    [TABLE_LAWS] = TABLE("laws", 3, struct law_record, law_columns, "Fitted scaling laws; one row a fit."),
    [TABLE_LAW_PARAMETERS] = TABLE("law_parameters", 2, struct law_parameter_row, law_parameter_columns,
                                   "Parameters of the fitted laws; one row a parameter."),
};

const char schema_status_names[4][STATUS_SIZE] = {"waiting", "running", "done", "failed"};

void schema_put(uint8_t *bytes, uint64_t value, size_t size) {
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)(value >> 8 * i);
}

uint64_t schema_get(const uint8_t *bytes, size_t size) {
    uint64_t value = 0;
    for (size_t i = 0; i < size; i++)
        value |= (uint64_t)bytes[i] << 8 * i;
    return value;
}

size_t schema_row_size(const struct table *table) {
    size_t size = 0;
    for (size_t i = 0; i < table->column_count; i++)
        size += table->columns[i].size;
    return size;
}

uint8_t *schema_encode(const struct table *table, const void *row, uint8_t *bytes) {
    for (const struct column *column = table->columns; column < table->columns + table->column_count; column++) {
        const uint8_t *field = (const uint8_t *)row + column->offset;
        if (column->type == COLUMN_TEXT) { /* what stands behind the end of a text is nobody's */
            const size_t used = strnlen((const char *)field, column->size);
            memcpy(bytes, field, used);
            memset(bytes + used, 0, column->size - used);
        } else if (column->size == 8) {
            uint64_t value;
            memcpy(&value, field, sizeof value);
            schema_put(bytes, value, sizeof value);
        } else {
            uint32_t value;
            memcpy(&value, field, sizeof value);
            schema_put(bytes, value, sizeof value);
        }
        bytes += column->size;
    }
    return bytes;
}

const uint8_t *schema_decode(const struct table *table, const uint8_t *bytes, void *row) {
    for (const struct column *column = table->columns; column < table->columns + table->column_count; column++) {
        uint8_t *field = (uint8_t *)row + column->offset;
        if (column->type == COLUMN_TEXT) {
            memcpy(field, bytes, column->size);
        } else if (column->size == 8) {
            const uint64_t value = schema_get(bytes, sizeof value);
            memcpy(field, &value, sizeof value);
        } else {
            const uint32_t value = (uint32_t)schema_get(bytes, sizeof value);
            memcpy(field, &value, sizeof value);
        }
        bytes += column->size;
    }
    return bytes;
}

const struct column *schema_impossible(const struct table *table, const void *row) {
    for (const struct column *column = table->columns; column < table->columns + table->column_count; column++) {
        const char *field = (const char *)row + column->offset;
        uint64_t wide = 0;
        uint32_t narrow = 0;
        if (column->type == COLUMN_U64)
            memcpy(&wide, field, sizeof wide);
        else if (column->type == COLUMN_U32 || column->type == COLUMN_STATUS)
            memcpy(&narrow, field, sizeof narrow);
        if (wide > UINT64_C(1) << 53 || narrow > INT32_MAX || (column->type == COLUMN_STATUS && narrow > RUN_FAILED) ||
            (column->type == COLUMN_TEXT && strnlen(field, column->size) == column->size))
            return column;
    }
    return NULL;
}

static void write_type(FILE *file, const struct column *column) {
    switch (column->type) {
    case COLUMN_U32:
    case COLUMN_I32:
        fputs("integer, 32 bit", file);
        break;
    case COLUMN_U64:
        fputs("integer, 64 bit", file);
        break;
    case COLUMN_F64:
        fputs("float, 64 bit", file);
        break;
    case COLUMN_TEXT:
        fprintf(file, "text, %zu bytes", column->size);
        break;
    case COLUMN_STATUS:
        fprintf(file, "text, %d bytes", STATUS_SIZE);
        break;
    }
}

int archive_write_reference(FILE *file) {
    for (const struct table *table = schema_tables; table < schema_tables + TABLE_COUNT; table++) {
        if (table->key_count > 0)
            fprintf(file, "%s### /%s\n\n%s\n\n| dataset | type | units | what |\n|---|---|---|---|\n",
                    table == schema_tables ? "" : "\n", table->group, table->about);
        for (const struct column *column = table->columns; column < table->columns + table->column_count; column++) {
            const bool key = column < table->columns + table->key_count;
            fprintf(file, "| %s`%s`%s | ", key ? "**" : "", column->name, key ? "**" : "");
            write_type(file, column);
            fprintf(file, " | %s | %s |\n", column->units ? column->units : "", column->long_name);
        }
    }
    return ferror(file) ? -1 : 0;
}
