/* classifier_table.h - programs that official images contain without any package manager, and how their own bytes tell
 * name and version.
 *
 * A row is evidence only together: the file's name, its kind (executable or library, or a certain text file), a literal
 * of the program itself and a version of the expected shape right behind it (or right before `after`). All places of a
 * file where the evidence stands must tell the same version; else there is none. */
#ifndef VARVE_WORKER_ANALYZE_CLASSIFIER_TABLE_H
#define VARVE_WORKER_ANALYZE_CLASSIFIER_TABLE_H

#include "base/slice.h"

enum { CLASSIFIER_FILES_MAX = 10, CLASSIFIER_EVIDENCE_MAX = 4 };

enum version_suffix {
	SUFFIX_NONE,
	SUFFIX_LETTER,     /* OpenSSL: "1.1.1w", "3.0.0-beta1" */
	SUFFIX_PRERELEASE, /* "3.13.0rc1", "8.4.0-dev", "1.97.0-nightly", "2.9-dev9" */
	SUFFIX_UPDATE,     /* Java: "1.8.0_402" */
};

enum evidence_rule {
	VERSION_OF_FILE_NAME = 1, /* "python3.12": the version begins with 3.12 */
	PATCH_LEVEL_LEFT_OUT = 2, /* Ruby: "p20" behind the version is no part of it */
	DATE_BEHIND = 4,  /* a space, or two, and a digit: "OpenSSL 3.0.2 15 Mar 2022", not "(compatible; AWS-LC" */
	STANDS_ALONE = 8, /* between two NUL bytes, perhaps behind a "v": what Go's linker sets with -X */
	AT_START = 16,    /* `before` and the version begin the file */
};

struct evidence {
	struct slice        before;       /* empty: the version stands before `after` */
	size_t              overlap;      /* so many bytes at the end of `before` belong to the version */
	struct slice        after;        /* right behind the version, NUL bytes between them allowed if `padded` */
	size_t              after_within; /* or not further behind than that */
	bool                padded;
	unsigned            parts_min; /* numbers of the version; 0: three */
	enum version_suffix suffix;
	unsigned            rules;
};

struct classifier {
	const char     *name;                        /* the package's */
	const char     *type;                        /* purl type; NULL: generic */
	const char     *prefix;                      /* of the version; NULL: none */
	const char     *files[CLASSIFIER_FILES_MAX]; /* last components; "libssl.*": a beginning up to the first dot */
	const char     *folder;                      /* or NULL: the path must hold "/folder" before the file */
	bool            text;                        /* a text file; else executable or library */
	bool            go_version;                  /* "1.21rc2" is to be told as OSV counts it */
	const char     *vendor_key;                  /* text: what stands before the vendor; NULL: none */
	struct slice    needs, lacks;                /* literals that must, must not be in the file; empty: none */
	struct evidence evidence[CLASSIFIER_EVIDENCE_MAX]; /* alternatives, the first that tells something counts */
};

extern const char *const classifier_names[]; /* every name of `files`, as struct analyzer wants them */

size_t                   classifier_count(void);
const struct classifier *classifier_at(size_t index);

#endif
