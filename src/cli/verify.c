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
	printf("%" PRIu64 " messages, %" PRIu64 " contents", report->messages, report->contents);
	if (report->queued)
		printf(", %" PRIu64 " recipients in the queue", report->queued);
	printf(": ");
	if (report->problem_count == 0)
		puts("all is sound.");
	else
		printf("%" PRIu64 " %s.\n", report->problem_count,
		       report->problem_count == 1 ? "problem" : "problems");
}

/* What --repair did; JSON keys and sentences for people. */
struct repairs {
	bool wanted, counted, rebuilt;
	struct rebuild_report rebuild;
};

static json_t *repairs_of(const struct repairs *done)
{
	const struct rebuild_report *r = &done->rebuild;

	if (!done->rebuilt)
		return json_pack("{s:b, s:b}", "counts", done->counted, "rebuilt", false);
	return json_pack("{s:b, s:b, s:I, s:I, s:I, s:I, s:I, s:I, s:s?}", "counts", false, "rebuilt", true,
	                 "accounts", (json_int_t)r->accounts, "messages", (json_int_t)r->messages, "held",
	                 (json_int_t)r->queued, "homeless", (json_int_t)r->homeless, "lost",
	                 (json_int_t)r->lost, "gaps", (json_int_t)r->gaps, "set_aside", r->set_aside);
}

static void print_repairs(const struct repairs *done)
{
	const struct rebuild_report *r = &done->rebuild;

	if (done->counted)
		puts("Repaired: counters are as the messages say.");
	if (!done->rebuilt)
		return;
	printf("Rebuilt the database from the segments: %" PRIu64 " accounts, %" PRIu64 " messages.\n",
	       r->accounts, r->messages);
	puts("Messages that were deleted in the last days may be back.");
	if (r->queued)
		printf("%" PRIu64 " recipients of outbound mail are held: they may have had it already "
		       "(postrider queue list).\n",
		       r->queued);
	if (r->homeless)
		printf("%" PRIu64 " deliveries to mailboxes that are gone were left out.\n", r->homeless);
	if (r->lost)
		printf("%" PRIu64 " large messages are not back: their files were deleted or lost.\n",
		       r->lost);
	if (r->gaps)
		printf("%" PRIu64 " places in the segments held no readable record.\n", r->gaps);
	if (r->set_aside)
		printf("The old database is %s.\n", r->set_aside);
}

static int answer(const struct command_line *line, const struct repairs *done,
                  const struct verify_report *report)
{
	bool ok = report->problem_count == 0;

	if (line->json) {
		json_t *object =
			json_pack("{s:b, s:I, s:I, s:o}", "ok", ok, "messages", (json_int_t)report->messages,
		                  "recipients", (json_int_t)report->queued, "problems", problems_of(report));
		if (done->wanted)
			json_object_set_new(object, "repaired", repairs_of(done));
		command_print_json(object);
		json_decref(object);
	} else {
		print_repairs(done);
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

static err look(struct command_line *line, const struct config *config, struct verify_report *report)
{
	bool runs = false;

	TRY(look_for_server(line, config, &runs));
	return verify_run(line->arena, config->data_dir, !runs, report);
}

/* Looks, repairs what can be repaired, and looks again. */
static err repair(struct command_line *line, const struct config *config, struct repairs *done,
                  struct verify_report *report)
{
	AUTO(file) lock = FILE_NONE;
	err e = store_lock(line->arena, config->data_dir, 0, &lock);

	if (e.code == ERR_BUSY)
		return err_new(line->arena, ERR_BUSY,
		               "a server works on " STR_FMT "; stop it before a repair",
		               STR_ARG(config->data_dir));
	TRY(e);
	TRY(verify_run(line->arena, config->data_dir, true, report));
	done->rebuilt = report->database_damaged;
	done->counted = !report->database_damaged && report->counts_wrong;
	if (!done->rebuilt && !done->counted)
		return OK;
	if (done->rebuilt)
		TRY(repair_rebuild(line->arena, config->data_dir, &done->rebuild));
	else
		TRY(repair_counts(line->arena, config->data_dir));
	return verify_run(line->arena, config->data_dir, true, report);
}

static int run(struct command_line *line)
{
	const struct config *config = NULL;
	struct repairs done = { 0 };
	const struct option options[] = { { "--repair", &done.wanted, NULL } };
	struct verify_report report;

	err e = options_read(line, options, 1, 0, 0, "");
	if (e.code != ERR_OK)
		return command_fail(line, e);
	int code = command_load_config(line, &config);
	if (code != EXIT_FINE)
		return code;
	e = become_owner(line, config);
	if (e.code == ERR_OK)
		e = done.wanted ? repair(line, config, &done, &report) : look(line, config, &report);
	return e.code == ERR_OK ? answer(line, &done, &report) : command_fail(line, e);
}

const struct command verify_command = {
	.name = "verify",
	.summary = "is everything in the store as it was accepted?",
	.help = "Usage: postrider verify [--repair]\n"
		"\n"
		"Reads all of the store, beside a running server too, and names what is damaged: every\n"
		"message's octets against their checksum, the database against the messages. Ends with 65\n"
		"where something is damaged, with 0 where nothing is. Changes nothing. Run it as root or as\n"
		"the server's user.\n"
		"\n"
		"  --repair   make good what can be, without a server running: counters from the messages; "
		"a\n"
		"             missing or damaged database from the segments, the old one set aside beside "
		"it.\n"
		"             Messages deleted in the last days may then come back. No message is removed.\n"
		"             Recipients of outbound mail come back held: some may have had it already.\n",
	.run = run,
};
