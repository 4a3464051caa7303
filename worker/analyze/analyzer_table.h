/* analyzer_table.h - every analyzer of this build, in a fixed order. Adding one is a row in analyzer_table.c. */
#ifndef VARVE_WORKER_ANALYZE_ANALYZER_TABLE_H
#define VARVE_WORKER_ANALYZE_ANALYZER_TABLE_H

#include "analyze/analyzer.h"

enum { ANALYZERS_MAX = 128 };

size_t                 analyzer_count(void);
const struct analyzer *analyzer_at(size_t index);
uint32_t               analyzer_number(const struct analyzer *analyzer); /* its index */
const struct analyzer *analyzer_find(struct slice name);                 /* NULL: no such analyzer */

#endif
