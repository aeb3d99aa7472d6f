/* Settings as text, a line "key: value" each: what an archive or a folder of shards was made with, to be held against
 * what is asked for now. */
#ifndef SWEEP_ORCHESTRATOR_SETTINGS_H
#define SWEEP_ORCHESTRATOR_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>

/* True when the two differ; difference then names the first key that does and both its values, "training.batch was 16,
 * is 8". */
bool settings_differ(const char *before, const char *now, char *difference, size_t size);

/* Those lines of settings whose key begins with one of the prefixes (ended by NULL). The caller frees them; NULL: no
 * memory. */
char *settings_select(const char *settings, const char *const *prefixes);

#endif
