/* inventory_index.h - which facts of an inventory lie under a path; private to inventory.c.
 *
 * A hash table of paths in the inventory's arena, each with the chain of its facts, so that dropping a path costs what
 * the path holds and not what the layer holds: a hostile tar may name millions of paths twice. */
#ifndef VARVE_MODEL_INVENTORY_INDEX_H
#define VARVE_MODEL_INVENTORY_INDEX_H

#include "model/inventory.h"

enum fact_kind { FACT_DB, FACT_OS_RELEASE, FACT_OWNER, FACT_LICENSE, FACT_HASH, FACT_LINK, FACT_LINKED_BY };

/* `path` is borrowed for as long as the inventory lives (the record's own copy). False when the arena is full. */
bool inventory_index_add(struct inventory *inv, struct slice path, enum fact_kind kind, size_t record);

#endif
