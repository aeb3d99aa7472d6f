/* Clipping and AdamW. */
#include "model/network.h"

#include <math.h>
#include <string.h>

/* The parts and the order in which they are added are fixed, whatever thread or model takes which. */
double *model_square_sums(struct model *model) {
    const size_t first = model_square_sum_first(&model->setup, model->setup.sharing.rank);
    const size_t end = model_square_sum_first(&model->setup, model->setup.sharing.rank + 1);
#pragma omp parallel for num_threads(model->work.threads)
    for (size_t i = first; i < end; i++) {
        const size_t begin = i * SQUARE_SUM_PART, left = model->parameters - begin;
        model->square_sums[i] =
            model->kernels->square_sum(model->gradient + begin, left < SQUARE_SUM_PART ? left : SQUARE_SUM_PART);
    }
    return model->square_sums;
}

static double gradient_norm(const struct model *model) {
    double sum = 0;
    for (size_t i = 0; i * SQUARE_SUM_PART < model->parameters; i++)
        sum += model->square_sums[i];
    return sqrt(sum);
}

static double power(double base, uint64_t exponent) {
    double result = 1;
    for (; exponent; exponent /= 2, base *= base)
        if (exponent % 2)
            result *= base;
    return result;
}

/* Of elements [first, end), those that the model owns. */
static void update_range(struct model *model, size_t first, size_t end, const struct adamw_step *step) {
    const size_t owned = model->owned_first, owned_end = owned + model->owned;
    first = first > owned ? first : owned;
    end = end < owned_end ? end : owned_end;
    if (first < end)
        model->kernels->adamw(&model->work, model->weights + first, model->gradient + first,
                              model->mean + (first - owned), model->variance + (first - owned), end - first, step);
}

double model_update(struct model *model, const struct model_optimizer *optimizer) {
    model_square_sums(model);
    return model_update_owned(model, optimizer);
}

double model_update_owned(struct model *model, const struct model_optimizer *optimizer) {
    const double norm = gradient_norm(model);
    if (!isfinite(norm)) {
        memset(model->gradient, 0, model->parameters * sizeof *model->gradient);
        return norm;
    }
    model->updates++;
    struct adamw_step step = {
        .learning_rate = optimizer->learning_rate,
        .beta1 = optimizer->beta1,
        .beta2 = optimizer->beta2,
        .epsilon = optimizer->epsilon,
        .decay = optimizer->learning_rate * optimizer->weight_decay,
        .correction1 = (float)(1 / (1 - power(optimizer->beta1, model->updates))),
        .correction2 = (float)(1 / (1 - power(optimizer->beta2, model->updates))),
        .gradient_scale = optimizer->clip > 0 && norm > optimizer->clip ? (float)(optimizer->clip / norm) : 1.0F,
    };
    struct adamw_step scale_step = step; /* of the norms: no decay */
    scale_step.decay = 0;

    /* Matrices and norm scales alternate: embedding, then each layer's scale and matrices. */
    const struct model_shape *shape = &model->setup.shape;
    const size_t d = shape->width, embedding = shape->vocabulary * d;
    const size_t layer_size = (model->parameters - embedding) / shape->layers;
    update_range(model, 0, embedding, &step);
    for (size_t first = embedding; first < model->parameters; first += layer_size) {
        update_range(model, first, first + d, &scale_step);
        update_range(model, first + d, first + layer_size, &step);
    }
    const size_t owned_end = model->owned_first + model->owned; /* the kernel has cleared what it updated */
    memset(model->gradient, 0, model->owned_first * sizeof *model->gradient);
    memset(model->gradient + owned_end, 0, (model->parameters - owned_end) * sizeof *model->gradient);
    return norm;
}
