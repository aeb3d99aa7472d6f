/* hdf5_schema/journal: what was synced comes back, torn tails are cut, damage is refused. */
#include "base/file.h"
#include "hdf5_schema/journal.h"
#include "tests/sample_study.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const char *path_in(const char *folder, const char *name) {
    static char paths[4][FILE_PATH_SIZE];
    static int next;
    char *path = paths[next++ % 4];
    assert_int_equal(file_join(path, folder, name, NULL), 0);
    return path;
}

static void read_bytes(const char *path, char **bytes, size_t *size) {
    assert_int_equal(file_read(path, SIZE_MAX, bytes, size, NULL), 0);
}

static size_t size_of(const char *path) {
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    return (size_t)status.st_size;
}

/* Tells the journal of one run of the sample, points one by one. */
static void tell_run(struct journal *journal, const struct study_data *data, uint32_t run, uint32_t attempt) {
    const struct run_outcome begun = sample_outcome(run, RUN_RUNNING, attempt);
    assert_int_equal(journal_add_outcome(journal, &begun, NULL), 0);
    for (size_t i = 0; i < data->curve_count; i++)
        if (data->curves[i].run == run)
            assert_int_equal(journal_add_curve(journal, &data->curves[i], 1, NULL), 0);
    for (size_t i = 0; i < data->loss_count; i++)
        if (data->losses[i].run == run)
            assert_int_equal(journal_add_losses(journal, &data->losses[i], 1, NULL), 0);
    for (size_t i = 0; i < data->seen_count; i++)
        if (data->seen[i].run == run)
            assert_int_equal(journal_add_seen(journal, &data->seen[i], 1, NULL), 0);
    struct run_outcome ended = data->outcomes[run];
    ended.attempt = attempt;
    assert_int_equal(journal_add_outcome(journal, &ended, NULL), 0);
    assert_int_equal(journal_sync(journal, NULL), 0);
}

static struct journal *begin_journal(const char *path, const struct study_data *data) {
    struct journal *journal;
    struct error error = {0};
    if (journal_create(&journal, path, &data->study, &error) != 0)
        fail_msg("%s", error.message);
    for (size_t r = 0; r < data->run_count; r++)
        assert_int_equal(journal_add_run(journal, &data->runs[r], NULL), 0);
    assert_int_equal(journal_sync(journal, NULL), 0);
    return journal;
}

static void write_sample(const char *path, const struct study_data *data) {
    struct journal *journal = begin_journal(path, data);
    for (uint32_t r = 0; r < 3; r++)
        tell_run(journal, data, r, 1);
    assert_int_equal(journal_close(journal, NULL), 0);
}

static void what_was_told_comes_back_in_order(void **state) {
    const char *path = path_in(*state, "a.journal");
    struct study_data data = sample_study(), again;
    struct journal *journal = begin_journal(path, &data);
    const uint32_t order[] = {2, 0, 1}; /* runs end in any order */
    for (int i = 0; i < 3; i++)
        tell_run(journal, &data, order[i], 1);
    assert_int_equal(journal_close(journal, NULL), 0);
    uint64_t torn = 1;
    assert_int_equal(journal_read(path, &again, &torn, NULL), 0);
    assert_int_equal(torn, 0);
    assert_same_study(&data, &again);
    study_data_free(&again);
    study_data_free(&data);
}

static void opened_journal_goes_on_where_it_ended(void **state) {
    const char *path = path_in(*state, "a.journal");
    struct study_data data = sample_study(), again;
    uint64_t torn;
    assert_int_equal(journal_close(begin_journal(path, &data), NULL), 0);
    for (uint32_t r = 0; r < 3; r++) {
        struct journal *journal;
        assert_int_equal(journal_open(&journal, path, &again, &torn, NULL), 0);
        assert_int_equal(torn, 0);
        assert_int_equal(again.outcomes[r].status, RUN_WAITING);
        study_data_free(&again);
        tell_run(journal, &data, r, 1);
        assert_int_equal(journal_close(journal, NULL), 0);
    }
    assert_int_equal(journal_read(path, &again, &torn, NULL), 0);
    assert_same_study(&data, &again);
    study_data_free(&again);
    study_data_free(&data);
}

static void earlier_attempts_are_dropped(void **state) {
    const char *path = path_in(*state, "a.journal");
    struct study_data data = sample_study(), again;
    struct journal *journal = begin_journal(path, &data);
    tell_run(journal, &data, 0, 1);
    const struct curve_point early = {1, 10, 1, 1, 99}; /* of an attempt that never ended */
    const struct run_outcome begun = sample_outcome(1, RUN_RUNNING, 1);
    assert_int_equal(journal_add_outcome(journal, &begun, NULL), 0);
    assert_int_equal(journal_add_curve(journal, &early, 1, NULL), 0);
    const struct loss_point before = {.run = 1, .language = "en", .set = "test", .cross_entropy = 99};
    assert_int_equal(journal_add_losses(journal, &before, 1, NULL), 0); /* before its first step */
    tell_run(journal, &data, 2, 1);
    tell_run(journal, &data, 1, 2);
    tell_run(journal, &data, 0, 2);
    assert_int_equal(journal_close(journal, NULL), 0);
    uint64_t torn;
    assert_int_equal(journal_read(path, &again, &torn, NULL), 0);
    data.outcomes[0].attempt = data.outcomes[1].attempt = 2;
    assert_same_study(&data, &again);
    study_data_free(&again);
    study_data_free(&data);
}

/* A run that goes on from step `resumed` tells the points of these indices; its losses tell the attempts apart. */
static void go_on(struct journal *journal, uint64_t resumed, uint32_t first, uint32_t end, double loss) {
    struct run_outcome begun = sample_outcome(3, RUN_RUNNING, 1);
    begun.resumed = resumed;
    assert_int_equal(journal_add_outcome(journal, &begun, NULL), 0);
    for (uint32_t i = first; i < end; i++) {
        struct curve_point point = sample_curve(3, i), other = sample_curve(2, i + (uint32_t)loss * 10);
        point.loss = loss;
        assert_int_equal(journal_add_curve(journal, &point, 1, NULL), 0);
        assert_int_equal(journal_add_curve(journal, &other, 1, NULL), 0);
    }
}

static void points_behind_the_checkpoint_are_dropped(void **state) {
    const char *path = path_in(*state, "a.journal");
    struct study_data data = sample_study(), again;
    struct journal *journal = begin_journal(path, &data);
    go_on(journal, 0, 0, 3, 1);   /* steps 50 to 150 */
    go_on(journal, 100, 2, 4, 2); /* 150 and 200 again */
    go_on(journal, 150, 3, 4, 3); /* 200 again */
    assert_int_equal(journal_close(journal, NULL), 0);
    uint64_t torn;
    assert_int_equal(journal_read(path, &again, &torn, NULL), 0);
    const double losses[] = {1, 1, 2, 3};
    assert_int_equal(again.curve_count, 4 + 6); /* the other run loses none */
    for (uint32_t i = 0; i < 4; i++) {
        const struct curve_point *point = &again.curves[6 + i];
        assert_true(point->run == 3 && point->step == 50 * (i + 1) && point->loss == losses[i]);
    }
    assert_int_equal(again.outcomes[3].resumed, 150);
    assert_int_equal(again.outcomes[3].status, RUN_WAITING);
    study_data_free(&again);
    study_data_free(&data);
}

static void run_without_its_worker_waits(void **state) {
    const char *path = path_in(*state, "a.journal");
    struct study_data data = sample_study(), again;
    struct journal *journal = begin_journal(path, &data);
    const struct run_outcome begun = sample_outcome(3, RUN_RUNNING, 4);
    const struct curve_point point = sample_curve(3, 0);
    assert_int_equal(journal_add_outcome(journal, &begun, NULL), 0);
    assert_int_equal(journal_add_curve(journal, &point, 1, NULL), 0);
    assert_int_equal(journal_close(journal, NULL), 0);
    uint64_t torn;
    assert_int_equal(journal_read(path, &again, &torn, NULL), 0);
    assert_int_equal(again.outcomes[3].status, RUN_WAITING);
    assert_int_equal(again.outcomes[3].attempt, 4);
    assert_int_equal(again.curve_count, 1);
    study_data_free(&again);
    study_data_free(&data);
}

/* A journal cut at any byte behind its study reads as a journal of fewer records, and goes on from there. */
static void tail_torn_at_any_byte_is_cut(void **state) {
    const char *path = path_in(*state, "a.journal"), *torn_path = path_in(*state, "torn.journal");
    struct study_data data = sample_study(), again;
    struct journal *journal = begin_journal(path, &data);
    const size_t first = size_of(path);
    tell_run(journal, &data, 0, 1);
    const size_t before = size_of(path);
    struct curve_point points[3];
    for (uint32_t i = 0; i < 3; i++)
        points[i] = sample_curve(2, i);
    assert_int_equal(journal_add_curve(journal, points, 3, NULL), 0);
    assert_int_equal(journal_close(journal, NULL), 0);
    char *bytes;
    size_t size;
    uint64_t torn;
    read_bytes(path, &bytes, &size);
    const size_t last = before + 16 + 3 * 32; /* then comes the mark of the sync */
    assert_int_equal(size, last + 24);
    for (size_t cut = before; cut < size; cut++) {
        test_file_write(torn_path, bytes, cut);
        if (cut % 8 != 0) { /* reading cuts in thought what opening cuts in the file; it is not synced */
            assert_int_equal(journal_read(torn_path, &again, &torn, NULL), 0);
            assert_int_equal(torn, cut - (cut < last ? before : last));
            assert_int_equal(again.curve_count, SAMPLE_POINTS + (cut < last ? 0 : 3));
            study_data_free(&again);
            continue;
        }
        assert_int_equal(journal_open(&journal, torn_path, &again, &torn, NULL), 0);
        assert_int_equal(torn, cut - (cut < last ? before : last));
        assert_int_equal(size_of(torn_path), cut - torn);
        assert_int_equal(again.curve_count, SAMPLE_POINTS + (cut < last ? 0 : 3));
        study_data_free(&again);
        if (cut < last) {
            assert_int_equal(journal_add_curve(journal, points, 3, NULL), 0);
            assert_int_equal(journal_close(journal, NULL), 0);
            char *mended;
            size_t mended_size;
            read_bytes(torn_path, &mended, &mended_size);
            assert_int_equal(mended_size, size);
            assert_memory_equal(mended, bytes, size);
            free(mended);
        } else {
            assert_int_equal(journal_close(journal, NULL), 0);
        }
    }
    for (size_t cut = first; cut < before; cut += 7) { /* as if nothing had been synced behind */
        test_file_write(torn_path, bytes, cut);
        assert_int_equal(journal_read(torn_path, &again, &torn, NULL), 0);
        assert_int_equal(again.run_count, SAMPLE_RUNS);
        study_data_free(&again);
    }
    free(bytes);
    study_data_free(&data);
}

/* A power cut can leave pages of the last records unwritten between pages that are. */
static void unsynced_records_with_a_hole_are_cut(void **state) {
    const char *path = path_in(*state, "a.journal");
    struct study_data data = sample_study(), again;
    struct journal *journal = begin_journal(path, &data);
    const size_t before = size_of(path);
    for (uint32_t i = 0; i < SAMPLE_POINTS; i++)
        assert_int_equal(journal_add_curve(journal, &data.curves[i], 1, NULL), 0);
    assert_int_equal(journal_close(journal, NULL), 0);
    char *bytes;
    size_t size;
    uint64_t torn;
    read_bytes(path, &bytes, &size);
    memset(bytes + before + 48, 0, 48);
    test_file_write(path, bytes, size - 24); /* without the mark of the sync */
    assert_int_equal(journal_read(path, &again, &torn, NULL), 0);
    assert_int_equal(again.curve_count, 1);
    assert_int_equal(torn, size - 24 - before - 48);
    study_data_free(&again);
    test_file_write(path, bytes, size); /* with it: the hole was once whole */
    struct error error;
    assert_int_equal(journal_read(path, &again, &torn, &error), -1);
    char wanted[64];
    snprintf(wanted, sizeof wanted, "damaged at byte %zu", before + 48);
    assert_non_null(strstr(error.message, wanted));
    assert_non_null(strstr(error.message, path));
    free(bytes);
    study_data_free(&data);
}

static void each_flipped_byte_in_the_middle_is_refused(void **state) {
    const char *path = path_in(*state, "a.journal");
    struct study_data data = sample_study(), again;
    write_sample(path, &data);
    char *bytes;
    size_t size;
    uint64_t torn;
    read_bytes(path, &bytes, &size);
    for (size_t i = 0; i < size - 24; i++) { /* the last 24 are the mark of the last sync: lost, nothing else is */
        bytes[i] = (char)(bytes[i] ^ (1 << i % 8));
        test_file_write(path, bytes, size);
        struct error error = {0};
        struct journal *journal;
        assert_int_equal(journal_open(&journal, path, &again, &torn, &error), -1);
        assert_int_equal(error.code, ERROR_INPUT);
        assert_int_equal(size_of(path), size); /* nothing was cut */
        bytes[i] = (char)(bytes[i] ^ (1 << i % 8));
    }
    free(bytes);
    study_data_free(&data);
}

/* Damaged anywhere, a journal keeps what stood before, and goes on to the same study. */
static void mended_journal_keeps_what_stands_before_the_damage(void **state) {
    const char *path = path_in(*state, "a.journal"), *damaged = path_in(*state, "a.journal.damaged");
    struct study_data data = sample_study(), again;
    struct journal *journal;
    struct journal_mended mended;
    struct error error = {0};
    uint64_t torn;
    journal = begin_journal(path, &data);
    tell_run(journal, &data, 0, 1);
    const size_t first = size_of(path);
    for (uint32_t r = 1; r < 3; r++)
        tell_run(journal, &data, r, 1);
    assert_int_equal(journal_mend(path, &mended, &error), -1); /* it has a writer */
    assert_non_null(strstr(error.message, "is writing it"));
    assert_int_equal(journal_close(journal, NULL), 0);
    assert_int_equal(journal_mend(path, &mended, &error), -1);
    assert_non_null(strstr(error.message, "is not damaged"));
    char *bytes, *kept;
    size_t size, kept_size;
    read_bytes(path, &bytes, &size);
    bytes[first + 20]++;
    test_file_write(path, bytes, size);
    assert_int_equal(journal_open(&journal, path, &again, &torn, &error), -1);
    char command[FILE_PATH_SIZE + 32];
    snprintf(command, sizeof command, "`sweep archive mend %s`", path);
    assert_non_null(strstr(error.message, command));
    test_file_write(damaged, "mine", 4);
    assert_int_equal(journal_mend(path, &mended, &error), -1);
    assert_int_equal(size_of(damaged), 4);
    assert_int_equal(size_of(path), size);
    assert_int_equal(unlink(damaged), 0);
    assert_int_equal(journal_mend(path, &mended, &error), 0);
    assert_string_equal(mended.damaged_path, damaged);
    assert_int_equal(mended.kept_bytes, first);
    assert_int_equal(mended.lost_bytes, size - first);
    assert_int_equal(mended.lost_runs, 1); /* run 2 was done, run 1 had failed */
    /* of two runs: begin, points, evaluations, what run 2 saw of three languages, end and mark; but one is broken */
    assert_int_equal(mended.lost_records, 2 * (1 + SAMPLE_POINTS + SAMPLE_EVALUATIONS + 1 + 1) + 3 - 1);
    read_bytes(damaged, &kept, &kept_size);
    assert_int_equal(kept_size, size);
    assert_memory_equal(kept, bytes, size);
    free(kept);
    free(bytes);
    assert_int_equal(journal_open(&journal, path, &again, &torn, NULL), 0);
    assert_int_equal(torn, 0);
    assert_int_equal(again.outcomes[0].status, RUN_DONE);
    assert_int_equal(again.outcomes[1].status, RUN_WAITING);
    study_data_free(&again);
    for (uint32_t r = 1; r < 3; r++)
        tell_run(journal, &data, r, 1);
    assert_int_equal(journal_close(journal, NULL), 0);
    assert_int_equal(journal_read(path, &again, &torn, NULL), 0);
    assert_same_study(&data, &again);
    study_data_free(&again);
    study_data_free(&data);
}

static void journal_without_a_study_cannot_be_mended(void **state) {
    const char *path = path_in(*state, "a.journal");
    struct study_data data = sample_study();
    struct journal_mended mended;
    struct error error = {0};
    write_sample(path, &data);
    char *bytes;
    size_t size;
    read_bytes(path, &bytes, &size);
    for (size_t place = 0; place < 40; place += 20) { /* in the header, in the study */
        bytes[place]++;
        test_file_write(path, bytes, size);
        assert_int_equal(journal_mend(path, &mended, &error), -1);
        assert_non_null(strstr(error.message, place == 0 ? "not a journal" : "before anything that could be kept"));
        assert_int_equal(size_of(path), size);
        assert_false(file_exists(mended.damaged_path));
        bytes[place]--;
    }
    assert_int_equal(journal_mend(path_in(*state, "none"), &mended, &error), -1);
    assert_non_null(strstr(error.message, "no such journal"));
    free(bytes);
    study_data_free(&data);
}

static void second_writer_is_refused(void **state) {
    const char *path = path_in(*state, "a.journal");
    struct study_data data = sample_study(), again;
    struct journal *journal = begin_journal(path, &data), *second;
    uint64_t torn;
    struct error error;
    assert_int_equal(journal_open(&second, path, &again, &torn, &error), -1);
    char host[256] = "", wanted[320];
    gethostname(host, sizeof host - 1);
    snprintf(wanted, sizeof wanted, "process %ld on host %s", (long)getpid(), host);
    assert_non_null(strstr(error.message, wanted));
    assert_int_equal(journal_create(&second, path, &data.study, NULL), -1);
    assert_int_equal(journal_read(path, &again, &torn, NULL), 0); /* readers are welcome */
    study_data_free(&again);
    assert_int_equal(journal_close(journal, NULL), 0);
    assert_false(file_exists(path_in(*state, "a.journal.lock")));
    assert_int_equal(journal_create(&second, path, &data.study, &error), -1);
    assert_non_null(strstr(error.message, "is there already"));
    assert_int_equal(journal_open(&second, path, &again, &torn, NULL), 0);
    study_data_free(&again);
    assert_int_equal(journal_close(second, NULL), 0);
    study_data_free(&data);
}

static void lock_of_a_dead_process_is_taken_over(void **state) {
    const char *path = path_in(*state, "a.journal");
    struct study_data data = sample_study(), again;
    struct journal *journal;
    uint64_t torn;
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) { /* dies without closing */
        journal = begin_journal(path, &data);
        _exit(journal ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_true(file_exists(path_in(*state, "a.journal.lock")));
    assert_int_equal(journal_open(&journal, path, &again, &torn, NULL), 0);
    assert_int_equal(again.run_count, SAMPLE_RUNS);
    study_data_free(&again);
    assert_int_equal(journal_close(journal, NULL), 0);
    study_data_free(&data);
}

static int try_open(const char *path, struct error *error) {
    struct study_data again;
    struct journal *journal;
    uint64_t torn;
    if (journal_open(&journal, path, &again, &torn, error) != 0)
        return -1;
    study_data_free(&again);
    return journal_close(journal, error);
}

/* Plays the owner on another host: counts up while it is one that lives. */
static pid_t count_up(const char *lock) {
    const pid_t child = fork();
    assert_true(child >= 0);
    for (int count = 1; child == 0; count++) {
        FILE *file = fopen(lock, "r+");
        if (!file || fprintf(file, "elsewhere.example 17 %d\n", count) < 0 || fclose(file) != 0)
            _exit(1);
        sleep(1);
    }
    return child;
}

static void lock_of_another_host_is_refused_while_it_moves(void **state) {
    const char *path = path_in(*state, "a.journal"), *lock = path_in(*state, "a.journal.lock");
    struct study_data data = sample_study();
    struct error error;
    char owner[300];
    write_sample(path, &data);
    assert_false(journal_locked_elsewhere(path, owner, sizeof owner));
    test_file_write(lock, "elsewhere.example 17 0\n", 23);
    assert_true(journal_locked_elsewhere(path, owner, sizeof owner));
    assert_string_equal(owner, "process 17 on host elsewhere.example");
    const pid_t child = count_up(lock);
    assert_int_equal(try_open(path, &error), -1);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    assert_non_null(strstr(error.message, "process 17 on host elsewhere.example is writing it"));
    char *line;
    size_t size;
    read_bytes(lock, &line, &size);
    assert_memory_equal(line, "elsewhere.example 17 ", 21);
    free(line);
    study_data_free(&data);
}

/* Two come at once: one of them watches the lock and takes it over, the other is refused. */
static void lock_of_another_host_that_stands_still_is_taken_over_by_one(void **state) {
    const char *path = path_in(*state, "a.journal"), *lock = path_in(*state, "a.journal.lock");
    struct study_data data = sample_study();
    struct error error = {0};
    write_sample(path, &data);
    test_file_write(lock, "elsewhere.example 17 5\n", 23);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        _exit(try_open(path, NULL) == 0 ? 0 : 1);
    const int result = try_open(path, &error);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && (WEXITSTATUS(status) == 0) != (result == 0));
    assert_false(file_exists(lock));
    study_data_free(&data);
}

static void owner_counts_up_by_itself(void **state) {
    const char *path = path_in(*state, "a.journal"), *lock = path_in(*state, "a.journal.lock");
    struct study_data data = sample_study();
    struct journal *journal = begin_journal(path, &data);
    char *begin, *now;
    size_t size;
    bool counted = false;
    read_bytes(lock, &begin, &size);
    for (int second = 0; second < 60 && !counted; second++) { /* it counts every 3, on a busy machine later */
        sleep(1);
        read_bytes(lock, &now, &size);
        counted = strcmp(begin, now) != 0;
        free(now);
    }
    assert_true(counted);
    free(begin);
    assert_int_equal(journal_close(journal, NULL), 0);
    study_data_free(&data);
}

/* As if this process had been held up for long and another host had thought it gone. */
static void journal_whose_lock_is_lost_is_not_written_to(void **state) {
    const char *path = path_in(*state, "a.journal"), *lock = path_in(*state, "a.journal.lock");
    struct study_data data = sample_study();
    struct error error = {0};
    struct journal *journal = begin_journal(path, &data);
    const size_t size = size_of(path);
    test_file_write(lock, "elsewhere.example 17 1\n", 23);
    sleep(5); /* it looks every 3 seconds */
    assert_int_equal(journal_add_curve(journal, data.curves, 1, NULL), 0);
    assert_int_equal(journal_close(journal, &error), -1);
    assert_non_null(strstr(error.message, "process 17 on host elsewhere.example is writing it"));
    assert_int_equal(size_of(path), size);
    assert_true(file_exists(lock));
    study_data_free(&data);
}

static void what_is_no_lock_is_left_alone(void **state) {
    const char *path = path_in(*state, "a.journal"), *lock = path_in(*state, "a.journal.lock");
    struct study_data data = sample_study();
    struct error error = {0};
    write_sample(path, &data);
    test_file_write(lock, "my keys are in here", 19);
    assert_int_equal(try_open(path, &error), -1);
    assert_non_null(strstr(error.message, "no lock of sweep"));
    assert_int_equal(size_of(lock), 19);
    assert_int_equal(unlink(lock), 0);
    assert_int_equal(symlink(path, lock), 0);
    const size_t size = size_of(path);
    assert_int_equal(try_open(path, &error), -1);
    assert_int_equal(size_of(path), size);
    study_data_free(&data);
}

static void impossible_things_are_not_written(void **state) {
    struct study_data data = sample_study();
    struct error error = {0};
    for (int i = 0; i < 5; i++) {
        char name[32];
        snprintf(name, sizeof name, "%d.journal", i);
        struct journal *journal = begin_journal(path_in(*state, name), &data);
        struct curve_point point = sample_curve(0, 0);
        struct run_outcome outcome = sample_outcome(0, RUN_DONE, 1);
        int result = 0;
        switch (i) {
        case 0:
            point.run = SAMPLE_RUNS;
            result = journal_add_curve(journal, &point, 1, &error);
            break;
        case 1:
            point.tokens = (UINT64_C(1) << 53) + 1;
            result = journal_add_curve(journal, &point, 1, &error);
            break;
        case 2:
            outcome.run = SAMPLE_RUNS;
            result = journal_add_outcome(journal, &outcome, &error);
            break;
        case 3:
            memset(outcome.cause, 'x', sizeof outcome.cause);
            result = journal_add_outcome(journal, &outcome, &error);
            break;
        default:
            result = journal_add_run(journal, &data.runs[0], &error); /* it is there */
        }
        assert_int_equal(result, -1);
        struct error second = {0};
        assert_int_equal(journal_sync(journal, &second), -1); /* sticky */
        assert_string_equal(error.message, second.message);
        assert_int_equal(journal_close(journal, NULL), -1);
    }
    study_data_free(&data);
}

static void failed_write_is_sticky_and_loses_nothing_synced(void **state) {
    const char *path = path_in(*state, "a.journal");
    struct study_data data = sample_study(), again;
    struct journal *journal = begin_journal(path, &data);
    tell_run(journal, &data, 0, 1);
    struct rlimit unlimited, small;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &unlimited), 0);
    small = unlimited;
    small.rlim_cur = size_of(path) + 100; /* stands for a full disk */
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    struct error first = {0}, second = {0};
    assert_int_equal(journal_add_curve(journal, data.curves, SAMPLE_POINTS, NULL), 0);
    const int result = journal_sync(journal, &first);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &unlimited), 0);
    signal(SIGXFSZ, handler);
    assert_int_equal(result, -1);
    assert_int_equal(first.code, ERROR_FAILED);
    assert_int_equal(journal_add_curve(journal, data.curves, 1, &second), -1);
    assert_string_equal(first.message, second.message);
    assert_int_equal(journal_close(journal, NULL), -1);
    uint64_t torn;
    assert_int_equal(journal_open(&journal, path, &again, &torn, NULL), 0);
    assert_int_equal(torn, 100);
    assert_int_equal(again.curve_count, SAMPLE_POINTS);
    study_data_free(&again);
    assert_int_equal(journal_close(journal, NULL), 0);
    study_data_free(&data);
}

static void files_that_are_no_journals_are_refused(void **state) {
    const char *path = path_in(*state, "a.journal");
    struct study_data data;
    struct error error = {0};
    uint64_t torn;
    static const char *const texts[] = {"", "SWEEPJNL", "SWEEPJNL\2\0\0\0\0\0\0", "\211HDF\r\n\032\n and so on and on"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        test_file_write(path, texts[i], i == 2 ? 16 : strlen(texts[i]));
        assert_int_equal(journal_read(path, &data, &torn, &error), -1);
        assert_int_equal(error.code, ERROR_INPUT);
    }
    test_file_write(path, "SWEEPJNL\1\0\0\0\0\0\0", 16);
    assert_int_equal(journal_read(path, &data, &torn, &error), -1);
    assert_non_null(strstr(error.message, "version 1"));
    struct journal *journal;
    assert_int_equal(journal_open(&journal, path_in(*state, "none.journal"), &data, &torn, &error), -1);
    assert_non_null(strstr(error.message, "no such journal"));
    assert_int_equal(journal_close(NULL, NULL), 0);
}

static void appending_a_point_takes_microseconds(void **state) {
    const char *path = path_in(*state, "a.journal");
    struct study_data data = sample_study(), again;
    struct journal *journal = begin_journal(path, &data);
    enum { COUNT = 100000 };
    data.runs[0].steps = COUNT;
    struct timespec begin, end;
    clock_gettime(CLOCK_MONOTONIC, &begin);
    for (uint32_t i = 0; i < COUNT; i++) {
        const struct curve_point point = {0, i, i, 1e-3, 2};
        assert_int_equal(journal_add_curve(journal, &point, 1, NULL), 0);
    }
    clock_gettime(CLOCK_MONOTONIC, &end);
    assert_int_equal(journal_close(journal, NULL), 0);
    const double seconds = (double)(end.tv_sec - begin.tv_sec) + 1e-9 * (double)(end.tv_nsec - begin.tv_nsec);
    print_message("# %.3f microseconds a point\n", 1e6 * seconds / COUNT);
    assert_true(seconds / COUNT < 20e-6); /* 5 are wanted; machines that test are busy, sanitizers slow */
    uint64_t torn;
    assert_int_equal(journal_read(path, &again, &torn, NULL), 0);
    assert_int_equal(again.curve_count, COUNT);
    study_data_free(&again);
    study_data_free(&data);
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, test_folder_make, test_folder_remove)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_FOLDER(what_was_told_comes_back_in_order),
        IN_FOLDER(opened_journal_goes_on_where_it_ended),
        IN_FOLDER(earlier_attempts_are_dropped),
        IN_FOLDER(points_behind_the_checkpoint_are_dropped),
        IN_FOLDER(run_without_its_worker_waits),
        IN_FOLDER(tail_torn_at_any_byte_is_cut),
        IN_FOLDER(unsynced_records_with_a_hole_are_cut),
        IN_FOLDER(each_flipped_byte_in_the_middle_is_refused),

        IN_FOLDER(mended_journal_keeps_what_stands_before_the_damage),
        IN_FOLDER(journal_without_a_study_cannot_be_mended),
        IN_FOLDER(second_writer_is_refused),
        IN_FOLDER(lock_of_a_dead_process_is_taken_over),
        IN_FOLDER(lock_of_another_host_is_refused_while_it_moves),
        IN_FOLDER(lock_of_another_host_that_stands_still_is_taken_over_by_one),
        IN_FOLDER(journal_whose_lock_is_lost_is_not_written_to),
        IN_FOLDER(what_is_no_lock_is_left_alone),
        IN_FOLDER(owner_counts_up_by_itself),
        IN_FOLDER(impossible_things_are_not_written),
        IN_FOLDER(failed_write_is_sticky_and_loses_nothing_synced),
        IN_FOLDER(files_that_are_no_journals_are_refused),
        IN_FOLDER(appending_a_point_takes_microseconds),
    };
    return cmocka_run_group_tests_name("journal", tests, NULL, NULL);
}
