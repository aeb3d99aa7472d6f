/* The names of precisions in study files, tables and command lines. */
#ifndef SWEEP_ORCHESTRATOR_PRECISION_H
#define SWEEP_ORCHESTRATOR_PRECISION_H

#include "model/model.h"

enum { PRECISIONS = 2 };
extern const char *const precision_names[PRECISIONS]; /* by enum model_precision: "fp32", "bf16" */

/* The precision of this name; -1: there is none. */
int precision_parse(const char *name, enum model_precision *precision);

#endif
