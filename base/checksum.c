#include "base/checksum.h"

#include <stdio.h>
#include <xxhash.h>

uint64_t checksum64(const void *bytes, size_t size) {
    return XXH3_64bits(bytes, size);
}

void checksum_identity(const void *bytes, size_t size, char identity[IDENTITY_SIZE]) {
    const XXH128_hash_t hash = XXH3_128bits(bytes, size);
    snprintf(identity, IDENTITY_SIZE, "%016llx%016llx", (unsigned long long)hash.high64,
             (unsigned long long)hash.low64);
}
