/* analyze_run.h - runs the analyzers as a layer scan does, over a folder tree, a tarball or bytes in memory, and lists
 * the inventory as text for comparison. */
#ifndef VARVE_TESTS_LIB_ANALYZE_RUN_H
#define VARVE_TESTS_LIB_ANALYZE_RUN_H

#include "analyze/dispatch.h"

/* Hands one entry with its body (in pieces of block_bytes, 0 = one) to the dispatcher. */
void analyze_entry(struct dispatch *d, const struct entry *entry, struct slice body, size_t block_bytes);
void analyze_file(struct dispatch *d, const char *path, unsigned mode, struct slice body);

/* All files below `folder`, sorted by path, as the entries of one layer. */
void analyze_folder(struct dispatch *d, const char *folder);

/* A tar, plain or compressed. 0 or ERR_*. */
int analyze_tarball(struct dispatch *d, const char *file, struct err *err);

/* One line per fact, dropped ones left out:
 *   db KIND PATH [by_magic]             and below each its packages:
 *     TYPE NAME VERSION [arch=] [source=] [source_version=] [license=] [vendor=] [modularity=] [virtual]
 * [not_configured] os PATH [by_magic] id= id_like= … owner PATH PACKAGE: FILES           license PATH PACKAGE: TEXT
 *   hash PATH SIZE [executable]         link PATH -> TARGET
 *   note KIND PATH: REASON */
void inventory_listing(const struct inventory *inv, struct buf *out);

#endif
