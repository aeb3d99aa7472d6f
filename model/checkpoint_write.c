#include "model/checkpoint_layout.h"

#include "base/checksum.h"
#include "base/file.h"
#include "model/network.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* All but the checksums, in whose place are texts of their length. */
static void texts_make(texts made, const struct model *model, const struct checkpoint *checkpoint) {
    const struct model_shape *shape = &model->setup.shape;
    const struct {
        enum text text;
        uint64_t number;
    } numbers[] = {
        {TEXT_STEP, checkpoint->step},        {TEXT_UPDATES, model->updates},
        {TEXT_LAYERS, shape->layers},         {TEXT_WIDTH, shape->width},
        {TEXT_HEADS, shape->heads},           {TEXT_HEAD_SIZE, shape->head_size},
        {TEXT_VOCABULARY, shape->vocabulary}, {TEXT_FEED_FORWARD, shape->feed_forward},
    };
    memset(made, 0, sizeof(texts));
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        snprintf(made[numbers[i].text], sizeof *made, "%" PRIu64, numbers[i].number);
    memcpy(made[TEXT_VERSION], CHECKPOINT_VERSION, sizeof CHECKPOINT_VERSION);
    memcpy(made[TEXT_IDENTITY], checkpoint->identity, strnlen(checkpoint->identity, sizeof *made - 1));
    snprintf(made[TEXT_LOSS_SUM], sizeof *made, "%.17g", checkpoint->loss_sum); /* 17 digits are exact */
    for (int text = TEXT_CHECKSUM_WEIGHTS; text < TEXTS; text++)
        checkpoint_checksum(made[text], NULL, 0);
}

/* NULL: no memory. */
static json_t *texts_metadata(texts made) {
    json_t *metadata = json_object();
    int failed = 0;
    for (int i = 0; i < TEXTS; i++)
        failed |= json_object_set_new(metadata, checkpoint_text_names[i], json_string(made[i]));
    if (!failed)
        return metadata;
    json_decref(metadata);
    return NULL;
}

/* A part of the data, whole. Moments of models that train together are brought together in the gradient, which is
 * empty behind an update. NULL: not all of them came. */
static const float *part_whole(struct model *model, int part, const struct checkpoint_sharing *sharing) {
    const float *const parts[PARTS] = {model->weights, model->mean, model->variance};
    if (part == 0 || !sharing)
        return parts[part];
    memcpy(model->gradient + model->owned_first, parts[part], model->owned * sizeof(float));
    return sharing->share(sharing->context, model->gradient) == 0 ? model->gradient : NULL;
}

/* The header is written twice: the checksums in it are known behind the data only. The parts are brought together also
 * when the file cannot be written (NULL): the other models wait. */
static bool write_all(FILE *file, struct model *model, const struct checkpoint *checkpoint,
                      const struct checkpoint_sharing *sharing) {
    texts made;
    texts_make(made, model, checkpoint);
    bool written = file && checkpoint_write_header(file, &model->setup.shape, PARTS, texts_metadata(made));
    for (int part = 0; part < PARTS; part++) {
        const float *data = part_whole(model, part, sharing);
        written = written && data;
        if (written)
            checkpoint_checksum(made[TEXT_CHECKSUM_WEIGHTS + part], data, model->parameters * sizeof(float));
        written = written && fwrite(data, sizeof(float), model->parameters, file) == model->parameters;
    }
    checkpoint_checksum_texts(made, made[TEXT_CHECKSUM]);
    return written && checkpoint_write_header(file, &model->setup.shape, PARTS, texts_metadata(made));
}

/* Model 0 writes the file. */
static int write_file(struct model *model, const char *path, const struct checkpoint *checkpoint,
                      const struct checkpoint_sharing *sharing, struct error *error) {
    char temporary[FILE_TEMPORARY_SIZE];
    if (!checkpoint_is_identity(checkpoint->identity))
        return error_set(error, ERROR_FAILED, "%s: the identity of a run must be printable ASCII", path);
    FILE *file = file_begin(path, temporary, error);
    const bool written = write_all(file, model, checkpoint, sharing);
    return file ? file_end(file, written, temporary, path, error) : -1;
}

int model_save(struct model *model, const char *path, const struct checkpoint *checkpoint,
               const struct checkpoint_sharing *sharing, struct error *error) {
    int result = 0;
    if (model->setup.sharing.rank == 0)
        result = write_file(model, path, checkpoint, sharing, error);
    else
        for (int part = 1; result == 0 && part < PARTS; part++)
            if (!part_whole(model, part, sharing))
                result = error_set(error, ERROR_FAILED, "%s: cannot be written together", path);
    if (sharing)
        memset(model->gradient, 0, model->parameters * sizeof(float));
    return result;
}
