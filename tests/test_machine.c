/* worker/machine: threads from affinity masks, and what is said of a bad binding. */
#include "tests/test.h"
#include "worker/machine.h"

/* A rank that may use cores first to last. */
static struct place place_on(int first, int last, int trains) {
    struct place place = {.trains = trains};
    CPU_ZERO(&place.cores);
    for (int core = first; core <= last; core++)
        CPU_SET(core, &place.cores);
    return place;
}

static void rank_alone_takes_all_its_cores(void **state) {
    (void)state;
    const struct place place = place_on(0, 6, 1);
    assert_int_equal(machine_threads(&place, 1, 0, NULL), 7);
}

static void unbound_ranks_share_the_cores_of_the_node(void **state) {
    (void)state;
    struct place places[4];
    for (int i = 0; i < 4; i++)
        places[i] = place_on(0, 7, i > 0); /* rank 0 coordinates and takes no share */
    for (int i = 1; i < 4; i++)
        assert_int_equal(machine_threads(places, 4, i, NULL), 2);
}

static void bound_ranks_keep_to_their_cores(void **state) {
    (void)state;
    const struct place places[] = {place_on(0, 0, 0), place_on(1, 1, 1), place_on(2, 5, 1)};
    assert_int_equal(machine_threads(places, 3, 1, NULL), 1);
    assert_int_equal(machine_threads(places, 3, 2, NULL), 4);
}

static void more_ranks_than_cores_have_a_thread_each(void **state) {
    (void)state;
    const struct place places[] = {place_on(0, 1, 1), place_on(0, 1, 1), place_on(0, 1, 1)};
    assert_int_equal(machine_threads(places, 3, 2, NULL), 1);
}

static void wished_threads_are_obeyed(void **state) {
    (void)state;
    const struct place place = place_on(0, 0, 1);
    assert_int_equal(machine_threads(&place, 1, 0, "2"), 2);
    assert_int_equal(machine_threads(&place, 1, 0, "many"), 1);
    assert_int_equal(machine_threads(&place, 1, 0, ""), 1);
}

/* A coordinator and a worker on a node of 4 cores. */
static const char *advice_for(int threads, int cores, int cores_here) {
    static char advice[256];
    const struct machine machines[2] = {
        {.rank = 0, .ranks = 2, .threads = 4, .cores = 1, .cores_here = cores_here, .cores_online = 4, .host = "a"},
        {.rank = 1,
         .ranks = 2,
         .threads = threads,
         .cores = cores,
         .cores_here = cores_here,
         .cores_online = 4,
         .host = "a"},
    };
    machine_advice(machines, advice, sizeof advice);
    return advice;
}

static void nothing_is_said_when_all_cores_are_used(void **state) {
    (void)state;
    assert_string_equal(advice_for(4, 4, 4), "");
}

static void threads_that_a_binding_puts_on_one_core_are_said(void **state) {
    (void)state;
    const char *advice = advice_for(2, 1, 1);
    assert_non_null(strstr(advice, "2 threads of rank 1 share the 1 of 4 cores that it is bound to"));
    assert_non_null(strstr(advice, "mpirun --bind-to none"));
}

static void cores_that_a_binding_leaves_idle_are_said(void **state) {
    (void)state;
    const char *advice = advice_for(1, 1, 1);
    assert_non_null(strstr(advice, "1 of 4 cores"));
    assert_non_null(strstr(advice, "mpirun --bind-to none"));
}

static void too_many_threads_without_a_binding_are_said(void **state) {
    (void)state;
    assert_non_null(strstr(advice_for(8, 4, 4), "OMP_NUM_THREADS"));
}

static void too_many_ranks_of_a_node_are_said(void **state) {
    (void)state;
    char advice[256];
    struct machine machines[3] = {{.ranks = 3}};
    for (int i = 1; i < 3; i++)
        machines[i] = (struct machine){
            .rank = i, .ranks = 3, .threads = 1, .cores = 1, .cores_here = 1, .cores_online = 1, .host = "a"};
    machine_advice(machines, advice, sizeof advice);
    assert_string_equal(advice, "2 threads share 1 cores of node a; fewer ranks would be as fast");
    machines[2].host[0] = 'b'; /* on a node of its own: fine */
    machine_advice(machines, advice, sizeof advice);
    assert_string_equal(advice, "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rank_alone_takes_all_its_cores),
        cmocka_unit_test(unbound_ranks_share_the_cores_of_the_node),
        cmocka_unit_test(bound_ranks_keep_to_their_cores),
        cmocka_unit_test(more_ranks_than_cores_have_a_thread_each),
        cmocka_unit_test(wished_threads_are_obeyed),
        cmocka_unit_test(nothing_is_said_when_all_cores_are_used),
        cmocka_unit_test(threads_that_a_binding_puts_on_one_core_are_said),
        cmocka_unit_test(cores_that_a_binding_leaves_idle_are_said),
        cmocka_unit_test(too_many_threads_without_a_binding_are_said),
        cmocka_unit_test(too_many_ranks_of_a_node_are_said),
    };
    return cmocka_run_group_tests_name("machine", tests, NULL, NULL);
}
