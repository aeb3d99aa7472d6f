/* hdf5_schema/archive: everything comes back, the same data give the same bytes, damage is found. With the path of
 * an archive and that of a journal as arguments this program writes the two for the scripts among the tests. */
#include "base/file.h"
#include "hdf5_schema/archive.h"
#include "hdf5_schema/archive_file.h"
#include "hdf5_schema/journal.h"
#include "tests/sample_study.h"

#include <hdf5_hl.h>
#include <unistd.h>

static const char *path_in(const char *folder, const char *name) {
    static char paths[4][FILE_PATH_SIZE];
    static int next;
    char *path = paths[next++ % 4];
    assert_int_equal(file_join(path, folder, name, NULL), 0);
    return path;
}

static void write_archive(const char *path, const struct study_data *data) {
    struct error error = {0};
    if (archive_write(path, data, &error) != 0)
        fail_msg("%s", error.message);
}

static void read_archive(const char *path, struct study_data *data) {
    struct error error = {0};
    if (archive_read(path, data, &error) != 0)
        fail_msg("%s", error.message);
}

static void everything_comes_back(void **state) {
    const char *path = path_in(*state, "a.h5");
    struct study_data data = sample_study(), again;
    sample_results(&data);
    write_archive(path, &data);
    read_archive(path, &again);
    assert_same_study(&data, &again);
    assert_int_equal(archive_check(path, NULL), 0);
    study_data_free(&again);
    study_data_free(&data);
}

static void study_without_results_comes_back(void **state) {
    const char *path = path_in(*state, "a.h5");
    struct study_data data = {.study = sample_study_record()}, again;
    write_archive(path, &data); /* without a run */
    read_archive(path, &again);
    assert_same_study(&data, &again);
    study_data_free(&again);
    study_data_free(&data);
    data = sample_study();
    data.curve_count = data.loss_count = data.seen_count = 0;
    write_archive(path, &data);
    read_archive(path, &again);
    assert_same_study(&data, &again);
    study_data_free(&again);
    study_data_free(&data);
}

static void many_chunks_come_back(void **state) {
    const char *path = path_in(*state, "a.h5");
    struct study_data data = sample_study(), again;
    data.curve_count = 200000;
    free(data.curves);
    data.curves = sample_array(data.curve_count, sizeof *data.curves);
    data.runs[2].steps = data.curve_count;
    for (uint32_t i = 0; i < data.curve_count; i++)
        data.curves[i] = (struct curve_point){2, i, 8 * (uint64_t)i, 1e-3, random_uniform(1, 2, i)};
    write_archive(path, &data);
    read_archive(path, &again);
    assert_same_study(&data, &again);
    study_data_free(&again);
    study_data_free(&data);
}

static void same_study_gives_same_bytes(void **state) {
    const char *path = path_in(*state, "a.h5"), *other = path_in(*state, "b.h5");
    struct study_data data = sample_study();
    sample_results(&data);
    write_archive(path, &data);
    sleep(1);                                              /* a clock in the file would show */
    for (size_t i = 0; i + 1 < data.curve_count; i += 2) { /* told in another order */
        const struct curve_point point = data.curves[i];
        data.curves[i] = data.curves[data.curve_count - 1 - i];
        data.curves[data.curve_count - 1 - i] = point;
    }
    data.runs[1].name[60] = 'x'; /* what stands behind the end of a text */
    study_data_sort(&data);
    write_archive(other, &data);
    char *a, *b;
    size_t a_size, b_size;
    assert_int_equal(file_read(path, SIZE_MAX, &a, &a_size, NULL), 0);
    assert_int_equal(file_read(other, SIZE_MAX, &b, &b_size, NULL), 0);
    assert_int_equal(a_size, b_size);
    assert_memory_equal(a, b, a_size);
    free(a);
    free(b);
    study_data_free(&data);
}

static int write_journal(const char *path, const struct study_data *data) {
    struct journal *journal;
    int result = journal_create(&journal, path, &data->study, NULL);
    if (result != 0)
        return -1;
    for (uint32_t r = 0; r < SAMPLE_RUNS; r++)
        result |= journal_add_run(journal, &data->runs[r], NULL);
    for (uint32_t r = 0; r < 3; r++)
        result |= journal_add_outcome(journal, &data->outcomes[r], NULL);
    result |= journal_add_losses(journal, data->losses, (uint32_t)data->loss_count, NULL);
    result |= journal_add_curve(journal, data->curves, (uint32_t)data->curve_count, NULL);
    result |= journal_add_seen(journal, data->seen, (uint32_t)data->seen_count, NULL);
    return result | journal_close(journal, NULL);
}

static void archive_equals_its_journal(void **state) {
    const char *path = path_in(*state, "a.h5"), *journal_path = path_in(*state, "a.h5.journal");
    struct study_data data = sample_study(), told, again;
    uint64_t torn;
    assert_int_equal(write_journal(journal_path, &data), 0);
    assert_int_equal(journal_read(journal_path, &told, &torn, NULL), 0);
    write_archive(path, &told);
    read_archive(path, &again);
    assert_same_study(&data, &again);
    study_data_free(&again);
    study_data_free(&told);
    study_data_free(&data);
}

/* Each of these spoils one value of a sound study; neither the writer nor a reader lets it pass. */
static void spoil(struct study_data *data, int which) {
    switch (which) {
    case 0:
        data->curves[data->curve_count - 1].run = SAMPLE_RUNS;
        break;
    case 1:
        data->curves[3].step = data->curves[2].step;
        break;
    case 2:
        data->outcomes[1].status = (enum run_status)4;
        break;
    case 3:
        data->runs[2].run = 1;
        break;
    case 4:
        data->runs[2].tokens = (UINT64_C(1) << 53) + 1;
        break;
    case 5:
        data->losses[0].step = 5000;
        break;
    case 6:
        data->losses[1].tokens_target = data->losses[1].tokens + 1;
        break;
    case 7:
        data->seen[0].unique_tokens = data->seen[0].tokens + 1;
        break;
    case 8:
        data->runs[1].languages[1].weight = NAN;
        break;
    case 9:
        memset(data->runs[0].kind, 'm', sizeof data->runs[0].kind);
        break;
    case 10:
        data->transfer[1].state[0] = 'M';
        break;
    case 11:
        data->laws[1].parameter_count = 17;
        break;
    case 12:
        data->crossovers[0].state[0] = '\0';
        break;
    case 13:
        memset(data->adaptation[0].source, 's', LANGUAGE_CODE_SIZE);
        break;
    default:
        data->seen[1].run = 77;
    }
}

static void impossible_studies_are_not_written(void **state) {
    const char *path = path_in(*state, "a.h5");
    for (int which = 0; which <= 14; which++) {
        struct study_data data = sample_study();
        struct error error = {0};
        sample_results(&data);
        spoil(&data, which);
        assert_int_equal(archive_write(path, &data, &error), -1);
        assert_int_equal(error.code, ERROR_INPUT);
        assert_false(file_exists(path));
        study_data_free(&data);
    }
}

/* Opens the archive proper, changes it by hdf5 and seals it again. */
static void change_archive(const char *path, void (*change)(hid_t file)) {
    char *bytes;
    size_t size;
    assert_int_equal(file_read(path, SIZE_MAX, &bytes, &size, NULL), 0);
    assert_int_equal(truncate(path, (off_t)(size - ARCHIVE_SEAL_SIZE)), 0);
    free(bytes);
    const hid_t file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);
    assert_true(file >= 0);
    change(file);
    assert_true(H5Fclose(file) >= 0);
    uint8_t seal[ARCHIVE_SEAL_SIZE];
    assert_int_equal(file_read(path, SIZE_MAX, &bytes, &size, NULL), 0);
    archive_seal(seal, bytes, size);
    FILE *stream = fopen(path, "ab");
    assert_non_null(stream);
    assert_int_equal(fwrite(seal, 1, sizeof seal, stream), sizeof seal);
    assert_int_equal(fclose(stream), 0);
    free(bytes);
}

static void leave(hid_t file) {
    (void)file;
}

static void remove_dataset(hid_t file) {
    assert_true(H5Ldelete(file, "curves/loss", H5P_DEFAULT) >= 0);
}

static void remove_group(hid_t file) {
    assert_true(H5Ldelete(file, "losses", H5P_DEFAULT) >= 0);
}

static void remove_text(hid_t file) {
    assert_true(H5Ldelete(file, "study/settings", H5P_DEFAULT) >= 0);
}

static void raise_version(hid_t file) {
    const int version = ARCHIVE_SCHEMA_VERSION + 1;
    assert_true(H5LTset_attribute_int(file, "/", "schema_version", &version, 1) >= 0);
}

static void change_type(hid_t file) {
    const hsize_t count = 3 * SAMPLE_POINTS;
    assert_true(H5Ldelete(file, "curves/loss", H5P_DEFAULT) >= 0);
    assert_true(H5LTmake_dataset(file, "curves/loss", 1, &count, H5T_IEEE_F32LE, NULL) >= 0);
}

static void change_length(hid_t file) {
    const hsize_t count = 3 * SAMPLE_POINTS - 1;
    assert_true(H5Ldelete(file, "curves/loss", H5P_DEFAULT) >= 0);
    assert_true(H5LTmake_dataset(file, "curves/loss", 1, &count, H5T_IEEE_F64LE, NULL) >= 0);
    assert_true(H5LTset_attribute_string(file, "curves/loss", "units", "nats/token") >= 0);
}

static void link_dataset_elsewhere(hid_t file) {
    assert_true(H5Ldelete(file, "curves/loss", H5P_DEFAULT) >= 0);
    assert_true(H5Lcreate_external("/elsewhere.h5", "loss", file, "curves/loss", H5P_DEFAULT, H5P_DEFAULT) >= 0);
}

static void link_group_elsewhere(hid_t file) {
    assert_true(H5Ldelete(file, "losses", H5P_DEFAULT) >= 0);
    assert_true(H5Lcreate_external("/elsewhere.h5", "/", file, "losses", H5P_DEFAULT, H5P_DEFAULT) >= 0);
}

/* Values that are read out of another file, which needs no format. */
static void keep_values_elsewhere(hid_t file) {
    const hsize_t count = 3 * SAMPLE_POINTS;
    const hid_t properties = H5Pcreate(H5P_DATASET_CREATE), space = H5Screate_simple(1, &count, NULL);
    assert_true(H5Ldelete(file, "curves/loss", H5P_DEFAULT) >= 0);
    assert_true(H5Pset_external(properties, "/proc/self/exe", 0, count * sizeof(double)) >= 0);
    const hid_t dataset = H5Dcreate2(file, "curves/loss", H5T_IEEE_F64LE, space, H5P_DEFAULT, properties, H5P_DEFAULT);
    assert_true(dataset >= 0);
    H5Dclose(dataset);
    H5Sclose(space);
    H5Pclose(properties);
}

static void map_values_of_elsewhere(hid_t file) {
    const hsize_t count = 3 * SAMPLE_POINTS;
    const hid_t properties = H5Pcreate(H5P_DATASET_CREATE), space = H5Screate_simple(1, &count, NULL);
    assert_true(H5Ldelete(file, "curves/loss", H5P_DEFAULT) >= 0);
    assert_true(H5Pset_virtual(properties, space, "/elsewhere.h5", "loss", space) >= 0);
    const hid_t dataset = H5Dcreate2(file, "curves/loss", H5T_IEEE_F64LE, space, H5P_DEFAULT, properties, H5P_DEFAULT);
    assert_true(dataset >= 0);
    H5Dclose(dataset);
    H5Sclose(space);
    H5Pclose(properties);
}

static void add_axis(hid_t file) {
    const hsize_t counts[2] = {3 * SAMPLE_POINTS, 1};
    assert_true(H5Ldelete(file, "curves/run", H5P_DEFAULT) >= 0);
    assert_true(H5LTmake_dataset(file, "curves/run", 2, counts, H5T_STD_I32LE, NULL) >= 0);
}

static void claim_absurd_length(hid_t file) {
    const hsize_t count = UINT64_C(1) << 50, chunk = 1024;
    const hid_t properties = H5Pcreate(H5P_DATASET_CREATE), space = H5Screate_simple(1, &count, NULL);
    assert_true(H5Ldelete(file, "curves/run", H5P_DEFAULT) >= 0);
    assert_true(H5Pset_chunk(properties, 1, &chunk) >= 0);
    const hid_t dataset = H5Dcreate2(file, "curves/run", H5T_STD_I32LE, space, H5P_DEFAULT, properties, H5P_DEFAULT);
    assert_true(dataset >= 0);
    H5Dclose(dataset);
    H5Sclose(space);
    H5Pclose(properties);
}

static void change_units(hid_t file) {
    assert_true(H5LTset_attribute_string(file, "curves/tokens", "units", "bytes") >= 0);
}

static void detach_scale(hid_t file) {
    const hid_t dataset = H5Dopen2(file, "runs/status", H5P_DEFAULT), scale = H5Dopen2(file, "runs/run", H5P_DEFAULT);
    assert_true(H5DSdetach_scale(dataset, scale, 0) >= 0);
    H5Dclose(scale);
    H5Dclose(dataset);
}

static void overwrite_numbers(hid_t file, const char *name, long long value) {
    long long values[3 * SAMPLE_POINTS];
    const hid_t dataset = H5Dopen2(file, name, H5P_DEFAULT);
    assert_true(H5Dread(dataset, H5T_NATIVE_LLONG, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0);
    values[1] = value;
    assert_true(H5Dwrite(dataset, H5T_NATIVE_LLONG, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0);
    H5Dclose(dataset);
}

static void point_slice_elsewhere(hid_t file) {
    overwrite_numbers(file, "runs/curve_start", 21);
}

static void swap_steps(hid_t file) {
    overwrite_numbers(file, "curves/step", 900);
}

static void name_unknown_run(hid_t file) {
    overwrite_numbers(file, "mixtures/run", 12);
}

static void make_negative(hid_t file) {
    overwrite_numbers(file, "runs/tokens", -1);
}

static void misplace_law_parameter(hid_t file) {
    overwrite_numbers(file, "law_parameters/law_row", 2);
}

static void invent_status(hid_t file) {
    char status[SAMPLE_RUNS * STATUS_SIZE] = "resting";
    const hid_t dataset = H5Dopen2(file, "runs/status", H5P_DEFAULT), type = H5Dget_type(dataset);
    assert_true(H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, status) >= 0);
    H5Tclose(type);
    H5Dclose(dataset);
}

static void faults_of_an_archive_are_found(void **state) {
    const char *path = path_in(*state, "a.h5");
    static const struct {
        void (*change)(hid_t file);
        const char *said;
    } faults[] = {
        {remove_dataset, "curves/loss is missing"},
        {remove_group, "losses is missing"},
        {link_dataset_elsewhere, "curves/loss is missing, or in another file"},
        {link_group_elsewhere, "losses is missing, or in another file"},
        {keep_values_elsewhere, "curves/loss is missing, or in another file"},
        {map_values_of_elsewhere, "curves/loss is missing, or in another file"},
        {remove_text, "are missing"},
        {raise_version, "schema version"},
        {change_type, "curves/loss has not the type"},
        {change_length, "curves/loss has not the long_name"},
        {add_axis, "curves/run has not one axis"},
        {claim_absurd_length, "curves/run claims more rows"},
        {change_units, "curves/tokens has not the units"},
        {detach_scale, "runs/status has not the dimension scales"},
        {point_slice_elsewhere, "runs/curve_start"},
        {swap_steps, "curves: runs and steps do not ascend"},
        {name_unknown_run, "mixtures/run"},
        {make_negative, "runs/tokens"},
        {misplace_law_parameter, "law_parameters/law_row"},
        {invent_status, "unknown status"},
    };
    struct study_data data = sample_study();
    sample_results(&data);
    write_archive(path, &data);
    change_archive(path, leave);
    assert_int_equal(archive_check(path, NULL), 0); /* the changing alone is no fault */
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        struct error error = {0};
        write_archive(path, &data);
        change_archive(path, faults[i].change);
        if (archive_check(path, &error) != -1 || !strstr(error.message, faults[i].said))
            fail_msg("not '%s', but '%s'", faults[i].said, error.message);
        assert_non_null(strstr(error.message, path));
        assert_null(strchr(error.message, '\n'));
    }
    study_data_free(&data);
}

static void missing_and_unwritable_places_are_named(void **state) {
    (void)state;
    struct study_data data = sample_study(), again;
    struct error error = {0};
    assert_int_equal(archive_read("/nowhere/a.h5", &again, &error), -1);
    assert_non_null(strstr(error.message, "/nowhere/a.h5"));
    assert_int_equal(archive_write("/nowhere/a.h5", &data, &error), -1);
    assert_int_equal(error.code, ERROR_FAILED);
    assert_non_null(strstr(error.message, "/nowhere/a.h5"));
    study_data_free(&data);
}

/* After a change of the schema, `build/release/test_archive --reference` prints the new section. */
static void documentation_names_every_dataset(void **state) {
    (void)state;
    char *page, *reference;
    size_t page_size, reference_size;
    FILE *stream = open_memstream(&reference, &reference_size);
    assert_non_null(stream);
    assert_int_equal(archive_write_reference(stream), 0);
    assert_int_equal(fclose(stream), 0);
    assert_int_equal(file_read("docs/archive.md", 1 << 20, &page, &page_size, NULL), 0);
    const char *section = strstr(page, "## Reference\n\n");
    assert_non_null(section);
    assert_string_equal(section + strlen("## Reference\n\n"), reference);
    free(page);
    free(reference);
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, test_folder_make, test_folder_remove)

int main(int count, char **words) {
    if (count == 2 && strcmp(words[1], "--reference") == 0)
        return archive_write_reference(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
    if (count == 3) {
        struct study_data data = sample_study();
        sample_results(&data);
        const int result = archive_write(words[1], &data, NULL) | write_journal(words[2], &data);
        study_data_free(&data);
        return result == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
    }
    const struct CMUnitTest tests[] = {
        IN_FOLDER(everything_comes_back),
        IN_FOLDER(study_without_results_comes_back),
        IN_FOLDER(many_chunks_come_back),
        IN_FOLDER(same_study_gives_same_bytes),
        IN_FOLDER(archive_equals_its_journal),
        IN_FOLDER(impossible_studies_are_not_written),
        IN_FOLDER(faults_of_an_archive_are_found),
        cmocka_unit_test(missing_and_unwritable_places_are_named),
        cmocka_unit_test(documentation_names_every_dataset),
    };
    return cmocka_run_group_tests_name("archive", tests, NULL, NULL);
}
