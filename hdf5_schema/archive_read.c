#include "base/file.h"
#include "hdf5_schema/archive.h"
#include "hdf5_schema/archive_file.h"

#include <hdf5_hl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Deflate packs at most this many bytes into one: a dataset that claims more than its file can hold is refused before
 * memory is asked for. */
enum { DEFLATE_RATIO_MAX = 1032, TEXT_SIZE_MAX = 1 << 24 };

struct reader {
    const char *path;
    hid_t file;
    size_t size; /* bytes of the file */
    struct error *error;
};

static int fault(const struct reader *reader, const char *group, const char *name, const char *what) {
    return error_set(reader->error, ERROR_INPUT, "%s: %s/%s %s; sweep writes the archive anew from its journal",
                     reader->path, group, name, what);
}

/* Opens a group or dataset that lies in the file itself: HDF5 would also follow a link into another file, or read the
 * values out of one, whichever the archive names. */
static hid_t open_own(hid_t place, const char *name) {
    H5L_info_t link;
    if (H5Lget_info(place, name, &link, H5P_DEFAULT) < 0 || link.type != H5L_TYPE_HARD)
        return H5I_INVALID_HID;
    const hid_t object = H5Oopen(place, name, H5P_DEFAULT);
    if (object < 0 || H5Iget_type(object) != H5I_DATASET)
        return object;
    const hid_t properties = H5Dget_create_plist(object);
    const bool own = H5Pget_layout(properties) != H5D_VIRTUAL && H5Pget_external_count(properties) == 0;
    H5Pclose(properties);
    if (own)
        return object;
    H5Oclose(object);
    return H5I_INVALID_HID;
}

/* The value of a fixed-length text in a dataset or attribute; NULL: it is none, or too long. The caller frees it. */
static char *read_text(hid_t object, bool attribute) {
    const hid_t type = attribute ? H5Aget_type(object) : H5Dget_type(object);
    const hid_t space = attribute ? H5Aget_space(object) : H5Dget_space(object);
    const size_t size =
        type >= 0 && H5Tget_class(type) == H5T_STRING && !H5Tis_variable_str(type) ? H5Tget_size(type) : 0;
    char *text = NULL;
    if (size > 0 && size <= TEXT_SIZE_MAX && H5Sget_simple_extent_type(space) == H5S_SCALAR)
        text = calloc(size + 1, 1);
    if (text &&
        (attribute ? H5Aread(object, type, text) : H5Dread(object, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, text)) < 0) {
        free(text);
        text = NULL;
    }
    if (space >= 0)
        H5Sclose(space);
    if (type >= 0)
        H5Tclose(type);
    return text;
}

static char *read_text_attribute(hid_t object, const char *name) {
    const hid_t attribute = H5Aopen(object, name, H5P_DEFAULT);
    char *text = attribute >= 0 ? read_text(attribute, true) : NULL;
    if (attribute >= 0)
        H5Aclose(attribute);
    return text;
}

static char *read_text_dataset(hid_t group, const char *name) {
    const hid_t dataset = open_own(group, name);
    char *text = dataset >= 0 ? read_text(dataset, false) : NULL;
    if (dataset >= 0)
        H5Oclose(dataset);
    return text;
}

static int read_study(const struct reader *reader, struct study_record *study) {
    int version = 0;
    const hid_t attribute = H5Aopen(reader->file, "schema_version", H5P_DEFAULT);
    const hid_t space = attribute >= 0 ? H5Aget_space(attribute) : H5I_INVALID_HID;
    if (H5Sget_simple_extent_npoints(space) == 1)
        H5Aread(attribute, H5T_NATIVE_INT, &version);
    if (space >= 0)
        H5Sclose(space);
    if (attribute >= 0)
        H5Aclose(attribute);
    if (version != ARCHIVE_SCHEMA_VERSION)
        return error_set(reader->error, ERROR_INPUT, "%s: no archive of schema version %d, which this sweep reads",
                         reader->path, ARCHIVE_SCHEMA_VERSION);
    study->version = read_text_attribute(reader->file, "sweep_version");
    study->name = read_text_attribute(reader->file, "study");
    const hid_t group = open_own(reader->file, "study");
    if (group >= 0) {
        study->file = read_text_dataset(group, "file");
        study->settings = read_text_dataset(group, "settings");
        H5Oclose(group);
    }
    if (!study->version || !study->name || !study->file || !study->settings)
        return fault(reader, "study", !study->version || !study->name ? "attributes" : "file and settings",
                     "are missing or no texts");
    return 0;
}

static bool attribute_is(hid_t object, const char *name, const char *wanted) {
    if (!wanted)
        return H5Aexists(object, name) == 0;
    char *text = read_text_attribute(object, name);
    const bool same = text && strcmp(text, wanted) == 0;
    free(text);
    return same;
}

/* Length of a column; -1 with the error when it is not the column that the schema describes. */
static hssize_t column_length(const struct reader *reader, const struct table *table, const struct column *column,
                              hid_t dataset) {
    const hid_t space = H5Dget_space(dataset), type = H5Dget_type(dataset), wanted = archive_column_type(column, true);
    hsize_t count = 0;
    const char *what = NULL;
    if (H5Tequal(type, wanted) <= 0)
        what = "has not the type of the schema";
    else if (H5Sget_simple_extent_ndims(space) != 1 || H5Sget_simple_extent_dims(space, &count, NULL) != 1)
        what = "has not one axis";
    else if (count > reader->size * DEFLATE_RATIO_MAX / archive_element_size(column))
        what = "claims more rows than its file can hold";
    else if (!attribute_is(dataset, "units", column->units))
        what = "has not the units of the schema";
    else if (!attribute_is(dataset, "long_name", column->long_name))
        what = "has not the long_name of the schema";
    H5Tclose(wanted);
    H5Tclose(type);
    H5Sclose(space);
    return what ? fault(reader, table->group, column->name, what) : (hssize_t)count;
}

/* Does column have all keys of its group as scales of its axis? */
static bool has_scales(hid_t group, const struct table *keys, hid_t dataset) {
    bool good = true;
    for (size_t k = 0; good && k < keys->key_count; k++) {
        const hid_t scale = open_own(group, keys->columns[k].name);
        good = scale >= 0 && H5DSis_attached(dataset, scale, 0) > 0;
        if (scale >= 0)
            H5Oclose(scale);
    }
    return good;
}

/* The column's place in each row from an array of it; -1: an unknown status. */
static int scatter(const struct table *table, const struct column *column, const char *array, void *rows,
                   size_t count) {
    const size_t size = archive_element_size(column);
    for (size_t i = 0; i < count; i++) {
        char *field = (char *)rows + i * table->struct_size + column->offset;
        if (column->type != COLUMN_STATUS) {
            memcpy(field, array + i * size, size);
            continue;
        }
        enum run_status status = RUN_WAITING;
        while (status <= RUN_FAILED && strncmp(array + i * size, schema_status_names[status], size) != 0)
            status++;
        if (status > RUN_FAILED)
            return -1;
        memcpy(field, &status, sizeof status);
    }
    return 0;
}

static int read_values(const struct reader *reader, const struct table *table, const struct column *column,
                       hid_t dataset, void *rows, size_t count) {
    char *array = malloc(count * archive_element_size(column) + 1);
    const hid_t type = archive_column_type(column, false);
    int result = 0;
    if (!array)
        result = error_set(reader->error, ERROR_FAILED, "%s: no memory for %zu rows of %s", reader->path, count,
                           table->group);
    else if (H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, array) < 0)
        result = archive_error(reader->error, reader->path, column->name);
    else if (scatter(table, column, array, rows, count) != 0)
        result = fault(reader, table->group, column->name, "holds an unknown status");
    H5Tclose(type);
    free(array);
    return result;
}

/* Reads a table into *rows [*count]. Where *rows is NULL it is allocated, and *count set, by the first column. */
static int read_table(const struct reader *reader, enum table_number number, void **rows, size_t *count) {
    const struct table *table = &schema_tables[number], *keys = table;
    while (keys->key_count == 0)
        keys--;
    const hid_t group = open_own(reader->file, table->group);
    if (group < 0)
        return fault(reader, "", table->group, "is missing, or in another file");
    int result = 0;
    for (size_t c = 0; result == 0 && c < table->column_count; c++) {
        const struct column *column = &table->columns[c];
        const hid_t dataset = open_own(group, column->name);
        if (dataset < 0) {
            result = fault(reader, table->group, column->name, "is missing, or in another file");
            break;
        }
        const hssize_t length = column_length(reader, table, column, dataset);
        if (length >= 0 && !*rows) {
            *count = (size_t)length;
            *rows = calloc(*count + 1, table->struct_size);
        }
        if (length < 0)
            result = -1;
        else if (!*rows)
            result = error_set(reader->error, ERROR_FAILED, "%s: no memory for %zu rows of %s", reader->path, *count,
                               table->group);
        else if ((size_t)length != *count)
            result = fault(reader, table->group, column->name, "has another length than its neighbours");
        else if (c < table->key_count ? H5DSis_scale(dataset) <= 0 : !has_scales(group, keys, dataset))
            result = fault(reader, table->group, column->name, "has not the dimension scales of the schema");
        else
            result = read_values(reader, table, column, dataset, *rows, *count);
        H5Oclose(dataset);
    }
    H5Oclose(group);
    return result;
}

static int no_memory(const struct reader *reader) {
    return error_set(reader->error, ERROR_FAILED, "%s: no memory for what it holds", reader->path);
}

static int read_runs(const struct reader *reader, struct study_data *data) {
    void *runs = NULL;
    int result = read_table(reader, TABLE_RUNS, &runs, &data->run_count);
    data->runs = runs;
    if (result != 0)
        return -1;
    void *outcomes = data->outcomes = calloc(data->run_count + 1, sizeof *data->outcomes);
    if (!outcomes)
        return no_memory(reader);
    result = read_table(reader, TABLE_OUTCOMES, &outcomes, &data->run_count);
    return result == 0 ? read_table(reader, TABLE_EXECUTION, &outcomes, &data->run_count) : result;
}

/* Deals the rows of /mixtures out to their runs. */
static int deal_mixtures(const struct reader *reader, const struct language_tokens *rows, size_t count,
                         struct study_data *data) {
    size_t begin = 0;
    for (size_t r = 0; r < data->run_count; r++) {
        struct run_record *run = &data->runs[r];
        size_t end = begin;
        while (end < count && rows[end].run == r)
            end++;
        if (end == begin || end - begin > LANGUAGES_MAX)
            return fault(reader, "mixtures", "run", "has a run without languages, or with too many");
        run->languages = malloc((end - begin) * sizeof *rows);
        if (!run->languages)
            return no_memory(reader);
        memcpy(run->languages, rows + begin, (end - begin) * sizeof *rows);
        run->language_count = (uint32_t)(end - begin);
        begin = end;
    }
    return begin == count ? 0 : fault(reader, "mixtures", "run", "is not in the order of the runs");
}

static int deal_law_parameters(const struct reader *reader, const struct law_parameter_row *rows, size_t count,
                               struct study_data *data) {
    for (size_t i = 0; i < count; i++) {
        struct law_record *law = rows[i].law_row < data->law_count ? &data->laws[rows[i].law_row] : NULL;
        if (!law || law->parameter_count == sizeof law->parameters / sizeof *law->parameters ||
            (i > 0 && rows[i].law_row < rows[i - 1].law_row))
            return fault(reader, "law_parameters", "law_row", "does not fit /laws");
        law->parameters[law->parameter_count++] = rows[i].parameter;
    }
    return 0;
}

static int check_slices(const struct reader *reader, const struct run_slice *slices, size_t count,
                        const struct study_data *data) {
    if (count != data->run_count)
        return fault(reader, "runs", "curve_start", "has another length than its neighbours");
    struct run_slice *wanted = calloc(count + 1, sizeof *wanted);
    if (!wanted)
        return no_memory(reader);
    archive_slices(data, wanted);
    const bool same = memcmp(slices, wanted, count * sizeof *wanted) == 0;
    free(wanted);
    return same ? 0 : fault(reader, "runs", "curve_start", "and its neighbours do not point at the rows of their runs");
}

static int read_tables(const struct reader *reader, struct study_data *data) {
    void *mixtures = NULL, *slices = NULL, *parameters = NULL;
    void *seen = NULL, *curves = NULL, *losses = NULL;
    void *transfer = NULL, *adaptation = NULL, *crossovers = NULL, *laws = NULL;
    size_t mixture_count, slice_count, parameter_count;
    const struct {
        enum table_number number;
        void **rows;
        size_t *count;
    } tables[] = {
        {TABLE_SLICES, &slices, &slice_count},
        {TABLE_MIXTURES, &mixtures, &mixture_count},
        {TABLE_TOKENS, &seen, &data->seen_count},
        {TABLE_CURVES, &curves, &data->curve_count},
        {TABLE_LOSSES, &losses, &data->loss_count},
        {TABLE_TRANSFER, &transfer, &data->transfer_count},
        {TABLE_ADAPTATION, &adaptation, &data->adaptation_count},
        {TABLE_CROSSOVERS, &crossovers, &data->crossover_count},
        {TABLE_LAWS, &laws, &data->law_count},
        {TABLE_LAW_PARAMETERS, &parameters, &parameter_count},
    };
    int result = read_runs(reader, data);
    for (size_t i = 0; result == 0 && i < sizeof tables / sizeof *tables; i++)
        result = read_table(reader, tables[i].number, tables[i].rows, tables[i].count);
    data->seen = seen;
    data->curves = curves;
    data->losses = losses;
    data->transfer = transfer;
    data->adaptation = adaptation;
    data->crossovers = crossovers;
    data->laws = laws;
    if (result == 0)
        result = deal_mixtures(reader, mixtures, mixture_count, data);
    if (result == 0)
        result = deal_law_parameters(reader, parameters, parameter_count, data);
    if (result == 0)
        result = study_data_check(data, reader->path, reader->error);
    if (result == 0)
        result = check_slices(reader, slices, slice_count, data);
    free(mixtures);
    free(slices);
    free(parameters);
    return result;
}

/* Fails unless the file is what archive_write wrote, to the bit. *size: that of the HDF5 file before the seal. */
static int check_seal(const char *path, size_t *size, struct error *error) {
    char *bytes;
    if (file_read(path, SIZE_MAX, &bytes, size, error) != 0)
        return -1;
    const char *what = NULL;
    uint8_t seal[ARCHIVE_SEAL_SIZE];
    if (*size < 8 || memcmp(bytes, ARCHIVE_MAGIC, 8) != 0) {
        what = "not an archive of sweep";
    } else if (*size < 8 + sizeof seal || memcmp(bytes + *size - sizeof seal, ARCHIVE_SEAL_MAGIC, 8) != 0) {
        what = "cut short, or written by another program; sweep writes the archive anew from its journal";
    } else {
        *size -= sizeof seal;
        archive_seal(seal, bytes, *size);
        if (memcmp(bytes + *size, seal, sizeof seal) != 0)
            what = "damaged; sweep writes the archive anew from its journal";
    }
    free(bytes);
    return what ? error_set(error, ERROR_INPUT, "%s: %s", path, what) : 0;
}

int archive_read(const char *path, struct study_data *data, struct error *error) {
    *data = (struct study_data){0};
    size_t size;
    if (check_seal(path, &size, error) != 0)
        return -1;
    const hid_t access = archive_access(), file = H5Fopen(path, H5F_ACC_RDONLY, access);
    const struct reader reader = {path, file, size, error};
    int result = file >= 0 ? read_study(&reader, &data->study) : archive_error(error, path, "cannot be opened");
    if (result == 0)
        result = read_tables(&reader, data);
    if (file >= 0)
        H5Fclose(file);
    H5Pclose(access);
    if (result != 0)
        study_data_free(data);
    return result;
}

int archive_check(const char *path, struct error *error) {
    struct study_data data;
    if (archive_read(path, &data, error) != 0)
        return -1;
    study_data_free(&data);
    return 0;
}
