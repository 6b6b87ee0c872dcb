#include <stdio.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/log.h"
#include "cli/ask.h"
#include "cli/commands.h"
#include "cli/options.h"
#include "mime/check.h"

/* Foreign text for JSON; what is not UTF-8 is U+FFFD, as in the log. */
static json_t *foreign(struct arena *arena, str s)
{
	struct buf text;

	buf_init(&text, arena, 8 * LIMIT_KB + 6 * s.len);
	log_add_json_string(&text, s);
	return json_loadb(buf_str(&text).ptr, text.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
}

/* Depth is bounded by LIMIT_MIME_DEPTH. */
static json_t *json_of_part(struct arena *arena, const struct mime_part *part)
{
	json_t *parts = json_array();
	struct buf type;

	for (const struct mime_part *child = part->child; child; child = child->next)
		json_array_append_new(parts, json_of_part(arena, child));
	buf_init(&type, arena, part->type.len + part->subtype.len + 1);
	buf_add(&type, part->type);
	buf_add_char(&type, '/');
	buf_add(&type, part->subtype);
	return json_pack("{s:o, s:I, s:o}", "type", foreign(arena, buf_str(&type)), "size",
	                 (json_int_t)part->body_size, "parts", parts);
}

static json_t *json_of_check(struct arena *arena, const char *path, const struct mime_check *check)
{
	json_t *defects = json_array();

	for (size_t i = 0; i < check->defects_count; i++)
		json_array_append_new(defects, json_pack("{s:s, s:I, s:I}", "what", check->defects[i].what,
		                                         "count", (json_int_t)check->defects[i].count,
		                                         "offset", (json_int_t)check->defects[i].offset));
	return json_pack("{s:o, s:I, s:I, s:o, s:o}", "file", foreign(arena, str_of(path)), "size",
	                 (json_int_t)check->size, "header_fields", (json_int_t)check->header_fields,
	                 "structure", check->root ? json_of_part(arena, check->root) : json_null(), "defects",
	                 defects);
}

static void print_part(const json_t *part, int depth)
{
	const json_t *parts = json_object_get(part, "parts");

	printf("  %*s%s, %llu octets\n", 2 * depth, "", json_text(part, "type"),
	       (unsigned long long)json_number(part, "size"));
	for (size_t i = 0; i < json_array_size(parts); i++)
		print_part(json_array_get(parts, i), depth + 1);
}

static void print_check(const json_t *check)
{
	const json_t *defects = json_object_get(check, "defects");

	printf("%s: %llu octets, %llu header fields\n", json_text(check, "file"),
	       (unsigned long long)json_number(check, "size"),
	       (unsigned long long)json_number(check, "header_fields"));
	if (json_is_object(json_object_get(check, "structure")))
		print_part(json_object_get(check, "structure"), 0);
	for (size_t i = 0; i < json_array_size(defects); i++) {
		const json_t *d = json_array_get(defects, i);
		printf("  ! %s (%llu times, first at octet %llu)\n", json_text(d, "what"),
		       (unsigned long long)json_number(d, "count"),
		       (unsigned long long)json_number(d, "offset"));
	}
	if (json_array_size(defects) == 0)
		puts("  nothing is wrong with it");
}

/* A file with LF line ends throughout is a message as Unix programs keep it; on the wire it has CR LF. */
static err as_on_the_wire(struct arena *arena, str *message)
{
	size_t lines = 0;

	if (str_find(*message, CRLF) < message->len)
		return OK;
	for (size_t i = 0; i < message->len; i++)
		lines += message->ptr[i] == '\n';
	char *out = arena_alloc(arena, message->len + lines + 1);
	size_t n = 0;
	if (!out)
		return ERR_NO_MEMORY;
	for (size_t i = 0; i < message->len; i++) {
		if (message->ptr[i] == '\n')
			out[n++] = '\r';
		out[n++] = message->ptr[i];
	}
	*message = (str){ out, n };
	return OK;
}

static err check_one(struct command_line *line, struct arena *arena, const char *path)
{
	struct mime_check check;
	str message = { 0 };

	TRY(file_read_all(arena, str_of(path), LIMIT_CHECKED_FILE, &message));
	TRY(as_on_the_wire(arena, &message));
	TRY(mime_check(arena, message, &check));
	json_t *object = json_of_check(arena, path, &check);
	if (line->json)
		command_print_json(object);
	else
		print_check(object);
	json_decref(object);
	return OK;
}

static int check_mime(struct command_line *line)
{
	int code = EXIT_FINE;

	err e = options_read(line, NULL, 0, 1, SIZE_MAX, "FILE...");
	if (e.code != ERR_OK)
		return command_fail(line, e);
	for (size_t i = 0; i < line->count; i++) {
		struct arena arena;

		arena_init(&arena, NULL, LIMIT_COMMAND_MEMORY);
		e = check_one(line, &arena, line->words[i]);
		if (e.code != ERR_OK)
			code = command_fail_with(line, EXIT_NO_INPUT, e);
		arena_reset(&arena);
	}
	int told = command_done(line);
	return told == EXIT_FINE ? code : told;
}

static int run(struct command_line *line)
{
	static const struct action actions[] = { { "mime", check_mime } };

	return run_action(line, actions, sizeof actions / sizeof actions[0]);
}

const struct command check_command = {
	.name = "check",
	.summary = "what is in a message, and what is wrong with it",
	.help = "Usage: postrider check mime FILE...\n"
		"\n"
		"Reads each file as a message and shows its parts and what other mail programs may stumble "
		"over.\n"
		"Nothing of this is refused when mail arrives. Needs neither server nor configuration. A "
		"file\n"
		"whose lines end with LF alone is taken as it would be sent, with CR LF.\n",
	.run = run,
};
