/* The ranks that train one run together, its members, as one of them sees it. Member 0 leads.
 *
 *   backward pass -> group_ready, range by range   chunks of the gradient go to who owns them
 *                    group_sum                     ... until each member has the sum of all in what it owns
 *   update        -> group_share                   what each member owns goes to all others
 *
 * A member owns neighbouring elements of all that is exchanged. Sums follow the tree of model.h, whose leaves the
 * members are: ((0 + 1) + (2 + 3)) + ((4 + 5) + (6 + 7)). All members call the same functions in the same order.
 *
 * Messages go from rank to rank, without collectives: a member may die. The others then wait until they are told to
 * abandon the run; from then on every function returns -1. MPI is called from the thread that calls these functions,
 * and is given no memory but the group's own, which is left to it when a message never came to its end. A group of one
 * member does nothing, and calls no MPI. */
#ifndef SWEEP_WORKER_GROUP_H
#define SWEEP_WORKER_GROUP_H

#include "worker/run_spec.h"

#include <mpi.h>
#include <stdbool.h>

enum {
    GROUP_SLOTS = 4,             /* messages under way to each member, and from it */
    GROUP_CHUNK_BYTES = 1 << 19, /* of a message, at most */
};

/* Bytes [first, first + size) of an array. */
struct group_range {
    size_t first, size;
};

/* How far through the ranges messages have been cut. */
struct group_cursor {
    uint32_t range;
    size_t place;
};

struct group_peer {
    struct group_cursor to, from;
    uint64_t sent, posted, taken; /* messages */
    MPI_Request sends[GROUP_SLOTS], receives[GROUP_SLOTS];
    struct group_range chunks[GROUP_SLOTS]; /* that are received */
};

struct group {
    MPI_Comm comm;
    uint32_t rank, ranks; /* of the members */
    int32_t members[RUN_RANKS_MAX];
    int tag;
    bool (*abandon)(void *context);
    void *context;
    bool lost; /* a member is, or the run was abandoned */

    /* what is exchanged */
    char *array;
    size_t borders[RUN_RANKS_MAX + 1]; /* bytes from borders[m] on are owned by member m */
    bool adds;                         /* to their owner, to be added there; or from it */
    uint32_t range_count, range_most;
    struct group_range *ranges; /* [range_most]: that may be sent */

    struct group_peer peers[RUN_RANKS_MAX];
    char *slots; /* [2, ranks - 1, GROUP_SLOTS, GROUP_CHUNK_BYTES]: to send, and received */
};

/* Bytes that group_open allocates for so many ranks. */
size_t group_memory_bytes(uint32_t ranks);

/* The group of spec's members; where these are several, this process is one of them in comm, whose errors return.
 * abandon, called with context while a member waits: true when the run is to be left. */
int group_open(struct group *group, const struct run_spec *spec, MPI_Comm comm, bool (*abandon)(void *context),
               void *context, struct error *error);
void group_close(struct group *group);

/* What group_sum adds up: gradient, of which member m owns the bytes from first[m] to first[m + 1]. */
void group_sum_begin(struct group *group, float *gradient, const size_t first[RUN_RANKS_MAX + 1]);

/* The hook of model_sharing: elements are added to what is sent. Does not wait. */
void group_ready(void *group, size_t first, size_t count);

/* Waits until the elements that this member owns are the sums over all members, of all ranges since group_sum_begin;
 * the others are as they were. */
int group_sum(struct group *group);

/* Of array, member m has the bytes from first[m] to first[m + 1]: brings those of all others. */
int group_share(struct group *group, void *array, const size_t first[RUN_RANKS_MAX + 1]);

/* Brings the leader's bytes to all. */
int group_tell(struct group *group, void *bytes, size_t size);

#endif
