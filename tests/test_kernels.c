/* model/kernels: every variant that the processor has gives the bits of the reference, on sizes that no tile, vector
 * or block divides, with 1, 2 and 3 threads. */
#include "base/elementary.h"
#include "base/random.h"
#include "model/kernels.h"
#include "tests/test.h"

#include <math.h>

/* The variants to hold against the reference; the reference itself is among them, for its threads. */
static const struct kernels *variants[3];
static size_t variant_count;

/* Those that multiply bf16, in their own order of additions. */
static const struct kernels *bf16_variants[2];
static size_t bf16_variant_count;

static int variants_find(void **state) {
    (void)state;
    const char *names[] = {"portable", "avx2", "avx512", "avx512bf16", "amx"};
    for (size_t i = 0; i < 5; i++) {
        setenv("SWEEP_ISA", names[i], 1);
        if (kernels_choose(NULL) != 0)
            continue;
        if (i < 3)
            variants[variant_count++] = kernels_chosen(MODEL_FP32, NULL);
        else
            bf16_variants[bf16_variant_count++] = kernels_chosen(MODEL_BF16, NULL);
    }
    unsetenv("SWEEP_ISA");
    return kernels_choose(NULL);
}

static float *floats_aligned(size_t size) {
    float *x = aligned_alloc(64, (size * sizeof *x + 63) / 64 * 64);
    assert_non_null(x);
    return x;
}

static struct workspace workspace_made(const struct workspace_needs *needs) {
    return (struct workspace){
        .threads = needs->threads,
        .own_size = workspace_own_size(needs),
        .own = floats_aligned((size_t)needs->threads * workspace_own_size(needs)),
        .shared = floats_aligned(workspace_shared_size(needs)),
    };
}

static void workspace_free(struct workspace *work) {
    free(work->own);
    free(work->shared);
}

/* Numbers of about 1, the same for the same seed. */
static float *floats_made(uint64_t seed, size_t size) {
    float *x = malloc(size * sizeof *x);
    assert_non_null(x);
    for (size_t i = 0; i < size; i++)
        x[i] = (float)(4 * random_uniform(seed, 0, i) - 2);
    return x;
}

static uint32_t bits_of(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static void assert_same_floats(const char *what, const float *x, const float *expected, size_t size) {
    for (size_t i = 0; i < size; i++)
        if (bits_of(x[i]) != bits_of(expected[i]))
            fail_msg("%s: element %zu of %zu is %.9g instead of %.9g", what, i, size, x[i], expected[i]);
}

/* For kernels that work in no memory but what products need. */
static const struct workspace_needs no_needs = {.rows = 1, .sequence = 1, .head_size = 2, .width = 1, .vocabulary = 1};

/* A case runs one kernel of a table into output [size], which comes with the same numbers every time. */
typedef void kernel_case(const struct kernels *kernels, const struct workspace *work, float *output, const void *sizes);

static float *case_output(kernel_case *run, const struct kernels *kernels, const void *sizes, size_t size, bool bf16,
                          const struct workspace_needs *needs) {
    struct workspace work = workspace_made(needs);
    float *output = floats_made(1, size);
    work.bf16 = bf16;
    run(kernels, &work, output, sizes);
    workspace_free(&work);
    return output;
}

static double relative_difference(const float *x, const float *expected, size_t size) {
    double difference = 0, norm = 0;
    for (size_t i = 0; i < size; i++) {
        difference += ((double)x[i] - expected[i]) * ((double)x[i] - expected[i]);
        norm += (double)expected[i] * expected[i];
    }
    return sqrt(difference / norm);
}

/* In fp32 and with operands rounded to bf16; kernels that multiply bf16 come near, and are the same for all threads. */
static void assert_variants_agree(kernel_case *run, const void *sizes, size_t size, struct workspace_needs needs) {
    for (int bf16 = 0; bf16 < 2; bf16++) {
        needs.threads = 1;
        float *expected = case_output(run, &kernels_reference, sizes, size, bf16, &needs);
        for (size_t i = 0; i < variant_count; i++)
            for (needs.threads = 1; needs.threads <= 3; needs.threads++) {
                float *output = case_output(run, variants[i], sizes, size, bf16, &needs);
                assert_same_floats(variants[i]->isa, output, expected, size);
                free(output);
            }
        for (size_t i = 0; bf16 && i < bf16_variant_count; i++) {
            needs.threads = 1;
            float *one = case_output(run, bf16_variants[i], sizes, size, true, &needs);
            if (!(relative_difference(one, expected, size) < 1e-3))
                fail_msg("%s: relative difference %g", bf16_variants[i]->isa, relative_difference(one, expected, size));
            for (needs.threads = 2; needs.threads <= 3; needs.threads++) {
                float *output = case_output(run, bf16_variants[i], sizes, size, true, &needs);
                assert_same_floats(bf16_variants[i]->isa, output, one, size);
                free(output);
            }
            free(one);
        }
        free(expected);
    }
}

struct product_sizes {
    size_t rows, columns, depth;
    enum product_form form;
    bool accumulate;
};

static void product_case(const struct kernels *kernels, const struct workspace *work, float *output,
                         const void *sizes) {
    const struct product_sizes *s = sizes;
    float *a = floats_made(2, s->rows * s->depth), *b = floats_made(3, s->depth * s->columns);
    kernels->product(work, output, a, b, s->rows, s->columns, s->depth, s->form, s->accumulate);
    free(a);
    free(b);
}

static void products_agree(void **state) {
    (void)state;
    const size_t sizes[][3] = {{1, 1, 1},    {14, 32, 16}, {29, 33, 257},  {57, 131, 300},
                               {3, 1037, 9}, {1361, 7, 5}, {3, 1037, 517}, {2050, 33, 3}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (int form = 0; form < 3; form++)
            for (int accumulate = 0; accumulate < 2; accumulate++) {
                const struct product_sizes s = {.rows = sizes[i][0],
                                                .columns = sizes[i][1],
                                                .depth = sizes[i][2],
                                                .form = (enum product_form)form,
                                                .accumulate = accumulate};
                assert_variants_agree(product_case, &s, s.rows * s.columns, no_needs);
            }
}

static void product_of_the_reference_is_the_definition(void **state) {
    (void)state;
    const float a[] = {1, 2, 3, 4, 5, 6};     /* [2, 3] */
    const float b[] = {1, 0, 2, 1, 0, 3};     /* [3, 2] */
    const float at[] = {1, 4, 2, 5, 3, 6};    /* [3, 2] */
    const float bt[] = {1, 2, 0, 0, 1, 3};    /* [2, 3] */
    const float expected[] = {5, 11, 14, 23}; /* [2, 2] */
    const struct workspace work = {.threads = 1};
    float c[4];
    kernels_reference.product(&work, c, a, b, 2, 2, 3, PRODUCT_PLAIN, false);
    assert_same_floats("plain", c, expected, 4);
    kernels_reference.product(&work, c, at, b, 2, 2, 3, PRODUCT_LEFT_TRANSPOSED, false);
    assert_same_floats("left transposed", c, expected, 4);
    kernels_reference.product(&work, c, a, bt, 2, 2, 3, PRODUCT_RIGHT_TRANSPOSED, false);
    assert_same_floats("right transposed", c, expected, 4);
    kernels_reference.product(&work, c, a, b, 2, 2, 3, PRODUCT_PLAIN, true);
    for (int i = 0; i < 4; i++)
        assert_true(c[i] == 2 * expected[i]);
}

struct row_sizes {
    size_t rows, width;
    bool option;
};

/* output: y [M, d], inverse [M], dx [M, d], dscale [d] */
static void norm_case(const struct kernels *kernels, const struct workspace *work, float *output, const void *sizes) {
    const struct row_sizes *s = sizes;
    const size_t elements = s->rows * s->width;
    float *x = floats_made(2, elements), *dy = floats_made(3, elements), *scale = floats_made(4, s->width);
    float *y = output, *inverse = y + elements, *dx = inverse + s->rows, *dscale = dx + elements;
    kernels->norm(work, y, inverse, x, s->option ? scale : NULL, s->rows, s->width);
    kernels->norm_backward(work, dx, dscale, dy, x, inverse, s->option ? scale : NULL, s->rows, s->width, s->option);
    free(x);
    free(dy);
    free(scale);
}

static void norms_agree(void **state) {
    (void)state;
    const struct row_sizes sizes[] = {{1, 1, true}, {5, 37, true}, {5, 37, false}, {33, 128, true}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        assert_variants_agree(norm_case, &sizes[i], (2 * sizes[i].rows + 1) * sizes[i].width + sizes[i].rows, no_needs);
}

static void rotate_case(const struct kernels *kernels, const struct workspace *work, float *output, const void *sizes) {
    const struct attention_shape *shape = sizes;
    const size_t half = (size_t)shape->sequence * shape->head_size / 2;
    float *cosine = floats_made(2, half), *sine = floats_made(3, half);
    kernels->rotate(work, output, cosine, sine, shape, 0.3F, false);
    kernels->rotate(work, output, cosine, sine, shape, 1, true);
    free(cosine);
    free(sine);
}

/* output: out [M, H], log_sum [count, heads, T], rows of dq, dk, dv and something else [M, stride] */
static void attention_case(const struct kernels *kernels, const struct workspace *work, float *output,
                           const void *sizes) {
    const struct attention_shape *shape = sizes;
    const size_t rows = (size_t)shape->count * shape->sequence, H = (size_t)shape->heads * shape->head_size;
    float *q = floats_made(2, rows * shape->stride), *k = q + H, *v = k + H, *dout = floats_made(5, rows * H);
    float *log_sum = output + rows * H, *dq = log_sum + rows * shape->heads;
    kernels->attention(work, output, log_sum, q, k, v, shape);
    kernels->attention_backward(work, dq, dq + H, dq + 2 * H, dout, q, k, v, output, log_sum, shape);
    free(q);
    free(dout);
}

static void rotations_and_attention_agree(void **state) {
    (void)state;
    const struct attention_shape shapes[] = {{.count = 1, .sequence = 1, .heads = 1, .head_size = 2},
                                             {.count = 2, .sequence = 19, .heads = 3, .head_size = 6},
                                             {.count = 2, .sequence = 101, .heads = 2, .head_size = 32},
                                             {.count = 1, .sequence = 601, .heads = 1, .head_size = 50},
                                             {.count = 1, .sequence = 170, .heads = 1, .head_size = 128}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        struct attention_shape s = shapes[i];
        const uint32_t rows = s.count * s.sequence, H = s.heads * s.head_size;
        s.stride = 3 * H + 5;
        struct workspace_needs needs = no_needs;
        needs.sequence = s.sequence;
        needs.head_size = s.head_size;
        assert_variants_agree(rotate_case, &s, rows * s.stride, needs);
        assert_variants_agree(attention_case, &s, rows * (H + s.heads + s.stride), needs);
    }
}

/* output: hidden, then hidden behind the backward pass [M, width] each, rows of the gradient [M, 2 width + 3] */
static void gate_case(const struct kernels *kernels, const struct workspace *work, float *output, const void *sizes) {
    const struct row_sizes *s = sizes;
    const size_t size = s->rows * s->width, stride = 2 * s->width + 3;
    float *gate_up = floats_made(2, s->rows * stride);
    for (size_t i = 0; i < s->rows * stride; i++)
        gate_up[i] *= 60; /* where e^x is cut, too */
    kernels->gate(work, output, gate_up, s->rows, s->width, stride);
    kernels->gate_backward(work, output + 2 * size, output + size, gate_up, s->rows, s->width, stride);
    free(gate_up);
}

static void gates_agree(void **state) {
    (void)state;
    const struct row_sizes sizes[] = {{1, 1, false}, {3, 16, false}, {5, 1003, false}};
    for (size_t i = 0; i < 3; i++)
        assert_variants_agree(gate_case, &sizes[i], sizes[i].rows * (4 * sizes[i].width + 3), no_needs);
}

/* output [2, elements] twice: dropped in place, and added to a base */
static void drop_case(const struct kernels *kernels, const struct workspace *work, float *output, const void *sizes) {
    const struct row_sizes *s = sizes;
    const struct dropout dropout = {.threshold = s->option ? 6554 : 0, .key = UINT64_MAX / 3, .first = 1ULL << 33};
    const size_t size = s->rows * s->width;
    float *base = floats_made(2, size);
    kernels->drop(work, output, NULL, output, s->rows, s->width, &dropout);
    kernels->drop(work, output + size, base, output + size, s->rows, s->width, &dropout);
    free(base);
}

static void dropouts_agree(void **state) {
    (void)state;
    const struct row_sizes sizes[] = {{1, 1, true}, {2, 128, true}, {2, 1001, true}, {2, 1001, false}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        assert_variants_agree(drop_case, &sizes[i], 2 * sizes[i].rows * sizes[i].width, no_needs);
}

static void dropout_drops_its_share_and_keeps_the_mean(void **state) {
    (void)state;
    enum { SIZE = 200000 };
    const struct workspace work = {.threads = 1};
    float *x = malloc(SIZE * sizeof *x);
    assert_non_null(x);
    for (uint64_t key = 0; key < 2; key++) {
        for (size_t i = 0; i < SIZE; i++)
            x[i] = 1;
        const struct dropout dropout = {.threshold = 6554, .key = key};
        variants[variant_count - 1]->drop(&work, x, NULL, x, 1, SIZE, &dropout);
        double dropped = 0, mean = 0;
        for (size_t i = 0; i < SIZE; i++) {
            dropped += x[i] == 0;
            mean += x[i] / SIZE;
        }
        assert_true(fabs(dropped / SIZE - 0.1) < 0.004); /* 6 standard deviations */
        assert_true(fabs(mean - 1) < 0.005);
    }
    free(x);
}

struct loss_sizes {
    size_t rows, width, vocabulary;
    float size; /* of the logits: 1, or so large that a row's reference is left */
    bool gradient;
};

/* output: dembedding [V, d], losses [M], dnormed [M, d] */
static void loss_case(const struct kernels *kernels, const struct workspace *work, float *output, const void *sizes) {
    const struct loss_sizes *s = sizes;
    float *normed = floats_made(2, s->rows * s->width), *embedding = floats_made(3, s->vocabulary * s->width);
    uint16_t *targets = malloc(s->rows * sizeof *targets);
    assert_non_null(targets);
    for (size_t m = 0; m < s->rows; m++)
        targets[m] = (uint16_t)random_below(s->vocabulary, 6, 0, m);
    for (size_t i = 0; i < s->rows * s->width; i++)
        normed[i] *= s->size;
    const struct loss loss = {
        .normed = normed,
        .embedding = embedding,
        .targets = targets,
        .rows = s->rows,
        .width = s->width,
        .vocabulary = s->vocabulary,
        .losses = output + s->vocabulary * s->width,
        .dnormed = s->gradient ? output + s->vocabulary * s->width + s->rows : NULL,
        .dembedding = output,
        .scale = 0.01F,
    };
    kernels->loss(work, &loss);
    free(normed);
    free(embedding);
    free(targets);
}

static void losses_agree(void **state) {
    (void)state;
    const struct loss_sizes sizes[] = {{1, 1, 1, 1, true},      {8, 17, 53, 1, true},    {8, 17, 53, 1, false},
                                       {9, 300, 451, 1, true},  {3, 20, 1500, 40, true}, {3, 20, 1500, 40, false},
                                       {1100, 5, 230, 1, true}, {1600, 33, 40, 1, true}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        const struct loss_sizes *s = &sizes[i];
        struct workspace_needs needs = no_needs;
        needs.rows = s->rows;
        needs.width = (uint32_t)s->width;
        needs.vocabulary = (uint32_t)s->vocabulary;
        assert_variants_agree(loss_case, s, s->vocabulary * s->width + s->rows * (s->width + 1), needs);
    }
}

/* output: embedding's gradient [40, d], rows [M, d] */
static void embedding_case(const struct kernels *kernels, const struct workspace *work, float *output,
                           const void *sizes) {
    const struct row_sizes *s = sizes;
    uint16_t tokens[64];
    for (size_t m = 0; m < s->rows; m++)
        tokens[m] = (uint16_t)random_below(40, 6, 0, m);
    float *rows = output + 40 * s->width;
    kernels->scatter(work, output, rows, tokens, s->rows, s->width);
    kernels->gather(work, rows, output, tokens, s->rows, s->width);
}

static void embeddings_agree(void **state) {
    (void)state;
    const struct row_sizes sizes[] = {{64, 37, false}, {1, 1, false}};
    for (size_t i = 0; i < 2; i++)
        assert_variants_agree(embedding_case, &sizes[i], (40 + sizes[i].rows) * sizes[i].width, no_needs);
}

/* output: weight, gradient, mean, variance [size] each, then the sum of squares */
static void adamw_case(const struct kernels *kernels, const struct workspace *work, float *output, const void *sizes) {
    const size_t size = *(const size_t *)sizes;
    const struct adamw_step step = {1e-3F, 0.9F, 0.95F, 1e-8F, 1e-4F, 5, 11, 0.7F};
    for (size_t i = 3 * size; i < 4 * size; i++)
        output[i] *= output[i];
    output[4 * size] = kernels->square_sum(output + size, size);
    kernels->adamw(work, output, output + size, output + 2 * size, output + 3 * size, size, &step);
}

static void updates_agree(void **state) {
    (void)state;
    const size_t sizes[] = {1, 1003};
    for (size_t i = 0; i < 2; i++)
        assert_variants_agree(adamw_case, &sizes[i], 4 * sizes[i] + 1, no_needs);
}

static void exponential_is_good_to_two_units(void **state) {
    (void)state;
    const struct workspace work = {.threads = 1};
    /* x / (1 + e^-x) far below 0, where its error is that of e^-x */
    for (int i = 0; i < 4000; i++) {
        const float x = -20 - 0.0151F * (float)i;
        const float gate_up[] = {x, 1};
        float hidden;
        variants[variant_count - 1]->gate(&work, &hidden, gate_up, 1, 1, 2);
        const double expected = x / (1 + exp(-(double)x));
        assert_true(fabs(hidden - expected) <= 3e-7 * fabs(expected));
    }
}

static void elementary_functions_are_those_of_the_library(void **state) {
    (void)state;
    for (int i = 0; i < 4000; i++) {
        const double x = -700 + 0.35 * i;
        assert_true(fabs(elementary_exp(x) / exp(x) - 1) < 1e-15 * (1 + fabs(x) / 100));
        double sine, cosine;
        elementary_sine_cosine(x * x, &sine, &cosine);
        assert_true(fabs(sine - sin(x * x)) < 1e-14);
        assert_true(fabs(cosine - cos(x * x)) < 1e-14);
        const double y = exp(x);
        assert_true(fabs(elementary_log(y) - log(y)) <= 4e-16 * fabs(log(y)) + 1e-17);
    }
    assert_true(elementary_log(1) == 0);
    assert_true(elementary_exp(0) == 1);
}

static void unknown_instruction_set_is_refused(void **state) {
    (void)state;
    struct error error = {0};
    setenv("SWEEP_ISA", "mmx", 1);
    assert_int_equal(kernels_choose(&error), -1);
    assert_int_equal(error.code, ERROR_INPUT);
    assert_string_equal(
        error.message,
        "SWEEP_ISA=mmx: no such instruction set; use portable, avx2, avx512, avx512bf16 or amx, or unset it");
    setenv("SWEEP_ISA", "portable", 1);
    assert_int_equal(kernels_choose(&error), 0);
    assert_string_equal(kernels_isa(), "portable");
    unsetenv("SWEEP_ISA");
    assert_int_equal(kernels_choose(&error), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(product_of_the_reference_is_the_definition),
        cmocka_unit_test(products_agree),
        cmocka_unit_test(norms_agree),
        cmocka_unit_test(rotations_and_attention_agree),
        cmocka_unit_test(gates_agree),
        cmocka_unit_test(dropouts_agree),
        cmocka_unit_test(dropout_drops_its_share_and_keeps_the_mean),
        cmocka_unit_test(losses_agree),
        cmocka_unit_test(embeddings_agree),
        cmocka_unit_test(updates_agree),
        cmocka_unit_test(exponential_is_good_to_two_units),
        cmocka_unit_test(elementary_functions_are_those_of_the_library),
        cmocka_unit_test(unknown_instruction_set_is_refused),
    };
    return cmocka_run_group_tests_name("kernels", tests, variants_find, NULL);
}
