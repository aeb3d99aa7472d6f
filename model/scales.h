/* The model sizes of the study. Source: arXiv 2510.22037v2, table B.3. */
#ifndef SWEEP_MODEL_SCALES_H
#define SWEEP_MODEL_SCALES_H

#include "model/model.h"

/* Published scales are 0 to SCALE_COUNT - 1; V of the study. */
enum { SCALE_COUNT = 53, SCALE_VOCABULARY = 64512 };

/* The shape of a published scale with this vocabulary; 0 <= scale < SCALE_COUNT. */
struct model_shape model_scale(int scale, uint32_t vocabulary);

#endif
