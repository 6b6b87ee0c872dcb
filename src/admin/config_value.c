#include "admin/config_internal.h"

#include "base/log.h"

err config_read_string(struct config_reader *r, const struct toml_node *node, str *out)
{
	if (node->kind != TOML_STRING)
		return config_refuse(r, node->at, "is %s; write a string, in quotes",
		                     toml_kind_name(node->kind));
	if (node->string.len && memchr(node->string.ptr, 0, node->string.len))
		return config_refuse(r, node->at, "has a NUL in it; take it out");
	return arena_copy(r->arena, node->string, out);
}

static err read_text(struct config_reader *r, const struct toml_node *node, void *field)
{
	str s = { 0 };

	TRY(config_read_string(r, node, &s));
	const char *wrong = r->key->wrong ? r->key->wrong(s) : NULL;
	if (wrong)
		return config_refuse(r, node->at, "\"" STR_FMT "\" %s", STR_ARG(s), wrong);
	*(str *)field = s;
	return OK;
}

/* A JSON string is a TOML string: the same escapes, DEL among them. */
static void write_text(struct buf *out, const struct config_key *key, const void *field)
{
	(void)key;
	log_add_json_string(out, *(const str *)field);
}

static err read_boolean(struct config_reader *r, const struct toml_node *node, void *field)
{
	if (node->kind != TOML_BOOLEAN)
		return config_refuse(r, node->at, "is %s; write true or false", toml_kind_name(node->kind));
	*(bool *)field = node->boolean;
	return OK;
}

static void write_boolean(struct buf *out, const struct config_key *key, const void *field)
{
	(void)key;
	buf_add(out, *(const bool *)field ? STR("true") : STR("false"));
}

static void add_choices(struct buf *out, const struct config_key *key)
{
	for (unsigned i = 0; key->choices[i]; i++)
		buf_add_format(out, "%s\"%s\"", i ? " or " : "", key->choices[i]);
}

/* Enums of one choice each are as wide as int, whichever they are. */
static err read_choice(struct config_reader *r, const struct toml_node *node, void *field)
{
	char text[100];
	struct buf choices;
	str s = { 0 };

	TRY(config_read_string(r, node, &s));
	for (unsigned i = 0; r->key->choices[i]; i++) {
		if (str_eq(s, str_of(r->key->choices[i]))) {
			memcpy(field, &i, sizeof i);
			return OK;
		}
	}
	buf_init_fixed(&choices, text, sizeof text);
	add_choices(&choices, r->key);
	return config_refuse(r, node->at, "\"" STR_FMT "\" is not known; write " STR_FMT, STR_ARG(s),
	                     STR_ARG(buf_str(&choices)));
}

static void write_choice(struct buf *out, const struct config_key *key, const void *field)
{
	unsigned i;

	memcpy(&i, field, sizeof i);
	buf_add_format(out, "\"%s\"", key->choices[i]);
}

/* "50M": K, M and G are powers of 1024. */
static bool sized(str s, uint64_t *out)
{
	static const char units[] = "KMG";
	const char *unit = s.len ? strchr(units, s.ptr[s.len - 1] & ~0x20) : NULL;
	unsigned shift = unit && *unit ? 10 * (unsigned)(unit - units + 1) : 0;
	uint64_t n;

	if (!str_to_u64(shift ? str_slice(s, 0, s.len - 1) : s, UINT64_MAX >> shift, &n))
		return false;
	*out = n << shift;
	return true;
}

static void add_size(struct buf *out, uint64_t n)
{
	static const char units[] = "\0KMG";
	unsigned unit = 0;

	while (unit < 3 && n && n % 1024 == 0) {
		n /= 1024;
		unit++;
	}
	buf_add_u64(out, n);
	if (unit)
		buf_add_char(out, units[unit]);
}

static err number(struct config_reader *r, const struct toml_node *node, uint64_t *out)
{
	bool size = r->key->type == &config_size;
	uint64_t n = 0, least = r->key->least, most = r->key->most;
	bool is_number = node->kind == TOML_INTEGER && node->integer >= 0;
	char text[64];
	struct buf range;

	if (is_number)
		n = (uint64_t)node->integer;
	else if (size && node->kind == TOML_STRING)
		is_number = sized(node->string, &n);
	else if (node->kind != TOML_INTEGER)
		return config_refuse(r, node->at, "is %s; write %s", toml_kind_name(node->kind),
		                     size ? "octets, or a size like \"50M\"" : "a number");
	if (is_number && n >= least && n <= most) {
		*out = n;
		return OK;
	}
	buf_init_fixed(&range, text, sizeof text);
	if (size)
		add_size(&range, least);
	else
		buf_add_u64(&range, least);
	buf_add(&range, STR(" to "));
	if (size)
		add_size(&range, most);
	else
		buf_add_u64(&range, most);
	return config_refuse(r, node->at, "is %s; write %s from " STR_FMT,
	                     is_number || node->kind == TOML_INTEGER ? "out of range" : "no size",
	                     size ? "octets or a size like \"50M\"" : "a number", STR_ARG(buf_str(&range)));
}

static err read_size(struct config_reader *r, const struct toml_node *node, void *field)
{
	return number(r, node, field);
}

static void write_size(struct buf *out, const struct config_key *key, const void *field)
{
	uint64_t n = *(const uint64_t *)field;

	(void)key;
	if (n % 1024 || n == 0) {
		buf_add_u64(out, n);
		return;
	}
	buf_add_char(out, '"');
	add_size(out, n);
	buf_add_char(out, '"');
}

static err read_count(struct config_reader *r, const struct toml_node *node, void *field)
{
	uint64_t n = 0;

	assert(r->key->most <= UINT32_MAX);
	TRY(number(r, node, &n));
	*(uint32_t *)field = (uint32_t)n;
	return OK;
}

static void write_count(struct buf *out, const struct config_key *key, const void *field)
{
	(void)key;
	buf_add_u64(out, *(const uint32_t *)field);
}

static err read_port(struct config_reader *r, const struct toml_node *node, void *field)
{
	uint64_t n = 0;

	assert(r->key->most <= UINT16_MAX);
	TRY(number(r, node, &n));
	*(uint16_t *)field = (uint16_t)n;
	return OK;
}

static void write_port(struct buf *out, const struct config_key *key, const void *field)
{
	(void)key;
	buf_add_u64(out, *(const uint16_t *)field);
}

const struct config_type config_boolean = { "true or false", read_boolean, write_boolean };
const struct config_type config_text = { "text", read_text, write_text };
const struct config_type config_choice = { "one of", read_choice, write_choice };
const struct config_type config_port = { "number", read_port, write_port };
const struct config_type config_count = { "number", read_count, write_count };
const struct config_type config_size = { "size", read_size, write_size };
