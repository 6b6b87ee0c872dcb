#include <stdarg.h>
#include <stdio.h>

#include "base/limits.h"
#include "cli/commands.h"
#include "cli/doctor_internal.h"
#include "cli/options.h"

static const char *const state_names[] = { "ok", "warning", "error" };

void check_add(struct doctor *d, const char *name, enum check_state state, const char *remedy,
               const char *what, ...)
{
	va_list args;

	va_start(args, what);
	err sentence = err_new_list(d->line->arena, ERR_OK, what, args);
	va_end(args);
	json_array_append_new(d->checks, json_pack("{s:s, s:s, s:s, s:s?}", "name", name, "state",
	                                           state_names[state], "what", sentence.what, "do", remedy));
	if (state > d->worst)
		d->worst = state;
}

static void print_checks(const struct doctor *d)
{
	for (size_t i = 0; i < json_array_size(d->checks); i++) {
		const json_t *check = json_array_get(d->checks, i);
		const char *remedy = json_text(check, "do");

		printf("%-8s %-12s %s\n", json_text(check, "state"), json_text(check, "name"),
		       json_text(check, "what"));
		if (*remedy)
			printf("%-21s -> %s\n", "", remedy);
	}
	puts(d->worst == CHECK_OK        ? "\nEverything is well."
	     : d->worst == CHECK_WARNING ? "\nMail is served; see to the warnings."
	                                 : "\nSomething is wrong; see to the errors first.");
}

static int run(struct command_line *line)
{
	struct doctor d = { .line = line };

	err e = options_read(line, NULL, 0, 0, 0, "");
	if (e.code != ERR_OK)
		return command_fail(line, e);
	int code = command_load_config(line, &d.config);
	if (code != EXIT_FINE)
		return code;
	/* Looking at files first, as who we are: from here on root may have become the data's owner. */
	read_certificates(&d);
	e = become_owner(line, d.config);
	if (e.code != ERR_OK)
		return command_fail(line, e);
	d.checks = json_array();
	check_server(&d);
	check_listeners(&d);
	check_submit(&d);
	check_store(&d);
	check_quarantine(&d);
	check_domains(&d);
	check_scram(&d);
	check_apps(&d);
	check_queue(&d);
	check_disk(&d);
	check_descriptors(&d);
	check_data_dir(&d);
	check_hostname(&d);
	check_certificates(&d);
	if (line->json) {
		json_t *answer = json_pack("{s:b, s:O}", "ok", d.worst != CHECK_ERROR, "checks", d.checks);
		command_print_json(answer);
		json_decref(answer);
	} else {
		print_checks(&d);
	}
	json_decref(d.checks);
	code = command_done(line);
	return code == EXIT_FINE && d.worst == CHECK_ERROR ? EXIT_UNAVAILABLE : code;
}

const struct command doctor_command = {
	.name = "doctor",
	.summary = "is everything well, and what to do about what is not",
	.help = "Usage: postrider doctor\n"
		"\n"
		"Looks at the server, its listeners, certificates, the store, the disk, domains,\n"
		"accounts, apps and the queue, and says of each whether it is well, and otherwise what\n"
		"to do. Ends with 69 where something is an error, with 0 where there are warnings at\n"
		"most. Changes nothing. Run it as root or as the server's user.\n",
	.run = run,
};
