#include "base/toml_internal.h"

#include "base/hash.h"

enum { FIRST_SIZE = 64 };

/* Colliding keys gain nobody anything in one's own configuration, so the key of the hash may be known. */
static struct toml_node **slot_of(struct toml_node **slots, size_t size, const struct toml_node *table,
                                  str key)
{
	const uint64_t by_table[2] = { (uintptr_t)table, 0 };

	for (size_t i = hash_keyed(by_table, key) & (size - 1);; i = (i + 1) & (size - 1))
		if (!slots[i] || (slots[i]->parent == table && str_eq(slots[i]->key, key)))
			return &slots[i];
}

struct toml_node *toml_child(const struct toml_parser *p, const struct toml_node *table, str key)
{
	return p->size ? *slot_of(p->slots, p->size, table, key) : NULL;
}

static err make_room(struct toml_parser *p)
{
	if ((p->used + 1) * 4 <= p->size * 3)
		return OK;
	size_t size = p->size ? p->size * 2 : FIRST_SIZE;
	struct toml_node **slots = arena_new(p->arena, struct toml_node *, size);
	if (!slots)
		return ERR_NO_MEMORY;
	for (size_t i = 0; i < p->size; i++)
		if (p->slots[i])
			*slot_of(slots, size, p->slots[i]->parent, p->slots[i]->key) = p->slots[i];
	p->slots = slots;
	p->size = size;
	return OK;
}

/* A new last child; of a table only where the key is free, which the caller has seen to. */
err toml_add(struct toml_parser *p, struct toml_node *parent, toml_key key, enum toml_kind kind,
             struct toml_node **out)
{
	if (parent->depth >= LIMIT_TOML_DEPTH)
		return (err){ ERR_LIMIT, key.at, "tables and arrays are nested too deeply" };
	TRY(make_room(p));
	struct toml_node *n = arena_new(p->arena, struct toml_node, 1);
	if (!n)
		return ERR_NO_MEMORY;
	*n = (struct toml_node){ .kind = kind,
		                 .key = key.name,
		                 .key_at = key.at,
		                 .at = key.at,
		                 .parent = parent,
		                 .depth = (uint8_t)(parent->depth + 1) };
	if (parent->last)
		parent->last->next = n;
	else
		parent->first = n;
	parent->last = n;
	parent->count++;
	if (parent->kind == TOML_TABLE) {
		struct toml_node **slot = slot_of(p->slots, p->size, parent, key.name);
		assert(!*slot);
		*slot = n;
		p->used++;
	}
	*out = n;
	return OK;
}

static err defined_already(toml_key key) { return (err){ ERR_SYNTAX, key.at, "is defined already" }; }

/* `key.` in front of another key: the table it names, made where there is none. */
static err enter_dotted(struct toml_parser *p, struct toml_node *table, uint32_t section, toml_key key,
                        struct toml_node **out)
{
	struct toml_node *n = toml_child(p, table, key.name);

	if (!n)
		TRY(toml_add(p, table, key, TOML_TABLE, &n));
	else if (n->kind != TOML_TABLE)
		return (err){ ERR_SYNTAX, key.at, "is no table" };
	else if (n->origin != TOML_BY_CHILD && !(n->origin == TOML_BY_DOTS && n->section == section))
		return (err){ ERR_SYNTAX, key.at, "is a table defined elsewhere" };
	n->origin = TOML_BY_DOTS;
	n->section = section;
	*out = n;
	return OK;
}

/* The new node for `path =` in `table`; its kind is set by the value. */
err toml_define(struct toml_parser *p, struct toml_node *table, uint32_t section, const toml_path *path,
                struct toml_node **out)
{
	toml_key last = path->part[path->count - 1];

	for (uint32_t i = 0; i + 1 < path->count; i++)
		TRY(enter_dotted(p, table, section, path->part[i], &table));
	if (toml_child(p, table, last.name))
		return defined_already(last);
	return toml_add(p, table, last, TOML_STRING, out);
}

/* The table that holds the last part of a header: through tables, and the newest element of [[tables]]. */
static err enter_header(struct toml_parser *p, const toml_path *path, struct toml_node **out)
{
	struct toml_node *table = p->root;

	for (uint32_t i = 0; i + 1 < path->count; i++) {
		toml_key key = path->part[i];
		struct toml_node *n = toml_child(p, table, key.name);
		if (!n) {
			TRY(toml_add(p, table, key, TOML_TABLE, &n));
			n->origin = TOML_BY_CHILD;
		} else if (n->kind == TOML_ARRAY && n->origin == TOML_BY_TABLES) {
			n = n->last;
		} else if (n->kind != TOML_TABLE) {
			return (err){ ERR_SYNTAX, key.at, "is no table" };
		} else if (n->origin == TOML_BY_VALUE) {
			return (err){ ERR_SYNTAX, key.at,
				      "is an inline table, which nothing can be added to" };
		}
		table = n;
	}
	*out = table;
	return OK;
}

/* [path] */
err toml_open_table(struct toml_parser *p, const toml_path *path, struct toml_node **out)
{
	toml_key last = path->part[path->count - 1];
	struct toml_node *table;

	TRY(enter_header(p, path, &table));
	struct toml_node *n = toml_child(p, table, last.name);
	if (!n)
		TRY(toml_add(p, table, last, TOML_TABLE, &n));
	else if (n->kind != TOML_TABLE || n->origin != TOML_BY_CHILD)
		return defined_already(last);
	n->origin = TOML_BY_HEADER;
	n->key_at = n->at = last.at;
	*out = n;
	return OK;
}

/* [[path]] */
err toml_append_table(struct toml_parser *p, const toml_path *path, struct toml_node **out)
{
	toml_key last = path->part[path->count - 1];
	struct toml_node *table, *element;

	TRY(enter_header(p, path, &table));
	struct toml_node *n = toml_child(p, table, last.name);
	if (!n) {
		TRY(toml_add(p, table, last, TOML_ARRAY, &n));
		n->origin = TOML_BY_TABLES;
	} else if (n->kind != TOML_ARRAY || n->origin != TOML_BY_TABLES) {
		return defined_already(last);
	}
	TRY(toml_add(p, n, (toml_key){ STR(""), last.at }, TOML_TABLE, &element));
	element->origin = TOML_BY_HEADER;
	*out = element;
	return OK;
}
