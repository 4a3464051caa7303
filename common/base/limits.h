/* limits.h - every ceiling of Varve in one place: unit last in the name, reason beside it (docs/LIMITS.md for users).
 *
 * Reaching one is a recorded, visible result (skipped, partial, failed, refused), never silence and never a crash. */
#ifndef VARVE_BASE_LIMITS_H
#define VARVE_BASE_LIMITS_H

/* What a registry or an archive says about images */
#define LIMIT_MANIFEST_BYTES    (4u << 20) /* distribution-spec: registries should take 4 MiB at least */
#define LIMIT_CONFIG_BYTES      (8u << 20) /* image config; long histories stay below 1 MiB */
#define LIMIT_LAYERS_PER_IMAGE  1000u      /* overlayfs runtimes stop at 127-500 */
#define LIMIT_INDEX_MANIFESTS   1000u      /* children of one image index */
#define LIMIT_INDEX_DEPTH       4u         /* indexes inside indexes */
#define LIMIT_REFERENCE_BYTES   1024u      /* host + repository (255) + tag (128) + digest, with room */
#define LIMIT_JSON_DEPTH        64u
#define LIMIT_JSON_VALUES       2000000u /* of one document; each takes up to 250 bytes of memory */
#define LIMIT_YAML_DEPTH        64u
#define LIMIT_XML_DEPTH         256u           /* elements within elements */
#define LIMIT_ARCHIVE_BYTES     (256ull << 30) /* an image archive (docker save) that must be inflated to a spool file */
#define LIMIT_ARCHIVE_MEMBERS   200000u        /* its members: some per layer */
#define LIMIT_LIST_LINES        10000000u      /* --from-file */
#define LIMIT_HTTP_HEADER_BYTES (256u << 10)   /* all headers of one answer */
#define LIMIT_HTTP_REDIRECTS    5u
#define LIMIT_TOKEN_BYTES       (64u << 10) /* bearer tokens of large enterprises reach 20 KiB */

/* One layer */
#define LIMIT_LAYER_BYTES           (64ull << 30) /* inflated bytes of one layer */
#define LIMIT_INFLATE_RATIO         1100u /* deflate's own ceiling is 1032:1; more is a bomb by zstd or nesting */
#define LIMIT_INFLATE_RATIO_FREE    (64ull << 20) /* the ratio counts only beyond this many inflated bytes */
#define LIMIT_ENTRIES               4000000u
#define LIMIT_PATH_BYTES            4096u          /* PATH_MAX */
#define LIMIT_PATH_DEPTH            256u           /* components */
#define LIMIT_SYMLINK_CHAIN         40u            /* as the Linux kernel */
#define LIMIT_WINDOW_BYTES          (192ull << 20) /* zstd windows and xz dictionaries, one such layer at a time */
#define LIMIT_WINDOW_FREE_BYTES     (8ull << 20)   /* a window up to this size is in every thread's own allowance */
#define LIMIT_HEAD_BYTES            4096u          /* what an analyzer may look at before it decides */
#define LIMIT_BODY_MEMORY_BYTES     (4u << 20)     /* larger bodies go to the spool */
#define LIMIT_HOLE_BYTES            (1ull << 30) /* zeros read for holes of sparse files, which cost an image nothing */
#define LIMIT_PENDING_BYTES         (64u << 20) /* of one layer: database files that wait in memory for their companion */
#define LIMIT_LOCK_TREE_BYTES       (256u << 20) /* a lock file of YAML or XML as a tree; the largest known need a tenth */
#define LIMIT_CHISEL_BYTES          (64u << 20)  /* an inflated manifest.wall; a large image's is below 5 MiB */
#define LIMIT_NESTED_DEPTH          12u          /* archives within archives */
#define LIMIT_NESTED_ARCHIVES       20000u       /* within one file */
#define LIMIT_NESTED_MEMBERS        2000000u     /* of all of them */
#define LIMIT_NESTED_HELD_BYTES     (48u << 20)  /* unpacked inner archives that are in memory at once */
#define LIMIT_NESTED_BYTES          (4ull << 30) /* unpacked from one file in all */
#define LIMIT_SPOOL_BYTES           (2ull << 30) /* per layer */
#define LIMIT_INVENTORY_BYTES       (256u << 20) /* encoded inventory and path table of one layer */
#define LIMIT_INVENTORY_ARENA_BYTES (512u << 20) /* decoded; address space, not what a usual layer takes */
#define LIMIT_PACKAGES_PER_LAYER    2000000u
#define LIMIT_STRING_BYTES          (64u << 10) /* one field of a package record; longer is cut and noted */
#define LIMIT_LAYER_SECONDS         3600u       /* that a parser may take for one layer, waits for its bytes left out */
#define LIMIT_PARSER_DATA_BYTES     (3ull << 30) /* memory that a parser may write: inventory, windows, a mapped spool */
#define LIMIT_PARSER_ADDRESS_BYTES  (8ull << 30)         /* with programs, threads' stacks and what is only mapped */
#define LIMIT_PARSER_QUESTIONS      (4u * LIMIT_ENTRIES) /* of a parser to its worker, for one layer */
#define LIMIT_NOTES_PER_LAYER       1000u                /* notes beyond it are counted only */
#define LIMIT_MEMO_HELD_BYTES       (8u << 20)           /* facts of one layer that wait for its end to be remembered */
#define LIMIT_MEMO_FACTS_BYTES      (1u << 20) /* encoded facts of one file, to be remembered; longer are not */

/* One image, at aggregation */
#define LIMIT_TREE_BYTES         (512u << 20) /* paths with facts and symlinks of all layers */
#define LIMIT_TREE_LINKS         1000000u     /* symlinks remembered; large images have 50,000 */
#define LIMIT_TREE_STEPS         100000000ull /* path components walked, nodes passed and packages counted */
#define LIMIT_PACKAGES_PER_IMAGE 4000000u     /* of all its databases; hard links to one count as many */
#define LIMIT_AGGREGATE_BYTES    (2ull << 30) /* decoded inventories held at a time */

/* Advisories */
#define LIMIT_ADVISORY_BYTES     (16u << 20)   /* one OSV record */
#define LIMIT_ADVISORY_ZIP_BYTES (16ull << 30) /* one all.zip, inflated */

/* Reports */
#define LIMIT_REPORT_BYTES (1u << 30) /* one image in one format; of cyclonedx the whole document */

/* One process */
#define LIMIT_SCAN_THREADS 1024u /* each takes 64 MiB when it is busy; more is a slip of the hand */

/* Wire and store (docs/PROTOCOL.md, docs/STORE_FORMAT.md) */
#define LIMIT_MESSAGE_BYTES   (2u << 20) /* ZMQ_MAXMSGSIZE: a chunk and its envelope */
#define LIMIT_CHUNK_BYTES     (1u << 20)
#define LIMIT_ANSWER_BYTES    (256u << 20) /* rows of one question over all images (varve where …), in memory */
#define LIMIT_STORE_MAP_BYTES (1ull << 40) /* address space reserved for LMDB */

#endif
