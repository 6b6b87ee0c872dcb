#include "base/toml.h"

#include "base/toml_internal.h"
#include "base/utf8.h"

bool toml_is_wsp(char c) { return c == ' ' || c == '\t'; }

bool toml_newline(scan *s)
{
	if (str_starts(scan_rest(s), STR("\r\n")))
		s->at++;
	return scan_char(s, '\n');
}

static bool is_comment(char c) { return (unsigned char)c >= 0x20 ? c != 0x7f : c == '\t'; }

/* Space and a comment, up to the newline or the end. */
static err rest_of_line(scan *s)
{
	scan_while(s, toml_is_wsp);
	if (scan_char(s, '#')) {
		scan_while(s, is_comment);
		if (!scan_at_end(s) && scan_peek(s) != '\n' && !str_starts(scan_rest(s), STR("\r\n")))
			return scan_err(s, ERR_SYNTAX, "control character in a comment");
	}
	return OK;
}

/* Space, newlines and comments, as arrays and the document have between their items. */
err toml_blank_lines(scan *s)
{
	do
		TRY(rest_of_line(s));
	while (toml_newline(s));
	return OK;
}

static bool is_bare(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
	       c == '-';
}

static err key_part(struct toml_parser *p, toml_key *out)
{
	scan *s = &p->s;
	int c = scan_peek(s);

	out->at = (uint32_t)s->at;
	if (c == '"' || c == '\'')
		return toml_string_line(p, &out->name);
	out->name = scan_while(s, is_bare);
	return out->name.len ? OK : scan_err(s, ERR_SYNTAX, "a key is missing here");
}

/* key = simple-key *( "." simple-key ), with the space around each. */
err toml_path_parse(struct toml_parser *p, toml_path *out)
{
	out->count = 0;
	do {
		scan_while(&p->s, toml_is_wsp);
		if (out->count == LIMIT_TOML_DEPTH)
			return scan_err(&p->s, ERR_LIMIT, "key has too many parts");
		TRY(key_part(p, &out->part[out->count]));
		out->count++;
		scan_while(&p->s, toml_is_wsp);
	} while (scan_char(&p->s, '.'));
	return OK;
}

/* Behind "[". */
static err header(struct toml_parser *p, struct toml_node **table)
{
	bool many = scan_char(&p->s, '[');
	toml_path path;

	TRY(toml_path_parse(p, &path));
	if (!scan_char(&p->s, ']') || (many && !scan_char(&p->s, ']')))
		return scan_err(&p->s, ERR_SYNTAX,
		                many ? "]] is missing after the header" : "] is missing after the header");
	return many ? toml_append_table(p, &path, table) : toml_open_table(p, &path, table);
}

static err key_value(struct toml_parser *p, struct toml_node *table, uint32_t section)
{
	toml_path path;
	struct toml_node *node;

	TRY(toml_path_parse(p, &path));
	if (!scan_char(&p->s, '='))
		return scan_err(&p->s, ERR_SYNTAX, "= is missing after the key");
	TRY(toml_define(p, table, section, &path, &node));
	scan_while(&p->s, toml_is_wsp);
	return toml_value(p, node);
}

static err document(struct toml_parser *p)
{
	struct toml_node *table = p->root;
	uint32_t section = 0;

	for (;;) {
		TRY(toml_blank_lines(&p->s));
		if (scan_at_end(&p->s))
			return OK;
		if (scan_char(&p->s, '[')) {
			TRY(header(p, &table));
			section = ++p->sections;
		} else {
			TRY(key_value(p, table, section));
		}
		TRY(rest_of_line(&p->s));
		if (!scan_at_end(&p->s) && !toml_newline(&p->s))
			return scan_err(&p->s, ERR_SYNTAX, "nothing more may stand on this line");
	}
}

err toml_parse(struct arena *arena, str text, struct toml_node **out)
{
	struct toml_parser p = { .s = { text, 0 }, .arena = arena };

	if (text.len > LIMIT_CONFIG_FILE)
		return (err){ ERR_LIMIT, LIMIT_CONFIG_FILE, "file is too long" };
	size_t bad = utf8_invalid(text);
	if (bad < text.len)
		return (err){ ERR_SYNTAX, (uint32_t)bad, "not UTF-8" };
	p.root = arena_new(arena, struct toml_node, 1);
	if (!p.root)
		return ERR_NO_MEMORY;
	*p.root = (struct toml_node){ .kind = TOML_TABLE, .origin = TOML_BY_HEADER };
	if (str_starts(text, STR("\xef\xbb\xbf")))
		p.s.at = 3;
	TRY(document(&p));
	*out = p.root;
	return OK;
}

const struct toml_node *toml_get(const struct toml_node *table, str key)
{
	assert(table->kind == TOML_TABLE);
	for (const struct toml_node *n = table->first; n; n = n->next)
		if (str_eq(n->key, key))
			return n;
	return NULL;
}

const struct toml_node *toml_find(const struct toml_node *table, str path)
{
	const struct toml_node *n = table;

	while (n && path.len) {
		str key = str_cut(&path, '.');
		n = n->kind == TOML_TABLE ? toml_get(n, key) : NULL;
	}
	return n;
}

const char *toml_kind_name(enum toml_kind kind)
{
	static const char *const names[] = {
		[TOML_STRING] = "a string",   [TOML_INTEGER] = "an integer",  [TOML_FLOAT] = "a float",
		[TOML_BOOLEAN] = "a boolean", [TOML_TIME] = "a date or time", [TOML_ARRAY] = "an array",
		[TOML_TABLE] = "a table",
	};
	return names[kind];
}

void toml_place(str text, size_t at, uint32_t *line, uint32_t *column)
{
	*line = *column = 1;
	for (size_t i = 0; i < at && i < text.len; i++) {
		if (text.ptr[i] == '\n') {
			++*line;
			*column = 1;
		} else if (((unsigned char)text.ptr[i] & 0xc0) != 0x80) {
			++*column;
		}
	}
}
