/* composer_package.h - one package object of Composer, as installed.json and composer.lock hold it. */
#ifndef VARVE_WORKER_ANALYZE_COMPOSER_PACKAGE_H
#define VARVE_WORKER_ANALYZE_COMPOSER_PACKAGE_H

#include "base/json.h"
#include "model/inventory.h"

/* Adds it; a branch ("dev-main", "1.x-dev") is no release. Without name or version it is passed over. False: no more fit. */
bool composer_package_add(const struct json *node, uint32_t flags, struct package_db *db, struct inventory *out);

#endif
