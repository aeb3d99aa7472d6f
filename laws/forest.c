#include "laws/forest.h"

#include "base/random.h"

#include <gsl/gsl_statistics_double.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* A node covers the places [begin, end) of its tree's sample while the tree grows. */
struct node {
    size_t feature; /* LEAF: none */
    double value;   /* of a split its threshold: x <= value goes left; of a leaf the mean of its y */
    size_t begin, end;
    size_t left; /* number of the left node; the right one is the next */
};
static const size_t LEAF = SIZE_MAX;

struct tree {
    struct node *nodes; /* the first is the root */
};

struct forest {
    size_t count;
    struct tree *trees;
};

/* What grows one tree. */
struct grower {
    const struct forest_table *table;
    const size_t *sorted; /* [F, count] rows, ascending by each feature */
    size_t *order;        /* [F, count] the same of the rows in the sample, sorted within each node */
    size_t *room;         /* [count] */
    double *weight;       /* [count] how often each row is in the sample */
    bool *left;           /* [count] which rows go left */
};

struct split {
    size_t feature;
    double threshold, gain;
};

static double feature_of(const struct forest_table *table, size_t row, size_t feature) {
    return table->x[row * table->features + feature];
}

/* Draws the sample: count rows with replacement. Returns how many distinct ones. */
static size_t draw_sample(struct grower *grower, uint64_t key) {
    const size_t count = grower->table->count;
    size_t distinct = 0;
    memset(grower->weight, 0, count * sizeof *grower->weight);
    for (size_t i = 0; i < count; i++)
        grower->weight[random_below(count, key, 0, i)]++;
    for (size_t f = 0; f < grower->table->features; f++) {
        distinct = 0;
        for (size_t i = 0; i < count; i++) {
            const size_t row = grower->sorted[f * count + i];
            if (grower->weight[row] > 0)
                grower->order[f * count + distinct++] = row;
        }
    }
    return distinct;
}

/* Sum of the weights and of y over a node; whether its y differ. */
static bool sum_node(const struct grower *grower, const struct node *node, double *weight, double *sum) {
    bool differ = false;
    const size_t *rows = grower->order;
    *weight = *sum = 0;
    for (size_t i = node->begin; i < node->end; i++) {
        *weight += grower->weight[rows[i]];
        *sum += grower->weight[rows[i]] * grower->table->y[rows[i]];
        differ = differ || grower->table->y[rows[i]] != grower->table->y[rows[node->begin]];
    }
    return differ;
}

/* The best place of one feature to split a node, if it is better than the one that is known. The sum of squares falls
 * by (left sum)^2 / left weight + (right sum)^2 / right weight - sum^2 / weight, of which the last is the same for all.
 */
static void try_feature(const struct grower *grower, const struct node *node, size_t feature, double weight, double sum,
                        struct split *best) {
    const size_t *rows = grower->order + feature * grower->table->count;
    double left_weight = 0, left_sum = 0;
    for (size_t i = node->begin; i + 1 < node->end; i++) {
        left_weight += grower->weight[rows[i]];
        left_sum += grower->weight[rows[i]] * grower->table->y[rows[i]];
        const double here = feature_of(grower->table, rows[i], feature);
        const double next = feature_of(grower->table, rows[i + 1], feature);
        if (here == next)
            continue;
        const double right_sum = sum - left_sum;
        const double gain = left_sum * left_sum / left_weight + right_sum * right_sum / (weight - left_weight);
        if (gain > best->gain) {
            const double middle = here / 2 + next / 2;
            *best = (struct split){feature, middle < next ? middle : here, gain};
        }
    }
}

/* Puts the rows that go left before the others, in the order of every feature. Returns where the others begin. */
static size_t part_rows(struct grower *grower, const struct node *node, const struct split *split) {
    const size_t count = grower->table->count;
    size_t middle = node->begin;
    for (size_t i = node->begin; i < node->end; i++) {
        const size_t row = grower->order[i];
        grower->left[row] = feature_of(grower->table, row, split->feature) <= split->threshold;
    }
    for (size_t f = 0; f < grower->table->features; f++) {
        size_t *rows = grower->order + f * count, others = 0;
        middle = node->begin;
        for (size_t i = node->begin; i < node->end; i++) {
            if (grower->left[rows[i]])
                rows[middle++] = rows[i];
            else
                grower->room[others++] = rows[i];
        }
        memcpy(rows + middle, grower->room, others * sizeof *rows);
    }
    return middle;
}

/* Nodes are made in the order in which they are numbered; a node waits behind those before it. */
static struct node *grow_tree(struct grower *grower, uint64_t key) {
    const size_t distinct = draw_sample(grower, key);
    struct node *nodes = malloc((2 * distinct - 1) * sizeof *nodes);
    if (!nodes)
        return NULL;
    size_t count = 1;
    nodes[0] = (struct node){.begin = 0, .end = distinct};
    for (size_t n = 0; n < count; n++) {
        struct node *node = &nodes[n];
        struct split best = {LEAF, 0, -INFINITY};
        double weight, sum;
        if (sum_node(grower, node, &weight, &sum))
            for (size_t f = 0; f < grower->table->features; f++)
                try_feature(grower, node, f, weight, sum, &best);
        node->feature = best.feature;
        node->value = best.threshold;
        if (best.feature == LEAF) {
            node->value = sum / weight;
            continue;
        }
        const size_t middle = part_rows(grower, node, &best);
        node->left = count;
        nodes[count++] = (struct node){.begin = node->begin, .end = middle};
        nodes[count++] = (struct node){.begin = middle, .end = node->end};
    }
    return nodes;
}

/* A row and its value, to be sorted; equal values by row. */
struct place {
    double value;
    size_t row;
};

static int compare_places(const void *a, const void *b) {
    const struct place *x = a, *y = b;
    if (x->value != y->value)
        return x->value < y->value ? -1 : 1;
    return (x->row > y->row) - (x->row < y->row);
}

/* [F, count] rows, ascending by each feature; the caller frees it. NULL: no memory. */
static size_t *sort_rows(const struct forest_table *table) {
    size_t *sorted = malloc(table->features * table->count * sizeof *sorted);
    struct place *places = malloc(table->count * sizeof *places);
    for (size_t f = 0; sorted && places && f < table->features; f++) {
        for (size_t i = 0; i < table->count; i++)
            places[i] = (struct place){feature_of(table, i, f), i};
        qsort(places, table->count, sizeof *places, compare_places);
        for (size_t i = 0; i < table->count; i++)
            sorted[f * table->count + i] = places[i].row;
    }
    free(places);
    if (!places) {
        free(sorted);
        sorted = NULL;
    }
    return sorted;
}

static void grower_free(struct grower *grower) {
    free(grower->order);
    free(grower->room);
    free(grower->weight);
    free(grower->left);
}

static int grower_make(struct grower *grower, const struct forest_table *table, const size_t *sorted) {
    *grower = (struct grower){.table = table,
                              .sorted = sorted,
                              .order = malloc(table->features * table->count * sizeof *grower->order),
                              .room = malloc(table->count * sizeof *grower->room),
                              .weight = malloc(table->count * sizeof *grower->weight),
                              .left = malloc(table->count * sizeof *grower->left)};
    return grower->order && grower->room && grower->weight && grower->left ? 0 : -1;
}

/* Grows all trees, each thread with room of its own. A tree for which there is no memory stays NULL. */
static void grow_trees(struct forest *forest, const struct forest_table *table, const size_t *sorted, uint64_t seed) {
#pragma omp parallel
    {
        struct grower grower;
        const bool good = grower_make(&grower, table, sorted) == 0;
#pragma omp for schedule(dynamic)
        for (size_t t = 0; t < forest->count; t++)
            forest->trees[t].nodes = good ? grow_tree(&grower, random_u64(seed, 0, t)) : NULL;
        grower_free(&grower);
    }
}

static int check_table(const struct forest_table *table, struct error *error) {
    if (table->count == 0 || table->features == 0)
        return error_set(error, ERROR_INPUT, "a forest needs rows and features");
    for (size_t i = 0; i < table->count; i++) {
        bool finite = isfinite(table->y[i]);
        for (size_t f = 0; f < table->features; f++)
            finite = finite && isfinite(feature_of(table, i, f));
        if (!finite)
            return error_set(error, ERROR_INPUT, "row %zu of the forest's table has a value that is not finite", i + 1);
    }
    return 0;
}

struct forest *forest_grow(const struct forest_table *table, const struct forest_settings *settings,
                           struct error *error) {
    if (check_table(table, error) != 0)
        return NULL;
    struct forest *forest = calloc(1, sizeof *forest);
    size_t *sorted = sort_rows(table);
    if (forest)
        forest->trees = calloc(settings->trees, sizeof *forest->trees);
    bool good = forest && forest->trees && sorted;
    if (good) {
        forest->count = settings->trees;
        grow_trees(forest, table, sorted, settings->seed);
        for (size_t t = 0; t < forest->count; t++)
            good = good && forest->trees[t].nodes;
    }
    free(sorted);
    if (good)
        return forest;
    error_set(error, ERROR_FAILED, "no memory for a forest of %zu trees", settings->trees);
    forest_free(forest);
    return NULL;
}

void forest_free(struct forest *forest) {
    if (!forest)
        return;
    for (size_t t = 0; t < forest->count; t++)
        free(forest->trees[t].nodes);
    free(forest->trees);
    free(forest);
}

double forest_predict(const struct forest *forest, const double *x) {
    double sum = 0;
    for (size_t t = 0; t < forest->count; t++) {
        const struct node *nodes = forest->trees[t].nodes, *node = nodes;
        while (node->feature != LEAF)
            node = &nodes[node->left + !(x[node->feature] <= node->value)];
        sum += node->value;
    }
    return sum / (double)forest->count;
}

/* Grows a forest on the rows outside a fold and foretells those inside. x [count, F] and y [count] are room. */
static int foretell_fold(const struct forest_table *table, const struct forest_settings *settings, size_t fold,
                         const size_t *fold_of, double *x, double *y, double *predictions, struct error *error) {
    const size_t features = table->features;
    struct forest_table others = {0, features, x, y};
    for (size_t i = 0; i < table->count; i++) {
        if (fold_of[i] == fold)
            continue;
        memcpy(x + others.count * features, table->x + i * features, features * sizeof *x);
        y[others.count++] = table->y[i];
    }
    struct forest *forest = forest_grow(&others, settings, error);
    if (!forest)
        return -1;
    for (size_t i = 0; i < table->count; i++)
        if (fold_of[i] == fold)
            predictions[i] = forest_predict(forest, table->x + i * features);
    forest_free(forest);
    return 0;
}

static void measure_quality(const struct forest_table *table, const double *predictions, double *room,
                            struct forest_quality *quality) {
    const size_t count = table->count;
    double residual = 0;
    for (size_t i = 0; i < count; i++)
        residual += (table->y[i] - predictions[i]) * (table->y[i] - predictions[i]);
    const double total = gsl_stats_tss(table->y, 1, count);
    quality->mean_square = residual / (double)count;
    quality->r2 = total > 0 ? 1 - residual / total : NAN;
    quality->spearman = gsl_stats_spearman(table->y, 1, predictions, 1, count, room);
}

int forest_validate(const struct forest_table *table, const struct forest_settings *settings, size_t folds,
                    double *predictions, struct forest_quality *quality, struct error *error) {
    const size_t count = table->count;
    if (folds < 2 || count < folds)
        return error_set(error, ERROR_INPUT, "%zu rows cannot be dealt into %zu folds", count, folds);
    size_t *fold_of = malloc(count * sizeof *fold_of);
    double *room = malloc(count * (table->features + 1) * sizeof *room); /* also the 2 * count of Spearman's ranks */
    int result = fold_of && room ? 0 : error_set(error, ERROR_FAILED, "no memory for %zu folds", folds);
    for (size_t i = 0; fold_of && i < count; i++)
        fold_of[i] = random_permute(i, count, random_u64(settings->seed, 1, 0)) % folds;
    for (size_t fold = 0; result == 0 && fold < folds; fold++)
        result =
            foretell_fold(table, settings, fold, fold_of, room, room + count * table->features, predictions, error);
    if (result == 0)
        measure_quality(table, predictions, room, quality);
    free(fold_of);
    free(room);
    return result;
}
