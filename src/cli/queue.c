#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "cli/ask.h"
#include "cli/columns.h"
#include "cli/commands.h"
#include "cli/options.h"
#include "cli/trace.h"

/* --- asking, page by page --- */

/* The queue may have millions of rows: each page is an answer of its own, and an arena of its own. */
struct paging {
	struct command_line *line;
	const struct config *config;
	const char *operation;
	json_t *arguments;
	struct arena arena;
	json_t *answer;
};

static int next_page(struct paging *p, bool *more)
{
	struct arena *kept = p->line->arena;

	json_decref(p->answer);
	p->answer = NULL;
	arena_reset(&p->arena);
	p->line->arena = &p->arena;
	int code = ask_with(p->line, p->config, p->operation, json_incref(p->arguments), &p->answer);
	p->line->arena = kept;
	if (code != EXIT_FINE)
		return code;
	json_t *next = json_object_get(p->answer, "next");
	*more = json_is_integer(next);
	json_object_set(p->arguments, "after", next);
	return EXIT_FINE;
}

/* Hands each page to `take` until there is none. `arguments` is taken over. */
static int each_page(struct command_line *line, const char *operation, json_t *arguments,
                     void (*take)(struct command_line *line, const json_t *answer, void *user), void *user)
{
	struct paging p = { .line = line, .operation = operation, .arguments = arguments };
	bool more = true;
	int code = command_load_config(line, &p.config);

	arena_init(&p.arena, NULL, LIMIT_COMMAND_MEMORY);
	while (code == EXIT_FINE && more) {
		code = next_page(&p, &more);
		if (code == EXIT_FINE)
			take(line, p.answer, user);
	}
	json_decref(p.answer);
	json_decref(p.arguments);
	arena_reset(&p.arena);
	return code;
}

/* --- which ones --- */

static err filter_read(struct command_line *line, bool with_all, json_t *arguments)
{
	const char *domain = NULL, *sender = NULL, *lane = NULL;
	bool all = false;
	const struct option options[] = { { "--domain", NULL, &domain },
		                          { "--sender", NULL, &sender },
		                          { "--lane", NULL, &lane },
		                          { "--all", &all, NULL } };
	json_t *ids = json_array();

	json_object_set_new(arguments, "ids", ids);
	TRY(options_read(line, options, with_all ? 4 : 3, 0, LIMIT_BATCH_ROWS, ""));
	for (size_t i = 0; i < line->count; i++)
		json_array_append_new(ids, json_string(line->words[i]));
	if (domain)
		json_object_set_new(arguments, "domain", json_string(domain));
	if (sender)
		json_object_set_new(arguments, "sender", json_string(sender));
	if (lane)
		json_object_set_new(arguments, "lane", json_string(lane));
	json_object_set_new(arguments, "all", json_boolean(all));
	return OK;
}

/* --- list and show --- */

static const char *or_dash(const char *text) { return *text ? text : "-"; }

/* "2026-11-23 23:41", or "-". */
static const char *when(struct arena *arena, const char *time)
{
	if (strlen(time) < 16)
		return "-";
	return err_new(arena, ERR_OK, "%.10s %.5s", time, time + 11).what;
}

static void print_rows(struct arena *arena, const json_t *rows)
{
	static const char *const heads[] = {
		"ID", "STATE", ">TRIES", "NEXT (UTC)", "FROM", "TO", "LAST REPLY"
	};
	struct columns c;

	columns_begin(&c, arena, heads, 7);
	for (size_t i = 0; i < json_array_size(rows); i++) {
		const json_t *r = json_array_get(rows, i);
		const char *from = json_text(r, "reverse_path");
		char tries[24];
		snprintf(tries, sizeof tries, "%" PRIu64, json_number(r, "attempts"));
		columns_add(&c,
		            (const char *const[]){ json_text(r, "id"), json_text(r, "state"), tries,
		                                   when(arena, json_text(r, "next_attempt")),
		                                   *from ? from : "<>", or_dash(json_text(r, "forward_path")),
		                                   or_dash(json_text(r, "last_reply")) });
	}
	columns_print(&c);
}

static void take_list(struct command_line *line, const json_t *answer, void *user)
{
	const json_t *rows = json_object_get(answer, "rows");
	size_t *count = user;
	struct arena arena;

	*count += json_array_size(rows);
	if (line->json) {
		for (size_t i = 0; i < json_array_size(rows); i++)
			command_print_json(json_array_get(rows, i));
	} else if (json_array_size(rows)) {
		arena_init(&arena, NULL, LIMIT_COMMAND_MEMORY);
		print_rows(&arena, rows);
		arena_reset(&arena);
	}
}

static int list(struct command_line *line)
{
	json_t *arguments = json_object();
	size_t count = 0;

	err e = filter_read(line, false, arguments);
	if (e.code != ERR_OK) {
		json_decref(arguments);
		return command_fail(line, e);
	}
	int code = each_page(line, "queue.list", arguments, take_list, &count);
	if (code != EXIT_FINE)
		return code;
	if (count == 0)
		command_say(line, "Nothing of that kind waits to be sent.");
	return command_done(line);
}

/* What the sender asked for, where that was something. */
static void print_envelope(struct command_line *line, const json_t *e)
{
	if (*json_text(e, "envid"))
		printf("Its own id  %s\n", json_text(e, "envid"));
	if (*json_text(e, "hold_until"))
		printf("Held until  %s\n", when(line->arena, json_text(e, "hold_until")));
	if (*json_text(e, "deliver_by"))
		printf("Deliver by  %s, else %s\n", when(line->arena, json_text(e, "deliver_by")),
		       json_text(e, "by"));
}

static int print_message(struct command_line *line, const json_t *m)
{
	const char *from = json_text(m, "reverse_path");
	const struct config *config = NULL;

	printf("Message     %s\n", json_text(m, "queue_id"));
	printf("Message-ID  %s\n", or_dash(json_text(m, "message_id")));
	printf("From        %s\n", *from ? from : "<>");
	if (*json_text(m, "login"))
		printf("Sent by     %s\n", json_text(m, "login"));
	printf("Subject     %s\n", or_dash(json_text(m, "subject")));
	printf("Size        %" PRIu64 " octets\n", json_number(m, "size"));
	printf("Received    %s\n", when(line->arena, json_text(m, "received")));
	print_envelope(line, json_object_get(m, "envelope"));
	printf("Given up    %s, lane %s\n\n", when(line->arena, json_text(m, "expires")),
	       json_text(m, "lane"));
	print_rows(line->arena, json_object_get(m, "recipients"));
	printf("\n%s\n%s%s", json_text(m, "header"), json_text(m, "body"),
	       json_is_true(json_object_get(m, "body_cut")) ? "\n... and so on\n" : "");
	printf("\nWhat happened to it (postrider trace %s):\n", json_text(m, "queue_id"));
	int code = command_load_config(line, &config);
	return code == EXIT_FINE ? trace_print(line, config, json_text(m, "queue_id")) : code;
}

static int show(struct command_line *line)
{
	json_t *answer = NULL;

	err e = options_read(line, NULL, 0, 1, 1, "ID");
	if (e.code != ERR_OK)
		return command_fail(line, e);
	int code = ask(line, "queue.show", json_pack("{s:s}", "id", line->words[0]), &answer);
	if (code != EXIT_FINE)
		return code;
	if (line->json)
		command_print_json(answer);
	else
		code = print_message(line, answer);
	json_decref(answer);
	return code == EXIT_FINE ? command_done(line) : code;
}

/* --- changing --- */

struct changed {
	uint64_t changed, matched;
};

static void take_changes(struct command_line *line, const json_t *answer, void *user)
{
	struct changed *sum = user;

	(void)line;
	sum->changed += json_number(answer, "changed");
	sum->matched += json_number(answer, "matched");
}

static int change(struct command_line *line, const char *operation, const char *sentence)
{
	json_t *arguments = json_object();
	struct changed sum = { 0 };

	err e = filter_read(line, true, arguments);
	if (e.code != ERR_OK) {
		json_decref(arguments);
		return command_fail(line, e);
	}
	int code = each_page(line, operation, arguments, take_changes, &sum);
	if (code != EXIT_FINE)
		return code;
	if (sum.matched == 0 && line->count)
		return command_fail(
			line,
			(err){ ERR_MISSING, 0, "nothing in the queue is called that; postrider queue list" });
	if (line->json) {
		json_t *answer = json_pack("{s:I, s:I}", "changed", (json_int_t)sum.changed, "matched",
		                           (json_int_t)sum.matched);
		command_print_json(answer);
		json_decref(answer);
	} else {
		printf("%" PRIu64 " of %" PRIu64 " recipients %s.\n", sum.changed, sum.matched, sentence);
	}
	return command_done(line);
}

static int retry(struct command_line *line)
{
	return change(line, "queue.retry", "that waited are due now; their sites are tried once more");
}

static int hold(struct command_line *line)
{
	return change(line, "queue.hold", "are held; undone by postrider queue release");
}

static int release(struct command_line *line) { return change(line, "queue.release", "are released"); }

static int remove_rows(struct command_line *line)
{
	return change(line, "queue.remove", "are removed: they get nothing, and their senders are not told");
}

static int set_frozen(struct command_line *line, const char *operation, const char *sentence)
{
	json_t *answer = NULL;

	err e = options_read(line, NULL, 0, 0, 0, "");
	if (e.code != ERR_OK)
		return command_fail(line, e);
	int code = ask(line, operation, json_object(), &answer);
	if (code != EXIT_FINE)
		return code;
	if (line->json)
		command_print_json(answer);
	else
		puts(sentence);
	json_decref(answer);
	return command_done(line);
}

static int freeze(struct command_line *line)
{
	return set_frozen(line, "queue.freeze",
	                  "Nothing is sent until:  postrider queue thaw\nMail is still taken.");
}

static int thaw(struct command_line *line) { return set_frozen(line, "queue.thaw", "Mail is sent."); }

static int run(struct command_line *line)
{
	static const struct action actions[] = {
		{ "list", list },       { "show", show },          { "retry", retry },   { "hold", hold },
		{ "release", release }, { "remove", remove_rows }, { "freeze", freeze }, { "thaw", thaw },
	};

	return run_action(line, actions, sizeof actions / sizeof actions[0]);
}

const struct command queue_command = {
	.name = "queue",
	.summary = "what waits to be sent: see it, try it again, hold it back, take it out",
	.help = "Usage: postrider queue list [ID]... [--domain DOMAIN] [--sender SENDER] [--lane LANE]\n"
		"       postrider queue show ID\n"
		"       postrider queue retry [ID]... [--domain DOMAIN] [--sender SENDER] [--lane LANE]\n"
		"           [--all]\n"
		"       postrider queue hold [ID]... [--domain DOMAIN] [--sender SENDER] [--lane LANE]\n"
		"           [--all]\n"
		"       postrider queue release [ID]... [--domain DOMAIN] [--sender SENDER]\n"
		"           [--lane LANE] [--all]\n"
		"       postrider queue remove [ID]... [--domain DOMAIN] [--sender SENDER] [--lane LANE]\n"
		"           [--all]\n"
		"       postrider queue freeze\n"
		"       postrider queue thaw\n"
		"\n"
		"Each recipient elsewhere waits for itself, until the next server has the message or it is\n"
		"given up. ID is a recipient's, as list shows it, or a message's, which means all its\n"
		"recipients: it stands in Received and in the reply that the sender got.\n"
		"\n"
		"  --domain DOMAIN  those that go to DOMAIN\n"
		"  --sender SENDER  those whose reverse-path is this address, or in this domain\n"
		"  --lane LANE      transactional or marketing\n"
		"  --all            everything: hold, release and remove do nothing without being told\n"
		"                   which ones\n"
		"\n"
		"retry makes what waits due at once, and gives sites that are left alone one attempt; what\n"
		"is held stays so. hold keeps recipients back until release. remove takes them out: they\n"
		"get nothing, and their senders are not told. freeze stops all sending, also over a "
		"restart,\n"
		"until thaw.\n"
		"States: ready (its turn comes), sending, waiting (for next_attempt), held.\n",
	.run = run,
};
