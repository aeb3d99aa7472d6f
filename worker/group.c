#include "worker/group.h"

#include <omp.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    GROUP_TAG = 64, /* behind those of protocol.h; MPI promises tags up to 32767 */
    GROUP_TAGS = 32000,
    TENSORS_OF_LAYER = 4,
};

static const double CLOSE_SECONDS = 1; /* that messages are waited for which may never end */

size_t group_memory_bytes(uint32_t ranks) {
    return ranks > 1 ? (size_t)2 * (ranks - 1) * GROUP_SLOTS * GROUP_CHUNK_BYTES : 0;
}

int group_open(struct group *group, const struct run_spec *spec, MPI_Comm comm, bool (*abandon)(void *context),
               void *context, struct error *error) {
    *group = (struct group){.comm = comm, .ranks = 1, .abandon = abandon, .context = context};
    if (spec->ranks <= 1)
        return 0;
    int me;
    MPI_Comm_rank(comm, &me);
    group->ranks = spec->ranks;
    while (group->rank < spec->ranks && spec->members[group->rank] != me)
        group->rank++;
    if (spec->ranks > RUN_RANKS_MAX || group->rank == spec->ranks)
        return error_set(error, ERROR_FAILED, "run %u: rank %d is not among its %u members", spec->run, me,
                         spec->ranks);
    memcpy(group->members, spec->members, sizeof group->members);
    group->tag = GROUP_TAG + (int)(spec->dispatch % GROUP_TAGS);
    group->range_most = TENSORS_OF_LAYER * spec->shape.layers + 1;
    group->ranges = malloc(group->range_most * sizeof *group->ranges);
    group->slots = malloc(group_memory_bytes(spec->ranks));
    for (uint32_t m = 0; m < RUN_RANKS_MAX; m++)
        for (int slot = 0; slot < GROUP_SLOTS; slot++)
            group->peers[m].sends[slot] = group->peers[m].receives[slot] = MPI_REQUEST_NULL;
    if (!group->ranges || !group->slots)
        return error_set(error, ERROR_FAILED, "run %u: no memory for the messages of its %u ranks", spec->run,
                         spec->ranks);
    return 0;
}

/* The first of the members from m on that is another. */
static uint32_t other_from(const struct group *group, uint32_t m) {
    return m == group->rank ? m + 1 : m;
}

static char *slot_of(const struct group *group, uint32_t m, bool received, uint64_t message) {
    const size_t other = (received ? group->ranks - 1 : 0) + (m < group->rank ? m : m - 1);
    return group->slots + (other * GROUP_SLOTS + message % GROUP_SLOTS) * GROUP_CHUNK_BYTES;
}

static void check(struct group *group, int result) {
    if (result != MPI_SUCCESS)
        group->lost = true;
}

static bool request_is_done(struct group *group, MPI_Request *request) {
    int done = 0;
    check(group, MPI_Test(request, &done, MPI_STATUS_IGNORE));
    return done != 0;
}

/* The next message's bytes, of those that owner owns. */
static bool chunk_next(const struct group *group, uint32_t owner, struct group_cursor *cursor,
                       struct group_range *chunk) {
    for (; cursor->range < group->range_count; *cursor = (struct group_cursor){cursor->range + 1, 0}) {
        const struct group_range *range = &group->ranges[cursor->range];
        size_t first = range->first + cursor->place, end = range->first + range->size;
        first = first > group->borders[owner] ? first : group->borders[owner];
        end = end < group->borders[owner + 1] ? end : group->borders[owner + 1];
        if (first >= end)
            continue;
        const size_t left = end - first;
        *chunk = (struct group_range){first, left < GROUP_CHUNK_BYTES ? left : GROUP_CHUNK_BYTES};
        cursor->place = first + chunk->size - range->first;
        return true;
    }
    return false;
}

static bool send_some(struct group *group, uint32_t m) {
    struct group_peer *peer = &group->peers[m];
    const uint64_t before = peer->sent;
    struct group_range chunk;
    while (request_is_done(group, &peer->sends[peer->sent % GROUP_SLOTS]) &&
           chunk_next(group, group->adds ? m : group->rank, &peer->to, &chunk)) {
        char *slot = slot_of(group, m, false, peer->sent);
        memcpy(slot, group->array + chunk.first, chunk.size);
        check(group, MPI_Isend(slot, (int)chunk.size, MPI_BYTE, group->members[m], group->tag, group->comm,
                               &peer->sends[peer->sent++ % GROUP_SLOTS]));
    }
    return peer->sent != before;
}

static bool receive_some(struct group *group, uint32_t m) {
    struct group_peer *peer = &group->peers[m];
    const uint64_t before = peer->posted;
    struct group_range chunk;
    while (peer->posted - peer->taken < GROUP_SLOTS &&
           chunk_next(group, group->adds ? group->rank : m, &peer->from, &chunk)) {
        peer->chunks[peer->posted % GROUP_SLOTS] = chunk;
        check(group, MPI_Irecv(slot_of(group, m, true, peer->posted), (int)chunk.size, MPI_BYTE, group->members[m],
                               group->tag, group->comm, &peer->receives[peer->posted % GROUP_SLOTS]));
        peer->posted++;
    }
    return peer->posted != before;
}

static bool has_come(struct group *group, struct group_peer *peer) {
    return peer->taken < peer->posted && request_is_done(group, &peer->receives[peer->taken % GROUP_SLOTS]);
}

static bool take_shared(struct group *group, uint32_t m) {
    struct group_peer *peer = &group->peers[m];
    if (!has_come(group, peer))
        return false;
    const struct group_range *chunk = &peer->chunks[peer->taken % GROUP_SLOTS];
    memcpy(group->array + chunk->first, slot_of(group, m, true, peer->taken), chunk->size);
    peer->taken++;
    return true;
}

/* The same chunk from all others is added to this member's, along the tree. */
static bool take_sum(struct group *group) {
    for (uint32_t m = other_from(group, 0); m < group->ranks; m = other_from(group, m + 1))
        if (!has_come(group, &group->peers[m]))
            return false;
    const struct group_peer *any = &group->peers[other_from(group, 0)];
    const struct group_range chunk = any->chunks[any->taken % GROUP_SLOTS];
    float *mine = (float *)(void *)(group->array + chunk.first), *parts[RUN_RANKS_MAX] = {mine};
    const size_t count = chunk.size / sizeof *mine;
    for (uint32_t m = 0; m < group->ranks; m++)
        parts[m] = m == group->rank ? mine : (float *)(void *)slot_of(group, m, true, group->peers[m].taken++);
    for (uint32_t width = 1; width < group->ranks; width *= 2)
        for (uint32_t m = 0; m < group->ranks; m += 2 * width) {
            float *to = parts[m];
            const float *from = parts[m + width];
#pragma omp simd
            for (size_t i = 0; i < count; i++)
                to[i] += from[i];
        }
    if (group->rank != 0)
        memcpy(mine, parts[0], chunk.size);
    return true;
}

/* Moves what can be moved: false when nothing could. */
static bool advance(struct group *group) {
    bool moved = false;
    for (uint32_t m = other_from(group, 0); m < group->ranks; m = other_from(group, m + 1)) {
        moved |= receive_some(group, m);
        moved |= send_some(group, m);
        if (!group->adds)
            moved |= take_shared(group, m);
    }
    if (group->adds && group->ranks > 1)
        moved |= take_sum(group);
    return moved;
}

static bool sends_are_done(struct group *group, struct group_peer *peer) {
    bool done = true;
    for (int slot = 0; slot < GROUP_SLOTS; slot++)
        done &= request_is_done(group, &peer->sends[slot]);
    return done;
}

/* Nothing is left to do. Messages to others count: they move only while this member is in MPI. */
static bool is_done(struct group *group) {
    bool done = true;
    for (uint32_t m = other_from(group, 0); m < group->ranks; m = other_from(group, m + 1)) {
        struct group_peer *peer = &group->peers[m];
        struct group_cursor to = peer->to;
        struct group_range chunk;
        done &= !chunk_next(group, group->adds ? m : group->rank, &to, &chunk) && peer->taken == peer->posted &&
                sends_are_done(group, peer);
    }
    return done;
}

/* Until all that may be sent has been. MPI itself would wait by spinning, and not for abandonment. */
static int finish(struct group *group) {
    while (!group->lost) {
        if (advance(group))
            continue;
        if (is_done(group))
            break;
        nanosleep(&(struct timespec){.tv_nsec = 20000}, NULL);
        if (group->abandon && group->abandon(group->context))
            group->lost = true;
    }
    return group->lost ? -1 : 0;
}

static void begin(struct group *group, void *array, const size_t first[RUN_RANKS_MAX + 1], bool adds) {
    group->array = array;
    group->adds = adds;
    group->range_count = 0;
    for (uint32_t m = 0; m <= group->ranks; m++)
        group->borders[m] = first[m];
    for (uint32_t m = 0; m < group->ranks; m++)
        group->peers[m].to = group->peers[m].from = (struct group_cursor){0};
}

void group_sum_begin(struct group *group, float *gradient, const size_t first[RUN_RANKS_MAX + 1]) {
    begin(group, gradient, first, true);
}

void group_ready(void *context, size_t first, size_t count) {
    struct group *group = context;
    if (group->ranks == 1 || group->lost)
        return;
    group->ranges[group->range_count++] = (struct group_range){first * sizeof(float), count * sizeof(float)};
    while (advance(group))
        ;
}

int group_sum(struct group *group) {
    return finish(group);
}

int group_share(struct group *group, void *array, const size_t first[RUN_RANKS_MAX + 1]) {
    if (group->ranks == 1)
        return 0;
    begin(group, array, first, false);
    group->ranges[group->range_count++] = (struct group_range){0, first[group->ranks]};
    return finish(group);
}

int group_tell(struct group *group, void *bytes, size_t size) {
    const size_t first[RUN_RANKS_MAX + 1] = {0, size, size, size, size, size, size, size, size};
    return group_share(group, bytes, first);
}

void group_close(struct group *group) {
    bool done = !group->slots;
    for (uint32_t m = 0; group->lost && m < RUN_RANKS_MAX; m++)
        for (int slot = 0; slot < GROUP_SLOTS; slot++)
            if (group->peers[m].receives[slot] != MPI_REQUEST_NULL)
                MPI_Cancel(&group->peers[m].receives[slot]);
    for (const double start = omp_get_wtime(); !done && omp_get_wtime() - start < CLOSE_SECONDS;) {
        done = true;
        for (uint32_t m = 0; m < RUN_RANKS_MAX; m++)
            for (int slot = 0; slot < GROUP_SLOTS; slot++)
                done &= request_is_done(group, &group->peers[m].sends[slot]) &&
                        request_is_done(group, &group->peers[m].receives[slot]);
        if (!done)
            nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    free(group->ranges);
    if (done) /* else MPI may still read or write there */
        free(group->slots);
}
