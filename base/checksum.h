/* Checksums of bytes and identities of things. XXH3 (the xxHash library): not a defence against forgers. */
#ifndef SWEEP_BASE_CHECKSUM_H
#define SWEEP_BASE_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

/* An identity is 128 bits written as 32 lower-case hexadecimal digits and a zero byte. */
enum { IDENTITY_SIZE = 33 };

/* 64-bit checksum of bytes; 0 bytes are allowed. The same on every machine. */
uint64_t checksum64(const void *bytes, size_t size);

/* The 128-bit identity of bytes, written into identity. */
void checksum_identity(const void *bytes, size_t size, char identity[IDENTITY_SIZE]);

/* The same of bytes that come in blocks, because they need not fit into memory together. Begun (NULL: no memory), fed,
 * and ended in one of two ways, which free it. */
struct checksum;
struct checksum *checksum_begin(void);
void checksum_add(struct checksum *checksum, const void *bytes, size_t size);
uint64_t checksum_end(struct checksum *checksum);
void checksum_end_identity(struct checksum *checksum, char identity[IDENTITY_SIZE]);

#endif
