#include "base/toml_internal.h"

static bool is_letter(char c) { return c >= 'a' && c <= 'z'; }

static err boolean(struct toml_parser *p, struct toml_node *node)
{
	size_t start = p->s.at;
	str word = scan_while(&p->s, is_letter);

	if (!str_eq(word, STR("true")) && !str_eq(word, STR("false")))
		return (err){ ERR_SYNTAX, (uint32_t)start, "not a value; strings stand in quotes" };
	node->kind = TOML_BOOLEAN;
	node->boolean = word.len == 4;
	return OK;
}

/* "[" values "]": newlines, comments and a last comma are welcome. */
static err array(struct toml_parser *p, struct toml_node *node)
{
	scan *s = &p->s;

	node->kind = TOML_ARRAY;
	node->first = node->last = NULL;
	node->count = 0;
	TRY(toml_blank_lines(s));
	while (!scan_char(s, ']')) {
		struct toml_node *element;
		TRY(toml_add(p, node, (toml_key){ STR(""), (uint32_t)s->at }, TOML_STRING, &element));
		TRY(toml_value(p, element));
		TRY(toml_blank_lines(s));
		if (scan_at_end(s))
			return (err){ ERR_SYNTAX, node->at, "array is not closed" };
		if (!scan_char(s, ',') && scan_peek(s) != ']')
			return scan_err(s, ERR_SYNTAX, "a comma or ] is missing in the array");
		TRY(toml_blank_lines(s));
	}
	return OK;
}

static err inline_entry(struct toml_parser *p, struct toml_node *table, uint32_t section)
{
	toml_path path;
	struct toml_node *entry;

	TRY(toml_path_parse(p, &path));
	if (!scan_char(&p->s, '='))
		return scan_err(&p->s, ERR_SYNTAX, "= is missing after the key");
	TRY(toml_define(p, table, section, &path, &entry));
	scan_while(&p->s, toml_is_wsp);
	TRY(toml_value(p, entry));
	scan_while(&p->s, toml_is_wsp);
	return OK;
}

/* "{" key = value, … "}" on one line, without a last comma. */
static err inline_table(struct toml_parser *p, struct toml_node *node)
{
	scan *s = &p->s;
	uint32_t section = ++p->sections;

	node->kind = TOML_TABLE;
	node->first = node->last = NULL;
	node->count = 0;
	scan_while(s, toml_is_wsp);
	if (scan_char(s, '}'))
		return OK;
	do {
		scan_while(s, toml_is_wsp);
		TRY(inline_entry(p, node, section));
	} while (scan_char(s, ','));
	node->origin = TOML_BY_VALUE;
	return scan_char(s, '}') ? OK
	                         : scan_err(s, ERR_SYNTAX, "a comma or } is missing in the inline table");
}

err toml_value(struct toml_parser *p, struct toml_node *node)
{
	scan *s = &p->s;

	node->at = (uint32_t)s->at;
	switch (scan_peek(s)) {
	case '"':
	case '\'':
		node->kind = TOML_STRING;
		return toml_string(p, &node->string);
	case 't':
	case 'f':
		return boolean(p, node);
	case '[':
		s->at++;
		return array(p, node);
	case '{':
		s->at++;
		return inline_table(p, node);
	case -1:
	case '\r':
	case '\n':
	case '#':
		return scan_err(s, ERR_SYNTAX, "the value is missing");
	default:
		return toml_number(p, node);
	}
}
