/* Checkpoints: a model, its optimizer and how far it came in one safetensors file (docs/checkpoints.md).
 *
 *   8 bytes: size of the header, little-endian; header: JSON, filled up with spaces; data: fp32, little-endian
 *
 * The data are the weights, then the first and then the second moments of the optimizer, each in the order of
 * model_weights and cut into named tensors: "embedding", "layers.0.norm", ..., "optimizer.mean.embedding", ... The
 * "__metadata__" of the header hold the rest, and a checksum of each of the three parts and of themselves. The gradient
 * is not kept: a checkpoint is taken behind model_update, which leaves none.
 *
 * A model that was loaded goes on with the bits of the one that was saved, given the same setup: the caller's identity
 * stands for it. */
#ifndef SWEEP_MODEL_CHECKPOINT_H
#define SWEEP_MODEL_CHECKPOINT_H

#include "model/model.h"

#include <jansson.h>
#include <stdbool.h>

enum { CHECKPOINT_IDENTITY_SIZE = 64 };

/* What a checkpoint holds beside the tensors. */
struct checkpoint {
    char identity[CHECKPOINT_IDENTITY_SIZE]; /* of the run, printable ASCII; other runs are refused */
    uint64_t step;                           /* training steps done */
    double loss_sum;                         /* of the steps since the last point of the training curve; finite */
    uint64_t updates;                        /* of the optimizer */
    struct model_shape shape;
};

/* Bytes of a checkpoint of such a model at most; all but a few thousand are those of weights and optimizer. */
uint64_t checkpoint_bytes(const struct model_shape *shape);

/* How models that train together bring their moments together. share: parameters [model_parameters] holds what this
 * model owns; fills in what the others own, or fails. */
struct checkpoint_sharing {
    int (*share)(void *context, float *parameters);
    void *context;
};

/* Writes a checkpoint of identity, step and loss_sum; the model says the rest. By a temporary file and rename: path is
 * as it was when this fails. Called by each of the models that train together: model 0 writes the file that one model
 * alone would write. sharing NULL: there is but one. */
int model_save(struct model *model, const char *path, const struct checkpoint *checkpoint,
               const struct checkpoint_sharing *sharing, struct error *error);

/* Reads a checkpoint of this identity into a model of its shape, which takes the moments that it owns. Everything is
 * checked before the model is touched: it is as it was when this fails. */
int model_load(struct model *model, const char *path, const char *identity, struct checkpoint *checkpoint,
               struct error *error);

/* Reads the weights alone of a checkpoint of this identity and step into a model of its shape, whose optimizer begins
 * anew. The model is as it was when this fails. */
int model_load_weights(struct model *model, const char *path, const char *identity, uint64_t step, struct error *error);

/* Writes the weights alone of a checkpoint of this identity and step to a safetensors file of their own, under the same
 * names: for other programs. metadata: an object of texts, which stays the caller's; the shape and a checksum are added
 * to them. By a temporary file and rename. */
int checkpoint_copy_weights(const char *path, const char *identity, uint64_t step, const char *to, json_t *metadata,
                            struct error *error);

/* Checks a whole file and says what it holds. *weights_alone: checkpoint_copy_weights wrote it, and of *checkpoint
 * there is the shape alone. */
int checkpoint_verify(const char *path, struct checkpoint *checkpoint, bool *weights_alone, struct error *error);

#endif
