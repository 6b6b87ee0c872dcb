/* base/roff.h: text for manual pages: what roff would take for a request or an escape is made plain text.
 * Pure; any thread. man(7), groff_char(7).
 */
#ifndef BASE_ROFF_H
#define BASE_ROFF_H

#include "base/buf.h"

/* Appends `text` as words of a paragraph. "`code`" becomes bold; hyphens stay hyphens that can be copied.
 * Text may begin a line of the source: a dot or apostrophe at its beginning, or after a line end, is guarded.
 */
void roff_add(struct buf *out, str text);

/* The same in bold throughout, backticks as they are: names of options and keys. */
void roff_add_bold(struct buf *out, str text);

#endif
