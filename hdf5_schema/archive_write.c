#include "base/file.h"
#include "hdf5_schema/archive.h"
#include "hdf5_schema/archive_file.h"
#include "hdf5_schema/table_rows.h"

#include <hdf5_hl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    CHUNK_ROWS = 65536,
    DEFLATE_LEVEL = 4,
};

struct writer {
    const char *path;
    hid_t file;
    struct error *error;
};

static int write_text_attribute(hid_t object, const char *name, const char *text) {
    const size_t size = strlen(text) + 1;
    const hid_t type = archive_text_type(size), space = H5Screate(H5S_SCALAR);
    const hid_t attribute = H5Acreate2(object, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    const int result = attribute >= 0 && H5Awrite(attribute, type, text) >= 0 ? 0 : -1;
    if (attribute >= 0)
        H5Aclose(attribute);
    H5Sclose(space);
    H5Tclose(type);
    return result;
}

static int write_number_attribute(hid_t object, const char *name, int value) {
    const hid_t space = H5Screate(H5S_SCALAR);
    const hid_t attribute = H5Acreate2(object, name, H5T_STD_I32LE, space, H5P_DEFAULT, H5P_DEFAULT);
    const int result = attribute >= 0 && H5Awrite(attribute, H5T_NATIVE_INT, &value) >= 0 ? 0 : -1;
    if (attribute >= 0)
        H5Aclose(attribute);
    H5Sclose(space);
    return result;
}

/* Properties of a group or dataset: what is in it keeps its order, and no clock gets into the file. */
static hid_t make_properties(hid_t class) {
    const hid_t properties = H5Pcreate(class);
    const unsigned order = H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED;
    bool good = properties >= 0 && H5Pset_obj_track_times(properties, false) >= 0 &&
                H5Pset_attr_creation_order(properties, order) >= 0;
    if (good && class != H5P_DATASET_CREATE)
        good = H5Pset_link_creation_order(properties, order) >= 0;
    if (good)
        return properties;
    if (properties >= 0)
        H5Pclose(properties);
    return H5I_INVALID_HID;
}

static int write_text(const struct writer *writer, hid_t group, const char *name, const char *text,
                      const char *long_name) {
    const hid_t type = archive_text_type(strlen(text) + 1), space = H5Screate(H5S_SCALAR);
    const hid_t properties = make_properties(H5P_DATASET_CREATE);
    const hid_t dataset = H5Dcreate2(group, name, type, space, H5P_DEFAULT, properties, H5P_DEFAULT);
    int result = 0;
    if (dataset < 0 || H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, text) < 0 ||
        write_text_attribute(dataset, "long_name", long_name) != 0)
        result = archive_error(writer->error, writer->path, name);
    if (dataset >= 0)
        H5Dclose(dataset);
    H5Pclose(properties);
    H5Sclose(space);
    H5Tclose(type);
    return result;
}

/* One column of rows as an array of its own. */
static void *gather(const struct table *table, const struct column *column, const struct table_rows *rows) {
    const size_t size = archive_element_size(column);
    char *array = calloc(rows->count + 1, size);
    if (!array)
        return NULL;
    for (size_t i = 0; i < rows->count; i++) {
        const char *field = (const char *)rows->rows + i * table->struct_size + column->offset;
        if (column->type == COLUMN_STATUS)
            memcpy(array + i * size, schema_status_names[*(const enum run_status *)(const void *)field], size);
        else if (column->type == COLUMN_TEXT)
            memcpy(array + i * size, field, strnlen(field, size));
        else
            memcpy(array + i * size, field, size);
    }
    return array;
}

static hid_t create_column(hid_t group, const struct column *column, hsize_t count) {
    const hsize_t chunk = count < CHUNK_ROWS ? count : CHUNK_ROWS;
    const hid_t type = archive_column_type(column, true), space = H5Screate_simple(1, &count, NULL);
    const hid_t properties = make_properties(H5P_DATASET_CREATE);
    hid_t dataset = H5I_INVALID_HID;
    /* An axis of length 0 cannot have chunks. */
    if (count == 0 || (H5Pset_chunk(properties, 1, &chunk) >= 0 && H5Pset_shuffle(properties) >= 0 &&
                       H5Pset_deflate(properties, DEFLATE_LEVEL) >= 0))
        dataset = H5Dcreate2(group, column->name, type, space, H5P_DEFAULT, properties, H5P_DEFAULT);
    H5Pclose(properties);
    H5Sclose(space);
    H5Tclose(type);
    return dataset;
}

static int write_column(const struct writer *writer, hid_t group, const struct table *table,
                        const struct column *column, const struct table_rows *rows) {
    void *array = gather(table, column, rows);
    if (!array)
        return error_set(writer->error, ERROR_FAILED, "%s: no memory for %zu rows of %s", writer->path, rows->count,
                         table->group);
    const hid_t type = archive_column_type(column, false);
    const hid_t dataset = create_column(group, column, rows->count);
    int result = 0;
    if (dataset < 0 || H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, array) < 0 ||
        (column->units && write_text_attribute(dataset, "units", column->units) != 0) ||
        write_text_attribute(dataset, "long_name", column->long_name) != 0 ||
        (column < table->columns + table->key_count && H5DSset_scale(dataset, column->name) < 0))
        result = archive_error(writer->error, writer->path, column->name);
    if (dataset >= 0)
        H5Dclose(dataset);
    H5Tclose(type);
    free(array);
    return result;
}

/* The columns that name a row become the scales of one that does not. */
static int attach_scales(const struct writer *writer, hid_t group, const struct table *keys,
                         const struct column *column) {
    const hid_t dataset = H5Dopen2(group, column->name, H5P_DEFAULT);
    int result = dataset >= 0 ? 0 : -1;
    for (size_t k = 0; result == 0 && k < keys->key_count; k++) {
        const hid_t scale = H5Dopen2(group, keys->columns[k].name, H5P_DEFAULT);
        if (scale < 0 || H5DSattach_scale(dataset, scale, 0) < 0)
            result = archive_error(writer->error, writer->path, column->name);
        if (scale >= 0)
            H5Dclose(scale);
    }
    if (dataset >= 0)
        H5Dclose(dataset);
    return result;
}

/* Writes a group: the table with its keys, and those behind it that add columns to it. */
static int write_group(const struct writer *writer, size_t first, const struct table_rows *rows) {
    const struct table *keys = &schema_tables[first];
    const hid_t properties = make_properties(H5P_GROUP_CREATE);
    const hid_t group = H5Gcreate2(writer->file, keys->group, H5P_DEFAULT, properties, H5P_DEFAULT);
    int result = group >= 0 && write_text_attribute(group, "long_name", keys->about) == 0
                     ? 0
                     : archive_error(writer->error, writer->path, keys->group);
    for (size_t t = first; t == first || (t < TABLE_COUNT && schema_tables[t].key_count == 0); t++) {
        const struct table *table = &schema_tables[t];
        for (size_t c = 0; result == 0 && c < table->column_count; c++) {
            result = write_column(writer, group, table, &table->columns[c], &rows[t]);
            if (result == 0 && c >= table->key_count)
                result = attach_scales(writer, group, keys, &table->columns[c]);
        }
    }
    if (group >= 0)
        H5Gclose(group);
    H5Pclose(properties);
    return result;
}

static int write_study(const struct writer *writer, const struct study_record *study) {
    const hid_t properties = make_properties(H5P_GROUP_CREATE);
    const hid_t group = H5Gcreate2(writer->file, "study", H5P_DEFAULT, properties, H5P_DEFAULT);
    int result = 0;
    if (group < 0 || write_number_attribute(writer->file, "schema_version", ARCHIVE_SCHEMA_VERSION) != 0 ||
        write_text_attribute(writer->file, "sweep_version", study->version) != 0 ||
        write_text_attribute(writer->file, "study", study->name) != 0)
        result = archive_error(writer->error, writer->path, "study");
    if (result == 0)
        result = write_text(writer, group, "file", study->file, "the study file as the user wrote it");
    if (result == 0)
        result = write_text(writer, group, "settings", study->settings, "every resolved setting, a line each");
    if (group >= 0)
        H5Gclose(group);
    H5Pclose(properties);
    return result;
}

static int write_tables(const struct writer *writer, const struct study_data *data) {
    struct table_rows rows[TABLE_COUNT];
    if (table_rows_make(data, rows) != 0)
        return error_set(writer->error, ERROR_FAILED, "%s: no memory for its tables", writer->path);
    int result = 0;
    for (size_t t = 0; result == 0 && t < TABLE_COUNT; t++)
        if (schema_tables[t].key_count > 0)
            result = write_group(writer, t, rows);
    table_rows_free(rows);
    return result;
}

static hid_t create_file(const char *path) {
    const hid_t access = archive_access(), properties = make_properties(H5P_FILE_CREATE);
    const hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, properties, access);
    H5Pclose(properties);
    H5Pclose(access);
    return file;
}

static int append_seal(FILE *file, const char *path, struct error *error) {
    char *bytes;
    size_t size;
    uint8_t seal[ARCHIVE_SEAL_SIZE];
    if (file_read(path, SIZE_MAX, &bytes, &size, error) != 0)
        return -1;
    archive_seal(seal, bytes, size);
    free(bytes);
    if (fseek(file, 0, SEEK_END) != 0 || fwrite(seal, 1, sizeof seal, file) != sizeof seal)
        return error_set_errno(error, ERROR_FAILED, "%s: cannot be written", path);
    return 0;
}

static int write_file(const char *path, const char *temporary, const struct study_data *data, struct error *error) {
    const struct writer writer = {path, create_file(temporary), error};
    if (writer.file < 0)
        return archive_error(error, path, "cannot be written");
    int result = write_study(&writer, &data->study);
    if (result == 0)
        result = write_tables(&writer, data);
    if (H5Fclose(writer.file) < 0 && result == 0)
        result = archive_error(error, path, "cannot be written");
    return result;
}

int archive_write(const char *path, const struct study_data *data, struct error *error) {
    if (study_data_check(data, path, error) != 0)
        return -1;
    char temporary[FILE_TEMPORARY_SIZE];
    FILE *file = file_begin(path, temporary, error); /* the temporary is ours before HDF5 opens it by its name */
    if (!file)
        return -1;
    if (write_file(path, temporary, data, error) == 0 && append_seal(file, temporary, error) == 0)
        return file_end(file, true, temporary, path, error);
    if (error && file_disk_full(path))
        error->code = ERROR_NO_ROOM; /* HDF5 does not tell */
    fclose(file);
    unlink(temporary);
    return -1;
}
