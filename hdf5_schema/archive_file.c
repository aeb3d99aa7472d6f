#include "hdf5_schema/archive_file.h"

#include <stdio.h>
#include <string.h>

void archive_seal(uint8_t *seal, const void *bytes, size_t size) {
    memcpy(seal, ARCHIVE_SEAL_MAGIC, sizeof ARCHIVE_SEAL_MAGIC); /* its zero byte goes under the checksum */
    schema_put(seal + 8, checksum64(bytes, size), 8);
}

void archive_slices(const struct study_data *data, struct run_slice *slices) {
    size_t curve = 0, loss = 0;
    for (size_t r = 0; r < data->run_count; r++) {
        slices[r] = (struct run_slice){.curve_start = curve, .loss_start = loss};
        while (curve < data->curve_count && data->curves[curve].run == r)
            curve++;
        while (loss < data->loss_count && data->losses[loss].run == r)
            loss++;
        slices[r].curve_count = curve - slices[r].curve_start;
        slices[r].loss_count = loss - slices[r].loss_start;
    }
}

hid_t archive_access(void) {
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    H5PLset_loading_state(0);
    const hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    if (access < 0 || (H5Pset_libver_bounds(access, H5F_LIBVER_V18, H5F_LIBVER_V18) >= 0 &&
                       H5Pset_file_locking(access, false, true) >= 0))
        return access;
    H5Pclose(access);
    return H5I_INVALID_HID;
}

/* Upwards, the innermost reason comes first. */
static herr_t take_reason(unsigned number, const H5E_error2_t *entry, void *reason) {
    if (number == 0 && entry->desc)
        snprintf(reason, 256, "%s", entry->desc);
    return 0;
}

int archive_error(struct error *error, const char *path, const char *what) {
    char reason[256] = "no reason given";
    H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, take_reason, reason);
    return error_set(error, ERROR_FAILED, "%s: %s: HDF5 says: %s", path, what, reason);
}

hid_t archive_text_type(size_t size) {
    const hid_t type = H5Tcopy(H5T_C_S1);
    if (type < 0 || (H5Tset_size(type, size) >= 0 && H5Tset_cset(type, H5T_CSET_UTF8) >= 0))
        return type;
    H5Tclose(type);
    return H5I_INVALID_HID;
}

hid_t archive_column_type(const struct column *column, bool file) {
    switch (column->type) {
    case COLUMN_U32: /* signed also in memory: HDF5 would turn a negative number into 0 before it could be refused */
    case COLUMN_I32:
        return H5Tcopy(file ? H5T_STD_I32LE : H5T_NATIVE_INT32);
    case COLUMN_U64:
        return H5Tcopy(file ? H5T_STD_I64LE : H5T_NATIVE_INT64);
    case COLUMN_F64:
        return H5Tcopy(file ? H5T_IEEE_F64LE : H5T_NATIVE_DOUBLE);
    case COLUMN_TEXT:
    case COLUMN_STATUS:
        return archive_text_type(archive_element_size(column));
    }
    return H5I_INVALID_HID;
}

size_t archive_element_size(const struct column *column) {
    return column->type == COLUMN_STATUS ? (size_t)STATUS_SIZE : column->size;
}
