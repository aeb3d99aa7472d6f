/* sweep launch: ranks, threads and binding from what there is; how the end of a coordinator is told. */
#include "orchestrator/end_mark.h"
#include "orchestrator/launch_layout.h"
#include "tests/test.h"

#include <sys/wait.h>
#include <unistd.h>

static void expect_layout(struct allocation allocation, int ranks, int threads, bool bound) {
    const struct layout layout = layout_choose(&allocation);
    assert_int_equal(layout.ranks, ranks);
    assert_int_equal(layout.threads, threads);
    assert_int_equal(layout.bound, bound);
}

/* One memory domain, all cores free. */
static struct allocation machine_of(int cores) {
    return (struct allocation){.nodes = 1, .cores = cores, .machine_cores = cores, .domains = 1};
}

static void a_worker_a_core_and_a_coordinator(void **state) {
    (void)state;
    expect_layout(machine_of(8), 9, 1, false);
    expect_layout(machine_of(1), 2, 1, false);
}

static void wished_threads_and_ranks_share_the_cores(void **state) {
    (void)state;
    struct allocation allocation = machine_of(8);
    allocation.threads = 4;
    expect_layout(allocation, 3, 4, false);
    allocation.threads = 16; /* more than there are */
    expect_layout(allocation, 2, 16, false);
    allocation = machine_of(8);
    allocation.ranks = 5;
    expect_layout(allocation, 5, 2, false);
    allocation.ranks = 20;
    expect_layout(allocation, 20, 1, false);
    allocation.ranks = 1; /* it trains itself */
    expect_layout(allocation, 1, 8, false);
}

static void slurm_tasks_are_workers(void **state) {
    (void)state;
    struct allocation allocation = {.nodes = 2, .cores = 8, .machine_cores = 8, .domains = 1, .tasks = 4, .threads = 4};
    expect_layout(allocation, 5, 4, false);
    allocation.threads = 0;
    expect_layout(allocation, 5, 4, false);
    allocation.tasks = 0; /* only nodes were asked for */
    expect_layout(allocation, 17, 1, false);
}

static void whole_machines_of_several_domains_are_bound(void **state) {
    (void)state;
    struct allocation allocation = {
        .nodes = 2, .cores = 64, .machine_cores = 64, .domains = 2, .tasks = 32, .threads = 4};
    expect_layout(allocation, 33, 4, true);
    allocation.tasks = 16; /* leaves cores free: where is not known */
    expect_layout(allocation, 17, 4, false);
    allocation.tasks = 16;
    allocation.cores = 32; /* the others are somebody else's */
    expect_layout(allocation, 17, 4, false);
}

static void this_machine_has_cores(void **state) {
    (void)state;
    setenv("OMP_NUM_THREADS", "3", 1);
    unsetenv("SLURM_JOB_NUM_NODES");
    const struct allocation allocation = allocation_find();
    assert_int_equal(allocation.nodes, 1);
    assert_int_equal(allocation.threads, 3);
    assert_true(allocation.cores >= 1 && allocation.cores <= allocation.machine_cores);
    assert_true(allocation.machine_cores <= sysconf(_SC_NPROCESSORS_ONLN));
    setenv("SLURM_JOB_NUM_NODES", "4", 1);
    setenv("SLURM_CPUS_ON_NODE", "1", 1);
    const struct allocation slurm = allocation_find();
    assert_int_equal(slurm.nodes, 4);
    assert_int_equal(slurm.cores, 1);
    unsetenv("SLURM_JOB_NUM_NODES");
    unsetenv("SLURM_CPUS_ON_NODE");
    unsetenv("OMP_NUM_THREADS");
}

/* A coordinator that begins and, when it is told so by the pipe, ends with a status, or is killed (status -1). */
static void coordinator_ends(const char *path, int end_status, enum end_state expected) {
    int ready[2], end[2], status = -1;
    char byte;
    test_file_write(path, "", 0);
    assert_int_equal(end_mark_read(path, &status), END_NOT_BEGUN);
    assert_int_equal(pipe(ready) | pipe(end), 0);
    const pid_t child = fork();
    if (child == 0) {
        setenv(END_MARK_VARIABLE, path, 1);
        end_mark_begin();
        if (write(ready[1], "", 1) == 1 && read(end[0], &byte, 1) == 1 && end_status >= 0)
            end_mark_write(end_status);
        _exit(0);
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    assert_int_equal(end_mark_read(path, &status), END_RUNNING);
    assert_int_equal(write(end[1], "", 1), 1);
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_int_equal(end_mark_read(path, &status), expected);
    if (expected == END_TOLD)
        assert_int_equal(status, end_status);
    for (int i = 0; i < 2; i++) {
        close(ready[i]);
        close(end[i]);
    }
}

static void the_end_of_a_coordinator_is_told(void **state) {
    char path[256];
    snprintf(path, sizeof path, "%s/mark", (const char *)*state);
    coordinator_ends(path, 0, END_TOLD);
    coordinator_ends(path, 2, END_TOLD);
}

static void a_coordinator_that_died_is_lost(void **state) {
    char path[256];
    snprintf(path, sizeof path, "%s/mark", (const char *)*state);
    coordinator_ends(path, -1, END_LOST);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_worker_a_core_and_a_coordinator),
        cmocka_unit_test(wished_threads_and_ranks_share_the_cores),
        cmocka_unit_test(slurm_tasks_are_workers),
        cmocka_unit_test(whole_machines_of_several_domains_are_bound),
        cmocka_unit_test(this_machine_has_cores),
        cmocka_unit_test_setup_teardown(the_end_of_a_coordinator_is_told, test_folder_make, test_folder_remove),
        cmocka_unit_test_setup_teardown(a_coordinator_that_died_is_lost, test_folder_make, test_folder_remove),
    };
    return cmocka_run_group_tests_name("launch", tests, NULL, NULL);
}
