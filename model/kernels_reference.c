/* The kernels in plain C: what they compute, in the order of additions that kernels.h promises. Any platform. */
#include "base/elementary.h"
#include "base/random.h"
#include "model/kernels.h"

#include <math.h>
#include <string.h>

enum { LANES = 16 };

static float lanes_sum(const float lane[LANES]) {
    float sum[LANES];
    memcpy(sum, lane, sizeof sum);
    for (int step = LANES / 2; step > 0; step /= 2)
        for (int l = 0; l < step; l++)
            sum[l] += sum[l + step];
    return sum[0];
}

static float dot(const float *x, const float *y, size_t size) {
    float lane[LANES] = {0};
    for (size_t i = 0; i < size; i++)
        lane[i % LANES] = fmaf(x[i], y[i], lane[i % LANES]);
    return lanes_sum(lane);
}

/* e^x, x cut to [-87, 88], good to 2 units in the last place: x = n ln 2 + r with ln 2 in two parts, e^r by the
 * polynomial of Cephes' expf (Moshier), 2^n by its exponent. */
static float kernel_exp(float x) {
    x = fminf(fmaxf(x, -87.0F), 88.0F);
    const float n = rintf(x * 0x1.715476p+0F);
    float r = fmaf(n, -0x1.63p-1F, x);
    r = fmaf(n, 0x1.bd0106p-13F, r);
    float p = 1.9875691500e-4F;
    p = fmaf(p, r, 1.3981999507e-3F);
    p = fmaf(p, r, 8.3334519073e-3F);
    p = fmaf(p, r, 4.1665795894e-2F);
    p = fmaf(p, r, 1.6666665459e-1F);
    p = fmaf(p, r, 5.0000001201e-1F);
    p = fmaf(p, r * r, r) + 1.0F;
    const uint32_t bits = (uint32_t)((int32_t)n + 127) << 23;
    float power;
    memcpy(&power, &bits, sizeof power);
    return p * power;
}

/* x as an operand of a product: in bf16 its upper 16 bits, rounded to nearest, ties to even; NaN stays. */
static float operand(const struct workspace *work, float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    if (!work->bf16 || x != x)
        return x;
    bits = (bits + 0x7fff + (bits >> 16 & 1)) & 0xffff0000;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static void product(const struct workspace *work, float *c, const float *a, const float *b, size_t rows, size_t columns,
                    size_t depth, enum product_form form, bool accumulate) {
    const size_t a_row = form == PRODUCT_LEFT_TRANSPOSED ? 1 : depth,
                 a_step = form == PRODUCT_LEFT_TRANSPOSED ? rows : 1;
    const size_t b_column = form == PRODUCT_RIGHT_TRANSPOSED ? depth : 1;
    const size_t b_step = form == PRODUCT_RIGHT_TRANSPOSED ? 1 : columns;
#pragma omp parallel for num_threads(work->threads)
    for (size_t i = 0; i < rows; i++) {
        float *row = c + i * columns;
        if (!accumulate)
            memset(row, 0, columns * sizeof *row);
        for (size_t p = 0; p < depth; p++)
            for (size_t j = 0; j < columns; j++)
                row[j] =
                    fmaf(operand(work, a[i * a_row + p * a_step]), operand(work, b[p * b_step + j * b_column]), row[j]);
    }
}

static void norm(const struct workspace *work, float *y, float *inverse, const float *x, const float *scale,
                 size_t rows, size_t width) {
#pragma omp parallel for num_threads(work->threads)
    for (size_t m = 0; m < rows; m++) {
        const float *row = x + m * width;
        inverse[m] = 1.0F / sqrtf(dot(row, row, width) / (float)width + 1e-6F);
        for (size_t j = 0; j < width; j++) {
            const float normalized = row[j] * inverse[m];
            y[m * width + j] = scale ? normalized * scale[j] : normalized;
        }
    }
}

/* With xhat = x * inverse and a = dy * scale: dx = inverse (a - xhat mean(a xhat)). */
static void norm_backward(const struct workspace *work, float *dx, float *dscale, const float *dy, const float *x,
                          const float *inverse, const float *scale, size_t rows, size_t width, bool accumulate) {
#pragma omp parallel for num_threads(work->threads)
    for (size_t m = 0; m < rows; m++) {
        const float *x_row = x + m * width, *dy_row = dy + m * width;
        float *dx_row = dx + m * width;
        float lane[LANES] = {0};
        for (size_t j = 0; j < width; j++) {
            const float a = scale ? dy_row[j] * scale[j] : dy_row[j];
            lane[j % LANES] = fmaf(a, x_row[j] * inverse[m], lane[j % LANES]);
        }
        const float mean = lanes_sum(lane) / (float)width;
        for (size_t j = 0; j < width; j++) {
            const float a = scale ? dy_row[j] * scale[j] : dy_row[j];
            const float through = inverse[m] * fmaf(-(x_row[j] * inverse[m]), mean, a);
            dx_row[j] = accumulate ? dx_row[j] + through : through;
        }
    }
    if (!scale)
        return;
#pragma omp parallel for num_threads(work->threads)
    for (size_t j = 0; j < width; j++)
        for (size_t m = 0; m < rows; m++)
            dscale[j] = fmaf(dy[m * width + j], x[m * width + j] * inverse[m], dscale[j]);
}

static void rotate(const struct workspace *work, float *x, const float *cosine, const float *sine,
                   const struct attention_shape *shape, float factor, bool backward) {
    const size_t half = shape->head_size / 2;
    const size_t rows = (size_t)shape->count * shape->sequence;
#pragma omp parallel for num_threads(work->threads)
    for (size_t m = 0; m < rows; m++) {
        const float *c = cosine + m % shape->sequence * half, *s = sine + m % shape->sequence * half;
        for (size_t head = 0; head < shape->heads; head++) {
            float *first = x + m * shape->stride + head * 2 * half, *second = first + half;
            for (size_t i = 0; i < half; i++) {
                const float u = first[i] * factor, v = second[i] * factor, turn = backward ? -s[i] : s[i];
                first[i] = fmaf(u, c[i], -(v * turn));
                second[i] = fmaf(v, c[i], u * turn);
            }
        }
    }
}

static void attention(const struct workspace *work, float *out, float *log_sum, const float *q, const float *k,
                      const float *v, const struct attention_shape *shape) {
    const size_t sequence = shape->sequence, heads = shape->heads, size = shape->head_size, stride = shape->stride;
#pragma omp parallel for num_threads(work->threads)
    for (size_t unit = 0; unit < shape->count * heads * sequence; unit++) { /* one row of one head */
        const size_t i = unit % sequence, head = unit / sequence % heads, first = unit / sequence / heads * sequence;
        const size_t offset = first * stride + head * size;
        const float *query = q + offset + i * stride;
        float *o = out + ((first + i) * heads + head) * size;
        float sum[LANES] = {0}, largest = -INFINITY;
        memset(o, 0, size * sizeof *o);
        for (int pass = 0; pass < 2; pass++) /* the largest score, then the sums */
            for (size_t j = 0; j <= i; j++) {
                float score = 0;
                for (size_t e = 0; e < size; e++)
                    score = fmaf(operand(work, query[e]), operand(work, k[offset + j * stride + e]), score);
                if (pass == 0) {
                    largest = fmaxf(largest, score);
                    continue;
                }
                const float p = kernel_exp(score - largest);
                sum[j % LANES] += p;
                for (size_t e = 0; e < size; e++)
                    o[e] = fmaf(operand(work, p), operand(work, v[offset + j * stride + e]), o[e]);
            }
        const float total = lanes_sum(sum), inverse = 1.0F / total;
        for (size_t e = 0; e < size; e++)
            o[e] *= inverse;
        log_sum[unit] = (float)(largest + elementary_log(total));
    }
}

/* With p = e^(score - log_sum): dv_j = sum_i p_ij do_i; ds_ij = p_ij (do_i v_j - do_i o_i); dq_i = sum_j ds_ij k_j;
 * dk_j = sum_i ds_ij q_i. */
static void attention_backward(const struct workspace *work, float *dq, float *dk, float *dv, const float *dout,
                               const float *q, const float *k, const float *v, const float *out, const float *log_sum,
                               const struct attention_shape *shape) {
    const size_t sequence = shape->sequence, heads = shape->heads, size = shape->head_size, stride = shape->stride;
    for (size_t m = 0; m < shape->count * sequence; m++)
        for (size_t e = 0; e < heads * size; e++)
            dq[m * stride + e] = dk[m * stride + e] = dv[m * stride + e] = 0;
#pragma omp parallel for num_threads(work->threads)
    for (size_t unit = 0; unit < shape->count * heads; unit++) /* one head of one sequence */
        for (size_t i = 0; i < sequence; i++) {
            const size_t first = unit / heads * sequence * stride + unit % heads * size, row = first + i * stride;
            const size_t out_row = ((unit / heads * sequence + i) * heads + unit % heads) * size;
            const float inner = dot(dout + out_row, out + out_row, size);
            for (size_t j = 0; j <= i; j++) {
                const size_t column = first + j * stride;
                float score = 0, dp = 0;
                for (size_t e = 0; e < size; e++) {
                    score = fmaf(operand(work, q[row + e]), operand(work, k[column + e]), score);
                    dp = fmaf(operand(work, dout[out_row + e]), operand(work, v[column + e]), dp);
                }
                const float p = kernel_exp(score - log_sum[unit * sequence + i]), ds = p * (dp - inner);
                for (size_t e = 0; e < size; e++) {
                    dq[row + e] = fmaf(operand(work, ds), operand(work, k[column + e]), dq[row + e]);
                    dk[column + e] = fmaf(operand(work, ds), operand(work, q[row + e]), dk[column + e]);
                    dv[column + e] = fmaf(operand(work, p), operand(work, dout[out_row + e]), dv[column + e]);
                }
            }
        }
}

static void gate_forward(const struct workspace *work, float *hidden, const float *gate_up, size_t rows, size_t width,
                         size_t stride) {
#pragma omp parallel for num_threads(work->threads)
    for (size_t m = 0; m < rows; m++)
        for (size_t j = 0; j < width; j++) {
            const float gate = gate_up[m * stride + j], up = gate_up[m * stride + width + j];
            hidden[m * width + j] = gate / (1.0F + kernel_exp(-gate)) * up;
        }
}

static void gate_backward(const struct workspace *work, float *dgate_up, float *hidden, const float *gate_up,
                          size_t rows, size_t width, size_t stride) {
#pragma omp parallel for num_threads(work->threads)
    for (size_t m = 0; m < rows; m++)
        for (size_t j = 0; j < width; j++) {
            const float gate = gate_up[m * stride + j], up = gate_up[m * stride + width + j];
            const float dhidden = hidden[m * width + j];
            const float sigmoid = 1.0F / (1.0F + kernel_exp(-gate)), silu = gate / (1.0F + kernel_exp(-gate));
            hidden[m * width + j] = silu * up;
            dgate_up[m * stride + j] = dhidden * up * (sigmoid * fmaf(gate, 1.0F - sigmoid, 1.0F));
            dgate_up[m * stride + width + j] = dhidden * silu;
        }
}

/* Element e of a sequence takes its 16 bits from Philox's block with counter (sequence, 16 (e / 128) + e % 16): words 0
 * to 3 of 16 neighbouring blocks serve 16 neighbouring elements each, first with their low halves, then their high. */
static void drop(const struct workspace *work, float *out, const float *base, const float *x, size_t count,
                 size_t elements, const struct dropout *dropout) {
    const float kept = 65536.0F / (65536.0F - (float)dropout->threshold);
    for (size_t s = 0; s < count; s++)
#pragma omp parallel for num_threads(work->threads)
        for (size_t e = 0; e < elements; e++) {
            const struct random_block block = random_philox(dropout->key, dropout->first + s, e / 128 * 16 + e % 16);
            const uint32_t word = block.word[e / 16 % 4], bits = e / 64 % 2 ? word >> 16 : word & 0xffff;
            const float value = x[s * elements + e] * (bits < dropout->threshold ? 0.0F : kept);
            out[s * elements + e] = base ? base[s * elements + e] + value : value;
        }
}

static void gather(const struct workspace *work, float *x, const float *embedding, const uint16_t *tokens, size_t rows,
                   size_t width) {
#pragma omp parallel for num_threads(work->threads)
    for (size_t m = 0; m < rows; m++)
        memcpy(x + m * width, embedding + tokens[m] * width, width * sizeof *x);
}

static void scatter(const struct workspace *work, float *dembedding, const float *dx, const uint16_t *tokens,
                    size_t rows, size_t width) {
#pragma omp parallel for num_threads(work->threads)
    for (size_t j = 0; j < width; j++)
        for (size_t m = 0; m < rows; m++)
            dembedding[tokens[m] * width + j] += dx[m * width + j];
}

/* Of a row: the largest of its first LOSS_BLOCK logits, or of all, when that is exceeded by more than LOSS_EXCESS. */
static float loss_reference(const float *logits, size_t vocabulary) {
    float reference = logits[0], largest = logits[0];
    for (size_t v = 1; v < vocabulary; v++) {
        largest = fmaxf(largest, logits[v]);
        if (v < LOSS_BLOCK)
            reference = largest;
    }
    return largest > reference + LOSS_EXCESS ? largest : reference;
}

/* One row: its loss, its exponentials p [V], the target's put aside, and their factor; and dnormed. */
static void row_loss(const struct workspace *work, const struct loss *loss, size_t m, float *p, float *factor,
                     float *correction) {
    const size_t d = loss->width, V = loss->vocabulary, t = loss->targets[m];
    const float *x = loss->normed + m * d;
    float lane[LANES] = {0};
    for (size_t v = 0; v < V; v++) {
        p[v] = 0;
        for (size_t j = 0; j < d; j++)
            p[v] = fmaf(operand(work, x[j]), operand(work, loss->embedding[v * d + j]), p[v]);
    }
    const float reference = loss_reference(p, V), target_logit = p[t];
    for (size_t v = 0; v < V; v++) {
        p[v] = kernel_exp(p[v] - reference);
        lane[v % LANES] += p[v];
    }
    const float sum = lanes_sum(lane);
    loss->losses[m] = (float)(elementary_log(sum) + ((double)reference - target_logit));
    *factor = loss->scale / sum;
    *correction = p[t] * *factor - loss->scale;
    p[t] = 0;
    for (size_t j = 0; loss->dnormed && j < d; j++) {
        float dx = 0;
        for (size_t v = 0; v < V; v++)
            dx = fmaf(operand(work, p[v]), operand(work, loss->embedding[v * d + j]), dx);
        loss->dnormed[m * d + j] = fmaf(*correction, loss->embedding[t * d + j], dx * *factor);
    }
}

/* Exponentials times the factor of their row stand for the softmax; the target's own part comes last, and exactly. */
static void loss_gradient(const struct workspace *work, const struct loss *loss) {
    enum { BLOCK = 32 };
    const size_t d = loss->width, V = loss->vocabulary;
    float *p = work->shared, *factors = p + BLOCK * V, *corrections = factors + loss->rows;
    for (size_t first = 0; first < loss->rows; first += BLOCK) {
        const size_t end = loss->rows - first < BLOCK ? loss->rows : first + BLOCK;
#pragma omp parallel for num_threads(work->threads)
        for (size_t m = first; m < end; m++)
            row_loss(work, loss, m, p + (m - first) * V, &factors[m], &corrections[m]);
#pragma omp parallel for num_threads(work->threads)
        for (size_t v = 0; v < (loss->dnormed ? V : 0); v++)
            for (size_t m = first; m < end; m++)
                for (size_t j = 0; j < d; j++)
                    loss->dembedding[v * d + j] =
                        fmaf(operand(work, p[(m - first) * V + v]), operand(work, loss->normed[m * d + j] * factors[m]),
                             loss->dembedding[v * d + j]);
    }
    for (size_t m = 0; loss->dnormed && m < loss->rows; m++)
        for (size_t j = 0; j < d; j++) {
            float *place = loss->dembedding + loss->targets[m] * d + j;
            *place = fmaf(corrections[m], loss->normed[m * d + j], *place);
        }
}

static float square_sum(const float *x, size_t size) {
    return dot(x, x, size);
}

static void adamw(const struct workspace *work, float *weight, float *gradient, float *mean, float *variance,
                  size_t size, const struct adamw_step *step) {
#pragma omp parallel for num_threads(work->threads)
    for (size_t i = 0; i < size; i++) {
        const float g = gradient[i] * step->gradient_scale;
        mean[i] = fmaf(step->beta1, mean[i], (1.0F - step->beta1) * g);
        variance[i] = fmaf(step->beta2, variance[i], (1.0F - step->beta2) * (g * g));
        const float denominator = sqrtf(variance[i] * step->correction2) + step->epsilon;
        const float kept = weight[i] * (1.0F - step->decay);
        weight[i] = fmaf(-step->learning_rate, mean[i] * step->correction1 / denominator, kept);
        gradient[i] = 0;
    }
}

static double multiply_adds(uint64_t rounds, float *result) {
    float chain[LANES];
    for (int l = 0; l < LANES; l++)
        chain[l] = (float)l;
    for (uint64_t round = 0; round < rounds; round++)
        for (int l = 0; l < LANES; l++)
            chain[l] = fmaf(chain[l], 0.5F, 1.0F);
    *result = lanes_sum(chain);
    return 2.0 * LANES * (double)rounds;
}

static double cached_products(uint64_t rounds, float *result) {
    enum { SIDE = 16 };
    const struct workspace work = {.threads = 1};
    float a[SIDE * SIDE], b[SIDE * SIDE], c[SIDE * SIDE] = {0};
    for (size_t i = 0; i < SIDE * SIDE; i++)
        a[i] = b[i] = (float)(i * 37 % 101) / 50 - 1;
    for (uint64_t round = 0; round < rounds; round++)
        product(&work, c, a, b, SIDE, SIDE, SIDE, PRODUCT_PLAIN, true);
    *result = c[0];
    return 2.0 * SIDE * SIDE * SIDE * (double)rounds;
}

const struct kernels kernels_reference = {
    .isa = "portable",
    .product = product,
    .norm = norm,
    .norm_backward = norm_backward,
    .rotate = rotate,
    .attention = attention,
    .attention_backward = attention_backward,
    .gate = gate_forward,
    .gate_backward = gate_backward,
    .drop = drop,
    .gather = gather,
    .scatter = scatter,
    .loss = loss_gradient,
    .square_sum = square_sum,
    .adamw = adamw,
    .multiply_adds = multiply_adds,
    .cached_products = cached_products,
};
