/* result.h - everything that is printed about one image: packages with their layers, findings, coverage.
 *
 * Computed (aggregate + match), never scanned. Report formats are functions of this record alone, so that --store and
 * --broker print the same bytes. Slices and arrays live in the arena handed to the maker; sorted as noted. Encoded as
 * msgpack on the wire (docs/PROTOCOL.md); decoding treats the bytes as hostile. */
#ifndef VARVE_MODEL_RESULT_H
#define VARVE_MODEL_RESULT_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/digest.h"
#include "model/image.h"
#include "model/inventory.h"
#include "model/package.h"

enum layer_status { LAYER_SCANNED, LAYER_REUSED, LAYER_PARTIAL, LAYER_FAILED, LAYER_SKIPPED };

struct result_layer {
	struct digest     digest, diff_id; /* diff_id: computed; the claimed one while the layer was not read */
	uint64_t          size;
	struct slice      media_type, created_by;
	enum layer_status status;
	struct slice      reason; /* for anything but scanned and reused */
};

struct result_package {
	struct package package;
	struct slice   purl;
	uint32_t       layer; /* index of the layer that introduced it */
	struct slice  *paths; /* evidence: the database's path, or the component's */
	size_t         paths_count;
	struct slice   owner;      /* package of the distribution that put all of the evidence there; empty = none */
	uint32_t       suppressed; /* enum package_suppressed: not matched, and listed only when asked for */
};

enum package_suppressed {
	PACKAGE_LISTED,
	PACKAGE_IS_OWNED,    /* by a package of the distribution: it counts once, with that package */
	PACKAGE_IS_DECLARED, /* PACKAGE_DECLARED in an image; in a root folder (rootfs:) they are listed */
};

enum severity {
	SEVERITY_UNKNOWN,
	SEVERITY_NEGLIGIBLE,
	SEVERITY_NONE,
	SEVERITY_LOW,
	SEVERITY_MEDIUM,
	SEVERITY_HIGH,
	SEVERITY_CRITICAL
};
enum { SEVERITY_COUNT = SEVERITY_CRITICAL + 1 };

struct result_vulnerability {
	struct slice  id;      /* the CVE where there is one, else the advisory's id */
	struct slice *aliases; /* advisory ids and other names, sorted */
	size_t        aliases_count;
	uint32_t      package; /* index into packages */
	struct slice  fixed;   /* lowest version at which no advisory finds it any more; empty = none known */
	enum severity severity;
	struct slice  severity_source; /* which record and field said so; empty = nobody */
	struct slice  cvss_vector;
	double        cvss_score; /* < 0 = none */
	struct slice  summary;
	bool          approximate; /* module stream or empty version: low confidence, see docs */
};

/* Something about the image that is not a package vulnerability: false diff_id claim, embedded malware, advisories
 * that are no vulnerabilities (unmaintained). */
struct result_finding {
	struct slice  kind; /* stable word: "diff_id_mismatch", "unmaintained", "malware" … */
	struct slice  text;
	struct slice  path;
	uint32_t      layer; /* UINT32_MAX = the image as a whole */
	enum severity severity;
};

enum coverage_state {
	COVERAGE_MATCHED,
	COVERAGE_NO_ADVISORY_SOURCE,
	COVERAGE_UNKNOWN_OS,
	COVERAGE_EOL,
	COVERAGE_NO_PACKAGES
};

struct result_coverage {
	struct slice        ecosystem; /* as in OSV: "Alpine:v3.20"; "" when unknown */
	uint64_t            packages;
	enum coverage_state state;
	struct slice        feed_date; /* RFC 3339; empty = none */
	struct slice        remark;    /* "feed holds fixed issues only", "inferred from UBUNTU_CODENAME" … */
};

struct image_result {
	struct image                 image;    /* reference, digests, platform, status */
	struct os_release            os;       /* empty fields = not known */
	bool                         complete; /* every layer read to its end, no partial note */
	struct slice                 incomplete_reason;
	struct slice                 advisories_generation, advisories_date; /* empty = no database */
	struct result_layer         *layers;
	size_t                       layers_count;
	struct result_package       *packages; /* by type, name, version, arch */
	size_t                       packages_count;
	struct result_vulnerability *vulnerabilities; /* severity down, id, package */
	size_t                       vulnerabilities_count;
	struct result_finding       *findings;
	size_t                       findings_count;
	struct result_coverage      *coverage;
	size_t                       coverage_count;
	struct note                 *notes; /* from the layers; path and reason; kind partial, skipped, info */
	size_t                       notes_count;
	uint32_t                    *notes_layer; /* layer index of each note */
};

const char *severity_name(enum severity severity);       /* "critical" … "negligible" "unknown" */
const char *coverage_name(enum coverage_state state);    /* "matched" "no_advisory_source" … */
const char *layer_status_name(enum layer_status status); /* "scanned" "reused" "partial" "failed" "skipped" */

/* Decoding: ERR_FORMAT, ERR_VERSION, ERR_LIMIT (the arena's ceiling too). Layer and package indexes are checked. */
int result_encode(const struct image_result *result, struct buf *out, struct err *err);
int result_decode(struct slice bytes, struct arena *arena, struct image_result *result, struct err *err);

#endif
