/* A document parses or says where not; in the tree every key is found again under its own name, stands where
 * it says, and every string is UTF-8. */
#include <stdlib.h>

#include "base/limits.h"
#include "base/toml.h"
#include "base/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t size);

static void must(bool law)
{
	if (!law)
		abort();
}

static void check(str text, const struct toml_node *n)
{
	must(n->depth <= LIMIT_TOML_DEPTH && n->at <= text.len && n->key_at <= text.len);
	if (n->kind == TOML_STRING)
		must(utf8_invalid(n->string) == n->string.len);
	if (n->kind != TOML_TABLE && n->kind != TOML_ARRAY)
		return;
	uint32_t count = 0;
	for (const struct toml_node *c = n->first; c; c = c->next, count++) {
		must(c->parent == n && c->depth == n->depth + 1);
		must(n->kind == TOML_ARRAY || count > 1000 || toml_get(n, c->key) == c);
		check(text, c);
	}
	must(count == n->count);
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t size)
{
	str text = { (const char *)octets, size };
	struct arena arena;
	struct toml_node *root = NULL;
	uint32_t line, column;

	arena_init(&arena, NULL, 256u * LIMIT_MB);
	err e = toml_parse(&arena, text, &root);
	must((e.code == ERR_OK) == (root != NULL));
	if (root) {
		check(text, root);
	} else {
		must(e.code == ERR_SYNTAX || e.code == ERR_LIMIT);
		must(e.at <= size && e.what);
		toml_place(text, e.at, &line, &column);
		must(line >= 1 && column >= 1);
	}
	arena_reset(&arena);
	return 0;
}
