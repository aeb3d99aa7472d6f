#include "model/checkpoint_layout.h"

#include "base/checksum.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "safetensors is little-endian and mapped as it is");

const char *const checkpoint_parts[PARTS] = {"", "optimizer.mean.", "optimizer.variance."};

const char *const checkpoint_text_names[TEXTS] = {
    "sweep_checkpoint",
    "identity",
    "step",
    "updates",
    "loss_sum",
    "layers",
    "width",
    "heads",
    "head_size",
    "feed_forward",
    "vocabulary",
    "checksum_weights",
    "checksum_mean",
    "checksum_variance",
    "checksum_metadata",
};

uint32_t tensor_count(const struct model_shape *shape) {
    return 1 + LAYER_TENSORS * shape->layers;
}

struct tensor tensor_at(const struct model_shape *shape, uint32_t index, uint64_t first) {
    const uint64_t d = shape->width, H = (uint64_t)shape->heads * shape->head_size, ffw = shape->feed_forward;
    const struct {
        const char *name;
        uint32_t dimensions;
        uint64_t sizes[2];
    } layer[LAYER_TENSORS] = {
        {"norm", 1, {d, 1}},
        {"inner", 2, {d, 3 * H + 2 * ffw}},
        {"output", 2, {H, d}},
        {"down", 2, {ffw, d}},
    };
    struct tensor tensor = {"embedding", first, 2, {shape->vocabulary, d}};
    if (index > 0) {
        const uint32_t place = (index - 1) % LAYER_TENSORS;
        snprintf(tensor.name, sizeof tensor.name, "layers.%" PRIu32 ".%s", (index - 1) / LAYER_TENSORS,
                 layer[place].name);
        tensor.dimensions = layer[place].dimensions;
        memcpy(tensor.sizes, layer[place].sizes, sizeof tensor.sizes);
    }
    return tensor;
}

uint64_t tensor_elements(const struct tensor *tensor) {
    return tensor->sizes[0] * tensor->sizes[1];
}

void tensor_place(const struct tensor *tensor, uint64_t parameters, int part, uint64_t *begin, uint64_t *end) {
    *begin = (part * parameters + tensor->first) * sizeof(float);
    *end = *begin + tensor_elements(tensor) * sizeof(float);
}

uint64_t checkpoint_bytes(const struct model_shape *shape) {
    enum { ENTRY = 160, TEXT = 2 * CHECKPOINT_IDENTITY_SIZE }; /* of the header: longer than any */
    return PARTS * (model_parameters(shape) * sizeof(float) + (uint64_t)tensor_count(shape) * ENTRY) + TEXTS * TEXT;
}

void checkpoint_checksum(char *text, const void *bytes, size_t size) {
    snprintf(text, CHECKPOINT_IDENTITY_SIZE, "%016" PRIx64, checksum64(bytes, size));
}

void checkpoint_checksum_texts(texts of, char *text) {
    checkpoint_checksum(text, of, TEXT_CHECKSUM * sizeof *of);
}

bool checkpoint_is_identity(const char *identity) {
    size_t length = 0;
    while (identity[length] >= ' ' && identity[length] <= '~')
        length++;
    return length > 0 && identity[length] == '\0';
}

static json_t *tensor_entry(const struct tensor *tensor, uint64_t parameters, int part) {
    uint64_t begin, end;
    tensor_place(tensor, parameters, part, &begin, &end);
    json_t *sizes = json_array();
    for (uint32_t i = 0; i < tensor->dimensions; i++)
        json_array_append_new(sizes, json_integer((json_int_t)tensor->sizes[i]));
    return json_pack("{s:s, s:o, s:[I, I]}", "dtype", "F32", "shape", sizes, "data_offsets", (json_int_t)begin,
                     (json_int_t)end);
}

/* The JSON of a header of so many parts, to be freed; NULL when memory is short. Takes the metadata over. */
static char *header_make(const struct model_shape *shape, int parts, json_t *metadata) {
    json_t *header = json_object();
    int failed = json_object_set_new(header, "__metadata__", metadata);
    for (int part = 0; part < parts; part++) {
        uint64_t first = 0;
        for (uint32_t i = 0; i < tensor_count(shape); i++) {
            const struct tensor tensor = tensor_at(shape, i, first);
            char name[2 * NAME_SIZE];
            snprintf(name, sizeof name, "%s%s", checkpoint_parts[part], tensor.name);
            failed |= json_object_set_new(header, name, tensor_entry(&tensor, model_parameters(shape), part));
            first += tensor_elements(&tensor);
        }
    }
    char *text = failed ? NULL : json_dumps(header, JSON_COMPACT);
    json_decref(header);
    return text;
}

bool checkpoint_write_header(FILE *file, const struct model_shape *shape, int parts, json_t *metadata) {
    char *header = header_make(shape, parts, metadata);
    if (!header)
        return false;
    const uint64_t size = (strlen(header) + 7) / 8 * 8; /* so that the data are aligned */
    const bool written = fseek(file, 0, SEEK_SET) == 0 && fwrite(&size, sizeof size, 1, file) == 1 &&
                         fprintf(file, "%-*s", (int)size, header) == (int)size;
    free(header);
    return written;
}
