/* Clipping and AdamW. */
#include "model/network.h"

#include <math.h>
#include <string.h>

/* The parts and the order in which they are added are fixed, whatever thread takes which. */
static double gradient_norm(struct model *model) {
    const size_t size = model->parameters, parts = (size + SQUARE_SUM_PART - 1) / SQUARE_SUM_PART;
#pragma omp parallel for num_threads(model->work.threads)
    for (size_t i = 0; i < parts; i++) {
        const size_t first = i * SQUARE_SUM_PART, left = size - first;
        model->square_sums[i] =
            model->kernels->square_sum(model->gradient + first, left < SQUARE_SUM_PART ? left : SQUARE_SUM_PART);
    }
    double sum = 0;
    for (size_t i = 0; i < parts; i++)
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

static void update_range(struct model *model, size_t first, size_t size, const struct adamw_step *step) {
    model->kernels->adamw(&model->work, model->weights + first, model->gradient + first, model->mean + first,
                          model->variance + first, size, step);
}

double model_update(struct model *model, const struct model_optimizer *optimizer) {
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
        update_range(model, first, d, &scale_step);
        update_range(model, first + d, layer_size - d, &step);
    }
    return norm;
}
