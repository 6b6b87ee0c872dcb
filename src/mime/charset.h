/* mime/charset.h: text in whatever charset a stranger names, as UTF-8.
 *
 * UTF-8, US-ASCII, Latin-1 and windows-1252 are done here; the others by iconv under names of our own list:
 * the sender's string never reaches iconv ("cp1252//IGNORE" is a name to it, and CVE-2024-2961 was one of its
 * charsets). Latin-1 is read as windows-1252, as every mail reader does, since its C1 range has no text.
 * Opening iconv may load a module (10 to 100 µs the first time), so each caller has a number of
 * `conversions` left, LIMIT_CHARSET_CONVERSIONS for a message; after them text is guessed at.
 * Any thread; opens a descriptor and closes it in the same call.
 */
#ifndef MIME_CHARSET_H
#define MIME_CHARSET_H

#include "base/buf.h"
#include "base/str.h"

/* Appends `octets` as valid UTF-8; what can't be read is U+FFFD. False: the charset is not known (or no
 * conversion is left), and UTF-8, where it isn't valid windows-1252, was guessed. */
bool mime_to_utf8(str charset, str octets, struct buf *out, unsigned *conversions);

/* True where we know the charset under this name. */
bool mime_charset_known(str charset);

/* True where ASCII letters, "<" and "&" in the octets need not be what they look like (UTF-16, UTF-32). */
bool mime_charset_is_wide(str charset);

/* Length of the longest prefix of at most `max` octets that does not cut a character of valid UTF-8. */
size_t mime_utf8_prefix(str s, size_t max);

#endif
