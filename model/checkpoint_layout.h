/* What writing and reading checkpoints share: the order of tensors in the data, and the texts of the metadata. */
#ifndef SWEEP_MODEL_CHECKPOINT_LAYOUT_H
#define SWEEP_MODEL_CHECKPOINT_LAYOUT_H

#include "model/checkpoint.h"

#include <stdbool.h>
#include <stdio.h>

enum {
    HEADER_SIZE_MAX = 16 << 20, /* the 4096 layers that a model may have take 13 MB */
    LAYER_TENSORS = 4,
    PARTS = 3,
    NAME_SIZE = 64,
};

/* The parts of the data, each [parameters], by what stands before the names of their tensors. */
extern const char *const checkpoint_parts[PARTS];

/* The texts of the metadata; the last is a checksum of all texts before it. */
enum text {
    TEXT_VERSION,
    TEXT_IDENTITY,
    TEXT_STEP,
    TEXT_UPDATES,
    TEXT_LOSS_SUM,
    TEXT_LAYERS,
    TEXT_WIDTH,
    TEXT_HEADS,
    TEXT_HEAD_SIZE,
    TEXT_FEED_FORWARD,
    TEXT_VOCABULARY,
    TEXT_CHECKSUM_WEIGHTS,
    TEXT_CHECKSUM_MEAN,
    TEXT_CHECKSUM_VARIANCE,
    TEXT_CHECKSUM,
    TEXTS,
};

extern const char *const checkpoint_text_names[TEXTS];
#define CHECKPOINT_VERSION "1"

/* Weights alone are known by this text, of the same version, and have those of their shape and their checksum. */
#define WEIGHTS_NAME "sweep_weights"

typedef char texts[TEXTS][CHECKPOINT_IDENTITY_SIZE]; /* zeros behind each text */

/* One tensor of the weights, and of each moment. */
struct tensor {
    char name[NAME_SIZE];
    uint64_t first; /* its first element in the part */
    uint32_t dimensions;
    uint64_t sizes[2];
};

uint32_t tensor_count(const struct model_shape *shape);

/* Tensor index, in the order of model_weights; first is where the one before it ended. */
struct tensor tensor_at(const struct model_shape *shape, uint32_t index, uint64_t first);

uint64_t tensor_elements(const struct tensor *tensor);

/* Bytes of the tensor in the data: from begin to end. */
void tensor_place(const struct tensor *tensor, uint64_t parameters, int part, uint64_t *begin, uint64_t *end);

/* The checksum of bytes, or of all texts but the last, as a text. */
void checkpoint_checksum(char *text, const void *bytes, size_t size);
void checkpoint_checksum_texts(texts of, char *text);

/* Others print it. */
bool checkpoint_is_identity(const char *identity);

/* Writes the size of the header and the header, for the first parts of the data. Takes metadata over. */
bool checkpoint_write_header(FILE *file, const struct model_shape *shape, int parts, json_t *metadata);

#endif
