#include "model/checkpoint_layout.h"

#include "base/checksum.h"
#include "base/file.h"
#include "model/network.h"

#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* A checkpoint file in memory. */
struct mapped {
    const char *path;
    char *bytes;
    size_t size;
    size_t header_size;
    const char *data; /* behind the header: [parts, parameters] fp32 when the header has been checked */
    texts texts;      /* of its metadata, as far as they have been read */
};

static void mapped_close(struct mapped *mapped) {
    if (mapped->bytes)
        munmap(mapped->bytes, mapped->size);
    mapped->bytes = NULL;
}

/* Lets go of what was read, so that no second model stays in memory; the file gives it again when asked. */
static void mapped_forget(const struct mapped *mapped) {
    madvise(mapped->bytes, mapped->size, MADV_DONTNEED);
}

static int mapped_open(struct mapped *mapped, const char *path, struct error *error) {
    *mapped = (struct mapped){.path = path};
    const int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe does not hold us up */
    if (file < 0)
        return error_set_errno(error, ERROR_INPUT, "%s: cannot be read", path);
    struct stat status;
    if (fstat(file, &status) != 0 || !S_ISREG(status.st_mode) || status.st_size <= (off_t)sizeof(uint64_t)) {
        close(file);
        return error_set(error, ERROR_INPUT, "%s: no checkpoint, which is a safetensors file", path);
    }
    void *bytes = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, file, 0);
    close(file);
    if (bytes == MAP_FAILED)
        return error_set_errno(error, ERROR_FAILED, "%s: cannot be mapped", path);
    mapped->bytes = bytes;
    mapped->size = (size_t)status.st_size;
    uint64_t header_size;
    memcpy(&header_size, bytes, sizeof header_size);
    if (header_size > mapped->size - sizeof header_size || header_size > HEADER_SIZE_MAX) {
        error_set(error, ERROR_INPUT, "%s: a header of %" PRIu64 " bytes in a file of %zu; damaged, or no checkpoint",
                  path, header_size, mapped->size);
        mapped_close(mapped);
        return -1;
    }
    mapped->header_size = header_size;
    mapped->data = mapped->bytes + sizeof header_size + header_size;
    return 0;
}

/* Texts first to last. */
static int texts_read(texts read, int first, int last, const char *path, const json_t *header, struct error *error) {
    const json_t *metadata = json_object_get(header, "__metadata__");
    memset(read, 0, sizeof(texts));
    for (int i = first; i <= last; i++) {
        const char *text = json_string_value(json_object_get(metadata, checkpoint_text_names[i]));
        if (!text)
            return error_set(error, ERROR_INPUT, "%s: no %s in its metadata; not a checkpoint of sweep", path,
                             checkpoint_text_names[i]);
        if (strlen(text) >= sizeof *read)
            return error_set(error, ERROR_INPUT, "%s: %s is longer than %zu bytes", path, checkpoint_text_names[i],
                             sizeof *read - 1);
        memcpy(read[i], text, strlen(text));
    }
    return 0;
}

static int texts_check(texts read, const char *path, struct error *error) {
    if (strcmp(read[TEXT_VERSION], CHECKPOINT_VERSION) != 0)
        return error_set(error, ERROR_INPUT, "%s: not a checkpoint of version %s, which this program reads", path,
                         CHECKPOINT_VERSION);
    char checksum[CHECKPOINT_IDENTITY_SIZE];
    checkpoint_checksum_texts(read, checksum);
    if (strcmp(read[TEXT_CHECKSUM], checksum) != 0)
        return error_set(error, ERROR_INPUT, "%s: its metadata are damaged: their checksum is another", path);
    return 0;
}

/* A whole number in decimal digits, at most most. */
static int text_number(const char *path, texts read, enum text text, uint64_t most, uint64_t *number,
                       struct error *error) {
    const char *digits = read[text];
    const size_t length = strspn(digits, "0123456789");
    *number = length > 0 && length < 20 && digits[length] == '\0' ? strtoull(digits, NULL, 10) : UINT64_MAX;
    if (*number > most)
        return error_set(error, ERROR_INPUT, "%s: %s must be a number up to %" PRIu64, path,
                         checkpoint_text_names[text], most);
    return 0;
}

static int shape_understand(const char *path, texts read, struct model_shape *shape, struct error *error) {
    uint32_t *const sizes[] = {&shape->layers,    &shape->width,        &shape->heads,
                               &shape->head_size, &shape->feed_forward, &shape->vocabulary};
    for (int i = 0; i < 6; i++) {
        uint64_t number;
        if (text_number(path, read, TEXT_LAYERS + i, UINT32_MAX, &number, error) != 0)
            return -1;
        *sizes[i] = (uint32_t)number;
    }
    /* what no model can have is refused before anything is computed from it */
    if (model_memory_bytes(&(struct model_setup){.shape = *shape, .batch = 1, .sequence = 1}) == 0)
        return error_set(error, ERROR_INPUT, "%s: the shape in its metadata is none of a model", path);
    return 0;
}

static int texts_understand(const char *path, texts read, struct checkpoint *checkpoint, struct error *error) {
    memcpy(checkpoint->identity, read[TEXT_IDENTITY], sizeof checkpoint->identity);
    if (!checkpoint_is_identity(checkpoint->identity))
        return error_set(error, ERROR_INPUT, "%s: identity must be printable ASCII", path);
    if (text_number(path, read, TEXT_STEP, INT64_MAX, &checkpoint->step, error) != 0 ||
        text_number(path, read, TEXT_UPDATES, INT64_MAX, &checkpoint->updates, error) != 0)
        return -1;
    char *end;
    checkpoint->loss_sum = strtod(read[TEXT_LOSS_SUM], &end);
    if (end == read[TEXT_LOSS_SUM] || *end != '\0' || !isfinite(checkpoint->loss_sum))
        return error_set(error, ERROR_INPUT, "%s: loss_sum must be a finite number", path);
    return shape_understand(path, read, &checkpoint->shape, error);
}

static bool is_number(const json_t *value, uint64_t number) {
    return json_is_integer(value) && json_integer_value(value) == (json_int_t)number;
}

/* The tensor must stand in the header as model_save would put it: then nothing overlaps and nothing is left out. */
static int tensor_check(const char *path, const json_t *header, const struct tensor *tensor, uint64_t parameters,
                        int part, struct error *error) {
    char name[2 * NAME_SIZE];
    snprintf(name, sizeof name, "%s%s", checkpoint_parts[part], tensor->name);
    const json_t *entry = json_object_get(header, name);
    if (!entry)
        return error_set(error, ERROR_INPUT, "%s: tensor %s is missing", path, name);
    const char *type = json_string_value(json_object_get(entry, "dtype"));
    if (!type || strcmp(type, "F32") != 0)
        return error_set(error, ERROR_INPUT, "%s: tensor %s is not of type F32", path, name);
    const json_t *sizes = json_object_get(entry, "shape");
    bool fits = json_array_size(sizes) == tensor->dimensions;
    for (uint32_t i = 0; fits && i < tensor->dimensions; i++)
        fits = is_number(json_array_get(sizes, i), tensor->sizes[i]);
    if (!fits)
        return error_set(error, ERROR_INPUT, "%s: tensor %s has another shape than the model of its metadata", path,
                         name);
    uint64_t begin, end;
    tensor_place(tensor, parameters, part, &begin, &end);
    const json_t *offsets = json_object_get(entry, "data_offsets");
    if (json_array_size(offsets) != 2 || !is_number(json_array_get(offsets, 0), begin) ||
        !is_number(json_array_get(offsets, 1), end))
        return error_set(error, ERROR_INPUT, "%s: tensor %s must lie at %" PRIu64 " to %" PRIu64 " of the data", path,
                         name, begin, end);
    return 0;
}

/* The tensors of the first parts, and that there is nothing else. */
static int tensors_check(const struct mapped *mapped, const json_t *header, const struct model_shape *shape, int parts,
                         struct error *error) {
    const char *path = mapped->path;
    const uint64_t parameters = model_parameters(shape), wanted = parts * parameters * sizeof(float);
    const uint64_t found = mapped->size - sizeof(uint64_t) - mapped->header_size;
    if (found != wanted)
        return error_set(error, ERROR_INPUT, "%s: %" PRIu64 " bytes of data; its model has %" PRIu64, path, found,
                         wanted);
    /* each name is there once, so there is no room for others */
    const size_t entries = 1 + parts * (size_t)tensor_count(shape);
    if (json_object_size(header) != entries)
        return error_set(error, ERROR_INPUT, "%s: %zu entries in the header; its model has %zu", path,
                         json_object_size(header), entries);
    for (int part = 0; part < parts; part++) {
        uint64_t first = 0;
        for (uint32_t i = 0; i < tensor_count(shape); i++) {
            const struct tensor tensor = tensor_at(shape, i, first);
            if (tensor_check(path, header, &tensor, parameters, part, error) != 0)
                return -1;
            first += tensor_elements(&tensor);
        }
    }
    return 0;
}

static int data_check(const struct mapped *mapped, const struct model_shape *shape, int parts, struct error *error) {
    const uint64_t size = model_parameters(shape) * sizeof(float);
    for (int part = 0; part < parts; part++) {
        char checksum[CHECKPOINT_IDENTITY_SIZE];
        checkpoint_checksum(checksum, mapped->data + part * size, size);
        mapped_forget(mapped);
        if (strcmp(mapped->texts[TEXT_CHECKSUM_WEIGHTS + part], checksum) != 0)
            return error_set(error, ERROR_INPUT, "%s: the data are damaged: %s is another", mapped->path,
                             checkpoint_text_names[TEXT_CHECKSUM_WEIGHTS + part]);
    }
    return 0;
}

/* The parser's own words may hold bytes of the file, which are not for a terminal. */
static int header_error(const char *path, const json_error_t *reason, struct error *error) {
    return error_set(error, ERROR_INPUT, "%s: the header is damaged: %s at byte %d of it", path,
                     json_error_code(reason) == json_error_duplicate_key ? "a name stands twice" : "no JSON",
                     reason->position);
}

static int checkpoint_check(struct mapped *mapped, const json_t *header, struct checkpoint *checkpoint,
                            struct error *error) {
    const char *path = mapped->path;
    if (texts_read(mapped->texts, 0, TEXTS - 1, path, header, error) != 0 ||
        texts_check(mapped->texts, path, error) != 0 || texts_understand(path, mapped->texts, checkpoint, error) != 0 ||
        tensors_check(mapped, header, &checkpoint->shape, PARTS, error) != 0)
        return -1;
    return data_check(mapped, &checkpoint->shape, PARTS, error);
}

static int weights_check(struct mapped *mapped, const json_t *header, struct model_shape *shape, struct error *error) {
    const char *path = mapped->path;
    if (texts_read(mapped->texts, TEXT_LAYERS, TEXT_CHECKSUM_WEIGHTS, path, header, error) != 0 ||
        shape_understand(path, mapped->texts, shape, error) != 0 || tensors_check(mapped, header, shape, 1, error) != 0)
        return -1;
    return data_check(mapped, shape, 1, error);
}

/* Maps a file and checks all of it; mapped is to be closed by the caller only when this succeeds. weights_alone, if not
 * NULL: such a file may be one, too. */
static int checkpoint_open(struct mapped *mapped, const char *path, struct checkpoint *checkpoint, bool *weights_alone,
                           struct error *error) {
    if (mapped_open(mapped, path, error) != 0)
        return -1;
    json_error_t reason;
    json_t *header = json_loadb(mapped->bytes + sizeof(uint64_t), mapped->header_size, JSON_REJECT_DUPLICATES, &reason);
    *checkpoint = (struct checkpoint){0};
    int result;
    if (weights_alone)
        *weights_alone = json_object_get(json_object_get(header, "__metadata__"), WEIGHTS_NAME) != NULL;
    if (!header)
        result = header_error(path, &reason, error);
    else if (weights_alone && *weights_alone)
        result = weights_check(mapped, header, &checkpoint->shape, error);
    else
        result = checkpoint_check(mapped, header, checkpoint, error);
    json_decref(header);
    if (result != 0)
        mapped_close(mapped);
    return result;
}

int checkpoint_verify(const char *path, struct checkpoint *checkpoint, bool *weights_alone, struct error *error) {
    struct mapped mapped;
    if (checkpoint_open(&mapped, path, checkpoint, weights_alone, error) != 0)
        return -1;
    mapped_close(&mapped);
    return 0;
}

static int check_run(const char *path, const char *identity, const struct checkpoint *checkpoint, struct error *error) {
    return strcmp(checkpoint->identity, identity) == 0
               ? 0
               : error_set(error, ERROR_INPUT, "%s: a checkpoint of run %s, not of %s", path, checkpoint->identity,
                           identity);
}

static int check_step(const char *path, uint64_t step, const struct checkpoint *checkpoint, struct error *error) {
    return checkpoint->step == step
               ? 0
               : error_set(error, ERROR_INPUT, "%s: a checkpoint of step %" PRIu64 ", not of %" PRIu64, path,
                           checkpoint->step, step);
}

/* What a checkpoint must be, beyond being sound, to go on with. */
static int check_fits(const struct model *model, const char *path, const char *identity,
                      const struct checkpoint *checkpoint, struct error *error) {
    if (check_run(path, identity, checkpoint, error) != 0)
        return -1;
    if (memcmp(&checkpoint->shape, &model->setup.shape, sizeof checkpoint->shape) != 0)
        return error_set(error, ERROR_INPUT, "%s: a checkpoint of a model of another shape", path);
    return 0;
}

int model_load(struct model *model, const char *path, const char *identity, struct checkpoint *checkpoint,
               struct error *error) {
    const struct {
        float *to;
        size_t first, count;
    } parts[PARTS] = {{model->weights, 0, model->parameters},
                      {model->mean, model->owned_first, model->owned},
                      {model->variance, model->owned_first, model->owned}};
    const size_t size = model->parameters * sizeof(float);
    struct mapped mapped;
    if (checkpoint_open(&mapped, path, checkpoint, NULL, error) != 0)
        return -1;
    const int result = check_fits(model, path, identity, checkpoint, error);
    if (result == 0) {
        for (int part = 0; part < PARTS; part++) {
            memcpy(parts[part].to, mapped.data + part * size + parts[part].first * sizeof(float),
                   parts[part].count * sizeof(float));
            mapped_forget(&mapped);
        }
        memset(model->gradient, 0, size);
        model->updates = checkpoint->updates;
    }
    mapped_close(&mapped);
    return result;
}

int model_load_weights(struct model *model, const char *path, const char *identity, uint64_t step,
                       struct error *error) {
    struct checkpoint checkpoint;
    struct mapped mapped;
    if (checkpoint_open(&mapped, path, &checkpoint, NULL, error) != 0)
        return -1;
    int result = check_fits(model, path, identity, &checkpoint, error);
    if (result == 0)
        result = check_step(path, step, &checkpoint, error);
    if (result == 0)
        memcpy(model->weights, mapped.data, model->parameters * sizeof(float));
    mapped_close(&mapped);
    return result;
}

/* The metadata of weights alone: those of the caller, and what a reader needs to check them. NULL: no memory. */
static json_t *weights_metadata(texts of, json_t *metadata) {
    json_t *all = json_copy(metadata);
    int failed = json_object_set_new(all, WEIGHTS_NAME, json_string(CHECKPOINT_VERSION));
    for (int i = TEXT_LAYERS; i <= TEXT_CHECKSUM_WEIGHTS; i++)
        failed |= json_object_set_new(all, checkpoint_text_names[i], json_string(of[i]));
    if (!failed)
        return all;
    json_decref(all);
    return NULL;
}

static int write_weights(struct mapped *mapped, const struct model_shape *shape, const char *to, json_t *metadata,
                         struct error *error) {
    const uint64_t parameters = model_parameters(shape);
    char temporary[FILE_TEMPORARY_SIZE];
    json_t *all = weights_metadata(mapped->texts, metadata);
    if (!all)
        return error_set(error, ERROR_FAILED, "%s: no memory for its metadata", to);
    FILE *file = file_begin(to, temporary, error);
    if (!file) {
        json_decref(all);
        return -1;
    }
    const bool written = checkpoint_write_header(file, shape, 1, all) &&
                         fwrite(mapped->data, sizeof(float), parameters, file) == parameters;
    return file_end(file, written, temporary, to, error);
}

int checkpoint_copy_weights(const char *path, const char *identity, uint64_t step, const char *to, json_t *metadata,
                            struct error *error) {
    struct checkpoint checkpoint;
    struct mapped mapped;
    if (checkpoint_open(&mapped, path, &checkpoint, NULL, error) != 0)
        return -1;
    int result = check_run(path, identity, &checkpoint, error);
    if (result == 0)
        result = check_step(path, step, &checkpoint, error);
    if (result == 0)
        result = write_weights(&mapped, &checkpoint.shape, to, metadata, error);
    mapped_close(&mapped);
    return result;
}
