/* base/toml_internal.h: what the files of the TOML parser share; nobody else includes it. */
#ifndef BASE_TOML_INTERNAL_H
#define BASE_TOML_INTERNAL_H

#include "base/limits.h"
#include "base/scan.h"
#include "base/toml.h"

/* Who made a table decides who may add to it. */
enum toml_origin {
	TOML_BY_VALUE,  /* an inline table or array: complete where it is written */
	TOML_BY_HEADER, /* [table], or an element of [[tables]] */
	TOML_BY_CHILD,  /* only named on the way to another header: may still be defined, once */
	TOML_BY_DOTS,   /* a dotted key's: open for dotted keys of the same section */
	TOML_BY_TABLES, /* the array that [[tables]] fill */
};

struct toml_parser {
	scan s;
	struct arena *arena;
	struct toml_node *root;
	uint32_t sections; /* headers and inline tables so far */

	/* All keys of all tables, by (parent, key): open addressing, in the arena. */
	struct toml_node **slots;
	size_t size, used;
};

typedef struct toml_key {
	str name;
	uint32_t at;
} toml_key;

/* A dotted key has at most as many parts as tables may nest. */
typedef struct toml_path {
	toml_key part[LIMIT_TOML_DEPTH];
	uint32_t count; /* >= 1 */
} toml_path;

/* toml.c: space, and what follows a value or header on its line. */
bool toml_is_wsp(char c);
bool toml_newline(scan *s);
err toml_blank_lines(scan *s);
err toml_path_parse(struct toml_parser *p, toml_path *out);

/* toml_table.c: the tree and the rules who may define what. */
struct toml_node *toml_child(const struct toml_parser *p, const struct toml_node *table, str key);
err toml_add(struct toml_parser *p, struct toml_node *parent, toml_key key, enum toml_kind kind,
             struct toml_node **out);
err toml_define(struct toml_parser *p, struct toml_node *table, uint32_t section, const toml_path *path,
                struct toml_node **out);
err toml_open_table(struct toml_parser *p, const toml_path *path, struct toml_node **out);
err toml_append_table(struct toml_parser *p, const toml_path *path, struct toml_node **out);

/* toml_value.c, toml_string.c, toml_number.c: each reads one value at p->s into `node`. */
err toml_value(struct toml_parser *p, struct toml_node *node);
err toml_string(struct toml_parser *p, str *out);
err toml_string_line(struct toml_parser *p, str *out);
err toml_number(struct toml_parser *p, struct toml_node *node);
bool toml_time_parse(str token, toml_time *out);

#endif
