/* verify: is the store sound? */
#include <inttypes.h>
#include <stdio.h>

#include "base/file.h"
#include "cli/ask.h"
#include "cli/commands.h"
#include "cli/options.h"
#include "store/store.h"
#include "store/verify.h"

static json_t *problems_of(const struct verify_report *report)
{
	json_t *list = json_array();

	for (const struct verify_problem *p = report->first; p; p = p->next)
		json_array_append_new(list,
		                      json_pack("{s:s, s:s, s:s, s:b}", "kind", p->kind, "where", p->where,
		                                "what", p->what, "repairable", p->repairable));
	return list;
}

static void print_report(const struct verify_report *report)
{
	for (const struct verify_problem *p = report->first; p; p = p->next)
		printf("%-10s  %s: %s%s\n", p->kind, p->where, p->what, p->repairable ? " (repairable)" : "");
	printf("%" PRIu64 " messages, %" PRIu64 " contents: ", report->messages, report->contents);
	if (report->problem_count == 0)
		puts("all is sound.");
	else
		printf("%" PRIu64 " %s.\n", report->problem_count,
		       report->problem_count == 1 ? "problem" : "problems");
}

static int answer(const struct command_line *line, const struct verify_report *report)
{
	bool ok = report->problem_count == 0;

	if (line->json) {
		json_t *object = json_pack("{s:b, s:I, s:o}", "ok", ok, "messages",
		                           (json_int_t)report->messages, "problems", problems_of(report));
		command_print_json(object);
		json_decref(object);
	} else {
		print_report(report);
	}
	int code = command_done(line);
	return code == EXIT_FINE && !ok ? EXIT_BAD_DATA : code;
}

/* Whoever holds the lock is a server; the answer may be old a moment later, which only costs thoroughness. */
static err look_for_server(struct command_line *line, const struct config *config, bool *runs)
{
	AUTO(file) lock = FILE_NONE;
	err e = store_lock(line->arena, config->data_dir, 0, &lock);

	*runs = e.code == ERR_BUSY;
	return *runs ? OK : e;
}

static int run(struct command_line *line)
{
	const struct config *config = NULL;
	struct verify_report report;
	bool runs = false;

	err e = options_read(line, NULL, 0, 0, 0, "");
	if (e.code != ERR_OK)
		return command_fail(line, e);
	int code = command_load_config(line, &config);
	if (code != EXIT_FINE)
		return code;
	e = become_owner(line, config);
	if (e.code == ERR_OK)
		e = look_for_server(line, config, &runs);
	if (e.code == ERR_OK)
		e = verify_run(line->arena, config->data_dir, !runs, &report);
	return e.code == ERR_OK ? answer(line, &report) : command_fail(line, e);
}

const struct command verify_command = {
	.name = "verify",
	.summary = "is everything in the store as it was accepted?",
	.help = "Usage: postrider verify\n"
		"\n"
		"Reads all of the store, beside a running server too, and names what is damaged: every\n"
		"message's octets against their checksum, the database against the messages. Ends with 65\n"
		"where something is damaged, with 0 where nothing is. Changes nothing. Run it as root or as\n"
		"the server's user.\n",
	.run = run,
};
