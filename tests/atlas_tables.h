/* Tables of runs made from known ATLAS laws, as the study has them: eight target languages, eleven sizes; monolingual,
 * bilingual, Unimax and twelve mixtures of up to fifty languages; corpora small enough to be repeated. */
#ifndef SWEEP_TESTS_ATLAS_TABLES_H
#define SWEEP_TESTS_ATLAS_TABLES_H

#include "base/random.h"
#include "laws/atlas.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TARGETS = 8, MODEL_SIZES = 11, TOKEN_COUNTS = 4, MIXTURES = 12, LANGUAGES_MOST = 96 };
enum { RUN_KINDS = TARGETS + TARGETS * (TARGETS - 1) / 2 + 1 + MIXTURES };
enum { TABLE_ROWS = RUN_KINDS * MODEL_SIZES * TOKEN_COUNTS };

/* Unimax of the study's evaluation languages; its first eight are the targets. */
#define UNIMAX_LANGUAGES                                                                                               \
    "en fr ru zh hi de es pt ja vi it pl id nl sv tr cs da fa fi hu ro th uk ar bg ca el ko lt no sk af bn cy et gu "  \
    "he hr jv kk mr ms my sw te ur yo"

static const char *const MIXTURE_LANGUAGES[MIXTURES] = {
    "de es fr pt",
    "de en es fr",
    "hi ja vi zh",
    "en hi pt ru",
    "de en es fr pt ru",
    "de en es fr pt ru vi zh",
    "de en fr hi ja ru vi zh",
    "de en es fr hi it ja pl pt ru vi zh",
    "de en es fr hi it ja pl pt ru vi zh id nl sv tr",
    "de en es fr hi it ja pl pt ru vi zh id nl sv tr cs da fa fi hu ro th uk",
    "de en es fr hi it ja pl pt ru vi zh id nl sv tr cs da fa fi hu ro th uk ar bg ca el ko lt no sk",
    "af ar ba bm bn ca ckb cy de ee el en es fa fil fr gn gu ha he hi hr id it ja jv kk ko mr ms my no pl ps pt ro ru "
    "sm sv sw te th tr uk ur vi yo zh",
};

/* Every run, seen from any target: one row a size and a number of tokens. Losses belong to one target and are filled by
 * atlas_losses. */
struct atlas_tables {
    size_t languages;
    char name_room[LANGUAGES_MOST][8];
    const char *names[LANGUAGES_MOST];
    double unique[LANGUAGES_MOST];
    double shares[RUN_KINDS][LANGUAGES_MOST];
    enum training_kind kinds[RUN_KINDS];
};

static inline size_t atlas_language(struct atlas_tables *tables, const char *name) {
    size_t l = 0;
    while (l < tables->languages && strcmp(tables->names[l], name) != 0)
        l++;
    if (l == tables->languages) {
        snprintf(tables->name_room[l], sizeof tables->name_room[l], "%s", name);
        tables->names[l] = tables->name_room[l];
        tables->languages++;
    }
    return l;
}

/* Adds a mixture of languages of equal weight; of Unimax, English has more. */
static inline void atlas_add_run(struct atlas_tables *tables, size_t run, enum training_kind kind, const char *names) {
    char room[512], *rest = room;
    double sum = 0, *shares = tables->shares[run];
    snprintf(room, sizeof room, "%s", names);
    for (const char *name; (name = strsep(&rest, " ")) != NULL;)
        shares[atlas_language(tables, name)] = 1;
    if (kind == TRAINED_UNIMAX)
        shares[0] = 3;
    for (size_t l = 0; l < tables->languages; l++)
        sum += shares[l];
    for (size_t l = 0; l < tables->languages; l++)
        shares[l] /= sum;
    tables->kinds[run] = kind;
}

static inline void atlas_tables_make(struct atlas_tables *tables) {
    size_t run = 0;
    char pair[16];
    *tables = (struct atlas_tables){0};
    atlas_add_run(tables, run++, TRAINED_UNIMAX, UNIMAX_LANGUAGES);
    for (size_t s = 0; s < TARGETS; s++)
        for (size_t t = s; t < TARGETS; t++) {
            snprintf(pair, sizeof pair, "%s %s", tables->names[s], tables->names[t]);
            atlas_add_run(tables, run++, s == t ? TRAINED_MONOLINGUAL : TRAINED_BILINGUAL, pair);
        }
    for (size_t m = 0; m < MIXTURES; m++)
        atlas_add_run(tables, run++, TRAINED_MIXTURE, MIXTURE_LANGUAGES[m]);
    for (size_t l = 0; l < tables->languages; l++)
        tables->unique[l] = l < TARGETS ? 2e10 * (double)(1 + l % 3) : 3e9 * (double)(1 + l % 5);
}

/* Fills rows [TABLE_ROWS] with the runs that saw the target, and returns a table of them; losses are 1. */
static inline struct mixture_table atlas_table(const struct atlas_tables *tables, size_t target,
                                               struct observation *rows) {
    struct mixture_table table = {.rows = rows,
                                  .languages = tables->languages,
                                  .names = (const char *const *)tables->names,
                                  .target = target,
                                  .unique = tables->unique};
    for (size_t run = 0; run < RUN_KINDS; run++)
        for (size_t size = 0; size < MODEL_SIZES && tables->shares[run][target] > 0; size++)
            for (size_t d = 0; d < TOKEN_COUNTS; d++)
                rows[table.count++] = (struct observation){.N = 1e7 * pow(1.9, (double)size),
                                                           .D = 4e9 * pow(4.5, (double)d),
                                                           .L = 1,
                                                           .share = tables->shares[run],
                                                           .kind = tables->kinds[run]};
    return table;
}

/* The law of a target: E A B alpha beta lambda tau_other tau_1 tau_2 tau_3. */
enum { TRUTH = ATLAS_TAU + ATLAS_SOURCES_MAX };
static inline void atlas_truth(size_t target, double *truth) {
    const double t = (double)target;
    const double law[TRUTH] = {1.2 + 0.1 * t, 300 + 40 * t,    900 + 200 * t,  0.3 + 0.01 * t,  0.28 + 0.01 * t,
                               0.4 + 0.2 * t, 0.03 + 0.01 * t, 0.6 - 0.04 * t, 0.15 + 0.04 * t, 0.35 - 0.03 * t};
    memcpy(truth, law, sizeof law);
}

/* Writes the losses of a law that lies over the table (of the transfer variant), with log-normal noise. */
static inline void atlas_losses(const struct fit_law *law, const double *truth, double noise, uint64_t seed,
                                struct observation *rows, double *room) {
    fit_predict(law, truth, room);
    for (size_t i = 0; i < law->count; i++)
        rows[i].L = room[i] * exp(noise * random_normal(seed, 0, i));
}

#endif
