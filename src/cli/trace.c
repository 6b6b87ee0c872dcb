#include "cli/trace.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/log.h"
#include "bounce/advice.h"
#include "cli/ask.h"
#include "cli/commands.h"
#include "cli/options.h"
#include "deliver/id.h"
#include "store/event.h"

/* An id, once learned, brings in events that do not name what was asked for: an address or Message-ID stands
 * in a message's acceptance, its queue id in everything after it. Of more messages than this only the events
 * that name the thing itself are shown. */
enum { IDS_MOST = 20 };

struct finding {
	json_t *events; /* by line, so that none comes twice */
	json_t *ids;    /* of each: was it looked for? */
};

static void note_id(struct finding *f, const char *id)
{
	if (*id && json_object_size(f->ids) < IDS_MOST && !json_object_get(f->ids, id))
		json_object_set_new(f->ids, id, json_false());
}

static bool keep(str text, void *user)
{
	struct finding *f = user;
	json_t *event = json_loadb(text.ptr, text.len, 0, NULL);
	const char *id = json_text(event, "queue_id"), *notice = json_text(event, "dsn_id");

	if (!event) /* a line cut by a crash */
		return true;
	note_id(f, id);
	note_id(f, notice);
	char *key = json_dumps(event, JSON_COMPACT);
	if (key)
		json_object_set(f->events, key, event);
	free(key);
	json_decref(event);
	return true;
}

struct placed {
	json_t *event;
	size_t found; /* which one it was to be found: of one millisecond, they stay as they were written */
};

static int by_time(const void *a, const void *b)
{
	const struct placed *x = a, *y = b;
	int c = strcmp(json_text(x->event, "time"), json_text(y->event, "time"));

	return c ? c : (x->found > y->found) - (x->found < y->found);
}

/* Times are RFC 3339 in UTC and of one width, so their octets sort as they do. The events are borrowed. */
static err sort_by_time(struct command_line *line, json_t *events, struct placed **out)
{
	struct placed *order = arena_new(line->arena, struct placed, json_object_size(events) + 1);
	const char *key;
	json_t *event;
	size_t n = 0;

	if (!order)
		return ERR_NO_MEMORY;
	json_object_foreach(events, key, event)
	{
		order[n] = (struct placed){ event, n };
		n++;
	}
	qsort(order, n, sizeof *order, by_time);
	*out = order;
	return OK;
}

/* The first id that was not looked for yet; NULL: there is none. */
static const char *next_id(const struct finding *f)
{
	const char *id;
	json_t *searched;

	json_object_foreach(f->ids, id, searched) if (json_is_false(searched)) return id;
	return NULL;
}

/* First what names the thing, then everything about the messages found thereby, and about their notices. */
static err find_events(struct command_line *line, str directory, const char *needle, struct finding *f)
{
	const char *id;

	TRY(event_search(line->arena, directory, str_of(needle), keep, f));
	while ((id = next_id(f))) {
		json_object_set_new(f->ids, id, json_true());
		TRY(event_search(line->arena, directory, str_of(id), keep, f));
	}
	return OK;
}

/* What a failed try means; NULL where nothing failed. */
static const struct advice *advice_of(json_t *event)
{
	const char *name = json_text(event, "event");
	bool later = strcmp(name, log_event_name(EV_MESSAGE_DEFERRED)) == 0;
	bool never = strcmp(name, log_event_name(EV_MESSAGE_BOUNCED)) == 0;
	struct bounce_status status = { .class = later ? 4 : 5 };
	str reply = str_of(json_text(event, "reply")), host = str_of(json_text(event, "remote_host"));

	if (!later && !never)
		return NULL;
	if (reply.len == 0) /* nobody answered */
		return advice_find(0, status, str_of(json_text(event, "why")), host);
	return advice_find(advice_code(reply), status, reply, host);
}

/* Beside what the log has. */
static void add_advice(json_t *event)
{
	const struct advice *advice = advice_of(event);

	if (!advice)
		return;
	json_object_set_new(event, "advice", json_stringn(advice->key.ptr, advice->key.len));
	json_object_set_new(event, "means", json_stringn(advice->means.ptr, advice->means.len));
	json_object_set_new(event, "do", json_stringn(advice->to_do.ptr, advice->to_do.len));
}

static void print_advice(json_t *event)
{
	const struct advice *advice = advice_of(event);

	if (advice)
		printf("    It means: " STR_FMT "\n    What to do: " STR_FMT "\n", STR_ARG(advice->means),
		       STR_ARG(advice->to_do));
}

/* One event for people: when, what, and its fields as they are named in the log. */
static void print_event(json_t *event)
{
	const char *key;
	json_t *value;

	printf("%s  %-20s", json_text(event, "time"), json_text(event, "event"));
	json_object_foreach(event, key, value)
	{
		if (strcmp(key, "time") == 0 || strcmp(key, "event") == 0)
			continue;
		char *text = json_is_string(value) ? NULL : json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
		printf("  %s=%s", key, text ? text : json_string_value(value));
		free(text);
	}
	(void)putchar('\n');
	print_advice(event);
}

static int print_events(struct command_line *line, const char *needle, json_t *events)
{
	size_t count = json_object_size(events);
	struct placed *order = NULL;

	if (count == 0)
		return command_fail(line,
		                    err_new(line->arena, ERR_MISSING,
		                            "nothing is known of \"%s\"; give a queue id, a Message-ID or "
		                            "an address as they stand in a message's header",
		                            needle));
	err e = sort_by_time(line, events, &order);
	if (e.code != ERR_OK)
		return command_fail(line, e);
	for (size_t i = 0; i < count; i++) {
		if (!line->json) {
			print_event(order[i].event);
			continue;
		}
		add_advice(order[i].event);
		command_print_json(order[i].event);
	}
	return command_done(line);
}

/* Of a recipient's id, as queue list shows it (queue/queue_id.h), the message's. */
static str message_part(str text)
{
	str id = str_slice(text, 0, str_find_char(text, '-'));
	int64_t made_ms;

	return deliver_id_time(id, &made_ms) ? id : text;
}

/* A Message-ID is asked for with or without its brackets, an address in any case. */
static const char *needle_of(struct command_line *line)
{
	size_t len = strlen(line->words[0]);
	str text = { line->words[0], len };

	if (len > 2 && text.ptr[0] == '<' && text.ptr[len - 1] == '>')
		text = str_slice(text, 1, len - 1);
	const char *needle = arena_z(line->arena, message_part(text));
	return needle ? needle : line->words[0];
}

static int trace(struct command_line *line, const struct config *config, const char *needle, bool may_be_none)
{
	struct finding f = { .events = json_object(), .ids = json_object() };

	err e = become_owner(line, config);
	if (e.code == ERR_OK)
		e = find_events(line, config->data_dir, needle, &f);
	int code = EXIT_FINE;
	if (e.code != ERR_OK)
		code = command_fail(line, e);
	else if (!may_be_none || json_object_size(f.events) > 0)
		code = print_events(line, needle, f.events);
	json_decref(f.events);
	json_decref(f.ids);
	return code;
}

int trace_print(struct command_line *line, const struct config *config, const char *message_id)
{
	return trace(line, config, message_id, true);
}

static int run(struct command_line *line)
{
	const struct config *config = NULL;

	err e = options_read(line, NULL, 0, 1, 1, "QUEUE-ID|MESSAGE-ID|ADDRESS");
	if (e.code != ERR_OK)
		return command_fail(line, e);
	int code = command_load_config(line, &config);
	return code == EXIT_FINE ? trace(line, config, needle_of(line), false) : code;
}

const struct command trace_command = {
	.name = "trace",
	.summary = "everything that happened to a message",
	.help = "Usage: postrider trace QUEUE-ID|MESSAGE-ID|ADDRESS\n"
		"\n"
		"Shows what happened to a message, or to all mail from or to an address, in order:\n"
		"received, sent, tried in vain, returned. A queue id stands in a message's Received field\n"
		"after \"id\", and in the reply its sender was given; queue list shows those of mail on\n"
		"its way, of each recipient. Of a try that failed it says what the reply means and what to\n"
		"do; with --json as advice, means and do. Works with and without a running server.\n",
	.run = run,
};
