/* base/toml.h: TOML 1.0.0 (toml.io/en/v1.0.0) as a tree whose every key and value knows its octet.
 *
 * Strict: what the specification forbids is an error (keys defined twice, invalid UTF-8, control characters,
 * a bare CR, numbers past their 64 bits). Two lenient points: a byte order mark at the very front is passed
 * over, and CRLF inside a multi-line string becomes LF, which the specification leaves open. Pure, any
 * thread.
 */
#ifndef BASE_TOML_H
#define BASE_TOML_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

enum toml_kind { TOML_STRING, TOML_INTEGER, TOML_FLOAT, TOML_BOOLEAN, TOML_TIME, TOML_ARRAY, TOML_TABLE };

/* RFC 3339's parts; a local date has no time, a local time no date, and only an offset date-time an offset.
 */
typedef struct toml_time {
	bool has_date, has_time, has_offset;
	uint8_t month, day, hour, minute, second; /* second 60 is a leap second */
	uint16_t year;
	int16_t offset_minutes;
	uint32_t nanosecond;
} toml_time;

struct toml_node {
	enum toml_kind kind;
	str key;                  /* in its table, quotes and escapes resolved; "" in an array */
	uint32_t key_at;          /* octet of the text where its key, or the header that made it, begins */
	uint32_t at;              /* octet where the value begins; of a [table] its header's key */
	struct toml_node *next;   /* the next of its table or array, in the order of the text */
	struct toml_node *parent; /* NULL: the document */
	union {
		str string;
		int64_t integer;
		double number;
		bool boolean;
		toml_time time;
		struct {
			struct toml_node *first, *last;
			uint32_t count;
		}; /* of TOML_ARRAY and TOML_TABLE */
	};
	uint8_t depth;    /* 0: the document; at most LIMIT_TOML_DEPTH */
	uint8_t origin;   /* who made the table; for the parser */
	uint32_t section; /* the header or inline table whose dotted key made it; for the parser */
};

/* Parses a whole document. Strings may point into `text`, the rest lives in `arena`. On failure err.at is the
 * octet to point at (toml_place) and *out is untouched.
 * ERR_SYNTAX   ERR_LIMIT longer than LIMIT_CONFIG_FILE or deeper than LIMIT_TOML_DEPTH   ERR_NOSPACE */
err toml_parse(struct arena *arena, str text, struct toml_node **out) MUST_USE;

/* The entry `key` of a table, or NULL. */
const struct toml_node *toml_get(const struct toml_node *table, str key);

/* The node at a path of bare keys, "auth.plaintext"; NULL where there is none. */
const struct toml_node *toml_find(const struct toml_node *table, str path);

/* "a string", "an integer", …: for sentences. */
const char *toml_kind_name(enum toml_kind kind);

/* Where octet `at` of `text` stands: both count from 1, columns in characters. */
void toml_place(str text, size_t at, uint32_t *line, uint32_t *column);

#endif
