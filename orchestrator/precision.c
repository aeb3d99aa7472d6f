#include "orchestrator/precision.h"

#include <string.h>

const char *const precision_names[PRECISIONS] = {[MODEL_FP32] = "fp32", [MODEL_BF16] = "bf16"};

int precision_parse(const char *name, enum model_precision *precision) {
    for (int i = 0; i < PRECISIONS; i++)
        if (strcmp(name, precision_names[i]) == 0) {
            *precision = (enum model_precision)i;
            return 0;
        }
    return -1;
}
