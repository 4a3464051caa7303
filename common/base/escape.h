/* escape.h - foreign strings made safe for where they are shown.
 *
 * Input may be any bytes; invalid UTF-8 never passes through unmarked. Each function appends to `out`. */
#ifndef VARVE_BASE_ESCAPE_H
#define VARVE_BASE_ESCAPE_H

#include "base/buf.h"

/* Terminal, table, log: printable UTF-8 stays; C0, DEL, C1, ESC, bidi and zero-width controls, line separators and
 * invalid bytes become \xNN or \u{NNNN}; a backslash stays as it is. */
void escape_terminal(struct buf *out, struct slice text);

/* Inside a JSON string (RFC 8259), without the quotes: control, bidi and other invisible characters as
 * \uNNNN (nothing is lost, and a terminal stays whole), invalid UTF-8 bytes as U+FFFD.
 * '<', '>' and '&' stay; escape_json_html() writes them as \u00NN for JSON inside HTML. */
void escape_json(struct buf *out, struct slice text);
void escape_json_html(struct buf *out, struct slice text);

/* One CSV field (RFC 4180), quoted; a leading = + - @ TAB or CR gets a ' before it against formula injection. */
void escape_csv(struct buf *out, struct slice text);

/* HTML text or attribute value: & < > " ' as entities, controls and invalid bytes as U+FFFD. */
void escape_html(struct buf *out, struct slice text);

/* One code point of valid UTF-8 (RFC 3629: no surrogates, no overlong forms) at the start of `text`: its length in
 * bytes, or 0 when the first byte does not begin one. */
size_t utf8_decode(struct slice text, uint32_t *code_point);

/* Columns that printable text takes on a terminal (wide characters count 2); for text already escaped. */
size_t utf8_columns(struct slice text);

#endif
