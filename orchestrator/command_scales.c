/* sweep scales: the published model sizes, as CSV. */
#include "model/scales.h"
#include "orchestrator/command.h"

#include <inttypes.h>
#include <stdio.h>

int command_scales(const struct command *command, int count, char **words, struct error *error) {
    uint64_t vocabulary = SCALE_VOCABULARY;
    const struct option options[] = {
        {.name = "--vocabulary",
         .value = "V",
         .help = "pieces of the vocabulary (published: 64512)",
         .count = &vocabulary},
        {0},
    };
    const int parsed = command_parse(command, options, count, words, NULL, 0, 0, error);
    if (parsed != 0)
        return parsed < 0 ? -1 : 0;
    if (vocabulary < 1 || vocabulary > 65536)
        return error_set(error, ERROR_INPUT, "scales: a vocabulary of %" PRIu64 " pieces; from 1 to 65536", vocabulary);
    puts("scale,heads,layers,embed,ffw,kv,parameters");
    for (int scale = 0; scale < SCALE_COUNT; scale++) {
        const struct model_shape shape = model_scale(scale, (uint32_t)vocabulary);
        printf("%d,%u,%u,%u,%u,%u,%" PRIu64 "\n", scale, shape.heads, shape.layers, shape.width, shape.feed_forward,
               shape.head_size, model_parameters(&shape));
    }
    return 0;
}
