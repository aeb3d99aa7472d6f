#include "base/checksum.h"

#include <stdio.h>
#include <xxhash.h>

uint64_t checksum64(const void *bytes, size_t size) {
    return XXH3_64bits(bytes, size);
}

static void write_identity(XXH128_hash_t hash, char identity[IDENTITY_SIZE]) {
    snprintf(identity, IDENTITY_SIZE, "%016llx%016llx", (unsigned long long)hash.high64,
             (unsigned long long)hash.low64);
}

void checksum_identity(const void *bytes, size_t size, char identity[IDENTITY_SIZE]) {
    write_identity(XXH3_128bits(bytes, size), identity);
}

/* The 64-bit and the 128-bit sum have one state and differ in how it ends: struct checksum is that state. */
struct checksum *checksum_begin(void) {
    XXH3_state_t *state = XXH3_createState();
    if (state)
        XXH3_128bits_reset(state);
    return (struct checksum *)state;
}

void checksum_add(struct checksum *checksum, const void *bytes, size_t size) {
    XXH3_128bits_update((XXH3_state_t *)checksum, bytes, size);
}

uint64_t checksum_end(struct checksum *checksum) {
    XXH3_state_t *state = (XXH3_state_t *)checksum;
    const uint64_t sum = XXH3_64bits_digest(state);
    XXH3_freeState(state);
    return sum;
}

void checksum_end_identity(struct checksum *checksum, char identity[IDENTITY_SIZE]) {
    XXH3_state_t *state = (XXH3_state_t *)checksum;
    write_identity(XXH3_128bits_digest(state), identity);
    XXH3_freeState(state);
}
